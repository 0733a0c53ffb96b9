"""People say that two things are one, or two after all: nothing is lost on either way."""

from typing import Any

import pytest

from schemas.identifiers import Kind
from service.db import Database
from service.errors import Conflict, InsufficientScope
from service.ingest.called import Decider, KindsDiffer, find_called
from service.ingest.merge import AlreadyMerged, EntryReplaced, SameEntry, Separated, merge
from service.ingest.partition import compare_identities
from service.ingest.rebuild import reconcile_all
from service.ingest.unmerge import NothingMerged, NotMergedHere, WhichOne
from tests.conftest import Statements
from tests.support.catalog import (
    OPERATOR,
    Sweep,
    changes,
    entries,
    last_change,
    make_source,
    post,
    rows,
)
from tests.support.identity import (
    about,
    decide,
    find_id,
    groups,
    keys,
    make_admin,
    manifest,
    model,
    same,
    settled,
    version,
)

ONE = "mlflow-prod/default"
EXACT = ("entry", "link", "entry_namespace", "subject", "pin", "model", "version", "use", "owner",
         "deployment", "dataset", "index_card")  # fmt: skip


def differences(one: dict[str, set[str]], two: dict[str, set[str]]) -> dict[str, Any]:
    """What two states do not have in common."""
    return {name: (one[name] - two[name], two[name] - one[name]) for name in one
            if one[name] != two[name]}  # fmt: skip


def exact(database: Database) -> dict[str, set[str]]:
    """Every row of what a reader sees and identity rests on, ids included; without when."""
    moments = "ARRAY['valid_from', 'last_changed_at']"
    return {
        name: {
            row
            for (row,) in rows(
                database,
                f'SELECT (to_jsonb(t) - {moments})::text FROM "{name}" t',  # noqa: S608
            )
        }
        for name in EXACT
    }


def use(of: Any, name: str, **facts: Any) -> Any:
    """An observation of a use of a model."""
    natural = f"retail/{of['facts']['name']}/{name}"
    return {
        "subject": about("use", natural, "name"),
        "observed_at": "2026-11-20T12:00:00Z",
        "facts": {"model": of["subject"], "name": name} | facts,
    }


def fill(database: Database) -> Any:
    """Two models of one registry with versions, uses, links, a deployment and pins."""
    source = make_source(database)
    owned: dict[str, Any] = {
        "owners": [{"owner": about("owner", "team:a", "handle"), "role": "accountable"}]
    }
    link: dict[str, Any] = {"datasets": [{"dataset": about("dataset", "s3://lake/a", "uri")}]}
    post(database, source, model("a", task="ranking", **owned), version(1, "a", **link),
         version(2, "a"), use(model("a"), "offers", purpose="a"))  # fmt: skip
    post(database, source, model("b", description="b"), version(1, "b"), version(3, "b"),
         use(model("b"), "offers", purpose="b"), use(model("b"), "risk"))  # fmt: skip
    served = {
        "subject": about("deployment", "cluster/b", "k8s"),
        "observed_at": "2026-11-20T12:00:00Z",
        "facts": {"version": version(1, "b")["subject"]},
    }
    post(database, source, served)
    with database.writing() as session:
        session.connection().exec_driver_sql(
            "INSERT INTO pin (entry_id, field, value, joined, beneath, reason, pinned_by, "
            "pinned_at, change_id) SELECT model.id, 'license', '\"MIT\"', false, 'null', 'tests', "
            "'tests', now(), (SELECT min(id) FROM change) FROM model"
        )
    list(reconcile_all(database, actor=OPERATOR, dry_run=False))
    return source


def test_merge_by_people(database: Database) -> None:
    """The younger joins the older, with versions and uses that are equal; a ledger row each."""
    fill(database)
    after = last_change(database)
    done = decide(database, "model", "retail/b", "retail/a", reason="one team renamed it")

    assert (done.stays_name, done.other_name, done.also) == ("retail/a", "retail/b", 2)
    assert groups(database) == {frozenset({f"{ONE}/a", f"{ONE}/b"})}
    assert groups(database, "version") == {
        frozenset({f"{ONE}/a/1", f"{ONE}/b/1"}), frozenset({f"{ONE}/a/2"}),
        frozenset({f"{ONE}/b/3"}),
    }  # fmt: skip
    assert len(keys(database, "use")) == 2
    merged = [c for c in changes(database, after) if c["op"] == "merge"]
    assert sorted(c["kind"] for c in merged) == ["model", "use", "version"]
    assert {c["reason"] for c in merged} == {"one team renamed it"}
    assert rows(database, "SELECT DISTINCT reason FROM identity_decision WHERE op = 'merge'") == [
        ("one team renamed it",)
    ]
    settled(database)


