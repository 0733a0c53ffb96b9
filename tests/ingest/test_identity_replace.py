"""Another creation time is another thing; a new name is not; numbers stay with their registry."""

from typing import Any

import pytest

from schemas.harvest import Outcome
from schemas.identifiers import encode_segment
from service.db import Database
from tests.support.catalog import Sweep, changes, gone, last_change, post, rows
from tests.support.identity import (
    about,
    groups,
    keys,
    make_source,
    manifest,
    model,
    same,
    settled,
    version,
)


def at(day: int) -> str:
    """Noon of a day in November."""
    return f"2026-11-{day:02}T12:00:00Z"


def born(day: int, observation: Any, *, seen: int | None = None) -> Any:
    """The observation, of a thing that was made on a day."""
    facts = observation["facts"] | {"created_at": at(day)}
    return observation | {"observed_at": at(seen or day), "facts": facts}


def models(database: Database) -> list[Any]:
    """Each generation of models: description, name, whether retired and replaced."""
    return rows(
        database,
        "SELECT description, natural_key, gone_since IS NOT NULL, replaced_by IS NOT NULL "
        "FROM model JOIN entry USING (id) ORDER BY created_at",
    )


def test_replaced_model_keeps_what_it_was(database: Database) -> None:
    """A new entry begins; the old one retires with its last facts and its own versions."""
    source = make_source(database)
    post(database, source, born(1, model(description="old")),
         born(1, version(1, description="old 1")), born(1, version(2)))  # fmt: skip
    post(database, source, born(3, model(description="new")), born(3, version(1, status="READY")))

    assert models(database) == [
        ("old", "retail/churn", True, True),
        ("new", "retail/churn", False, False),
    ]
    assert rows(
        database,
        "SELECT model.description, version.number, version.description, version.status "
        "FROM version JOIN model ON model.id = model_id "
        "ORDER BY version.created_at, version.number",
    ) == [("old", "1", "old 1", None), ("old", "2", None, None), ("new", "1", None, "READY")]
    settled(database)


@pytest.mark.parametrize("together", [True, False])
def test_replaced_three_generations(database: Database, *, together: bool) -> None:
    """Each generation keeps its facts; what arrives late neither replaces nor resurrects."""
    source = make_source(database)
    said = [born(day, model(description=f"born {day}")) for day in (1, 3, 5)]
    for batch in ([said[0]], said[1:]) if together else ([one] for one in said):
        post(database, source, *batch)
    late = born(1, model(description="late"), seen=2)
    post(database, source, late, born(3, model(description="late"), seen=4))

    expected = [
        ("born 1", "retail/churn", True, True),
        ("born 3", "retail/churn", True, True),
        ("born 5", "retail/churn", False, False),
    ]
    assert models(database) == (expected[::2] if together else expected)
    settled(database)


def test_replaced_while_another_subject_lives(database: Database) -> None:
    """The old entry lives on with its name; the new one has none, and the contest is shown."""
    source = make_source(database)
    git = make_source(database, "git", kind="ci", precedence=70)
    post(database, source, born(1, model(description="old")), born(1, version(1)))
    post(database, git, manifest("churn", task="ranking"))
    post(database, source, born(3, model(description="new")), born(3, version(1)))

    assert models(database) == [
        ("new", None, False, False),
        (None, "retail/churn", False, False),
    ]
    assert rows(database, "SELECT conflicts FROM model WHERE description = 'new'") == [(["name"],)]
    post(database, git, manifest("churn", at=at(22), task="regression"))
    post(database, source, born(3, model(description="newer"), seen=22))
    assert len(groups(database)) == 2
    settled(database)

    post(database, git, manifest("leaving", file="churn", at=at(23)))
    assert keys(database, "model") == ["retail/churn", "retail/leaving"]
    assert keys(database) == ["retail/churn/1"]
    settled(database)


