"""Versions, deployments and datasets as they stood: what was said, empty, or not stated."""

from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from schemas.harvest import Outcome
from schemas.identifiers import Kind
from service.catalog.view import View
from service.exports.review.entries import labels_of
from service.ingest.sources import SourceFacts
from tests.api.test_as_of import moment
from tests.exports.review.told import READER, cells, read_records
from tests.risk.reviews.bank import DIGEST, OTHER, Bank
from tests.support.catalog import Sweep, gone, make_reader, make_source, model, post, rows, version

FILES: Final = ("uses", "versions", "deployments", "datasets")
LATER: Final = "2026-11-21T12:00:00Z"
LATEST: Final = "2026-11-22T12:00:00Z"
COMMIT: Final = "a" * 40
LAKE: Final = {"kind": "dataset", "scheme": "uri", "value": "s3://lake/churn"}


def read(bank: Bank, name: str, *columns: str) -> list[tuple[str, ...]]:
    """Some columns of a file, as everything stands now."""
    return cells(read_records(bank.database, name, moment(bank.service)), *columns)


def dataset(value: str, at: str = LATER, **facts: Any) -> Any:
    """An observation of a dataset."""
    subject = {"kind": "dataset", "scheme": "uri", "value": value}
    return {"subject": subject, "observed_at": at, "facts": facts}


def serving(name: str, number: int, at: str, **facts: Any) -> Any:
    """An observation of what serves a version."""
    value = f"mlflow-prod/default/churn/{number}"
    served = {"version": {"kind": "version", "scheme": "mlflow", "value": value}}
    subject = {"kind": "deployment", "scheme": "kserve", "value": f"cluster/serving/{name}"}
    said = {"environment_class": "production", "platform": "kserve"} | served | facts
    return {"subject": subject, "observed_at": at, "facts": said}


def test_nothing_of_later(bank: Bank) -> None:
    """Each file of a moment says for ever what it said then, whatever is learned later."""
    steps: list[Any] = [
        lambda: bank.deploy(1, traffic_percent=20),
        lambda: bank.say_use(purpose="Offers", decision_role={"one_of": ["assists", "automated"]}),
        lambda: bank.say_version(
            2, at=LATER, datasets=[{"dataset": LAKE, "role": "training"}], base_model="llama"
        ),
        lambda: bank.deploy(2, at=LATER),
        lambda: post(bank.database, bank.registry, dataset("s3://lake/churn", license="MIT")),
        lambda: post(bank.database, bank.registry, gone(version(1), LATEST)),
        lambda: bank.rate("MEDIUM", at=LATEST),
        lambda: bank.say_model(at=LATEST, name="lapse"),
    ]
    stood = []
    for step in steps:
        step()
        when = moment(bank.service)
        stood.append((when, [read_records(bank.database, name, when) for name in FILES]))

    shown = [
        "".join(f"{one | {'as_of': ''}}" for file in then for one in file) for _, then in stood
    ]
    assert len(set(shown)) == 7  # a retired version is told of as before
    for when, then in stood:
        assert [read_records(bank.database, name, when) for name in FILES] == then


def test_versions(bank: Bank) -> None:
    """Numbers, digests and commits read as everywhere; empty is stated, the rest is unknown."""
    bank.say_version(1, at=LATER, digests=[DIGEST, OTHER], source_commit=COMMIT, base_model=None)
    bank.say_version(2, at=LATER, base_model="=cmd|x", digests=[], build=None)
    found = read_records(bank.database, "versions", moment(bank.service))
    shown = ("model", "version", "digest", "source_commit", "base_model", "build", "live")
    assert cells(found, *shown) == [
        ("retail/churn", "v1", f"{DIGEST}; {OTHER}", f"git:{COMMIT}", "", "unknown", "false"),
        ("retail/churn", "v2", "", "unknown", "'=cmd|x", "", "true"),
    ]
    unsaid = ("created_at", "repository", "training_run", "change_class", "material_changes")
    assert cells(found, *unsaid)[0] == ("unknown",) * 3 + ("not_applicable",) * 2
    assert cells(found, "reviewer", "approver", "decided_at")[0] == ("", "", "")


