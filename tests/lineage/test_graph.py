"""What leads to what: cycles, hidden namespaces, bounds; from data to deployments and back."""

from collections.abc import Callable
from typing import Any

import pytest

from schemas.identifiers import Kind
from schemas.lineage import LineageGraph, LineageQuery
from service.access.policy import Caller
from service.catalog.entries import EntryNotFound
from service.db import Database
from service.lineage.graph import lineage_of_entry, lineage_of_model, lineage_of_version
from tests.conftest import Statements
from tests.lineage.events import MLFLOW_RUN
from tests.support.catalog import NOON, make_reader, make_source, model, post, version

ALL = make_reader()
COMMIT = "9f" * 20
IMAGE = f"sha256:{'b' * 64}"


def ref(kind: str, scheme: str, value: str) -> dict[str, str]:
    """An identifier."""
    return {"kind": kind, "scheme": scheme, "value": value}


def data(name: str) -> dict[str, str]:
    """A dataset."""
    return ref("dataset", "uri", f"s3://lake/{name}")


def say(subject: dict[str, str], same_as: Any = (), **facts: Any) -> dict[str, Any]:
    """An observation of anything."""
    return {"subject": subject, "observed_at": NOON, "facts": facts, "same_as": list(same_as)}


def run(name: str, reads: str = "", writes: str = "", **facts: Any) -> dict[str, Any]:
    """A run of a job that reads and writes datasets, each called by a letter."""
    return say(
        ref("training_run", "openlineage", f"flow/{name}"), name=name, job=f"etl/{name}",
        datasets=[{"dataset": data(one)} for one in reads],
        outputs=[{"dataset": data(one)} for one in writes], **facts,
    )  # fmt: skip


Ask = Callable[..., LineageGraph]


@pytest.fixture
def ask(database: Database) -> Ask:
    """Asks the catalog, as someone who sees all unless told otherwise."""

    def asking(kind: Kind, given: str, caller: Caller = ALL, **asked: Any) -> LineageGraph:
        query = LineageQuery.model_validate({"depth": "10"} | asked)
        with database.reading() as session:
            if kind is Kind.MODEL:
                namespace, name = given.split("/")
                return lineage_of_model(session, (namespace, name), caller=caller, asked=query)
            if kind is Kind.VERSION:
                namespace, name, number = given.split("/")
                return lineage_of_version(
                    session, (namespace, name), label=number, caller=caller, asked=query
                )
            return lineage_of_entry(session, kind, given=given, caller=caller, asked=query)

    return asking


def names(graph: LineageGraph) -> set[str | None]:
    """What the nodes are called."""
    return {one.name for one in graph.nodes}


def edges(graph: LineageGraph) -> set[tuple[str | None, str, str | None]]:
    """Each edge by the names of its ends."""
    called = {one.entry: one.name for one in graph.nodes}
    return {(called[one.source], one.relation, called[one.to]) for one in graph.edges}


def sources(database: Database) -> dict[str, Any]:
    """A registry, a source of events, CI and a cluster."""
    return {
        "mlflow": make_source(database),
        "flow": make_source(database, "flow", kind="openlineage"),
        "ci": make_source(database, "ci", kind="ci"),
        "cluster": make_source(database, "cluster", kind="kubernetes"),
    }


def story(database: Database) -> None:
    """Raw data, two jobs that prepare it, training, a build, a version and where it runs."""
    from_ = sources(database)
    trained = ref("training_run", "mlflow", f"mlflow-prod/default/{MLFLOW_RUN}")
    post(
        database, from_["mlflow"], model(), version(1, training_run=trained, digests=[IMAGE]),
        say(trained, name="train", datasets=[
            {"dataset": data("features"), "role": "training", "digest": "mlflow:1a2b3c4d"}]),
    )  # fmt: skip
    post(
        database, from_["flow"], run("clean", "r", "c"),
        say(ref("training_run", "openlineage", "flow/join"), name="join", job="etl/join",
            datasets=[{"dataset": data("c")}], outputs=[{"dataset": data("features")}]),
    )  # fmt: skip
    post(
        database, from_["ci"],
        say(ref("build", "ci", "ci/12"), commit=COMMIT, status="succeeded",
            repository=ref("repository", "url", "https://git.example.com/acme/churn"),
            artifacts=[{"name": "churn", "digest": IMAGE}]),
    )  # fmt: skip
    post(
        database, from_["cluster"],
        say(ref("deployment", "kserve", "prod/retail/churn"), name="churn", platform="kserve",
            digest=IMAGE),
    )  # fmt: skip