def test_replaced_version_takes_what_adds_facts_along(database: Database) -> None:
    """What its training run said of the old one stays there; what it says next is the new one's."""
    source = make_source(database)
    post(database, source, model(), born(1, version(1)))
    training = version(1)
    training["subject"] = about("version", "mlflow-prod/default/churn/1", "mlflow-training")
    training = same(training | {"facts": {"framework": "old"}}, version(1)) | {"observed_at": at(2)}
    post(database, source, training)
    post(database, source, born(3, version(1)))
    post(database, source, training | {"facts": {"framework": "new"}, "observed_at": at(4)})

    assert rows(database, "SELECT framework, number FROM version ORDER BY created_at") == [
        ("old", "1"),
        ("new", "1"),
    ]
    settled(database)


def test_replaced_model_later_confirms_its_versions(database: Database) -> None:
    """A version made between the two listings of a sweep moves to the model that has it."""
    source = make_source(database)
    post(database, source, born(1, model(description="old")), born(1, version(1)))
    post(database, source, born(2, version(1), seen=3))
    second = Sweep(database, source)
    everything = [born(2, model(description="new"), seen=4), born(2, version(1), seen=4)]
    second.sweep(*everything)
    second.close()

    assert rows(
        database,
        "SELECT model.description, version.created_at::date::text FROM version "
        "JOIN model ON model.id = model_id ORDER BY 2",
    ) == [("old", "2026-11-01"), ("new", "2026-11-02")]
    settled(database)


def test_replaced_model_merges_and_its_past_stays(database: Database) -> None:
    """Versions that the old model had stay with it, wherever the new one goes."""
    source = make_source(database)
    post(database, source, model("a"))
    post(database, source, born(1, model(description="old")), born(1, version(1)))
    post(database, source, born(3, model(description="new")), born(3, version(2)))
    post(database, source, same(born(3, model(description="new"), seen=4), model("a")))

    assert rows(
        database,
        "SELECT number, model.description FROM version JOIN model ON model.id = model_id "
        "ORDER BY number",
    ) == [("1", "old"), ("2", "new")]
    settled(database)


def test_latest_is_not_decided_by_a_confirmation(database: Database) -> None:
    """The newest word is the one that was said last, not the one that was heard again last."""
    source = make_source(database)
    other = make_source(database, "mlflow-other")
    post(database, source, model(), version(1, status="A", at=at(20)))
    post(database, other, same(model(source="mlflow-other"), model()))
    said = version(1, source="mlflow-other", status="B", at=at(21))
    post(database, other, same(said, version(1)))
    assert rows(database, "SELECT status FROM version") == [("B",)]

    sweep = Sweep(database, source)
    sweep.sweep(model(), version(1, status="A", at=at(20)))
    sweep.close()

    assert rows(database, "SELECT status FROM version") == [("B",)]
    settled(database)


def test_retired_version_keeps_its_last_facts(database: Database) -> None:
    """Also where a statement that only adds facts is not gone."""
    source = make_source(database)
    training = version(1) | {"facts": {"framework": "xgboost"}}
    training["subject"] = about("version", "mlflow-prod/default/churn/1", "mlflow-training")
    post(database, source, model(), version(1, status="READY"), same(training, version(1)))
    post(database, source, gone(version(1), at(22)))

    assert rows(
        database,
        "SELECT number, status, framework, model_id IS NOT NULL, gone_since IS NOT NULL "
        "FROM version JOIN entry USING (id)",
    ) == [("1", "READY", "xgboost", True, True)]
    settled(database)


