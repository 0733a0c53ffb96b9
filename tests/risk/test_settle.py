"""Tiers and controls follow what is observed, in the transaction that observes it."""

from typing import Any, Final

import pytest

from service.db import Database
from tests.risk.tellings import (
    LATER,
    LATEST,
    Told,
    data,
    harmless,
    made,
    of,
    plain,
    runs,
    use,
)
from tests.support.accounts import owned_by
from tests.support.catalog import gone, make_source, model, post, rows, version

HIGH: Final[dict[str, Any]] = {"regulated_purposes": ["creditworthiness"]}


@pytest.fixture
def told(database: Database) -> Told:
    """A catalog with a registry and a cluster."""
    return Told(database)


def test_settle_with_the_batch(told: Told) -> None:
    """A model is rated and checked when the batch that names it is recorded."""
    told.say(*harmless())

    assert told.tiers() == {"retail/churn": ("LOW", "FIRM")}
    assert told.uses() == {"retail/churn/offers": "LOW"}
    assert len(told.results()) == 24


def test_settle_model_without_a_use(told: Told) -> None:
    """A model of which nobody says what it is for has one use of which nothing is stated."""
    told.say(plain(), made())

    assert told.tiers() == {"retail/churn": ("HIGH", "PROVISIONAL")}
    assert told.uses() == {"retail/churn": "HIGH"}


def test_settle_repetition_writes_nothing(told: Told) -> None:
    """The same said again writes no row of anything, history included."""
    said = (*harmless(), made(2, digests=["sha256:" + "a" * 64]))
    told.say(*said)
    told.serve(runs())
    before, seen = told.counts(), told.all()

    told.say(*said)
    told.say(*(one | {"observed_at": LATER} for one in said))  # only confirmed

    assert told.counts() == before
    assert told.all() == seen


def test_settle_what_changes_nothing(told: Told) -> None:
    """A change that risk does not read leaves assessments, results and the model as they are."""
    told.say(*harmless())
    before = told.counts()

    told.say(plain(at=LATER, tags=["a=1"]))

    after = told.counts()
    assert {name for name in after if after[name] != before[name]} == {"change"}


def test_settle_sensitivity_of_a_dataset(told: Told) -> None:
    """Whatever uses a dataset is rated again when more is known of it."""
    told.say(*harmless(), *harmless("menu"), plain("other"), made(1, "other", datasets=[of("b")]))
    before = told.facts(), told.facts("retail/menu/offers")

    told.say(data(at=LATER, data_sensitivity="special_category"))

    assert told.tiers() == {
        "retail/churn": ("MEDIUM", "FIRM"), "retail/menu": ("MEDIUM", "FIRM"),
        "retail/other": ("HIGH", "PROVISIONAL"),
    }  # fmt: skip
    after = told.facts(), told.facts("retail/menu/offers")
    for old, new in zip(before, after, strict=True):
        assert (old["data_sensitivity"], new["data_sensitivity"]) == (
            "internal", "special_category",
        )  # fmt: skip


def test_settle_deployment_that_moves(told: Told) -> None:
    """A deployment that serves another model's version now concerns both models."""
    told.say(*harmless(), *harmless("menu"))
    told.serve(runs())
    produced = "SELECT natural_key FROM model_risk JOIN entry ON id = model_id WHERE in_production"
    assert rows(told.database, produced) == [("retail/churn",)]

    told.serve(runs(of_model="menu", at=LATER))

    assert rows(told.database, produced) == [("retail/menu",)]


def test_settle_deployment_that_ends(told: Told) -> None:
    """What serves nothing any more makes no model one in production."""
    told.say(*harmless())
    told.serve(runs())
    told.serve(gone(runs(), LATER))

    assert rows(told.database, "SELECT in_production FROM model_risk") == [(None,)]


def test_settle_live_version(told: Told) -> None:
    """Facts of versions count over those that production serves, else over the newest."""
    told.say(*harmless(), made(2, model_class="agentic"))
    assert told.facts()["model_class"] == "agentic"

    told.serve(runs(number=1))
    assert told.facts()["model_class"] == "rules_or_linear"
    told.serve(runs("canary", number=2))
    assert told.facts()["model_class"] == "agentic"
    told.serve(gone(runs("canary", number=2), LATER))
    assert told.facts()["model_class"] == "rules_or_linear"


def test_settle_owner(told: Told) -> None:
    """Who is named as owner, and what is learned of that one, is checked again."""
    told.say(*harmless(owners=[owned_by("retention")]))
    assert (told.results()["OWN-01"], told.results()["OWN-02"]) == ("UNKNOWN", "UNKNOWN")

    owner = {
        "subject": owned_by("retention")["owner"], "observed_at": LATER,
        "facts": {"display_name": "Retention", "kind": "team", "active": True},
    }  # fmt: skip
    told.say(owner)
    assert (told.results()["OWN-01"], told.results()["OWN-02"]) == ("PASS", "PASS")
    told.say(owner | {"observed_at": LATEST, "facts": owner["facts"] | {"active": False}})
    assert (told.results()["OWN-01"], told.results()["OWN-02"]) == ("PASS", "FAIL")