FORWARD = {
    ("s3://lake/r", "datasets", "flow/clean"), ("flow/clean", "outputs", "s3://lake/c"),
    ("s3://lake/c", "datasets", "flow/join"), ("flow/join", "outputs", "s3://lake/features"),
    ("s3://lake/features", "datasets", f"mlflow-prod/default/{MLFLOW_RUN}"),
    (f"mlflow-prod/default/{MLFLOW_RUN}", "training_run", "retail/churn/1"),
    ("retail/churn", "model", "retail/churn/1"),
    ("retail/churn/1", "version", "prod/retail/churn"),
}  # fmt: skip
BUILT = {
    ("ci/12", "build", "retail/churn/1"), ("ci/12", "build", "prod/retail/churn"),
    ("https://git.example.com/acme/churn", "repository", "ci/12"),
}  # fmt: skip


def test_lineage_from_data_to_deployments_and_back(database: Database, ask: Ask) -> None:
    """Across jobs of OpenLineage: forward from raw data, and back from what runs."""
    story(database)

    forward = ask(Kind.DATASET, "uri:s3://lake/r", direction="downstream")
    back = ask(Kind.DEPLOYMENT, "kserve:prod/retail/churn", direction="upstream")

    assert edges(forward) == FORWARD
    assert edges(back) == FORWARD | BUILT
    assert not forward.truncated
    by = {one.relation: one.by for one in back.edges}
    assert (by["version"], by["build"], by["datasets"]) == ("digest", "digest", "stated")
    (link,) = [one for one in back.edges if one.role]
    assert (link.role, link.digest) == ("training", "mlflow:1a2b3c4d")
    start = next(one for one in back.nodes if one.name == "s3://lake/r")
    assert (start.distance, start.stub, start.gone) == (7, True, False)


def test_lineage_of_model_and_version(database: Database, ask: Ask) -> None:
    """A model is its versions: their data and their deployments are its own."""
    story(database)

    both = FORWARD | BUILT - {("ci/12", "build", "prod/retail/churn")}  # no way from the model
    assert edges(ask(Kind.MODEL, "retail/churn")) == both
    assert edges(ask(Kind.VERSION, "retail/churn/1")) == both
    near = ask(Kind.MODEL, "retail/churn", depth="1")
    assert {one.kind for one in near.nodes} == {
        Kind.MODEL, Kind.VERSION, Kind.TRAINING_RUN, Kind.BUILD, Kind.DEPLOYMENT,
    }  # fmt: skip
    alone = ask(Kind.MODEL, "retail/churn", depth="0")
    assert names(alone) == {"retail/churn", "retail/churn/1"}


def test_lineage_cycle(database: Database, ask: Ask) -> None:
    """A job that reads what it writes, and two that feed each other, end where they began."""
    from_ = sources(database)
    post(database, from_["flow"], run("self", "a", "a"), run("to", "a", "b"), run("fro", "b", "a"))

    found = ask(Kind.DATASET, "uri:s3://lake/a")

    assert names(found) == {"s3://lake/a", "s3://lake/b", "flow/self", "flow/to", "flow/fro"}
    assert len(found.edges) == 6
    assert not found.truncated


def test_lineage_kin_only(database: Database, ask: Ask) -> None:
    """What else was made of the same data leads to nothing of it; nor do other versions."""
    from_ = sources(database)
    trained = ref("training_run", "mlflow", "mlflow-prod/default/t1")
    post(database, from_["flow"], run("mine", "a", "b"), run("sibling", "a", "z"))
    post(
        database, from_["mlflow"], model(), version(1, training_run=trained), version(2),
        say(trained, datasets=[{"dataset": data("b")}]),
    )  # fmt: skip

    back = ask(Kind.DATASET, "uri:s3://lake/b")
    forward = ask(Kind.DATASET, "uri:s3://lake/a", direction="downstream")

    assert "flow/sibling" not in names(back)
    assert "retail/churn/2" not in names(back) | names(forward)


def test_lineage_data_of_model(database: Database, ask: Ask) -> None:
    """Data that a manifest declares for a model holds for all its versions."""
    from_ = sources(database)
    link = {"dataset": data("a"), "role": "training"}
    post(database, from_["mlflow"], model(datasets=[link]), version(1), version(2))

    forward = ask(Kind.DATASET, "uri:s3://lake/a", direction="downstream")
    back = ask(Kind.VERSION, "retail/churn/2", direction="upstream")

    assert names(forward) == {"s3://lake/a", "retail/churn", "retail/churn/1", "retail/churn/2"}
    assert names(back) == {"s3://lake/a", "retail/churn", "retail/churn/2"}


