"""Identifiers that meet become one thing, once, wherever they meet and in whatever order."""

from typing import Any

import pytest
import sqlalchemy as sa

from service.db import Database
from service.ingest.tables import IdentityDecision
from tests.support.catalog import changes, last_change, post, rows
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


def test_merge_chained_in_one_batch(database: Database) -> None:
    """X joins A and A joins Z in one batch: all subjects end at Z, and each knows its home."""
    source = make_source(database)
    for name in ("z", "a", "x"):
        post(database, source, model(name), version(1, name))
    homes = dict(rows(database, "SELECT value, entry_id::text FROM subject"))

    post(
        database,
        source,
        same(model("x", at="2026-11-21T00:00:00Z"), model("a")),
        same(model("a", at="2026-11-21T00:00:00Z"), model("z")),
    )

    assert groups(database) == {frozenset(f"mlflow-prod/default/{n}" for n in "zax")}
    merges = rows(
        database,
        "SELECT homes FROM identity_decision WHERE op = 'merge' AND entry_id IN "
        "(SELECT id FROM model) ORDER BY id",
    )
    names = dict(rows(database, "SELECT id::text, value FROM subject WHERE scheme = 'mlflow'"))
    moved = [{names[s]: e for s, e in homes.items() if s in names} for (homes,) in merges]
    x, a = "mlflow-prod/default/x", "mlflow-prod/default/a"
    assert moved == [{x: homes[x]}, {x: homes[a], a: homes[a]}]
    settled(database)


def test_merge_three_in_one_observation(database: Database) -> None:
    """One observation that names three entries joins them all to the oldest."""
    source = make_source(database)
    for name in ("z", "a", "x"):
        post(database, source, model(name))
    post(database, source, same(model("x", at="2026-11-21T00:00:00Z"), model("a"), model("z")))

    assert groups(database) == {frozenset(f"mlflow-prod/default/{n}" for n in "zax")}
    assert len(rows(database, "SELECT 1 FROM entry WHERE merged_into IS NOT NULL")) == 2
    settled(database)


def test_merge_is_followed_by_those_that_refer(database: Database) -> None:
    """Versions, uses and links of a merged model belong to the one that stays."""
    source = make_source(database)
    repositories = make_source(database, "git", kind="ci", precedence=70)
    team = {"owner": about("owner", "team:x", "handle"), "role": "accountable"}
    post(database, source, model("churn"), version(7))
    post(database, repositories, manifest("leaving", owners=[team]))
    use = {
        "subject": about("use", "retail/leaving/offers", "name"),
        "observed_at": "2026-11-20T12:00:00Z",
        "facts": {"model": manifest("leaving")["subject"], "purpose": "offers"},
    }
    post(database, repositories, use)

    again = manifest("leaving", at="2026-11-21T00:00:00Z", owners=[team])
    receipt = post(database, repositories, same(again, model("churn")))

    assert receipt.refused == ()
    stays = rows(database, "SELECT id FROM entry WHERE kind = 'model' AND merged_into IS NULL")
    assert len(stays) == 1
    assert rows(database, "SELECT model_id FROM version UNION SELECT model_id FROM use") == stays
    assert rows(database, "SELECT entry_id FROM link WHERE field = 'owners'") == stays
    assert keys(database) == ["retail/leaving/7"]
    assert keys(database, "use") == ["retail/leaving/offers"]
    settled(database)


def test_merge_joins_versions_of_one_registry(database: Database) -> None:
    """Equal numbers of one registry become one version when their models become one model."""
    source = make_source(database)
    post(database, source, model("old"), version(1, "old"), version(2, "old"))
    post(database, source, model("new"), version(1, "new"), version(3, "new"))

    post(database, source, same(model("new", at="2026-11-21T00:00:00Z"), model("old")))

    one = "mlflow-prod/default"
    assert groups(database, "version") == {
        frozenset({f"{one}/old/1", f"{one}/new/1"}),
        frozenset({f"{one}/old/2"}),
        frozenset({f"{one}/new/3"}),
    }
    assert keys(database) == ["retail/new/1", "retail/new/2", "retail/new/3"]
    settled(database)


def test_merge_across_namespaces_is_only_proposed(database: Database) -> None:
    """Once, not again with every harvest; and both things stay what they are."""
    source = make_source(database)
    shared = make_source(database, "git", kind="ci", precedence=70, namespace="wholesale",
                         may_name=["wholesale", "retail"])  # fmt: skip
    post(database, source, model())
    for hour in range(3):
        at = f"2026-11-21T0{hour}:00:00Z"
        said = manifest("churn", namespace="wholesale", at=at, description=at)
        receipt = post(database, shared, same(said, model()))
        assert receipt.refused == ()

    assert len(groups(database)) == 2
    assert keys(database, "model") == ["retail/churn", "wholesale/churn"]
    assert rows(database, "SELECT op FROM identity_decision WHERE op <> 'numbering'") == [
        ("proposed",)
    ]
    settled(database)


