"""Previews: they say what the push then does, keep nothing, and tell nobody what is not theirs."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import sqlalchemy as sa

from service.access.policy import Caller
from service.catalog.tables import Entry
from service.db import Busy, Database
from service.ingest import preview
from service.tables import METADATA
from tests.conftest import Statements
from tests.risk.tellings import Told, data, harmless, plain
from tests.support.catalog import NOON, gone, make_reader, make_source, model, post, rows, version
from tests.support.http import Service, opened
from tests.support.preview import LATER, manifest, planned, pushed
from tests.support.world import SOURCES, facts, first_words, identity, subject

LISTS = ("models", "versions", "uses", "training-runs", "datasets", "owners", "repositories",
         "builds", "deployments")  # fmt: skip
KINDS = {path: path.replace("-", "_").removesuffix("s") for path in LISTS} | {
    "repositories": "repository"
}
OWNER = {"owner": {"kind": "owner", "scheme": "handle", "value": "team:retention-ds"}}


@pytest.fixture
def service(database: Database) -> Iterator[Service]:
    """The whole service on the test's database."""
    with opened(database) as found:
        yield found


def listed(service: Service) -> dict[tuple[str, str], Any]:
    """Every entry as lists show it."""
    return {
        (KINDS[path], row["name"]): row
        for path in LISTS
        for row in service.get(f"/api/v1/{path}", page_size=1000)["items"]
    }