@pytest.mark.parametrize("named", ["the younger", "the older", "nobody"])
def test_unmerge_restores_exactly(database: Database, named: str) -> None:
    """All rows of both, ids included, are what they were; and the history tells both ways."""
    source = fill(database)
    before = exact(database)
    a, b = find_id(database, f"{ONE}/a"), find_id(database, f"{ONE}/b")
    decide(database, "model", a, b)
    assert exact(database) != before
    other = {"the younger": f"mlflow:{ONE}/b", "the older": None, "nobody": None}[named]
    path = b if named == "the older" else a
    done = decide(database, "model", path, other, verb="unmerge")

    assert (done.stays, done.other) == (a, b)
    assert differences(exact(database), before) == {}
    told = {(c["op"], c["entry"]) for c in changes(database) if c["kind"] == "model"}
    assert {("merge", str(b)), ("unmerge", str(b))} <= told
    settled(database)
    post(database, source, model("a", task="ranking", at="2026-11-21T00:00:00Z"))
    settled(database)


def test_unmerge_and_next_sweep(database: Database) -> None:
    """What a person took apart stays apart, whatever the source states again."""
    source = make_source(database)
    everything = [model("a"), version(1, "a"), same(model("b"), model("a")),
                  same(version(1, "b"), version(1, "a")), version(2, "b")]  # fmt: skip
    post(database, source, model("a", at="2026-11-19T00:00:00Z"))
    post(database, source, model("b", at="2026-11-19T00:00:00Z"))
    post(database, source, version(1, "a"), version(1, "b", at="2026-11-19T00:00:00Z"))
    first = Sweep(database, source)
    first.sweep(*everything)
    first.close()
    assert len(groups(database)) == 1
    assert len(groups(database, "version")) == 2
    decide(database, "model", find_id(database, f"{ONE}/b"), f"mlflow:{ONE}/b", verb="unmerge")
    assert len(groups(database)) == 2
    apart = groups(database, "version")
    assert len(apart) == 3

    for hour in (1, 2):
        again = Sweep(database, source)
        said = [one | {"observed_at": f"2026-11-21T0{hour}:00:00Z"} for one in everything]
        said = [one | {"facts": one["facts"] | {"description": f"{hour}"}} for one in said]
        again.sweep(*said)
        again.close()
        assert len(groups(database)) == 2
        assert groups(database, "version") == apart
        assert keys(database) == ["retail/a/1", "retail/b/1", "retail/b/2"]
    settled(database)


def test_unmerge_and_later_versions(database: Database) -> None:
    """Versions that come after the models were taken apart stay apart, whatever is stated."""
    source = make_source(database)
    post(database, source, model("a"), model("b", at="2026-11-19T00:00:00Z"))
    decide(database, "model", f"mlflow:{ONE}/a", f"mlflow:{ONE}/b")
    decide(database, "model", find_id(database, f"{ONE}/a"), None, verb="unmerge")
    at = "2026-11-21T00:00:00Z"
    unknown = same(version(1, "b", at=at), version(1, "a"))  # a/1 is described by nobody yet
    post(database, source, unknown)
    post(database, source, version(1, "a", at=at), version(2, "a", at=at), version(3, "b", at=at))
    post(database, source, same(version(2, "b", at=at), version(2, "a")))
    known = about("version", "retail/a/2", "number")
    post(database, source, same(version(3, "b", at="2026-11-22T00:00:00Z"), known))
    below = keys(database)

    assert below == [f"retail/{one}" for one in ("a/1", "a/2", "b/1", "b/2", "b/3")]
    assert list(compare_identities(database)) == []
    settled(database)
    decide(database, "model", f"mlflow:{ONE}/a", f"mlflow:{ONE}/b", lift=True)
    assert keys(database) == ["retail/a/1", "retail/a/2", "retail/a/3"]
    settled(database)


