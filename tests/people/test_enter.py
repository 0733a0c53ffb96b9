"""Models that no machine can see: entered, corrected and withdrawn by people, in the ledger."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from service.db import Database
from tests.support.catalog import changes, contents, last_change, make_source, model, post, rows
from tests.support.http import Service

ENTERED = "models/retail/credit%20score/entered"
FACTS = {"vendor_name": "Acme", "lifecycle": "production", "origin": "vendor_black_box"}
SCORE = {"namespace": "retail", "name": "Credit Score", "facts": FACTS, "reason": "contract 17"}


def entered(service: Service, token: str, **more: Any) -> Any:
    """A model is entered; answers what is stated then, and its tag."""
    answer = service.ask("POST", "models", token, json=SCORE | more)
    assert answer.status_code == 201, answer.text
    return answer.json(), answer.headers["etag"]


def test_enter_model_new(service: Service, reviewer: str) -> None:
    """What a reviewer enters stands in the catalog as the statement of a person's source."""
    said, tag = entered(service, reviewer)
    shown = service.get("models/retail/credit%20score", provenance=True)

    assert said == {
        "source": "people",
        "namespace": "retail",
        "name": "Credit Score",
        "url": "/api/v1/models/retail/credit%20score",
        "facts": FACTS,
        "uses": [],
        "entered_at": said["entered_at"],
    }
    assert shown["facts"] == FACTS | {"namespace": "retail", "name": "Credit Score"}
    assert (shown["sources"], shown["stub"], shown["gone_since"]) == (["people"], False, None)
    assert shown["provenance"]["vendor_name"]["source"] == "people"
    read = service.ask("GET", ENTERED, reviewer)
    assert (read.json(), read.headers["etag"]) == (said, tag)
    source = service.get("sources/people", service.token("admin"))
    assert (source["kind"], source["may_name"]) == ("person", ["retail"])


def test_enter_model_ledger(service: Service, reviewer: str) -> None:
    """The ledger names the account's token and the reason."""
    before = last_change(service.database)
    entered(service, reviewer)
    told = [one for one in changes(service.database, before) if one["kind"] == "model"]

    assert [(one["op"], one["reason"], one["source"]) for one in told] == [
        ("create", "contract 17", "people")
    ]
    assert (told[0]["actor"]["kind"], told[0]["actor"]["token"]) == ("machine", reviewer[6:14])


def test_enter_model_again(service: Service, reviewer: str) -> None:
    """The same body again answers the same and writes nothing; another one is a conflict."""
    said, tag = entered(service, reviewer)
    before = contents(service.database)
    again = service.ask("POST", "models", reviewer, json=SCORE)
    other = service.ask("POST", "models", reviewer, json=SCORE | {"facts": {"task": "ranking"}})

    assert (again.status_code, again.json(), again.headers["etag"]) == (200, said, tag)
    assert (other.status_code, other.json()["code"]) == (409, "already_entered")
    assert "PUT" in other.json()["detail"]
    assert contents(service.database) == before


def test_replace_entered(service: Service, reviewer: str) -> None:
    """A correction replaces all that was stated; what it leaves out is not stated any more."""
    _, tag = entered(service, reviewer)
    body = {"facts": {"vendor_name": "Acme Ltd"}, "reason": "renamed"}
    answer = service.ask("PUT", ENTERED, reviewer, json=body, headers={"If-Match": tag})

    assert (answer.status_code, answer.json()["facts"]) == (200, {"vendor_name": "Acme Ltd"})
    assert answer.headers["etag"] == service.ask("GET", ENTERED, reviewer).headers["etag"] != tag
    assert service.get("models/retail/credit%20score")["facts"] == {
        "namespace": "retail", "name": "Credit Score", "vendor_name": "Acme Ltd",
    }  # fmt: skip


def test_replace_entered_back(service: Service, reviewer: str) -> None:
    """From A to B and back to A ends at A."""
    _, tag = entered(service, reviewer)
    for facts in ({"task": "ranking"}, FACTS):
        body = {"facts": facts, "reason": "corrected"}
        answer = service.ask("PUT", ENTERED, reviewer, json=body, headers={"If-Match": tag})
        tag = answer.headers["etag"]

    assert service.get(ENTERED, reviewer)["facts"] == FACTS


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_change_entered_match(service: Service, reviewer: str, method: str) -> None:
    """A change without `If-Match` is 428, of another state 412 with the present tag."""
    _, tag = entered(service, reviewer)
    before = contents(service.database)
    asked: dict[str, Any] = (
        {"params": {"reason": "x"}}
        if method == "DELETE"
        else {"json": {"facts": {}, "reason": "x"}}
    )
    needed = service.ask(method, ENTERED, reviewer, **asked)
    stale = service.ask(method, ENTERED, reviewer, headers={"If-Match": '"other"'}, **asked)

    assert (needed.status_code, needed.json()["code"]) == (428, "tag_needed")
    assert (stale.status_code, stale.json()["code"]) == (412, "tag_stale")
    assert stale.headers["etag"] == tag
    assert contents(service.database) == before