def test_settle_build_of_a_version(told: Told) -> None:
    """What a build says of its branch holds for the versions that it made."""
    build = {"kind": "build", "scheme": "github", "value": "github-ci/acme/churn/7/1"}
    told.say(*harmless(), made(1, build=build, source_commit="a" * 40, source_dirty=False))
    told.serve(runs())
    assert told.results()["BLD-03"] == "UNKNOWN"
    ci = made_ci(told)

    told.say({"subject": build, "observed_at": LATER, "facts": {"on_protected_branch": True}},
             source=ci)  # fmt: skip

    assert told.results()["BLD-03"] == "PASS"


def made_ci(told: Told) -> Any:
    """The CI system that builds come from."""
    from tests.support.catalog import make_source  # noqa: PLC0415

    return make_source(told.database, "github-ci", kind="github")


def test_settle_declared_use_takes_over_the_clock(told: Told) -> None:
    """The first declared use goes on with the clock of the use that nobody declared."""
    told.say(plain(), made())
    told.serve(runs())
    told.age(5)
    (clock,) = told.clocks().values()
    assert clock[0] is not None

    told.say(use(decision_role={"one_of": ["informational", "automated"]}))

    assert told.clocks() == {"retail/churn/offers": clock}


def test_settle_renamed_use_wins_no_time(told: Told) -> None:
    """A use that takes the place of another one goes on with its clock; so does the undeclared."""
    told.say(plain(), made(), use())
    told.serve(runs())
    told.age(5)
    (clock,) = told.clocks().values()

    told.say(gone(use(), LATER), use("letters", at=LATER))
    assert told.clocks() == {"retail/churn/letters": clock}
    told.say(gone(use("letters"), LATEST))
    assert told.clocks() == {"retail/churn": clock}


def test_settle_further_use_has_a_clock_of_its_own(told: Told) -> None:
    """A use beside those that go on begins with its own time."""
    told.say(plain(), made(), use())
    told.serve(runs())
    told.age(5)
    told.say(use("letters"))

    clocks = told.clocks()
    assert clocks["retail/churn/offers"] < clocks["retail/churn/letters"]


def test_settle_retired_model(told: Told) -> None:
    """A retired model keeps its tier, and is not in production."""
    told.say(*harmless(lifecycle="development"))
    told.say(gone(plain(), LATER))

    assert rows(told.database, "SELECT gone_since IS NULL FROM entry WHERE kind = 'model'") == [
        (False,)
    ]
    assert told.tiers() == {"retail/churn": ("LOW", "FIRM")}
    assert told.uses() == {"retail/churn/offers": "LOW"}  # which ended with it
    assert rows(told.database, "SELECT count(*) FROM finding") == [(0,)]


def feeding(name: str = "score", *others: str, **facts: Any) -> tuple[Any, ...]:
    """A model of the highest tier that depends on others."""
    needs = [
        {"kind": "model", "scheme": "mlflow", "value": f"mlflow-prod/default/{other}"}
        for other in others
    ]
    said = facts.pop("of_use", HIGH)
    at = facts.pop("at", "2026-11-20T12:00:00Z")
    return (
        *harmless(name, depends_on=needs, at=at, **facts)[:2],
        use(of_model=name, at=at, **said),
    )


def test_settle_feeds_a_high_model(told: Told) -> None:
    """What feeds a HIGH model is MEDIUM at least, as long as that is said."""
    told.say(*harmless())
    told.say(*feeding("score"))
    assert told.tiers()["retail/churn"] == ("LOW", "FIRM")

    told.say(*feeding("score", "churn", at=LATER))
    assert told.tiers() == {"retail/churn": ("MEDIUM", "FIRM"), "retail/score": ("HIGH", "FIRM")}
    assert told.facts()["downstream_dependents"] == {"one_of": ["1_2", "3_9", "ge_10"]}

    told.say(*feeding("score", at=LATEST))
    assert told.tiers()["retail/churn"] == ("LOW", "FIRM")


def test_settle_feeds_a_model_that_becomes_high(told: Told) -> None:
    """What a consumer is used for decides about what feeds it, at once."""
    told.say(*harmless(), *feeding("score", "churn", of_use={}))
    assert told.tiers()["retail/churn"] == ("LOW", "FIRM")
    told.say(use(of_model="score", at=LATER, **HIGH))
    assert told.tiers()["retail/churn"] == ("MEDIUM", "FIRM")
    told.say(use("games", of_model="score"), gone(use(of_model="score"), LATEST))
    assert told.tiers()["retail/churn"] == ("LOW", "FIRM")