@pytest.mark.parametrize("described", [True, False])
def test_unmerge_what_the_batch_merged(database: Database, *, described: bool) -> None:
    """A merge that an observation made is undone like one by a person; a stub has no name again."""
    source = make_source(database)
    known = [model("a", task="ranking")] if described else []
    post(database, source, *known, version(1, "a"), version(2, "a"))
    post(database, source, model("b"), version(1, "b", status="READY"), version(3, "b"))
    before = exact(database)
    stated = model("b")
    post(database, source, same(stated | {"observed_at": "2026-11-21T00:00:00Z"}, model("a")))
    assert len(groups(database)) == 1
    post(database, source, stated | {"observed_at": "2026-11-22T00:00:00Z"})
    decide(database, "model", "retail/b", None, verb="unmerge")

    found = exact(database)
    for name in EXACT:
        if name not in {"model", "version"}:  # they name another observation
            assert found[name] == before[name], name
    settled(database)


def test_merge_refused(database: Database) -> None:
    """Itself, what is merged already, cycles and chains, other kinds, what was replaced."""
    source = make_source(database)
    post(database, source, *(model(name) for name in "abcd"), version(1, "a"))
    ids = {name: find_id(database, f"{ONE}/{name}") for name in "abcd"}

    def refused(error: type[Conflict], one: Any, other: Any, **asked: Any) -> None:
        before = last_change(database)
        with pytest.raises(error):
            decide(database, asked.pop("kind", "model"), one, other, **asked)
        assert last_change(database) == before

    refused(SameEntry, "retail/a", ids["a"])
    refused(NothingMerged, "retail/a", None, verb="unmerge")
    refused(KindsDiffer, "retail/a", find_id(database, f"{ONE}/a/1"))
    decide(database, "model", ids["a"], ids["b"])
    refused(AlreadyMerged, ids["b"], ids["a"])
    refused(AlreadyMerged, ids["a"], ids["b"])
    decide(database, "model", ids["b"], ids["c"])
    refused(AlreadyMerged, ids["c"], ids["a"])
    refused(AlreadyMerged, ids["b"], ids["c"])
    refused(NotMergedHere, ids["a"], f"mlflow:{ONE}/d", verb="unmerge")
    refused(NothingMerged, "retail/d", f"mlflow:{ONE}/a", verb="unmerge")
    refused(NotMergedHere, ids["b"], ids["a"], verb="unmerge")
    refused(WhichOne, ids["a"], None, verb="unmerge")
    decide(database, "model", ids["a"], ids["b"], verb="unmerge")
    refused(Separated, ids["a"], ids["b"])
    decide(database, "model", ids["a"], ids["b"], lift=True)
    post(database, source, model("d", created_at="2026-11-01T00:00:00Z",
                                 at="2026-11-21T00:00:00Z"))  # fmt: skip
    post(database, source, model("d", created_at="2026-11-02T00:00:00Z",
                                 at="2026-11-22T00:00:00Z"))  # fmt: skip
    new = find_id(database, f"{ONE}/d")
    refused(EntryReplaced, new, ids["d"])
    refused(EntryReplaced, ids["a"], ids["d"])
    settled(database)


def test_merge_across_namespaces(database: Database) -> None:
    """An admin of both may; one of a single namespace, or of a thing without one, may not."""
    source = make_source(database)
    other = make_source(database, "mlflow-b", namespace="wholesale")
    team: dict[str, Any] = {
        "owners": [{"owner": about("owner", f"team:{n}", "handle")} for n in "xy"]
    }
    post(database, source, model("a", **team))
    foreign = model("b", source="mlflow-b", at="2026-11-21T00:00:00Z")  # the newest word
    post(database, other, foreign | {"facts": {"namespace": "wholesale", "name": "b"}})
    ids = [find_id(database, value) for value in (f"{ONE}/a", "mlflow-b/default/b")]
    owners = [find_id(database, f"team:{n}") for n in "xy"]
    before = exact(database)

    def attempt(caller: Any, kind: str, pair: Any) -> Any:
        def work(session: Any) -> Any:
            one, two = (
                find_called(session, Kind(kind), given=str(given), caller=caller) for given in pair
            )
            return merge(session, (one, two), by=Decider(caller, "tests"), lifting=False)

        return database.transact(work)

    with pytest.raises(InsufficientScope):
        attempt(make_admin(frozenset({"retail"})), "owner", owners)
    attempt(make_admin(frozenset({"retail", "wholesale"})), "model", ids)
    assert len(groups(database)) == 1
    assert keys(database, "model") == ["retail/a"]  # whoever knew it finds it where it was
    settled(database)
    decide(database, "model", ids[0], None, verb="unmerge")
    assert differences(exact(database), before) == {}