def test_withdraw_entered(service: Service, reviewer: str) -> None:
    """What only people stated is gone when they take it back, and comes back when entered again."""
    _, tag = entered(service, reviewer)
    answer = service.ask(
        "DELETE", ENTERED, reviewer, params={"reason": "not ours"}, headers={"If-Match": tag}
    )

    assert (answer.status_code, answer.content) == (204, b"")
    assert service.get("models/retail/credit%20score")["gone_since"]
    assert service.ask("GET", ENTERED, reviewer).json()["code"] == "entered_not_found"
    said, _ = entered(service, reviewer, facts={"task": "ranking"})
    assert said["facts"] == {"task": "ranking"}
    assert service.get("models/retail/credit%20score")["gone_since"] is None


def test_withdraw_entered_beside(service: Service, reviewer: str) -> None:
    """A model that a registry shows too stays when people withdraw; only their facts go."""
    source = make_source(service.database)
    post(service.database, source, model("Credit Score", description="A"))
    _, tag = entered(service, reviewer)
    both = service.get("models/retail/credit%20score")
    service.ask("DELETE", ENTERED, reviewer, params={"reason": "x"}, headers={"If-Match": tag})
    left = service.get("models/retail/credit%20score")

    assert both["sources"] == ["mlflow-prod", "people"]
    assert (left["sources"], left["gone_since"]) == (["mlflow-prod"], None)
    assert left["facts"] == {"namespace": "retail", "name": "Credit Score", "description": "A"}


def test_enter_model_uses(service: Service, reviewer: str) -> None:
    """What only people know of a model's uses is entered, replaced and withdrawn with it."""
    cards = {"name": "Cards / new", "purpose": "limits", "decision_role": "assists"}
    loans = {"name": "loans", "people_affected_per_year": "1k_50k"}
    said, tag = entered(service, reviewer, uses=[loans, cards])
    uses = service.get("uses")["items"]

    assert said["uses"] == [cards, loans]
    assert [one["name"] for one in uses] == [
        "retail/credit score/cards %2f new", "retail/credit score/loans",
    ]  # fmt: skip
    again = service.ask("POST", "models", reviewer, json=SCORE | {"uses": [cards, loans]})
    assert (again.status_code, again.json()) == (200, said)
    body = {"facts": FACTS, "uses": [loans | {"purpose": "p"}], "reason": "x"}
    put = service.ask("PUT", ENTERED, reviewer, json=body, headers={"If-Match": tag})
    assert put.json()["uses"] == [loans | {"purpose": "p"}]
    assert [bool(one["gone_since"]) for one in service.get("uses")["items"]] == [True, False]
    gone = {"params": {"reason": "x"}, "headers": {"If-Match": put.headers["etag"]}}
    assert service.ask("DELETE", ENTERED, reviewer, **gone).status_code == 204
    assert [bool(one["gone_since"]) for one in service.get("uses")["items"]] == [True, True]


def test_enter_model_created_at(service: Service, reviewer: str) -> None:
    """Who corrects a date speaks of the same thing: no new entry begins."""
    _, tag = entered(service, reviewer, facts={"created_at": "2024-01-01T00:00:00Z"})
    body = {"facts": {"created_at": "2023-01-01T00:00:00Z"}, "reason": "a slip"}
    service.ask("PUT", ENTERED, reviewer, json=body, headers={"If-Match": tag})

    assert rows(service.database, "SELECT count(*) FROM entry WHERE kind = 'model'") == [(1,)]
    shown = service.get("models/retail/credit%20score")
    assert shown["facts"]["created_at"] == "2023-01-01T00:00:00.000000Z"


def test_enter_dry_run(service: Service, reviewer: str) -> None:
    """A dry run answers what would be, for each kind of change, and keeps nothing."""
    dry = {"dry_run": "true"}
    empty = contents(service.database)
    tried = service.ask("POST", "models", reviewer, json=SCORE, params=dry)
    assert (tried.status_code, tried.json()["facts"]) == (201, FACTS)
    assert contents(service.database) == empty

    _, tag = entered(service, reviewer)
    before, match = contents(service.database), {"If-Match": tag}
    body = {"facts": {}, "reason": "x"}
    put = service.ask("PUT", ENTERED, reviewer, json=body, params=dry, headers=match)
    gone = service.ask("DELETE", ENTERED, reviewer, params=dry | {"reason": "x"}, headers=match)
    assert (put.json()["facts"], gone.status_code) == ({}, 204)
    assert contents(service.database) == before


