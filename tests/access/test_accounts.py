"""Accounts, the roles they hold and the owners they stand for: made, shown, taken away."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.conftest import Statements
from tests.support.accounts import make_person
from tests.support.catalog import changes, last_change, make_source, rows
from tests.support.http import Service

WHY = {"reason": "tests"}


@pytest.fixture
def admin(service: Service) -> str:
    """An admin's token."""
    make_person(service.database, "root", ("admin", None))
    return service.token_of("root")


def write(service: Service, token: str, path: str, **said: Any) -> Any:
    """What a POST answers, as status and document."""
    answer = service.ask("POST", path, token, json=WHY | said)
    return answer.status_code, answer.json()


def ended(service: Service, token: str, path: str, **params: Any) -> int:
    """What a DELETE answers."""
    return service.ask("DELETE", path, token, params=WHY | params).status_code


def test_account_life(service: Service, admin: str) -> None:
    """An account is made, shown, renamed with its tag, disabled and enabled, each in the ledger."""
    before = last_change(service.database)
    made = write(service, admin, "accounts", name="anna", display_name="Anna")
    shown = service.ask("GET", "accounts/anna", admin)
    asked: Any = {"json": {"display_name": "Anna Berg"} | WHY}
    tag = {"If-Match": shown.headers["etag"]}
    untagged = service.ask("PUT", "accounts/anna", admin, **asked).status_code
    renamed = service.ask("PUT", "accounts/anna", admin, headers=tag, **asked)
    stale = service.ask("PUT", "accounts/anna", admin, headers=tag, **asked).status_code
    disabled = write(service, admin, "accounts/anna:disable")
    again = write(service, admin, "accounts/anna:disable")
    enabled = write(service, admin, "accounts/anna:enable")

    assert made == (201, shown.json())
    assert (untagged, renamed.status_code, stale) == (428, 200, 412)
    assert renamed.json()["display_name"] == "Anna Berg"
    assert service.ask("GET", "accounts/anna", admin).headers["etag"] != tag["If-Match"]
    assert disabled[1]["disabled_at"] is not None
    assert again == disabled
    assert enabled == (200, renamed.json())
    assert [(c["op"], c["kind"], c["reason"], c["actor"]["id"]) for c in
            changes(service.database, before)] == [
        (op, "account", "tests", "root") for op in ("create", "update", "disable", "enable")
    ]  # fmt: skip


REFUSED: list[tuple[str, dict[str, Any], int, str]] = [
    ("accounts", {"name": "root"}, 409, "account_exists"),
    ("accounts", {"name": "Anna"}, 422, "invalid"),
    ("accounts", {"name": "anna", "kind": "robot"}, 422, "invalid"),
    ("accounts", {"name": "anna", "disabled_at": None}, 422, "invalid"),
    ("accounts", {"name": "anna", "reason": ""}, 422, "invalid"),
    ("accounts/nobody:disable", {}, 404, "account_not_found"),
    ("accounts/ROOT:enable", {}, 422, "invalid"),
    ("role-grants", {"account": "nobody", "role": "admin"}, 404, "account_not_found"),
    ("role-grants", {"account": "root", "role": "source"}, 422, "invalid"),
    ("role-grants", {"account": "root", "role": "owner"}, 422, "invalid"),
    ("role-grants", {"account": "root", "role": "admin", "namespace": "retail"}, 422,
     "role_everywhere"),
    ("role-grants", {"account": "root", "role": "auditor", "namespace": "retail"}, 422,
     "role_everywhere"),
    ("role-grants", {"account": "root", "role": "reader", "namespace": "Retail"}, 422, "invalid"),
    ("owner-mappings", {"account": "root", "owner": "anna"}, 422, "invalid"),
    ("owner-mappings", {"account": "root", "owner": "iris:anna"}, 422, "invalid"),
    ("owner-mappings", {"account": "root", "owner": "email:nothing"}, 422, "invalid"),
    ("owner-mappings", {"account": "nobody", "owner": "handle:anna"}, 404, "account_not_found"),
]  # fmt: skip


def test_account_refused(service: Service, admin: str) -> None:
    """What is wrong is refused by name, and nothing is written."""
    before = last_change(service.database)
    answered = [
        (status, said["code"])
        for path, asked, *_ in REFUSED
        for status, said in [write(service, admin, path, **asked)]
    ]

    assert answered == [(status, code) for *_, status, code in REFUSED]
    assert ended(service, admin, "role-grants/4711") == 404
    assert ended(service, admin, "role-grants/0") == 422
    assert ended(service, admin, "role-grants/99999999999999999999") == 422
    assert ended(service, admin, "owner-mappings/handle:anna/root") == 404
    assert ended(service, admin, "owner-mappings/anna/root") == 422
    assert last_change(service.database) == before


