"""What is said to be in production and nobody sees; and where nobody looks, nothing is claimed."""

from typing import Any

from tests.deployments.company import (
    DIGEST,
    NUMBER_7,
    OTHER,
    OWNED,
    Company,
    deployed,
    runs,
)
from tests.support.catalog import make_source, model, version

IN_PRODUCTION = {"environment_class": "production", "environment": "prod"}
GHOST = [("deployment", "ci/churn", None)]


def test_ghost(company: Company) -> None:
    """A record of production that no cluster has seen for two intervals; seen, it is none."""
    company.register()
    company.say(company.ci, deployed(version=NUMBER_7, **IN_PRODUCTION))
    company.run()
    assert company.ghosts() == []  # two intervals have not passed since it was heard of

    company.later(3)
    company.run()
    assert company.ghosts() == GHOST
    (row,) = company.service.get("ghosts")["items"]
    assert (row["said"], row["version"], row["looking"], row["last_seen_at"]) == (
        "environment_class", "retail/churn/7", ["cluster"], None,
    )  # fmt: skip

    company.run(runs(version=NUMBER_7))
    assert company.ghosts() == []


def test_ghost_by_digest(company: Company) -> None:
    """Seen by its digest in production; what runs elsewhere does not count."""
    company.register(digests=[OTHER])
    company.say(company.ci, deployed(digest=DIGEST, **IN_PRODUCTION))
    company.later(3)
    company.run(runs(digest=DIGEST, environment_class="staging"))
    assert company.ghosts() == GHOST

    company.run(runs(digest=DIGEST, environment_class="staging"),
                runs("live", digest=DIGEST, environment_class="production"))  # fmt: skip
    assert company.ghosts() == []


def test_ghost_vanished(company: Company) -> None:
    """What a cluster no longer shows is a ghost after two intervals, until its record ends."""
    company.register()
    company.say(company.ci, deployed(version=NUMBER_7, **IN_PRODUCTION))
    company.run(runs(version=NUMBER_7), runs("other"))
    company.later(3)
    company.run(runs("other"))
    assert company.ghosts() == GHOST
    (row,) = company.service.get("ghosts")["items"]
    assert row["last_seen_at"] is not None

    ended: dict[str, Any] = {"version": NUMBER_7, **IN_PRODUCTION, "status": "superseded"}
    company.say(company.ci, deployed(at="2026-11-21T12:00:00Z", **ended))
    assert company.ghosts() == []


def test_nobody_looks(company: Company) -> None:
    """Without a serving source for its namespace it is no ghost: it cannot be observed."""
    wholesale = make_source(company.database, "ci-two", kind="ci", namespace="wholesale")
    record: Any = deployed(digest=DIGEST, **IN_PRODUCTION)
    record["subject"]["value"] = "ci-two/churn"
    company.say(wholesale, record)
    company.later(3)
    company.run()

    assert company.ghosts() == []
    assert company.ghosts(state="not_observable") == [
        ("deployment", "ci-two/churn", "nobody_looks")
    ]
    counted = {row["source"]: row for row in company.service.get("coverage")["items"]}
    assert (counted["ci-two"]["not_observable"], counted["ci-two"]["ghosts"]) == (1, 0)

    make_source(company.database, "cluster-two", kind="kubernetes", namespace="wholesale")
    assert company.ghosts(state="not_observable") == [
        ("deployment", "ci-two/churn", "nobody_looked_in_time")
    ]


def test_late(company: Company) -> None:
    """Who looks there and is late says nothing about what is there."""
    company.register()
    company.say(company.ci, deployed(version=NUMBER_7, **IN_PRODUCTION))
    company.run(runs(version=NUMBER_7))
    company.later(3)

    assert company.ghosts() == []
    assert company.ghosts(state="not_observable") == [
        ("deployment", "ci/churn", "nobody_looked_in_time")
    ]


def test_not_comparable(company: Company) -> None:
    """A record that names neither version nor digest cannot be found anywhere."""
    company.say(company.ci, deployed(claimed_model="retail.churn", **IN_PRODUCTION))
    company.later(3)
    company.run()

    assert company.ghosts(state="ghost,not_observable") == [
        ("deployment", "ci/churn", "not_comparable")
    ]


def test_models_and_versions(company: Company) -> None:
    """Lifecycle, stage and alias say production too, and count from when they came to say so."""
    company.say(
        company.registry,
        model(lifecycle="production", namespace="retail", name="churn", **OWNED),
        version(6, stage="Production"),
        version(7, aliases=["prod"]), version(8, aliases=["champion"]),
        model("bought", lifecycle="production", asset_kind="vendor_service"),
    )  # fmt: skip
    company.later(3)
    company.run()
    expected = [("model", "retail/churn", None), ("version", "retail/churn/6", None),
                ("version", "retail/churn/7", None)]  # fmt: skip
    assert company.ghosts() == expected
    assert company.ghosts(source="mlflow-prod") == expected
    assert company.ghosts(what="version", source="mlflow-prod") == expected[1:]

    company.run(runs(version=NUMBER_7))
    assert company.ghosts() == [("version", "retail/churn/6", None)]

    at = "2026-11-21T12:00:00Z"
    company.say(company.registry, version(8, aliases=["production"], at=at))
    assert company.ghosts() == [("version", "retail/churn/6", None)]  # since a moment ago


def test_ghost_files(company: Company) -> None:
    """The file holds the same rows."""
    company.register()
    company.say(company.ci, deployed(version=NUMBER_7, **IN_PRODUCTION))
    company.later(3)
    company.run()

    for form in ("csv", "jsonl", "xlsx"):
        answer = company.service.ask("GET", f"ghosts.{form}", company.service.reader)
        assert answer.status_code == 200, answer.text
    text = company.service.ask("GET", "ghosts.csv", company.service.reader).text
    assert text.splitlines()[1].startswith('"deployment","ghost","",')
