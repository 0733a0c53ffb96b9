"""Tiers over HTTP: read, tried out, confirmed, answered; lists filter by them and show them."""

import csv
import io
from collections.abc import Iterator
from typing import Any, Final
from uuid import uuid4

import pytest

from service.db import Database
from tests.risk.tellings import HARMLESS, LATER, Told, data, harmless, made, plain, runs, use
from tests.support.accounts import make_person, map_owner, owned_by
from tests.support.catalog import all_changes, rows
from tests.support.http import Service, opened

CHURN: Final = "models/retail/churn"
OWNERS: Final = [owned_by("retention")]
PEOPLE: Final = {
    "owner": ("reader", "retail"), "reader": ("reader", None), "reviewer": ("reviewer", "retail"),
    "elsewhere": ("reviewer", "wholesale"), "admin": ("admin", None),
}  # fmt: skip


class Risk(Told):
    """The catalog with a service and people of every role."""

    def __init__(self, service: Service) -> None:
        """Everybody has an account; the owner answers for `retention`."""
        super().__init__(service.database)
        self.service = service
        for name, role in PEOPLE.items():
            make_person(self.database, name, role)
        map_owner(self.database, "handle:retention", "owner")
        self.tokens = {name: service.token_of(name) for name in PEOPLE}

    def ask(self, who: str, method: str, path: str, **options: Any) -> Any:
        """What somebody is answered."""
        return self.service.ask(method, path, self.tokens[who], **options)

    def read(self, path: str = f"{CHURN}/tier", who: str = "reader", **params: Any) -> Any:
        """What somebody reads."""
        answer = self.ask(who, "GET", path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def confirm(self, who: str = "owner", digest: str | None = None, **options: Any) -> Any:
        """Confirm the facts, by the digest that they have now unless told otherwise."""
        body = {"facts_digest": digest or self.read()["facts_digest"], "comment": "as it is used"}
        return self.ask(who, "POST", f"{CHURN}/tier:confirm", json=body, **options)

    def answer(
        self, fact: str, value: Any, who: str = "owner", of_use: str = "(undeclared)"
    ) -> Any:
        """Answer a question about a use."""
        body = {"value": value, "reason": "I asked the call centre"}
        path = f"{CHURN}/uses/{of_use}/pins/{fact}"
        return self.ask(who, "PUT", path, json=body, headers={"If-None-Match": "*"})


@pytest.fixture
def risk(database: Database) -> Iterator[Risk]:
    """A running service with people."""
    with opened(database) as service:
        yield Risk(service)


def code(answer: Any) -> tuple[int, str]:
    """How something was refused."""
    return answer.status_code, answer.json()["code"]


def test_tier_is_explained(risk: Risk) -> None:
    """Points a factor with their source, floors that hold, and nothing left to ask."""
    risk.say(*harmless(owners=OWNERS), data(at=LATER, data_sensitivity="special_category"))
    found = risk.read()

    shown = ("model", "tier", "status", "deciding_use", "blocked")
    assert {name: found[name] for name in shown} == {
        "model": "retail/churn", "tier": "MEDIUM", "status": "FIRM", "deciding_use": "offers",
        "blocked": False,
    }  # fmt: skip
    (one,) = found["uses"]
    assert (one["use"], one["ask_next"], one["outside"]) == ("offers", [], {})
    assert [(floor["id"], floor["state"]) for floor in one["floors"]] == [("F6a", "TRUE")]
    (reason,) = [r for r in one["reasons"] if r["factor"] == "data_sensitivity"]
    assert reason == {
        "axis": "inherent", "factor": "data_sensitivity", "possible": ["special_category"],
        "points_low": 15, "points_high": 15, "source": "mlflow-prod",
        "observed_at": "2026-11-21T12:00:00.000000Z",
    }  # fmt: skip
    assert one["facts"]["decision_role"] == HARMLESS["decision_role"]


def test_tier_asks(risk: Risk) -> None:
    """What is provisional says what to ask, and where each answer goes."""
    risk.say(plain(owners=OWNERS), made())
    found = risk.read()

    assert (found["tier"], found["status"], found["deciding_use"]) == (
        "HIGH", "PROVISIONAL", "(undeclared)",
    )  # fmt: skip
    (one,) = found["uses"]
    assert one["use_id"] is None
    assert 0 < len(one["ask_next"]) <= 3
    for question in one["ask_next"]:
        at = "/uses/%28undeclared%29" if question["kind"] == "use" else ""
        assert question["pin"] == f"/api/v1/{CHURN}{at}/pins/{question['fact']}"


def test_tier_of_what_is_not_seen(risk: Risk) -> None:
    """A model that is not there, or not for the caller, has no tier."""
    risk.say(*harmless())

    assert code(risk.ask("reader", "GET", "models/retail/none/tier")) == (404, "model_not_found")
    for method, path, body in (
        ("GET", "tier", None), ("POST", "tier:preview", {"facts": {}}),
        ("POST", "tier:confirm", {"facts_digest": "x"}),
    ):  # fmt: skip
        refused = risk.ask("elsewhere", method, f"{CHURN}/{path}", json=body)
        assert code(refused) == (404, "model_not_found")


def test_tier_not_rated_yet(risk: Risk) -> None:
    """A model that nobody has evaluated says so."""
    risk.say(*harmless())
    risk.run("DELETE FROM model_risk")

    assert code(risk.ask("reader", "GET", f"{CHURN}/tier")) == (404, "not_rated")


def test_tier_preview(risk: Risk) -> None:
    """What if: other facts are tried out, or none; nothing is stored."""
    risk.say(*harmless(owners=OWNERS))
    before = risk.counts()

    def tried(use: str | None = None, **facts: Any) -> Any:
        body = {"facts": facts} | ({"use": use} if use else {})
        return risk.ask("reader", "POST", f"{CHURN}/tier:preview", json=body)

    worse = tried(regulated_purposes=["creditworthiness"]).json()
    assert (worse["tier"], worse["status"], [f["id"] for f in worse["floors"]]) == (
        "HIGH", "FIRM", ["F5"],
    )  # fmt: skip
    unsaid = tried(decision_role=None, people_affected_per_year=None, use="offers").json()
    assert unsaid["status"] == "PROVISIONAL" or unsaid["materiality"][0] < unsaid["materiality"][1]
    assert code(tried(use="lunch")) == (404, "use_not_found")
    refused = tried(decision_role="ponders")
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/facts/decision_role"
    strange: dict[str, Any] = {"people/affected": 3}
    misspelt = tried(**strange)
    assert code(misspelt) == (422, "invalid")
    assert misspelt.json()["errors"][0]["pointer"] == "/facts/people~1affected"
    assert "people_affected_per_year" in misspelt.json()["errors"][0]["fix"]
    assert risk.counts() == before


def test_tier_confirmed(risk: Risk) -> None:
    """An owner confirms the facts by their digest; they are stale once the facts are others."""
    risk.say(*harmless(owners=OWNERS))
    assert risk.read()["confirmed"] is None
    assert risk.results()["TIER-02"] == "NOT_APPLICABLE"

    done = risk.confirm()
    assert done.status_code == 200, done.text
    said = done.json()["confirmed"]
    assert (said["by"], said["stale"]) == ("owner", False)
    assert risk.results()["TIER-02"] == "PASS"
    told = [one for one in all_changes(risk.database) if one["op"] == "confirm"]
    assert [(one["kind"], one["reason"], one["actor"]["id"]) for one in told] == [
        ("assessment", "as it is used", "owner")
    ]

    risk.say(use(at=LATER, people_affected_per_year=70_000))
    assert risk.read()["confirmed"]["stale"] is True
    assert risk.results()["TIER-02"] == "FAIL"
    assert risk.confirm("reviewer").status_code == 200
    assert risk.results()["TIER-02"] == "PASS"


def test_tier_confirmed_too_late(risk: Risk) -> None:
    """Whoever read other facts confirms nothing."""
    risk.say(*harmless(owners=OWNERS))
    digest = risk.read()["facts_digest"]
    risk.say(use(at=LATER, people_affected_per_year=70_000))

    assert code(risk.confirm(digest=digest)) == (409, "facts_moved")
    assert risk.read()["confirmed"] is None


@pytest.mark.parametrize("who", ["reader", "admin"])
def test_tier_confirmed_by_others(risk: Risk, who: str) -> None:
    """Who neither owns the model nor reviews in its namespace confirms nothing."""
    risk.say(*harmless(owners=OWNERS))

    refused = risk.confirm(who)

    assert refused.status_code == 403
    assert risk.read()["confirmed"] is None


def test_tier_confirmed_twice(risk: Risk) -> None:
    """The same request with its key is answered once more, and done once."""
    risk.say(*harmless(owners=OWNERS))
    headers = {"Idempotency-Key": str(uuid4())}

    first, second = (risk.confirm(headers=headers) for _ in range(2))

    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert sum(one["op"] == "confirm" for one in all_changes(risk.database)) == 1


def test_tier_answered_before_any_use(risk: Risk) -> None:
    """An owner answers about the use that nobody declared; a use that is declared takes over."""
    risk.say(plain(owners=OWNERS), made(), data(data_sensitivity="internal"))
    risk.serve(runs())
    risk.age(3)
    (clock,) = risk.clocks().values()
    missing = f"{CHURN}/uses/(undeclared)/pins/decision_role"
    assert risk.ask("owner", "GET", missing).status_code == 404

    answered = risk.answer("decision_role", "informational")
    assert answered.status_code == 200, answered.text
    assert risk.read(missing, "owner")["pin"]["value"] == "informational"
    found = risk.read()
    (one,) = found["uses"]
    assert one["use"] == "(undeclared)"
    assert one["use_id"] is not None
    assert one["facts"]["decision_role"] == "informational"
    assert risk.clocks() == {"retail/churn/(undeclared)": clock}  # no answer restarts it

    for fact, value in HARMLESS.items():
        if fact != "decision_role":
            assert risk.answer(fact, value).status_code == 200, fact
    assert risk.tiers() == {"retail/churn": ("LOW", "FIRM")}

    many: dict[str, Any] = {
        "people_affected_per_year": 900_000,
        "financial_exposure_per_year": 900_000_000,
    }
    risk.say(use(decision_role={"one_of": ["informational", "automated"]}, **many))
    found = risk.read()
    assert [one["use"] for one in found["uses"]] == ["offers"]
    assert (found["deciding_use"], found["tier"]) == ("offers", "MEDIUM")
    assert rows(risk.database, "SELECT uses FROM model_risk") == [(1,)]
    late = risk.answer("profiling", value=True)
    assert code(late) == (404, "named_use_not_found")


def test_tier_answered_by_others(risk: Risk) -> None:
    """Who may not answer begins no use either; nor does who answers nonsense."""
    risk.say(plain(owners=OWNERS), made())

    for who in ("reader", "reviewer"):
        refused = risk.answer("decision_role", "informational", who=who)
        assert refused.status_code == 403, who
    assert risk.answer("decision_role", "ponders").status_code == 422
    assert code(risk.answer("decision_role", "informational", of_use="lunch")) == (
        404, "named_use_not_found",
    )  # fmt: skip
    assert rows(risk.database, "SELECT count(*) FROM use") == [(0,)]


def test_tier_in_lists(risk: Risk) -> None:
    """Lists show the tier, filter by it and count it, as files do; also as they stood."""
    risk.say(*harmless(owners=OWNERS), plain("menu"), made(1, "menu"))
    listed = {
        one["name"]: (one["tier"], one["tier_status"]) for one in risk.read("models")["items"]
    }
    assert listed == {"retail/churn": ("LOW", "FIRM"), "retail/menu": ("HIGH", "PROVISIONAL")}
    names = [one["url"] for one in risk.read("models", tier="HIGH")["items"]]
    assert names == ["/api/v1/models/retail/menu"]
    assert len(risk.read("models", tier="HIGH,LOW")["items"]) == 2
    assert len(risk.read("models", tier_status="FIRM")["items"]) == 1

    facet = risk.read("models", facet="tier")["facets"]["tier"]
    assert {one["value"]: one["count"] for one in facet["values"]} == {"HIGH": 1, "LOW": 1}
    answer = risk.ask("reader", "GET", "models.csv", params={"tier": "HIGH"})
    assert answer.status_code == 200, answer.text
    (line,) = csv.DictReader(io.StringIO(answer.text))
    assert {name: line[name] for name in ("model", "tier", "tier_status", "tier_low")} == {
        "model": "retail/menu", "tier": "HIGH", "tier_status": "PROVISIONAL", "tier_low": "LOW",
    }  # fmt: skip


def test_tier_of_the_past(risk: Risk) -> None:
    """A list of the past shows and filters by the tiers of then."""
    risk.say(*harmless(owners=OWNERS))
    [(then,)] = rows(risk.database, "SELECT clock_timestamp()::text")
    risk.say(data(at=LATER, data_sensitivity="special_category"))

    assert len(risk.read("models", tier="MEDIUM")["items"]) == 1
    moment = then.replace(" ", "T").replace("+00", "Z")
    assert len(risk.read("models", tier="MEDIUM", as_of=moment)["items"]) == 0
    (found,) = risk.read("models", tier="LOW", as_of=moment)["items"]
    assert found["tier"] == "LOW"