def test_lineage_base_model(database: Database, ask: Ask) -> None:
    """A base model is one if the catalog has it under that name, however it is written."""
    from_ = sources(database)
    post(
        database, from_["mlflow"], model("base"), model("tuned", base_model="Retail/Base"),
        model("hub", base_model="hf://acme/base"), version(1, "tuned"),
    )  # fmt: skip

    found = ask(Kind.MODEL, "retail/base", direction="downstream")

    assert names(found) == {"retail/base", "retail/tuned", "retail/tuned/1"}
    assert {one.by for one in found.edges if one.relation == "base_model"} == {"name"}
    assert edges(ask(Kind.MODEL, "retail/hub")) == set()


def test_lineage_commit(database: Database, ask: Ask) -> None:
    """A run and a version of one commit belong together while no other run could have made it."""
    from_ = sources(database)
    post(database, from_["flow"], run("train", "a", source_commit=COMMIT))
    post(database, from_["mlflow"], model(), version(1, source_commit=COMMIT))

    found = ask(Kind.DATASET, "uri:s3://lake/a", direction="downstream")
    assert names(found) == {"s3://lake/a", "flow/train", "retail/churn", "retail/churn/1"}
    assert {one.by for one in found.edges if one.relation == "training_run"} == {"commit"}

    post(database, from_["flow"], run("again", "z", source_commit=COMMIT))
    found = ask(Kind.DATASET, "uri:s3://lake/a", direction="downstream")
    assert names(found) == {"s3://lake/a", "flow/train"}


def test_lineage_hidden(database: Database, ask: Ask) -> None:
    """What the caller may not see is neither shown nor followed, and leaves no trace."""
    open_ = make_source(database, "flow", kind="openlineage")
    secret = make_source(database, "secret", kind="openlineage", namespace="hidden")
    hidden = run("hidden", "a", "b")
    hidden["subject"]["value"] = "secret/hidden"
    post(database, open_, run("open", "x", "a"), run("after", "b", "c"))
    without = ask(Kind.DATASET, "uri:s3://lake/a", make_reader(frozenset({"retail"})))
    post(database, secret, hidden)
    reader = make_reader(frozenset({"retail"}))

    seen = ask(Kind.DATASET, "uri:s3://lake/a", reader)

    assert seen == without
    assert names(seen) == {"s3://lake/x", "flow/open", "s3://lake/a"}
    assert "secret/hidden" in names(ask(Kind.DATASET, "uri:s3://lake/a"))
    with pytest.raises(EntryNotFound):
        ask(Kind.TRAINING_RUN, "openlineage:secret/hidden", reader)


def test_lineage_bounded(database: Database, ask: Ask, statements: Statements) -> None:
    """More than is shown: the answer says so and where; each level costs one statement a walk."""
    from_ = sources(database)
    post(database, from_["flow"], *(run(f"r{n}", "a", "b") for n in range(300)), run("end", "b"))

    found = ask(Kind.DATASET, "uri:s3://lake/a", nodes="50")
    assert (len(found.nodes), found.truncated) == (50, True)
    assert found.root in found.stopped_at
    whole = ask(Kind.DATASET, "uri:s3://lake/a", nodes="1000")
    assert (len(whole.nodes), len(whole.edges), whole.truncated) == (303, 601, False)

    costs = {}
    for depth in (1, 2, 3, 10):
        asked = {"depth": str(depth), "nodes": "1000", "direction": "downstream"}
        with statements() as said:
            ask(Kind.DATASET, "uri:s3://lake/a", **asked)
        costs[depth] = len(said)
    assert [costs[n] - costs[1] for n in (1, 2, 3, 10)] == [0, 1, 2, 3]  # nothing lies beyond


def test_lineage_then(database: Database, ask: Ask) -> None:
    """As it stood: what was told later is not in it."""
    from_ = sources(database)
    post(database, from_["flow"], run("one", "a", "b"))
    with database.reading() as session:
        then = session.connection().exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    post(database, from_["flow"], run("two", "b", "c"))

    found = ask(Kind.DATASET, "uri:s3://lake/a", as_of=then.isoformat())

    assert names(found) == {"s3://lake/a", "flow/one", "s3://lake/b"}
    assert "flow/two" in names(ask(Kind.DATASET, "uri:s3://lake/a"))