def test_renamed_in_registry(database: Database) -> None:
    """The entry stays, its name changes with one ledger row, its versions' names follow."""
    source = make_source(database)
    first = Sweep(database, source)
    first.sweep(model("old"), version(1, "old"), version(2, "old"))
    first.close()
    after = last_change(database)
    entries = rows(database, "SELECT id FROM entry ORDER BY id")

    second = Sweep(database, source)
    second.sweep(
        same(model("new", at=at(22)), model("old")),
        same(version(1, "new", at=at(22)), version(1, "old")),
        same(version(2, "new", at=at(22)), version(2, "old")),
    )
    second.send(*(gone(one, at(23)) for one in (model("old"), version(1, "old"))))
    assert second.close(Outcome.COMPLETE).retired == 0

    assert rows(database, "SELECT id FROM entry ORDER BY id") == entries
    assert keys(database, "model") == ["retail/new"]
    assert keys(database) == ["retail/new/1", "retail/new/2"]
    told = [(c["field"], c["old"], c["new"]) for c in changes(database, after)]
    assert [one for one in told if one[0] == "name"] == [("name", "old", "new")]
    assert [one for one in told if one[0] == "natural_key"] == [
        ("natural_key", "retail/old/1", "retail/new/1"),
        ("natural_key", "retail/old/2", "retail/new/2"),
    ]
    settled(database)


def test_renamed_by_tag_takes_children_along(database: Database) -> None:
    """Versions, uses and deployments follow the model's name and namespace."""
    source = make_source(database, may_name=["retail", "wholesale"])
    post(database, source, model(), version(7))
    deployment = {
        "subject": about("deployment", "prod/ml/churn", "kserve"),
        "observed_at": at(20),
        "facts": {"version": version(7)["subject"], "environment": "production"},
    }
    post(database, source, deployment)
    tagged = model(at=at(22)) | {"facts": {"namespace": "wholesale", "name": "leaving"}}
    after = last_change(database)
    post(database, source, tagged)

    assert rows(database, "SELECT kind, namespace, natural_key FROM entry ORDER BY kind") == [
        ("deployment", "wholesale", None),
        ("model", "wholesale", "wholesale/leaving"),
        ("version", "wholesale", "wholesale/leaving/7"),
    ]
    assert sorted((c["kind"], c["field"]) for c in changes(database, after)) == [
        ("deployment", "namespace"),
        ("model", "name"),
        ("model", "namespace"),
        ("version", "natural_key"),
    ]
    settled(database)


def test_renamed_model_sets_its_name_free(database: Database) -> None:
    """A new model of the old name is another thing: it joins neither the old nor its versions."""
    source = make_source(database)
    post(database, source, model("a"), version(1, "a"))
    tagged = model("a", at=at(22)) | {"facts": {"namespace": "retail", "name": "b"}}
    post(database, source, tagged)
    named = model("c", at=at(23)) | {"facts": {"namespace": "retail", "name": "a"}}
    post(database, source, named, version(1, "c", at=at(23)))

    assert len(groups(database)) == 2
    assert keys(database) == ["retail/a/1", "retail/b/1"]
    settled(database)


def test_numbers_stay_with_the_first_registry(database: Database) -> None:
    """The first registry's numbers stand bare, another one's carry its name: a decision."""
    source = make_source(database)
    staging = make_source(database, "mlflow-staging")
    post(database, source, model())
    post(database, staging, model(source="mlflow-staging"), version(7, source="mlflow-staging"))
    post(database, source, version(7))

    assert keys(database) == ["retail/churn/7", "retail/churn/7@mlflow-staging"]
    assert len(groups(database, "version")) == 2
    decided = rows(database, "SELECT op, source_id, evidence FROM identity_decision")
    assert decided == [("numbering", source.id, {"source": "mlflow-prod"})]
    numbered = [c for c in changes(database) if c["op"] == "number"]
    assert [(c["kind"], c["field"], c["new"]) for c in numbered] == [
        ("model", "numbered_by", "mlflow-prod")
    ]
    settled(database)