def test_versions_retired(bank: Bank) -> None:
    """A retired version is still there; a replaced one is not, the one in its place is."""
    bank.say_version(2, created_at="2026-11-01T00:00:00Z")
    bank.say_version(2, at=LATER, created_at="2026-11-02T00:00:00Z", base_model="new")
    post(bank.database, bank.registry, gone(version(1), LATER))
    assert read(bank, "versions", "version", "created_at", "base_model") == [
        ("v1", "unknown", "unknown"),
        ("v2", "2026-11-02T00:00:00Z", "new"),
    ]


def test_versions_of_two_registries(bank: Bank) -> None:
    """Numbers of another registry say whose they are, so that no two are called alike."""
    other = make_source(bank.database, "staging")
    post(bank.database, other, model(source="staging"), version(1, source="staging"))
    assert read(bank, "versions", "version") == [("v1",), ("v1@staging",)]
    post(bank.database, bank.cluster, serving("new", 1, LATER) | {"facts": {
        "environment_class": "production",
        "version": {"kind": "version", "scheme": "mlflow", "value": "staging/default/churn/1"},
    }})  # fmt: skip
    assert read(bank, "deployments", "version") == [("v1@staging",)]


def test_merged_models(bank: Bank) -> None:
    """What was merged into a model stands under it from then on, and before under its own name."""
    post(bank.database, bank.registry, model("lapse"), version(3, "lapse"))
    before = moment(bank.service)
    same = {"same_as": [model("lapse")["subject"]]}
    receipt = post(bank.database, bank.registry, model(at=LATER) | same)
    assert receipt.refused == ()
    found = [
        cells(read_records(bank.database, "versions", when), "model", "version")
        for when in (before, moment(bank.service))
    ]
    assert found == [
        [("retail/churn", "v1"), ("retail/lapse", "v3")],
        [("retail/churn", "v1"), ("retail/churn", "v3")],
    ]
    assert read(bank, "uses", "use") == [("retail/churn/(undeclared)",)]


def test_first_production(bank: Bank) -> None:
    """It is since when something serves it in production: what served another before is older."""
    post(bank.database, bank.cluster, serving(
        "churn", 1, "2026-11-20T12:00:00Z", created_at="2026-01-02T00:00:00Z"
    ))  # fmt: skip
    bank.say_version(2)
    bank.say_version(3)
    when = moment(bank.service)
    post(bank.database, bank.cluster, serving(
        "churn", 2, LATER, created_at="2026-01-02T00:00:00Z"
    ))  # fmt: skip
    first, second, third = (at for (at,) in read(bank, "versions", "first_production_at"))
    assert (first, third) == ("2026-01-02T00:00:00Z", "unknown")
    assert datetime.fromisoformat(second) >= datetime.fromisoformat(when[:19] + "Z")


def test_first_production_looked_for(bank: Bank) -> None:
    """Nothing found is a statement once everybody who could see it has looked."""
    assert read(bank, "versions", "first_production_at") == [("unknown",)]
    sweep = Sweep(bank.database, bank.cluster, scope="cluster")
    sweep.close()
    bank.settle()
    assert read(bank, "versions", "first_production_at", "review_state") == [("", "NOT_IN_USE")]


def test_deployments(bank: Bank) -> None:
    """What runs is told beside what is registered; what ended says when, or since when unseen."""
    post(
        bank.database, bank.cluster,
        serving("a", 1, LATER, digest=OTHER, traffic_percent=12.5, environment="@prod"),
        serving("b", 1, LATER, created_at="2026-11-01T00:00:00Z", ended_at=LATER, digest=None),
        serving("c", 1, LATER, environment_class="staging"),
    )  # fmt: skip
    post(bank.database, bank.cluster, gone(serving("c", 1, LATER), LATEST))
    shown = ("deployment", "environment", "digest", "version_digest", "traffic_percent", "from")
    assert read(bank, "deployments", *shown, "to", "source") == [
        ("kserve:cluster/serving/a", "'@prod", OTHER, DIGEST, "12.5", "unknown", "unknown",
         "cluster"),
        ("kserve:cluster/serving/b", "unknown", "", DIGEST, "unknown", "2026-11-01T00:00:00Z",
         LATER, "cluster"),
        ("kserve:cluster/serving/c", "unknown", "unknown", DIGEST, "unknown", "unknown", LATEST,
         "cluster"),
    ]  # fmt: skip
    assert read(bank, "deployments", "version", "environment_class") == [
        ("v1", "production"), ("v1", "production"), ("v1", "staging")
    ]  # fmt: skip