def compared(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> dict[Any, Any]:
    """What differs between two readings, as a preview tells it."""
    found = {}
    for key, row in after.items():
        was = before.get(key)
        old, new = (was or {"facts": {}})["facts"], row["facts"]
        fields = {
            name: tuple({"value": of[name]} if name in of else None for of in (old, new))
            for name in old.keys() | new.keys()
            if old.get(name, ()) != new.get(name, ()) or (name in old) != (name in new)
        }
        conflicts = sorted(set(row["conflicts"]) - set(was["conflicts"] if was else ()))
        if was is None or fields or conflicts:
            found[key] = (was is None, fields, conflicts)
    return found


def told(answer: Any) -> dict[Any, Any]:
    """What a preview says, in the same form; models that would not change are left out."""
    return {
        (one["kind"], one["name"]): (
            one["created"],
            {field["field"]: (field["before"], field["after"]) for field in one["fields"]},
            one["conflicts"],
        )
        for one in answer["entries"]
        if one["created"] or one["fields"] or one["conflicts"]
    }


def second_words(choice: int) -> list[Any]:
    """One source says something more of each of the nine kinds."""
    said = []
    for kind in ("owner", "repository", "dataset", "build", "training_run", "model", "use",
                 "version", "deployment"):  # fmt: skip
        known = facts(kind, "w", SOURCES[0])
        stated = {name: values[choice % len(values)] for name, values in known.items()}
        said.append(
            {
                "subject": subject(kind, "w", SOURCES[0]),
                "observed_at": LATER,
                "facts": identity(kind, "w", SOURCES[0]) | stated,
            }
        )
    return said


@pytest.mark.parametrize("choice", [0, 1, 2])
def test_preview_agrees_with_push(service: Service, choice: int) -> None:
    """Field by field, of all nine kinds, what is told is what the same push then does."""
    sources = {name: make_source(service.database, name) for name in SOURCES}
    for of, document in first_words("w"):
        post(service.database, sources[of], document)
    other = [
        {**model("w", SOURCES[1], LATER, description="theirs", tags=["z"]), "inferred": []},
        {**version(1, "w", SOURCES[1], LATER, status="theirs")},
    ]
    post(service.database, sources[SOURCES[1]], *other)
    bad = model("bad") | {"facts": {"nmae": "x"}}
    batch = [*second_words(choice), bad, model("new", owners=[OWNER]), gone(version(9), LATER)]
    before = listed(service)
    answer = planned(service, SOURCES[0], *batch)
    assert listed(service) == before

    receipt = pushed(service, SOURCES[0], *batch)

    assert answer["receipt"] == receipt
    assert [one["code"] for one in receipt["refused"]] == ["unknown_fact"]
    differing = compared(before, listed(service))
    assert told(answer) == differing
    assert len(differing) > 5
    assert planned(service, SOURCES[0], *batch)["receipt"]["recorded"] == 1  # gone, once more


def digests(database: Database) -> dict[str, str]:
    """A digest of every row of every table."""
    return {
        name: rows(
            database,
            f"SELECT md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '')) FROM \"{name}\" t",  # noqa: S608, E501
        )[0][0]
        for name in METADATA.tables
    }


def ask(database: Database, *documents: Any, caller: Caller | None = None) -> Any:
    """The preview without HTTP."""
    return preview.preview(
        database, caller or make_reader(), source="mlflow-prod", documents=documents, trace="t"
    )


def test_preview_keeps_nothing(database: Database) -> None:
    """Every table is row by row as it was, quarantine and ledger included."""
    source = make_source(database)
    post(database, source, model(), version(1))
    before = digests(database)

    found = ask(
        database, model(at=LATER, description="new", owners=[OWNER]), model("fraud"), version(2),
        model("bad") | {"facts": {"nmae": "x"}}, gone(version(1), LATER),
    )  # fmt: skip

    assert digests(database) == before
    assert (found.receipt.recorded, len(found.receipt.refused)) == (4, 1)
    assert {one.name: (one.created, one.retired) for one in found.entries if not one.stub} == {
        "retail/churn": (False, False), "retail/fraud": (True, False),
        "retail/churn/1": (False, True), "retail/churn/2": (True, False),
    }  # fmt: skip


def test_preview_says_the_tier(service: Service) -> None:
    """The tier before and after, also of models that the batch only concerns; nothing is kept."""
    told = Told(service.database)
    told.say(*harmless(), *harmless("menu"))
    before = told.all(), rows(service.database, "SELECT evaluated_at FROM risk_clock ORDER BY 1")
    grave = data(at=LATER, data_sensitivity="special_category")
    found = planned(service, "mlflow-prod", plain(at=LATER), grave)["entries"]
    models = {one["name"]: one for one in found if one["kind"] == "model"}

    told_of = ("tier_before", "tier_status_before", "tier", "tier_status")
    assert {name: tuple(one["model"][of] for of in told_of) for name, one in models.items()} == {
        "retail/churn": ("LOW", "FIRM", "MEDIUM", "FIRM"),
        "retail/menu": ("LOW", "FIRM", "MEDIUM", "FIRM"),
    }
    assert models["retail/menu"]["fields"] == []
    evaluated = rows(service.database, "SELECT evaluated_at FROM risk_clock ORDER BY 1")
    assert (told.all(), evaluated) == before
    told.say(grave)
    assert told.tiers() == {"retail/churn": ("MEDIUM", "FIRM"), "retail/menu": ("MEDIUM", "FIRM")}


def test_preview_says_what_stays_unknown(service: Service) -> None:
    """A model without owner and use lacks what only people know: it may be of any tier."""
    source = make_source(service.database)
    use = {
        "subject": {"kind": "use", "scheme": "name", "value": "retail/churn/offers"},
        "observed_at": LATER,
        "facts": {"model": model()["subject"], "name": "offers", "decision_role": "assists"},
    }
    (bare,) = planned(service, "mlflow-prod", model(origin="in_house"))["entries"]
    owned = model(owners=[OWNER], exposure="internal_api")
    (named, *_) = planned(service, "mlflow-prod", owned)["entries"]
    post(service.database, source, {"subject": OWNER["owner"], "observed_at": NOON, "facts": {}})
    with_use = planned(service, "mlflow-prod", owned, use)

    assert (bare["model"]["tier"], bare["model"]["tier_status"]) == ("HIGH", "PROVISIONAL")
    assert bare["model"]["owner_known"] is False
    assert named["model"]["owner_known"] is False, "nobody has described who is named"
    assert {(one["kind"], one["name"]): one["facts"] for one in bare["model"]["missing"]} == {
        ("model", "retail/churn"): [
            "update_mode", "explainability", "model_class", "data_sensitivity",
            "downstream_dependents",
        ],
        ("use", None): [
            "decision_role", "people_affected_per_year", "financial_exposure_per_year",
            "regulatory_use", "harm_reversibility", "exposure", "regulated_purposes",
        ],
    }  # fmt: skip
    whole = with_use["entries"][0]
    assert (whole["kind"], whole["model"]["owner_known"]) == ("model", True)
    missing = {(one["kind"], one["name"]): one["facts"] for one in whole["model"]["missing"]}
    assert missing["use", "retail/churn/offers"] == [
        "people_affected_per_year", "financial_exposure_per_year", "regulatory_use",
        "harm_reversibility", "regulated_purposes",
    ]  # fmt: skip


def test_preview_unchanged_model_is_told(service: Service) -> None:
    """Of a model that stays as it is there is still told what nobody knows of it."""
    source = make_source(service.database)
    post(service.database, source, model())

    (only,) = planned(service, "mlflow-prod", model(at=LATER))["entries"]

    assert (only["name"], only["created"], only["fields"]) == ("retail/churn", False, [])
    assert only["model"]["owner_known"] is False


def test_preview_joins(service: Service) -> None:
    """An observation that says that two entries are one names the one that would join."""
    source = make_source(service.database)
    one, other = model("a"), model("b")
    post(service.database, source, one, other)
    same = model("a", at=LATER) | {"same_as": [other["subject"]]}

    answer = planned(service, "mlflow-prod", same)
    pushed(service, "mlflow-prod", same)

    assert [(entry["name"], entry["joined"]) for entry in answer["entries"]] == [
        ("retail/a", ["retail/b"])
    ]
    assert [kind_name for kind_name in listed(service) if kind_name[0] == "model"] == [
        ("model", "retail/a")
    ]


def test_preview_refusals_are_the_push(service: Service) -> None:
    """A contested claim, a name in use and a foreign namespace are refused as the push would."""
    make_source(service.database)
    pushed(
        service, "mlflow-prod", manifest("https://git.example.com/acme/churn"), model("Fraud"),
        model("fraud-2"),
    )  # fmt: skip
    taken = model("fraud-2", at=LATER)
    taken["facts"]["name"] = "fraud"
    foreign = manifest("https://git.example.com/acme/x", "x")
    foreign["facts"]["namespace"] = "credit"
    batch = [manifest("https://git.example.com/other/churn"), taken, foreign]

    answer = planned(service, "mlflow-prod", *batch)

    assert [one["code"] for one in answer["receipt"]["refused"]] == [
        "contested_claim", "name_collision", "namespace_not_allowed",
    ]  # fmt: skip
    assert answer["entries"] == []
    assert answer["receipt"] == pushed(service, "mlflow-prod", *batch)


def test_preview_bounds(service: Service) -> None:
    """At most 100 observations of at most 1 MiB, and nothing of what no push would take."""
    make_source(service.database)
    path = "sources/mlflow-prod/observations:preview"
    many = {"observations": [model(str(number)) for number in range(101)]}
    large = {"observations": [model(description="x" * 1_100_000)]}
    for body in (many, large):
        assert service.ask("POST", path, service.reader, json=body).status_code == 413
    make_source(service.database, enabled=False)
    off = service.ask("POST", path, service.reader, json={"observations": []})
    assert (off.status_code, off.json()["code"]) == (409, "source_disabled")


def test_preview_statements(database: Database, statements: Statements) -> None:
    """A hundred observations cost no more statements than two."""
    make_source(database)
    counts = []
    for size in (1, 50):
        batch = [d for n in range(size) for d in (model(f"m{n}"), version(1, f"m{n}"))]
        with statements() as sent:
            found = ask(database, *batch)
        assert found.receipt.recorded == 2 * size
        counts.append(len(sent))
    assert counts[0] == counts[1]


def test_preview_many_followers(database: Database) -> None:
    """A new name that reaches thousands of versions is told with the first thousand of them."""
    source = make_source(database)
    post(database, source, model())
    for start in range(0, 1_200, 600):
        post(database, source, *(version(n) for n in range(start, start + 600)))
    renamed = model(at=LATER)
    renamed["facts"]["name"] = "loyal"

    found = ask(database, renamed)

    assert found.more
    assert found.entries[0].name == "retail/loyal"
    assert [field.field for field in found.entries[0].fields] == ["name"]


def test_preview_waits_for_nobody(database: Database) -> None:
    """While others change the same entry it gives up soon, and holds nothing afterwards."""
    source = make_source(database)
    post(database, source, model())
    with database.writing() as session:
        session.execute(sa.select(Entry.__table__.c.id).with_for_update())
        with pytest.raises(Busy):
            ask(database, model(at=LATER, description="x"))
        session.rollback()
    ask(database, model(at=LATER, description="x"))
    assert rows(database, "SELECT count(*) FROM pg_locks WHERE mode = 'RowExclusiveLock' "
                "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                ) == [(0,)]  # fmt: skip


def test_preview_two_at_once(database: Database) -> None:
    """Two previews run side by side; a third is told to come again, and harvests have room."""
    make_source(database)
    with database.writing() as one, database.writing() as other:
        for session in (one, other):
            assert session.execute(preview.TURN).scalar_one()
        with pytest.raises(preview.PreviewsBusy):
            ask(database, model())
    assert ask(database, model()).receipt.recorded == 1
