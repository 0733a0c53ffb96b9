"""What a token may do: its scopes, as far as its account's present grants go, each where it holds.

Table-driven: roles, namespaces, routes, and what happens when a right ends on the way.
"""

from functools import partial
from itertools import product
from threading import Event, Thread
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from service.access.holders import find_caller, hold
from service.access.policy import BOUND, GRANTED, Grant, held_by, narrowed, read_in
from service.access.tokens import read_token
from service.db import Busy, Database
from service.errors import InsufficientScope, NotAuthenticated
from tests.conftest import Statements
from tests.support.accounts import make_person
from tests.support.catalog import last_change, make_source, model, post, rows
from tests.support.http import Service

WHY = {"reason": "tests"}
PLACES = ("retail", "wholesale")
HOLDERS: dict[str, list[tuple[str, str | None]]] = {
    "mixed": [("reader", None), ("reviewer", "retail")],
    "two": [("reader", "retail"), ("approver", "wholesale")],
    "one": [("reviewer", "wholesale")],
    "admin": [("admin", None)],
    "auditor": [("auditor", None)],
    "nothing": [],
}
MAY_READ = {
    "mixed": PLACES, "two": PLACES, "one": ("wholesale",), "admin": PLACES, "auditor": PLACES,
    "nothing": (),
}  # fmt: skip
MAY_ENTER = {
    "mixed": ("retail",), "two": ("wholesale",), "one": ("wholesale",), "admin": PLACES,
    "auditor": (), "nothing": (),
}  # fmt: skip


@pytest.fixture
def tokens(service: Service) -> dict[str, str]:
    """A token of each holder, and a model in each namespace."""
    source = make_source(service.database, may_name=list(PLACES))
    for name in PLACES:
        post(service.database, source, model(name, namespace=name))
    for holder, grants in HOLDERS.items():
        make_person(service.database, holder, *grants)
    return {holder: service.token_of(holder) for holder in HOLDERS}


def entered(service: Service, token: str, place: str, name: str) -> Any:
    """What entering a model there answers."""
    said = {"namespace": place, "name": name} | WHY
    return service.ask("POST", "models", token, json=said)


def test_right_holds_where_it_is_granted(service: Service, tokens: dict[str, str]) -> None:
    """AUTHZ-01, AUTHZ-06: a capability held in one namespace never works in another."""
    for (holder, token), place in product(tokens.items(), PLACES):
        read = service.ask("GET", f"models/{place}/{place}", token).status_code
        made = entered(service, token, place, f"by-{holder}").status_code

        readable, may_enter = place in MAY_READ[holder], place in MAY_ENTER[holder]
        assert read == (200 if readable else 404 if MAY_READ[holder] else 403), (holder, place)
        assert made == (201 if may_enter else 403), (holder, place)
    listed = {
        holder: {row["name"].partition("/")[0] for row in service.get("models", token)["items"]}
        for holder, token in tokens.items()
        if MAY_READ[holder]
    }
    assert listed == {holder: set(MAY_READ[holder]) for holder in listed}


def test_entered_elsewhere_is_not_changed(service: Service, tokens: dict[str, str]) -> None:
    """AUTHZ-04: a reviewer of one namespace changes and withdraws nothing in another it reads."""
    assert entered(service, tokens["admin"], "wholesale", "vendor").status_code == 201
    path = "models/wholesale/vendor/entered"
    tag = {"If-Match": service.ask("GET", path, tokens["mixed"]).headers["etag"]}
    before = last_change(service.database)
    changed = service.ask("PUT", path, tokens["mixed"], json=WHY, headers=tag)
    withdrawn = service.ask("DELETE", f"{path}?reason=x", tokens["mixed"], headers=tag)
    sent = service.ask(
        "POST", "imports", tokens["mixed"], content=b"model\r\nwholesale/x\r\n",
        headers={"Content-Type": "text/csv"},
    )  # fmt: skip

    assert (changed.status_code, withdrawn.status_code) == (403, 403)
    assert sent.status_code == 403 or sent.json()["refused"], sent.text
    assert last_change(service.database) == before


def test_me(service: Service, tokens: dict[str, str]) -> None:
    """Everyone is told who it is, and what it may do where."""
    found = service.get("me", tokens["mixed"])
    may = {one["capability"]: one["namespaces"] for one in found["may"]}

    assert (found["kind"], found["name"], found["namespaces"]) == ("person", "mixed", None)
    assert found["grants"] == [
        {"role": "reader", "namespace": None}, {"role": "reviewer", "namespace": "retail"},
    ]  # fmt: skip
    assert (may["entries:read"], may["models:enter"], may["facts:pin"]) == (None, ["retail"], None)
    assert "accounts:read" not in may
    source = service.get("me", service.token("source", source_name="mlflow-prod"))
    assert (source["kind"], source["source"], source["grants"]) == ("source", "mlflow-prod", [])
    nothing = service.get("me", tokens["nothing"])
    assert (nothing["may"], nothing["namespaces"]) == ([], [])