def test_settle_consumer_that_retires(told: Told) -> None:
    """A consumer that is gone consumes nothing."""
    told.say(*harmless(), *feeding("score", "churn"))
    assert told.tiers()["retail/churn"] == ("MEDIUM", "FIRM")

    told.say(gone(plain("score"), LATER))

    assert told.tiers()["retail/churn"] == ("LOW", "FIRM")


@pytest.mark.parametrize("split", [False, True])
def test_settle_models_that_feed_each_other(told: Told, *, split: bool) -> None:
    """Two models in a cycle do not lift each other; by their own tier one lifts the other."""
    one, other = feeding("score", "churn"), feeding("churn", "score", of_use={})
    if split:
        told.say(*one)
        told.say(*other)
    else:
        told.say(*other, *one)
    assert told.tiers() == {"retail/churn": ("MEDIUM", "FIRM"), "retail/score": ("HIGH", "FIRM")}

    told.say(use(of_model="score", at=LATER), data(data_sensitivity="internal"))
    assert told.tiers() == {"retail/churn": ("LOW", "FIRM"), "retail/score": ("LOW", "FIRM")}


def test_settle_twins(told: Told) -> None:
    """Two models with a version of one digest: both fail, whichever came first."""
    digests = [f"sha256:{'a' * 64}"]
    told.say(*harmless(), made(2, digests=digests))
    told.say(*harmless("copy"))
    assert told.results()["INV-04"] != "FAIL"

    told.say(made(2, "copy", digests=digests))
    assert (told.results()["INV-04"], told.results("retail/copy")["INV-04"]) == ("FAIL", "FAIL")
    told.say(made(2, "copy", at=LATER))
    assert told.results()["INV-04"] != "FAIL"
    told.say(made(2, "copy", at=LATEST, digests=digests))
    told.say(gone(plain("copy"), "2026-11-23T12:00:00Z"))
    assert told.results()["INV-04"] != "FAIL"


def test_settle_twins_of_others_are_not_named(told: Told) -> None:
    """Whoever reads a model may not read all others: a twin elsewhere is counted, never named."""
    digests = [f"sha256:{'a' * 64}"]
    other = make_source(told.database, "mlflow-sec", namespace="wholesale")
    secret = model("merger", source="mlflow-sec", namespace="wholesale")
    told.say(secret, version(1, "merger", source="mlflow-sec", digests=digests), source=other)
    told.say(*harmless(), made(2, digests=digests))

    found = rows(told.database, "SELECT result, message FROM control_result"
                 " WHERE control = 'INV-04' ORDER BY message")  # fmt: skip
    assert [one for one, _ in found] == ["FAIL", "FAIL"]
    assert all("a model of another namespace" in message for _, message in found)


def test_settle_finding_of_a_failed_control(told: Told) -> None:
    """A FAIL at high severity opens one finding, which controls read at once; no later one."""
    bad = {"one_of": ["informational", "automated"]}
    told.say(plain(), made(), use(**HIGH, decision_role=bad, purpose="TODO"))
    found = rows(told.database, "SELECT cause, severity, state FROM finding ORDER BY cause")
    assert ("control:USE-01", "high", "OPEN") in found
    assert told.results()["FND-01"] == "PASS"  # they are open, and not overdue
    changes = "SELECT count(*) FROM change WHERE kind = 'control'"
    assert rows(told.database, changes) == [(0,)]

    told.say(use(at=LATER, **HIGH, decision_role=bad))
    assert told.results()["USE-01"] == "PASS"
    told.say(use(at=LATEST, **HIGH, decision_role=bad, purpose="TODO"))
    assert rows(told.database, "SELECT cause, severity, state FROM finding ORDER BY cause") == found
    assert rows(told.database, changes) == [(2,)]


def test_settle_control_that_matters_more_now(told: Told) -> None:
    """A control that fails anyway opens its finding when its severity becomes high."""
    told.say(*harmless()[:3], use(purpose="TODO"))
    opened = "SELECT cause FROM finding WHERE cause = 'control:USE-01'"
    assert told.results()["USE-01"] == "FAIL"
    assert rows(told.database, opened) == []

    told.say(use(at=LATER, purpose="TODO", **HIGH))
    assert rows(told.database, opened) == [("control:USE-01",)]


def test_settle_refused_batch(told: Told) -> None:
    """What is refused leaves nothing to be rated."""
    receipt = post(told.database, told.registry, {"subject": 7}, plain() | {"facts": {"x": 1}})

    assert len(receipt.refused) == 2
    assert rows(told.database, "SELECT count(*) FROM risk_clock") == [(0,)]