def test_merge_of_strangers_is_refused(database: Database) -> None:
    """`same_as` something in a namespace outside `may_name` is refused with its place."""
    source = make_source(database)
    stranger = make_source(database, "git", kind="ci", precedence=70, namespace="wholesale")
    post(database, source, model())

    receipt = post(database, stranger, same(manifest("x", namespace="wholesale"), model()))

    assert [(r.code, r.pointer) for r in receipt.refused] == [
        ("namespace_not_allowed", "/same_as/0/value")
    ]
    assert len(groups(database)) == 1


def test_merge_claimed_before_its_source_spoke(database: Database) -> None:
    """Whoever names a registry's model first does not take it over, nor its namespace."""
    source = make_source(database)
    stranger = make_source(database, "git", kind="ci", precedence=70, namespace="wholesale")
    claimed = manifest("x", namespace="wholesale", description="mine")
    post(database, stranger, same(claimed, model("secret")))

    post(database, source, model("secret", description="ours"))

    assert keys(database, "model") == ["retail/secret", "wholesale/x"]
    assert len(groups(database)) == 2
    assert rows(database, "SELECT op FROM identity_decision WHERE op <> 'numbering'") == [
        ("proposed",)
    ]
    settled(database)


@pytest.mark.parametrize("split", [True, False])
def test_separated_pair_stays_apart(database: Database, *, split: bool) -> None:
    """A separation outranks `same_as`, also for what has merged with either since."""
    source = make_source(database)
    for name in ("a", "b", "c"):
        post(database, source, model(name))
    _separate(database, "a", "b")
    said = [
        same(model("c", at="2026-11-21T00:00:00Z"), model("a")),
        same(model("b", at="2026-11-21T00:00:00Z"), model("c")),
    ]
    for batch in ([said[0]], [said[1]]) if split else (said,):
        post(database, source, *batch)

    one = "mlflow-prod/default"
    assert groups(database) == {frozenset({f"{one}/a", f"{one}/c"}), frozenset({f"{one}/b"})}
    settled(database)


def _separate(database: Database, *names: str) -> None:
    """What un-merging by a person will record."""
    ids = [
        rows(database, "SELECT entry_id FROM subject WHERE value = :value", value=value)[0][0]
        for value in (f"mlflow-prod/default/{name}" for name in names)
    ]
    decision = IdentityDecision.__table__
    with database.writing() as session:
        session.execute(
            sa.insert(decision).values(
                op="separated", entry_id=ids[0], other_id=ids[1], homes={}, evidence={},
                change_id=last_change(database),
            )
        )  # fmt: skip


def test_merge_has_decision_and_ledger_row(database: Database) -> None:
    """Who said that two things are one, by which observation, stands in the ledger."""
    source = make_source(database)
    post(database, source, model("a"), model("b"))
    after = last_change(database)
    said = same(model("b", at="2026-11-21T00:00:00Z"), model("a"))
    post(database, source, said)

    merged = [c for c in changes(database, after) if c["op"] == "merge"]
    assert [(c["kind"], c["source"], c["observation"]["subject"]) for c in merged] == [
        ("model", "mlflow-prod", said["subject"])
    ]
    found = rows(database, "SELECT entry_id::text, other_id::text FROM identity_decision "
                           "WHERE op = 'merge'")  # fmt: skip
    assert [(c["new"], c["entry"]) for c in merged] == found


def test_name_collision_within_a_batch(database: Database) -> None:
    """Two models of one registry whose names fold alike: the second one is refused."""
    source = make_source(database)
    receipt = post(database, source, model("Churn"), model("churn"), model("fraud"))

    assert [(r.index, r.code) for r in receipt.refused] == [(1, "name_collision")]
    assert keys(database, "model") == ["retail/churn", "retail/fraud"]
    later = post(database, source, model("CHURN"))
    assert [r.code for r in later.refused] == ["name_collision"]


def test_name_collision_by_rename(database: Database) -> None:
    """Nor may a model take the name of another one of its registry, both ways neither."""
    source = make_source(database)
    post(database, source, model("a"), model("b"))
    swapped: list[Any] = [
        model("a", at="2026-11-21T00:00:00Z") | {"facts": {"namespace": "retail", "name": "b"}},
        model("b", at="2026-11-21T00:00:00Z") | {"facts": {"namespace": "retail", "name": "a"}},
    ]
    receipt = post(database, source, *swapped)

    assert [r.code for r in receipt.refused] == ["name_collision", "name_collision"]
    assert len(groups(database)) == 2


def test_two_sources_that_know_one_model(database: Database) -> None:
    """The natural name joins them; precedence decides each field, conflicts are shown."""
    registry = make_source(database)
    git = make_source(database, "git", kind="ci", precedence=70,
                      field_precedence={"task": 10})  # fmt: skip
    post(database, registry, model(description="from MLflow", task="ranking"))
    post(database, git, manifest("Churn", description="from the manifest", task="regression"))

    assert rows(database, "SELECT description, task, conflicts FROM model") == [
        ("from the manifest", "ranking", ["description", "name", "task"])
    ]
    settled(database)