def test_machine_never_decides(service: Service) -> None:
    """A machine's account may do what its roles allow, but decide."""
    make_person(service.database, "rita", ("reviewer", None))
    make_person(service.database, "robot", ("reviewer", None), kind="machine")
    may = {
        name: {one["capability"] for one in service.get("me", service.token_of(name))["may"]}
        for name in ("rita", "robot")
    }

    assert may["rita"] - may["robot"] == {"decisions:write", "risk:act", "reviews:work"}
    assert may["robot"] < may["rita"]


ENDS: dict[str, tuple[str, str, int]] = {  # what ends the right, and what is answered then
    "disabled": ("POST", "accounts/rita:disable", 401),
    "revoked": ("DELETE", "role-grants/{grant}?reason=x", 403),
    "ended": ("DELETE", "tokens/{token}", 401),
}


@pytest.mark.parametrize("way", ENDS)
def test_right_ends_at_next_request(service: Service, way: str) -> None:
    """AUTHZ-14, TOK-06, P-18: what is taken away is gone at the very next request."""
    make_person(service.database, "rita", ("reviewer", None))
    token, admin = service.token_of("rita"), service.token("admin")
    method, path, then = ENDS[way]
    [(grant,)] = rows(service.database, "SELECT id FROM role_grant WHERE role = 'reviewer'")
    before = [service.ask("GET", "models", token).status_code,
              entered(service, token, "retail", "a").status_code]  # fmt: skip
    answer = service.ask(
        method, path.format(grant=grant, token=token[6:14]), admin,
        json=WHY if method == "POST" else None,
    )  # fmt: skip
    after = [service.ask("GET", "models", token).status_code,
             entered(service, token, "retail", "b").status_code]  # fmt: skip

    assert answer.status_code in {200, 204}
    assert (before, after) == ([200, 201], [then, then])
    if way == "disabled":
        service.ask("POST", "accounts/rita:enable", admin, json=WHY)
        assert service.ask("GET", "models", token).status_code == 200


TAKEN = {
    "disabled": "UPDATE account SET disabled_at = now() WHERE name = 'rita'",
    "revoked": "DELETE FROM role_grant USING account a WHERE account_id = a.id AND a.name = 'rita'",
    "ended": "UPDATE token SET revoked_at = now() WHERE public_id = :token",
}


@pytest.mark.parametrize("way", TAKEN)
def test_right_ends_on_the_way(service: Service, owner_database: Database, way: str) -> None:
    """SECURITY 2: a write reads the grant again and holds it: revoked before, nothing is written.

    The right ends after the request was let in, before it writes: it waits for that, and fails.
    """
    make_person(service.database, "rita", ("reviewer", None))
    token = service.token_of("rita")
    service.get("me", token)  # its use is noted
    answers: list[Any] = []
    with owner_database.writing() as session:
        session.execute(sa.text(TAKEN[way]), {"token": token[6:14]})
        asking = Thread(target=lambda: answers.append(entered(service, token, "retail", "a")))
        asking.start()
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND wait_event_type = 'Lock'"
        )
        tries = 0
        while rows(owner_database, waiting) == [(0,)]:
            tries += 1
            assert tries < 1_000, answers
            Event().wait(0.01)
    asking.join()

    assert answers[0].status_code == (403 if way == "revoked" else 401)
    assert rows(service.database, "SELECT count(*) FROM entry WHERE kind = 'model'") == [(0,)]


def test_right_holds_until_it_is_written(service: Service) -> None:
    """Whoever takes a right away waits for what is being written with it."""
    make_person(service.database, "rita", ("reviewer", None))
    token = service.token_of("rita")
    parts = read_token(token)
    assert parts is not None
    with service.database.reading() as session:
        caller, _ = find_caller(session, parts)
    revoke = sa.text(TAKEN["revoked"])
    with service.database.writing() as session:
        hold(session, caller)
        with pytest.raises(Busy):
            service.database.transact(partial(impatient, revoke))
    with service.database.writing() as session:
        session.execute(revoke)
    with pytest.raises(InsufficientScope), service.database.writing() as session:
        hold(session, caller)
    with service.database.writing() as session:
        session.execute(sa.text("DELETE FROM token"))
    with pytest.raises(NotAuthenticated), service.database.writing() as session:
        hold(session, caller)


def impatient(statement: sa.TextClause, session: Session) -> None:
    """Do it unless it would have to wait."""
    session.execute(sa.text("SET LOCAL lock_timeout = '50ms'"))
    session.execute(statement)