def test_grant_given_and_taken(service: Service, admin: str) -> None:
    """AUTHZ-16: granting and revoking answers what holds, repeats change nothing, both recorded."""
    make_person(service.database, "anna")
    before = last_change(service.database)
    asked = {"account": "anna", "role": "reviewer", "namespace": "retail"}
    status, made = write(service, admin, "role-grants", **asked)
    again = write(service, admin, "role-grants", **asked)
    shown = service.get("accounts/anna", admin)["grants"]

    assert status == 201
    assert again == (200, made)
    assert (made["granted_by"], made["self_granted"], made["reason"]) == (
        "person:root", False, "tests",
    )  # fmt: skip
    assert shown == [{"role": "reviewer", "namespace": "retail"}]
    assert ended(service, admin, f"role-grants/{made['id']}") == 204
    assert ended(service, admin, f"role-grants/{made['id']}") == 404
    assert service.get("accounts/anna", admin)["grants"] == []
    held = {"account": "anna", "role": "reviewer", "namespace": "retail"}
    assert [(c["op"], c["old"], c["new"]) for c in changes(service.database, before)] == [
        ("grant", None, held | {"self_granted": False}), ("revoke", held, None),
    ]  # fmt: skip


def test_grant_to_oneself_is_marked(service: Service, admin: str) -> None:
    """AUTHZ-15: who grants a role to itself says so in the ledger, and reviewers see it."""
    make_person(service.database, "rita", ("reviewer", "retail"))
    make_person(service.database, "rob", ("reviewer", "wholesale"))
    make_person(service.database, "anna", ("reader", None))
    before = last_change(service.database)
    own = {"account": "root", "role": "approver", "namespace": "retail"}
    assert write(service, admin, "role-grants", **own)[1]["self_granted"] is True
    seen = {
        name: [
            (one["account"], one["role"], one["self_granted"])
            for one in service.get("role-grants", service.token_of(name))["items"]
        ]
        for name in ("rita", "rob", "anna")
    }

    written = [c for c in changes(service.database, before) if c["kind"] == "role_grant"]
    assert [c["new"]["self_granted"] for c in written] == [True]
    assert seen == {
        "rita": [("rita", "reviewer", False), ("root", "approver", True)],
        "rob": [("rob", "reviewer", False)],
        "anna": [("anna", "reader", False)],
    }
    marked = service.get("role-grants", admin, self_granted="true")["items"]
    assert [(one["account"], one["role"]) for one in marked] == [("root", "approver")]


def test_last_admin_stays(service: Service, admin: str) -> None:
    """AUTHZ-15: the last who can administer keeps the role, in whatever way it would go."""
    make_person(service.database, "tokenless", ("admin", None))
    make_person(service.database, "asleep", ("admin", None))
    service.token_of("asleep", scopes=["entries:read"])
    [own] = service.get("role-grants", admin, account="root")["items"]

    assert ended(service, admin, f"role-grants/{own['id']}") == 409
    status, said = write(service, admin, "accounts/root:disable")
    assert (status, said["code"]) == (409, "last_admin")

    other = service.token_of("tokenless")
    assert ended(service, admin, f"role-grants/{own['id']}") == 204
    assert service.ask("GET", "accounts", admin).status_code == 403
    [last] = service.get("role-grants", other, account="tokenless")["items"]
    assert ended(service, other, f"role-grants/{last['id']}") == 409


def test_last_admin_race(service: Service, admin: str) -> None:
    """Two admins who take the role from each other at once: one of them stays."""
    make_person(service.database, "other", ("admin", None))
    tokens = {"other": admin, "root": service.token_of("other")}
    numbers = {
        one["account"]: one["id"]
        for one in service.get("role-grants", admin, role="admin")["items"]
    }
    with ThreadPoolExecutor(2) as pool:
        took = list(
            pool.map(
                lambda name: ended(service, tokens[name], f"role-grants/{numbers[name]}"), tokens
            )
        )

    left = "SELECT count(*) FROM role_grant WHERE role = 'admin'"
    assert rows(service.database, left) == [(1,)]
    assert min(took) == 204
    assert max(took) in {403, 409}


def test_mapping_of_a_team(service: Service, admin: str) -> None:
    """A team stands for several accounts; an owner may be unknown; identifiers are canonical."""
    for name in ("anna", "ben"):
        make_person(service.database, name)
    team = "handle:team:retention-ds"
    made = [
        write(service, admin, "owner-mappings", owner=owner, account=account)
        for owner, account in ((team, "anna"), (team, "ben"), ("email:Anna@ACME.example", "anna"))
    ]
    again = write(service, admin, "owner-mappings", owner=team, account="anna")

    assert [status for status, _ in made] == [201] * 3
    assert again == (200, {"owner": team, "account": "anna", "entry": None})
    assert service.get("accounts/anna", admin)["owners"] == [made[2][1]["owner"], team]
    listed = service.get("owner-mappings", admin, owner=team)["items"]
    assert [one["account"] for one in listed] == ["anna", "ben"]
    assert ended(service, admin, "owner-mappings/handle:team%3Aretention-ds/ben") == 204
    listed = service.get("owner-mappings", admin)["items"]
    assert {one["account"] for one in listed} == {"anna"}


