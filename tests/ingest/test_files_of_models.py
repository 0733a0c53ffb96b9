"""What files add to a model: nothing without its manifest, and less than its manifest."""

from typing import Any

from service.db import Database
from tests.support.catalog import NOON, make_source, model, post, rows
from tests.support.harvester import served
from tests.support.http import make_token as make_person
from tests.support.identity import about, same, settled

MANIFEST = "github.com/1#model.yaml"
OTHER = "github.com/2#model.yaml"


def manifest(value: str = MANIFEST, **facts: Any) -> Any:
    """A manifest of the model."""
    return {
        "subject": about("model", value, "manifest"),
        "observed_at": NOON,
        "facts": {"namespace": "retail", "name": "churn"} | facts,
    }


def card(value: str = MANIFEST, **facts: Any) -> Any:
    """What a README beside it says."""
    said = {
        "subject": about("model", f"{value.partition('#')[0]}#README.md#model.yaml", "foreign"),
        "observed_at": NOON,
        "facts": facts,
    }
    return same(said, about("model", value, "manifest"))


def use(value: str = MANIFEST, **facts: Any) -> Any:
    """A use that the manifest declares."""
    return {
        "subject": about("use", "retail/churn/offers", "name"),
        "observed_at": NOON,
        "facts": {"model": about("model", value, "manifest"), "name": "offers"} | facts,
    }


def test_ranks(database: Database) -> None:
    """A manifest outranks other files of its source, these outrank the registry; all are shown."""
    repositories = make_source(database, "github-acme", kind="github")
    registry = make_source(database)
    post(database, registry, model("churn", license="MIT"))

    post(database, repositories, manifest(license="Apache-2.0"), card(license="GPL-3.0-only"))

    with served(database) as client:
        headers = {"Authorization": f"Bearer {make_person(database, 'reader')}"}
        path = "/api/v1/models/retail/churn?provenance=true"
        said = client.get(path, headers=headers).json()["provenance"]["license"]
        listed = client.get("/api/v1/conflicts", headers=headers).json()["items"]
    ranked = [(one["value"], one["precedence"]) for one in (said, *said["contenders"])]
    assert ranked == [("Apache-2.0", 70), ("GPL-3.0-only", 50), ("MIT", 40)]
    assert said["conflict"]
    (conflict,) = [one for one in listed if one["field"] == "license"]
    assert [one["precedence"] for one in conflict["contenders"]] == [50, 40]
    assert conflict["decided_by"] == "precedence"
    settled(database)


def test_nothing_without_a_manifest(database: Database) -> None:
    """No model is invented by what stands beside one; in a batch the order does not matter."""
    source = make_source(database, "github-acme", kind="github")

    alone = post(database, source, card(license="MIT"), use())
    together = post(database, source, card(license="MIT"), use(), manifest())

    assert [one.code for one in alone.refused] == ["model_not_described"] * 2
    assert together.refused == ()
    assert rows(database, "SELECT license FROM model") == [("MIT",)]
    assert rows(database, "SELECT count(*) FROM use") == [(1,)]
    settled(database)


def test_a_contested_manifest_brings_nothing(database: Database) -> None:
    """Who claims another repository's name changes neither its model nor its uses."""
    source = make_source(database, "github-acme", kind="github")
    post(database, source, manifest(), use(purpose="ours"))

    receipt = post(
        database, source, manifest(OTHER, license="MIT"), card(OTHER, license="MIT"),
        use(OTHER, purpose="theirs"),
    )  # fmt: skip

    assert sorted(one.code for one in receipt.refused) == [
        "contested_claim", "model_not_described", "model_not_described",
    ]  # fmt: skip
    assert rows(database, "SELECT license FROM model") == [(None,)]
    assert rows(database, "SELECT purpose FROM use") == [("ours",)]
    settled(database)
