"""The tree of `lineage`, as a person reads it."""

from typing import Any

from cli.lineage import tree


def node(entry: str, kind: str) -> dict[str, Any]:
    """One entry of a graph."""
    return {"entry": entry, "kind": kind, "name": entry, "stub": False, "gone": False}


def edge(start: str, end: str, relation: str) -> dict[str, Any]:
    """Something leads to something."""
    return {"from": start, "to": end, "relation": relation, "role": None, "by": "stated"}


def test_a_model_is_its_versions() -> None:
    """What they were made from, it was made from; what runs of them, runs of it."""
    graph = {
        "root": "churn", "direction": "both",
        "nodes": [node("churn", "model"), node("churn/7", "version"), node("run", "training_run"),
                  node("data", "dataset"), node("prod", "deployment")],
        "edges": [edge("churn", "churn/7", "model"), edge("run", "churn/7", "training_run"),
                  edge("data", "run", "datasets"), edge("churn/7", "prod", "version")],
    }  # fmt: skip

    assert list(tree(graph)) == [
        "model churn",
        "upstream:",
        "  version churn/7 [model]",
        "    training run run [training_run]",
        "      dataset data [datasets]",
        "downstream:",
        "  version churn/7 [model]",
        "    deployment prod [version]",
    ]