def test_numbers_after_a_merge(database: Database) -> None:
    """Of two registries that meet, the one that was numbered first keeps its bare numbers."""
    source = make_source(database)
    git = make_source(database, "git", kind="ci", precedence=70)
    staging = make_source(database, "mlflow-staging")
    post(database, git, manifest("leaving"))  # the oldest entry has no registry yet
    post(database, source, model(), version(7))
    post(database, staging, model("leaving", source="mlflow-staging"))
    post(database, staging, version(7, "leaving", source="mlflow-staging"))

    post(database, git, same(manifest("leaving", at=at(22)), model()))

    assert keys(database) == ["retail/leaving/7", "retail/leaving/7@mlflow-staging"]
    assert rows(
        database,
        "SELECT source.name FROM entry JOIN source ON source.id = numbered_by "
        "WHERE merged_into IS NULL",
    ) == [("mlflow-prod",)]
    settled(database)


def test_stub_is_described_by_its_source(database: Database) -> None:
    """A mention makes a visible stub; whoever describes it later fills the same entry."""
    source = make_source(database)
    ci = make_source(database, "ci", kind="ci", precedence=60, namespace="platform")
    deployment = {
        "subject": about("deployment", "ci/churn-prod", "ci"),
        "observed_at": at(20),
        "facts": {"version": version(7)["subject"], "environment": "production"},
    }
    assert post(database, ci, deployment).refused == ()
    stub = rows(database, "SELECT id, stub, namespace FROM entry WHERE kind = 'version'")
    assert [one[1:] for one in stub] == [(True, "platform")]
    settled(database)
    after = last_change(database)

    post(database, source, model(), version(7))

    found = rows(database, "SELECT id, stub, namespace FROM entry WHERE kind = 'version'")
    assert found == [(stub[0][0], False, "retail")]
    assert rows(database, "SELECT namespace FROM entry WHERE kind = 'deployment'") == [("retail",)]
    assert ("describe", "version") in {(c["op"], c["kind"]) for c in changes(database, after)}
    settled(database)


def test_stub_joins_the_model_that_bears_the_name(database: Database) -> None:
    """A foreign mention of a registry's model does not keep it from its natural name."""
    source = make_source(database)
    git = make_source(database, "git", kind="ci", precedence=70)
    ci = make_source(database, "ci", kind="ci", precedence=60, namespace="platform")
    post(database, git, manifest("churn"))
    foreign = version(7)
    foreign["subject"] = about("version", "platform/other/1", "number")
    post(database, ci, foreign | {"facts": {"model": model()["subject"]}})

    post(database, source, model(description="known"))

    assert keys(database, "model") == ["retail/churn"]
    assert rows(database, "SELECT description FROM model JOIN entry USING (id) "
                          "WHERE merged_into IS NULL") == [("known",)]  # fmt: skip
    settled(database)


def test_change_names_its_evidence(database: Database) -> None:
    """Each changed field says by which statement it was decided."""
    source = make_source(database)
    post(database, source, model(description="A"))
    after = last_change(database)
    post(database, source, model(at=at(22), description="B"))

    digest = rows(database, "SELECT digest FROM sighting")[0][0]
    assert [c["observation"] for c in changes(database, after)] == [
        {
            "source": "mlflow-prod",
            "subject": "mlflow:mlflow-prod/default/churn",
            "digest": digest,
            "observed_at": "2026-11-22T12:00:00.000000Z",
        }
    ]


@pytest.mark.parametrize("number", ["7" * 1_100, "a/b", "7#x", "Ä%2F"])
def test_number_that_is_odd(database: Database, number: str) -> None:
    """A number too long for a name is refused alone; others are kept as written."""
    source = make_source(database)
    odd = version(1) | {"facts": version(1)["facts"] | {"number": number}}
    written = encode_segment(number)
    odd["subject"] = about("version", f"mlflow-prod/default/churn/{written}")
    receipt = post(database, source, model(), odd, version(2))

    assert receipt.recorded == (2 if len(number) > 1_000 else 3)
    assert [r.code for r in receipt.refused] == (["invalid"] if len(number) > 1_000 else [])
    settled(database)