def swept(bank: Bank, *documents: Any, ends: Outcome = Outcome.COMPLETE, **more: Any) -> str:
    """A full harvest of the cluster; answers when it was opened, as a cell."""
    sweep = Sweep(bank.database, bank.cluster, scope="cluster", **more)
    sweep.sweep(*documents)
    sweep.close(ends)
    [(at,)] = rows(bank.database, "SELECT opened_at FROM harvest WHERE id = :id", id=sweep.id)
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def older(bank: Bank) -> str:
    """Let the only harvest be an hour older: the next one is another cell. Answers its own."""
    bank.run(
        "UPDATE harvest SET opened_at = opened_at - :by, closed_at = closed_at - :by",
        by=timedelta(hours=1),
    )
    [(at,)] = rows(bank.database, "SELECT opened_at FROM harvest")
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def seen(bank: Bank) -> list[tuple[str, ...]]:
    """When each deployment was last confirmed."""
    return read(bank, "deployments", "deployment", "last_seen_at")


def test_last_seen(bank: Bank) -> None:
    """Each complete full harvest confirms what it did not miss; no failed one, none of later."""
    a, b = serving("a", 1, LATER), serving("b", 1, LATER)
    swept(bank, a, b)
    first = older(bank)
    assert [at for _, at in seen(bank)] == [first, first]
    before = moment(bank.service)
    swept(bank, a, b, ends=Outcome.FAILED)
    swept(bank, a, b, dry_run=True)
    assert [at for _, at in seen(bank)] == [first, first]

    last = swept(bank, a)
    assert seen(bank) == [("kserve:cluster/serving/a", last), ("kserve:cluster/serving/b", first)]
    found = read_records(bank.database, "deployments", before)
    assert cells(found, "last_seen_at") == [(first,), (first,)]


def test_last_seen_by_scope(bank: Bank) -> None:
    """A harvest of another scope confirms nothing, and what was only pushed is not swept."""
    later_than_all = serving("pushed", 1, LATER)
    post(bank.database, bank.cluster, later_than_all)
    first = swept(bank, serving("a", 1, LATER))
    sweep = Sweep(bank.database, bank.cluster, scope="another")
    sweep.sweep(serving("b", 1, LATER))
    sweep.close()
    assert seen(bank)[0] == ("kserve:cluster/serving/a", first)
    assert seen(bank)[2] == ("kserve:cluster/serving/pushed", LATER)


def test_datasets(bank: Bank) -> None:
    """Of versions and of the model; what several say of one in one role stands in one row."""
    training = {"dataset": LAKE, "role": "training"}
    bank.say_version(1, at=LATER, datasets=[
        training | {"digest": "md5:1", "version": "7"}, training | {"digest": "md5:2"},
        {"dataset": LAKE, "role": "test", "description": "-1 to 1", "data_sensitivity": "public"},
        {"dataset": LAKE},
    ])  # fmt: skip
    bank.say_model(at=LATER, datasets=[{"dataset": LAKE | {"value": "s3://lake/all"}}])
    shown = ("version", "dataset", "role", "digest", "dataset_version", "sensitivity")
    assert read(bank, "datasets", *shown, "description") == [
        ("all", "uri:s3://lake/all", "unknown", "unknown", "unknown", "unknown", "unknown"),
        ("v1", "uri:s3://lake/churn", "test", "unknown", "unknown", "public", "'-1 to 1"),
        ("v1", "uri:s3://lake/churn", "training", "md5:1; md5:2", "7", "unknown", "unknown"),
        ("v1", "uri:s3://lake/churn", "unknown", "unknown", "unknown", "unknown", "unknown"),
    ]
    choice = {"one_of": ["personal", "special_category"]}
    post(bank.database, bank.registry, dataset(
        "s3://lake/churn", data_sensitivity=choice, description=None, license="MIT",
        source_url=None,
    ))  # fmt: skip
    about = ("role", "sensitivity", "description", "license", "source_url")
    assert read(bank, "datasets", *about)[1:] == [
        ("test", "public", "'-1 to 1", "MIT", ""),
        ("training", "one of personal; special_category", "", "MIT", ""),
        ("unknown", "one of personal; special_category", "", "MIT", ""),
    ]