def test_authentication_costs_one_statement(
    service: Service, tokens: dict[str, str], statements: Statements
) -> None:
    """Who asks, with all its grants, is one statement; a write reads the grant once more."""
    for token in tokens.values():
        service.get("me", token)
    with statements() as said:
        service.ask("GET", "sources", tokens["nothing"])
    assert len(said) == 1
    with statements() as said:
        service.ask("DELETE", "role-grants/4711?reason=x", tokens["admin"])
    assert [one.rpartition("FOR SHARE")[1] for one in said].count("FOR SHARE") == 1
    assert len(said) == 3  # who asks, who asks again, the grant


OWN: list[tuple[str, dict[str, Any], int]] = [  # whose token makes one, what is asked, the answer
    ("mixed", {}, 201),
    ("mixed", {"account": "mixed"}, 201),
    ("mixed", {"account": "admin"}, 403),
    ("mixed", {"account": "nobody"}, 403),
    ("mixed", {"role": "reader"}, 201),
    ("mixed", {"role": "reviewer"}, 201),
    ("mixed", {"role": "admin"}, 422),
    ("mixed", {"role": "approver"}, 422),
    ("mixed", {"role": "reviewer", "namespaces": ["wholesale"]}, 422),
    ("mixed", {"namespaces": ["retail"]}, 201),
    ("mixed", {"scopes": ["entries:read"]}, 201),
    ("one", {"namespaces": ["retail"]}, 422),
    ("one", {"role": "reader"}, 201),
    ("auditor", {"role": "reader"}, 201),
    ("auditor", {"account": "mixed"}, 403),
    ("mixed", {"role": "source", "source": "mlflow-prod"}, 403),
    ("admin", {"account": "mixed"}, 201),
    ("admin", {"account": "mixed", "role": "admin"}, 422),
    ("admin", {"account": "nobody"}, 404),
    ("admin", {"role": "reviewer", "scopes": ["access:admin"]}, 422),
    ("admin", {}, 422),
    ("nothing", {}, 403),
]


def test_own_tokens(service: Service, tokens: dict[str, str]) -> None:
    """Everyone makes, lists and ends tokens of the own account; admins those of anybody."""
    answered = [
        service.ask("POST", "tokens", tokens[holder], json=asked).status_code
        for holder, asked, _ in OWN
    ]
    assert answered == [status for *_, status in OWN]
    listed = service.get("tokens", tokens["mixed"])
    assert {one["account"] for one in listed} == {"mixed"}
    assert {"mixed", "one", "admin"} <= {
        one["account"] for one in service.get("tokens", tokens["auditor"])
    }
    ends = [
        service.ask("DELETE", f"tokens/{tokens[whose][6:14]}", tokens[by]).status_code
        for by, whose in (
            ("mixed", "one"), ("auditor", "one"), ("one", "one"), ("admin", "mixed"),
        )
    ]  # fmt: skip
    assert ends == [404, 404, 204, 204]


def test_token_hands_on_no_more_than_itself(service: Service, tokens: dict[str, str]) -> None:
    """A narrowed token makes none that may more: its role, namespaces and scopes are handed on."""
    narrow: dict[str, Any] = {"role": "reviewer", "namespaces": ["retail"]}
    sent = service.ask("POST", "tokens", tokens["mixed"], json=narrow).json()["token"]
    handed = service.ask("POST", "tokens", sent, json={}).json()
    refused = [
        service.ask("POST", "tokens", sent, json=asked).status_code
        for asked in ({"namespaces": ["wholesale"]}, {"namespaces": ["retail", "wholesale"]})
    ]
    lister = service.token_of("mixed", scopes=["entries:read", "decisions:write"])
    beyond = service.ask("POST", "tokens", lister, json={"scopes": ["exports:read"]}).status_code
    kept = service.ask("POST", "tokens", lister, json={}).json()
    shown = {one["public_id"]: one for one in service.get("tokens", tokens["mixed"])}

    assert refused == [403, 403]
    assert shown[handed["public_id"]]["namespaces"] == ["retail"]
    assert shown[handed["public_id"]]["role"] == "reviewer"
    assert service.ask("GET", "models/wholesale/wholesale", handed["token"]).status_code == 404
    assert beyond == 403
    assert shown[kept["public_id"]]["scopes"] == ["decisions:write", "entries:read"]


def test_admin_in_some_namespaces_is_a_reader() -> None:
    """What an admin may, it may everywhere: a token bound to namespaces loses it, not gains it."""
    grants = [Grant("admin", None), Grant("reviewer", "retail")]
    left = narrowed(grants, role=None, within=frozenset({"retail", "wholesale"}))
    held = held_by(left, frozenset().union(*GRANTED.values()), person=True)

    assert set(left) == {
        Grant("reader", "retail"), Grant("reader", "wholesale"), Grant("reviewer", "retail"),
    }  # fmt: skip
    assert read_in(left) == frozenset({"retail", "wholesale"})
    assert held["decisions:write"] == frozenset({"retail"})
    assert "accounts:write" not in held
    assert set(GRANTED) - BOUND == {"admin", "auditor"}
