"""Lineage over HTTP and on the command line: graphs, files, bounds, and a tree for people."""

import csv
import io
import json
import sys
from itertools import pairwise
from typing import Any

import pytest

from cli.lineage import tree
from cli.main import main
from tests.lineage.events import FLOW, REGISTRY, Poster, dataset, event
from tests.support.catalog import make_source, model, post, version
from tests.support.http import Service, logged

RUN_ID = "3f5e83fa-3480-44ff-99c5-ff943904e5e8"


@pytest.fixture
def told(flow: Poster) -> Service:
    """Raw data, the run that made features of them, and a version that was trained on these."""
    flow.post(event("COMPLETE", run=RUN_ID, inputs=[dataset("raw")], outputs=[dataset("features")]))
    link = {"dataset": {"kind": "dataset", "scheme": "uri", "value": "s3://lake/features"},
            "role": "training", "digest": "md5:3f2a9c0de1b24f6c8a7d5e4b9c0f1a2d"}  # fmt: skip
    source = make_source(flow.service.database, REGISTRY)
    post(flow.service.database, source, model(), version(7, datasets=[link]))
    return flow.service


PLACES = (
    "models/retail/churn", "models/retail/churn/versions/7", "datasets/uri:s3:%2F%2Flake%2Fraw",
    f"training-runs/openlineage:{FLOW}%2F{RUN_ID}",
)  # fmt: skip


def test_routes(told: Service) -> None:
    """Every place answers the same edges, as a graph and as files of each form."""
    for place in PLACES:
        found = told.get(f"{place}/lineage", depth="4")
        called = {one["entry"]: one["name"] for one in found["nodes"]}
        edges = {(called[e["from"]], e["relation"], called[e["to"]]) for e in found["edges"]}
        assert edges == {
            ("s3://lake/raw", "datasets", f"{FLOW}/{RUN_ID}"),
            (f"{FLOW}/{RUN_ID}", "outputs", "s3://lake/features"),
            ("s3://lake/features", "datasets", "retail/churn/7"),
            ("retail/churn", "model", "retail/churn/7"),
        }
        text = told.ask("GET", f"{place}/lineage.csv?depth=4", told.reader).text
        lines = list(csv.DictReader(io.StringIO(text)))
        assert {(one["from_name"], one["relation"], one["to_name"]) for one in lines} == edges
        text = told.ask("GET", f"{place}/lineage.jsonl?depth=4", told.reader).text
        told_lines = [json.loads(line) for line in text.splitlines()]
        assert {(one["from_name"], one["relation"], one["to_name"]) for one in told_lines} == edges
    (trained,) = [one for one in told_lines if one["role"]]
    assert (trained["role"], trained["digest"], trained["by"]) == (
        "training", "md5:3f2a9c0de1b24f6c8a7d5e4b9c0f1a2d", "stated",
    )  # fmt: skip
    sheet = told.ask("GET", f"{PLACES[0]}/lineage.xlsx", told.reader)
    assert sheet.status_code == 200


REFUSED = {
    "models/retail/nobody/lineage": 404, "datasets/uri:s3:%2F%2Flake%2Fnone/lineage": 404,
    "models/retail/churn/versions/9/lineage": 404, "builds/x:1/lineage": 404,
    "models/retail/churn/lineage.pdf": 404, "owners/handle:team:x/lineage": 404,
    "models/retail/churn/lineage?depth=11": 422, "models/retail/churn/lineage?depth=-1": 422,
    "models/retail/churn/lineage?nodes=1001": 422, "models/retail/churn/lineage?nodes=0": 422,
    "models/retail/churn/lineage?direction=sideways": 422,
    "models/retail/churn/lineage?depht=2": 422,
    "models/retail/churn/lineage?as_of=2126-01-01": 422,
    "models/retail/churn/lineage.jsonl?dialect=excel": 422,
    "models/retail/churn/lineage?nodes=1": 200,
}  # fmt: skip


def test_routes_refused(told: Service) -> None:
    """What is not there, or asks for too much, is answered so."""
    answers = {path: told.ask("GET", path, told.reader).status_code for path in REFUSED}

    assert answers == REFUSED


def test_command(
    told: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tree for people, the graph as JSON, and one thing at a time."""
    monkeypatch.setenv("MODEL_CATALOG_URL", f"http://127.0.0.1:{told.port}")
    monkeypatch.setenv("MODEL_CATALOG_TOKEN", told.reader)

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["model-catalog", "lineage", *words])
        with logged(), pytest.raises(SystemExit) as left:  # the service speaks here, too
            main()
        return int(left.value.code or 0), capsys.readouterr().out

    assert run("retail/churn", "--direction", "upstream") == (0, (
        "model retail/churn\n"
        "upstream:\n"
        "  version retail/churn/7 [model]\n"
        "    dataset s3://lake/features [training]\n"
        f"      training run {FLOW}/{RUN_ID} [outputs]\n"
        "        dataset s3://lake/raw [datasets]\n"
    ))  # fmt: skip
    code, shown = run("--dataset", "uri:s3://lake/raw", "--json")
    assert code == 0
    assert len(json.loads(shown)["nodes"]) == 5
    assert run()[0] == 2
    assert run("retail/churn", "--dataset", "uri:s3://lake/raw")[0] == 2
    assert run("--dataset", "uri:s3://lake/none")[0] == 3


def node(name: str, kind: str = "dataset", **more: Any) -> dict[str, Any]:
    """A node of a graph."""
    return {"entry": name, "name": name, "kind": kind, "stub": False, "gone": False} | more


def edge(start: str, end: str, relation: str = "datasets", by: str = "stated") -> dict[str, Any]:
    """An edge of a graph."""
    return {"from": start, "to": end, "relation": relation, "role": None, "digest": None, "by": by}


def test_tree_cycle() -> None:
    """A cycle is shown once and said to be above; how things are known is said where concluded."""
    graph = {
        "root": "a", "direction": "downstream", "truncated": False,
        "nodes": [node("a"), node("r", "training_run", stub=True), node("b", gone=True)],
        "edges": [edge("a", "r"), edge("r", "b", "outputs"), edge("b", "r", by="commit")],
    }  # fmt: skip

    assert list(tree(graph)) == [
        "dataset a", "downstream:", "  training run r (stub) [datasets]",
        "    dataset b (gone) [outputs]",
        "      training run r (stub) [datasets, by commit] (see above)",
    ]  # fmt: skip


def test_tree_long() -> None:
    """A chain of a thousand is shown without running out of stack."""
    names = [f"n{n}" for n in range(1_000)]
    graph = {
        "root": "n0", "direction": "downstream", "nodes": [node(one) for one in names],
        "edges": [edge(*pair) for pair in pairwise(names)],
    }  # fmt: skip

    assert len(list(tree(graph))) == 1_001