@pytest.mark.parametrize("cut", ["b", "c", "d"])
def test_unmerge_in_a_chain(database: Database, cut: str) -> None:
    """A ← B ← C and D: whoever leaves takes along what had joined it before."""
    source = make_source(database)
    names = ("a", "b", "c", "d")
    post(database, source, *(model(name) for name in names))
    post(database, source, *(version(1, name) for name in names))
    before = exact(database)
    ids = {name: find_id(database, f"{ONE}/{name}") for name in names}
    decide(database, "model", ids["b"], ids["c"])
    decide(database, "model", ids["a"], ids["b"])
    decide(database, "model", ids["a"], ids["d"])
    decide(database, "model", ids["a"], ids[cut], verb="unmerge")

    together = {"b": ({"a", "d"}, {"b", "c"}), "c": ({"a", "b", "d"}, {"c"}),
                "d": ({"a", "b", "c"}, {"d"})}[cut]  # fmt: skip
    assert groups(database) == {frozenset(f"{ONE}/{n}" for n in some) for some in together}
    assert groups(database, "version") == {
        frozenset(f"{ONE}/{n}/1" for n in some) for some in together
    }
    settled(database)
    for name in {"b", "c", "d"} - {cut}:
        decide(database, "model", ids[name], None if name == "c" and cut == "b" else ids[name],
               verb="unmerge")  # fmt: skip
    assert differences(exact(database), before) == {}
    settled(database)


def test_unmerge_takes_newcomers_along(database: Database) -> None:
    """What came meanwhile goes with the identifiers that it is bound to."""
    source = make_source(database)
    git = make_source(database, "git", kind="ci", precedence=70)
    post(database, source, model("a"), version(1, "a"), model("b"), version(1, "b"))
    a, b = find_id(database, f"{ONE}/a"), find_id(database, f"{ONE}/b")
    decide(database, "model", a, b)
    post(database, git, same(manifest("late", task="ranking"), model("b")))
    post(database, source, version(7, "b"), version(7, "a"), version(8, "b"))
    assert {f"{ONE}/a/7", f"{ONE}/b/7"} in groups(database, "version")
    decide(database, "model", a, b, verb="unmerge")

    assert groups(database) == {
        frozenset({f"{ONE}/a"}), frozenset({f"{ONE}/b", "late#model.yaml"}),
    }  # fmt: skip
    assert keys(database) == ["retail/a/1", "retail/a/7", "retail/late/1", "retail/late/7",
                              "retail/late/8"]  # fmt: skip
    settled(database)


def test_merge_statements(database: Database, statements: Statements) -> None:
    """Merging and un-merging cost the same number of statements for two versions and for forty."""
    source = make_source(database)
    counts = []
    for number, many in enumerate((2, 40)):
        one, two = f"x{number}", f"y{number}"
        post(database, source, model(one), *(version(n, one) for n in range(many)))
        post(
            database,
            source,
            model(two, at="2026-11-20T13:00:00Z"),
            *(version(n, two) for n in range(many)),
        )
        with statements() as said:
            decide(database, "model", f"retail/{one}", f"retail/{two}")
            merged = len(said)
            decide(database, "model", f"mlflow:{ONE}/{one}", None, verb="unmerge")
        counts.append((merged, len(said) - merged))

    assert counts[0] == counts[1]


def test_merge_of_two_thousand_versions(database: Database) -> None:
    """A merge of large models is one transaction, and so is its undoing."""
    source = make_source(database)
    for name in "ab":
        post(database, source, model(name))
        post(database, source, *(version(n, name) for n in range(1_000)))
    before = entries(database)
    done = decide(database, "model", "retail/a", "retail/b")
    assert done.also == 1_000
    assert len(groups(database, "version")) == 1_000
    decide(database, "model", f"mlflow:{ONE}/a", None, verb="unmerge")

    assert entries(database) == before