def test_enter_model_elsewhere(service: Service) -> None:
    """A namespace that is not the token's is refused, and what stands there is not told."""
    admin = service.token("admin")
    other = service.token("reviewer", namespaces=["finance"])
    _, tag = entered(service, admin)
    posted = service.ask("POST", "models", other, json=SCORE)
    read = service.ask("GET", ENTERED, other)
    put = service.ask(
        "PUT", ENTERED, other, json={"facts": {}, "reason": "x"}, headers={"If-Match": tag}
    )

    assert (posted.status_code, posted.json()["code"]) == (403, "namespace_not_yours")
    assert {(a.status_code, a.json()["code"]) for a in (read, put)} == {(404, "entered_not_found")}


@pytest.mark.parametrize("role", ["reader", "source"])
def test_enter_model_roles(service: Service, role: str) -> None:
    """Neither readers nor sources enter anything."""
    make_source(service.database)
    token = service.token(role, source_name="mlflow-prod" if role == "source" else None)

    answer = service.ask("POST", "models", token, json=SCORE)

    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"facts": {"lifecycle": "alive"}}, "/facts/lifecycle"),
        ({"facts": {"nmae": "x"}}, "/facts/nmae"),
        ({"facts": {"name": "other"}}, ""),
        ({"namespace": "a.b"}, "/namespace"),
        ({"name": "a\nb"}, "/name"),
        ({"name": "x" * 701}, "/name"),
        ({"reason": ""}, "/reason"),
        ({"uses": [{"purpose": "x"}]}, ""),
        ({"uses": [{"name": "A"}, {"name": "a"}]}, ""),
        ({"uses": [{"name": "x" * 201}]}, ""),
        ({"uses": [{"name": "a", "profiling": "no"}]}, "/uses/0/profiling"),
    ],
)
def test_enter_model_invalid(service: Service, reviewer: str, more: Any, pointer: str) -> None:
    """What cannot be stated is 422 with its place, and nothing is kept."""
    before = contents(service.database)
    answer = service.ask("POST", "models", reviewer, json=SCORE | more)

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert contents(service.database) == before


def test_enter_model_other_source(service: Service, reviewer: str) -> None:
    """People speak for another source of their kind, within its `may_name`; for no machine."""
    make_source(service.database, "vendors", kind="person", namespace="retail")
    make_source(service.database)
    asked = {"params": {"source": "vendors"}}
    said = service.ask("POST", "models", reviewer, json=SCORE, **asked)
    beyond = service.ask(
        "POST", "models", reviewer, json=SCORE | {"namespace": "wholesale"}, **asked
    )
    machine = service.ask("POST", "models", reviewer, json=SCORE, params={"source": "mlflow-prod"})
    nobody = service.ask("POST", "models", reviewer, json=SCORE, params={"source": "nobody"})

    assert (said.status_code, said.json()["source"]) == (201, "vendors")
    assert beyond.json()["code"] == "namespace_not_yours"
    assert machine.json()["code"] == "machine_source"
    assert nobody.json()["code"] == "source_not_found"
    assert service.ask("GET", ENTERED, reviewer).status_code == 404
    assert service.ask("GET", ENTERED, reviewer, **asked).status_code == 200


def test_enter_model_disabled(service: Service, database: Database, reviewer: str) -> None:
    """A source that an admin has disabled accepts nothing."""
    make_source(database, "people", kind="person", namespace="retail", enabled=False)

    answer = service.ask("POST", "models", reviewer, json=SCORE)

    assert (answer.status_code, answer.json()["code"]) == (409, "source_disabled")


def test_enter_model_odd_name(service: Service, reviewer: str) -> None:
    """A name with slashes, percent signs and quotes is read under the `url` that was answered."""
    said, _ = entered(service, reviewer, name="a/b:c%2F\"' Ä")

    assert service.get(said["url"])["facts"]["name"] == "a/b:c%2F\"' Ä"
    assert service.get(f"{said['url']}/entered", reviewer)["facts"] == FACTS


def test_enter_model_together(service: Service, reviewer: str) -> None:
    """Eight who enter the same at once, the first ever: one is told 201, and it is made once."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: service.ask("POST", "models", reviewer, json=SCORE), "x" * 8)
        )

    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    told = [one["kind"] for one in changes(service.database) if one["op"] == "create"]
    assert sorted(set(told)) == ["account", "model", "source"]
    assert (told.count("model"), told.count("source")) == (1, 1)


def test_replace_entered_together(service: Service, reviewer: str) -> None:
    """Of several who change what they all have read one does; the others have to read again."""
    _, tag = entered(service, reviewer)

    def replace(vendor: str) -> int:
        body = {"facts": {"vendor_name": vendor}, "reason": "x"}
        answer = service.ask("PUT", ENTERED, reviewer, json=body, headers={"If-Match": tag})
        return answer.status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(replace, "abcd")) == [200, 412, 412, 412]