def test_datasets_merged(bank: Bank) -> None:
    """A dataset that turns out to be another one is called as that one is."""
    named = {"kind": "dataset", "scheme": "openlineage", "value": "lake/churn"}
    post(bank.database, bank.registry, dataset("s3://lake/churn", "2026-11-19T12:00:00Z"))
    bank.say_version(1, at=LATER, datasets=[{"dataset": named, "role": "training"}])
    assert read(bank, "datasets", "dataset") == [("openlineage:lake/churn",)]
    same = dataset("s3://lake/churn", LATEST, license="MIT") | {"same_as": [named]}
    assert post(bank.database, bank.registry, same).refused == ()
    assert read(bank, "datasets", "dataset", "license") == [("uri:s3://lake/churn", "MIT")]


def test_two_schemes(bank: Bank) -> None:
    """What is called alike in two schemes is told apart, and no file repeats a key."""
    one = serving("churn", 1, LATER)
    post(bank.database, bank.cluster, one, one | {"subject": one["subject"] | {"scheme": "k8s"}})
    named = [LAKE | {"scheme": scheme, "value": "lake"} for scheme in ("openlineage", "omb")]
    bank.say_version(1, at=LATER, datasets=[{"dataset": name} for name in named])
    assert read(bank, "deployments", "deployment") == [
        ("k8s:cluster/serving/churn",), ("kserve:cluster/serving/churn",),
    ]  # fmt: skip
    assert read(bank, "datasets", "dataset") == [("omb:lake",), ("openlineage:lake",)]


def test_order(bank: Bank) -> None:
    """Rows stand by what texts were before a mark kept spreadsheets from running them."""
    post(bank.database, bank.registry, *map(version, range(2, 8)))
    for number, name in enumerate(("=a", "(b", "-c", "'d", "unknown", "v2"), 2):
        at = f"mlflow-prod/default/churn/{number}"
        bank.run("UPDATE subject SET value = :name WHERE value = :at", name=name, at=at)
    bank.run("UPDATE version SET number = NULL WHERE number <> '1'")
    found = [one for (one,) in read(bank, "versions", "version")]
    assert found == ["'d", "(b", "'-c", "'=a", "'unknown", "v1", "v2"]


def test_labels(bank: Bank) -> None:
    """What many are called at once is what each is called by itself, whatever it was first."""
    foreign = {"kind": "dataset", "scheme": "foreign", "value": "github.com/1#dvc.lock#data/a"}
    said = {"subject": foreign, "observed_at": LATER, "facts": {"license": "MIT"}}
    assert post(bank.database, bank.registry, said).refused == ()
    same = dataset("s3://lake/churn", LATEST) | {"same_as": [foreign]}
    assert post(bank.database, bank.registry, same, version(7)).refused == ()
    bank.deploy(1)
    as_of = datetime.fromisoformat(moment(bank.service))
    with bank.database.reading() as session:
        for kind in Kind:
            view = View(kind, READER, as_of=as_of)
            labels = labels_of(view, kind)
            both = sa.select(labels.c.label, view.label_of(view.entry.c.id)).select_from(
                view.rows.outerjoin(labels, labels.c.of == view.entry.c.id)
            )
            found = [tuple(row) for row in session.execute(both.where(*view.here()))]
            assert found == [(one, one) for one, _ in found]
            assert found or kind not in {Kind.DATASET, Kind.VERSION, Kind.DEPLOYMENT}


def other_world(bank: Bank) -> SourceFacts:
    """Something of everything in another namespace."""
    source = make_source(bank.database, "elsewhere", namespace="wholesale")
    facts = {"namespace": "wholesale", "name": "fraud"}
    post(bank.database, source, model("fraud", "elsewhere") | {"facts": facts},
         version(1, "fraud", "elsewhere", datasets=[{"dataset": LAKE}]))  # fmt: skip
    return source


def test_scope(bank: Bank) -> None:
    """A file tells of the models that are asked for, and of those that its reader may see."""
    bank.say_version(1, at=LATER, datasets=[{"dataset": LAKE}])
    bank.deploy(1)
    other_world(bank)
    when = moment(bank.service)
    retail = make_reader(frozenset({"retail"}))
    for name in FILES:
        every = read_records(bank.database, name, when, by=READER)
        own = [one for one in every if one["model"] == "retail/churn"]
        assert own
        assert read_records(bank.database, name, when, by=retail) == own
        assert read_records(bank.database, name, when, namespace=("retail",)) == own
        if name != "deployments":
            assert len(every) > len(own)