def test_lists_page_and_filter(service: Service, admin: str, statements: Statements) -> None:
    """Lists have pages that lose nothing, filters, and statements whose number is constant."""
    for number in range(7):
        make_person(service.database, f"p{number}", ("reader", "retail"), ("approver", None))
    names: list[str] = []
    asked: dict[str, str] = {"page_size": "3", "kind": "person"}
    while True:
        with statements() as said:
            page = service.get("accounts", admin, **asked)
        names += [one["name"] for one in page["items"]]
        assert len(said) <= 3  # token, its use, page
        if page["next_page_token"] is None:
            break
        asked["page_token"] = page["next_page_token"]

    assert names == [*(f"p{number}" for number in range(7)), "root"]
    grants = service.get("role-grants", admin, namespace="retail", account="p1,p2")["items"]
    assert [(one["account"], one["role"]) for one in grants] == [
        (name, role) for name in ("p1", "p2") for role in ("reader", "approver")
    ]
    assert service.get("role-grants", admin, role="reader", account="p1")["items"][0][
        "namespace"
    ] == "retail"  # fmt: skip
    write(service, admin, "accounts/p3:disable")
    gone = service.get("accounts", admin, disabled="true")["items"]
    assert [one["name"] for one in gone] == ["p3"]
    assert service.ask("GET", "accounts?disabled=maybe", admin).status_code == 422


def test_dry_run_keeps_nothing(service: Service, admin: str) -> None:
    """Every write can be tried: the same answer, and nothing is kept."""
    make_person(service.database, "anna", ("reader", None))
    [held] = service.get("role-grants", admin, account="anna")["items"]
    before = last_change(service.database)
    tried = [
        service.ask(method, f"{path}dry_run=true", admin, json=asked).status_code
        for method, path, asked in (
            ("POST", "accounts?", WHY | {"name": "ben"}),
            ("POST", "accounts/anna:disable?", WHY),
            ("POST", "role-grants?", WHY | {"account": "anna", "role": "admin"}),
            ("POST", "owner-mappings?", WHY | {"account": "anna", "owner": "handle:anna"}),
            ("DELETE", f"role-grants/{held['id']}?reason=x&", None),
        )
    ]

    assert tried == [201, 200, 201, 201, 204]
    assert last_change(service.database) == before
    assert service.ask("GET", "accounts/ben", admin).status_code == 404


def test_repeated_under_a_key(service: Service, admin: str) -> None:
    """A decision asked for again under its key gets the same answer; a token's secret does not."""
    headers = {"Idempotency-Key": "4c2f"}
    asked: Any = {"json": WHY | {"name": "anna"}, "headers": headers}
    first, again = (service.ask("POST", "accounts", admin, **asked) for _ in range(2))
    other = service.ask(
        "POST",
        "role-grants",
        admin,
        **asked | {"json": WHY | {"account": "anna", "role": "reader"}},
    )
    made, repeated = (
        service.ask("POST", "tokens", admin, json={"account": "anna"},
                    headers={"Idempotency-Key": "token"})
        for _ in range(2)
    )  # fmt: skip

    assert (first.status_code, first.text) == (again.status_code, again.text)
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    assert repeated.json() == made.json() | {"token": None}
    assert made.json()["token"][14:46] not in str(
        rows(service.database, "SELECT * FROM idempotency")
    )
    bad = service.ask("POST", "accounts", admin, json=WHY | {"name": "b"},
                      headers={"Idempotency-Key": "two words"})  # fmt: skip
    assert (bad.status_code, bad.json()["code"]) == (422, "key_form")


def test_namespaces_say_who(service: Service, admin: str) -> None:
    """A namespace lists who may do what there, and which sources may name in it."""
    make_source(service.database, may_name=["retail", "wholesale"])
    make_source(service.database, "mlflow-b", namespace="wholesale")
    make_person(service.database, "anna", ("reader", None), ("reviewer", "retail"))
    make_person(service.database, "ben", ("approver", "wholesale"))
    make_person(service.database, "gone", ("approver", "wholesale"))
    write(service, admin, "accounts/gone:disable")
    everything, own = (
        {
            row["namespace"]: (
                [(r["account"], r["role"], r["everywhere"]) for r in row["roles"]
                 if not r["account"].startswith("machine")],
                row["named_by"],
            )
            for row in service.get("namespaces", token)["items"]
        }
        for token in (admin, service.token_of("anna"))
    )  # fmt: skip

    everywhere = [("anna", "reader", True), ("root", "admin", True)]
    assert everything == {
        "retail": ([*everywhere, ("anna", "reviewer", False)], ["mlflow-prod"]),
        "wholesale": ([*everywhere, ("ben", "approver", False)], ["mlflow-b", "mlflow-prod"]),
    }
    assert [roles for roles, _ in own.values()] == [
        [("anna", "reader", True), ("anna", "reviewer", False)], [("anna", "reader", True)],
    ]  # fmt: skip
