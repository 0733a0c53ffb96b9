"""Previews tell nobody what stands in namespaces that they cannot read."""

from collections.abc import Iterator
from typing import Any

import pytest

from service.db import Database
from tests.support.catalog import make_source, model, post
from tests.support.http import Service, opened
from tests.support.preview import LATER, manifest, planned


@pytest.fixture
def service(database: Database) -> Iterator[Service]:
    """The whole service on the test's database."""
    with opened(database) as found:
        yield found


@pytest.fixture
def divided(service: Service) -> Service:
    """A source of `retail`, and one of `hidden` that knows a model and a dataset of its own."""
    make_source(service.database)
    other = make_source(service.database, "mlflow-b", namespace="hidden")
    secret = model("secret", source="mlflow-b", description="zz-hidden")
    secret["facts"]["namespace"] = "hidden"
    dataset = {
        "subject": {"kind": "dataset", "scheme": "uri", "value": "s3://lake/secret"},
        "observed_at": LATER,
        "facts": {"description": "zz-hidden", "license": "zz-hidden"},
    }
    post(service.database, other, secret, dataset)
    return service


def test_preview_source_must_be_visible(divided: Service) -> None:
    """A source that speaks where the caller cannot read answers like one that is not there."""
    token = divided.token(namespaces=["retail"])
    answers = []
    for source in ("mlflow-b", "nobody"):
        path = f"sources/{source}/observations:preview"
        answer = divided.ask("POST", path, token, json={"observations": []})
        answers.append((answer.status_code, answer.json() | {"trace_id": ""}))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404


def test_preview_tells_nothing_of_other_namespaces(divided: Service) -> None:
    """Whether something stands where the caller cannot read is not told, and none of its facts."""
    token = divided.token(namespaces=["retail"])
    said = []
    use = {"subject": {"kind": "use", "scheme": "name", "value": "retail/churn/x"},
           "observed_at": LATER}  # fmt: skip
    for name in ("secret", "missing"):
        same = {"kind": "model", "scheme": "mlflow", "value": f"mlflow-b/default/{name}"}
        batch = [
            manifest("https://git.example.com/acme/churn", same_as=[same]),
            use | {"facts": {"model": same, "name": "x"}},  # below a model of others
            model("open"),
        ]
        answer = planned(divided, "mlflow-prod", *batch, token=token)
        said.append(answer)
        assert [one["code"] for one in answer["receipt"]["refused"]] == ["not_visible"] * 2
        assert [one["index"] for one in answer["receipt"]["refused"]] == [0, 1]
        assert [one["name"] for one in answer["entries"]] == ["retail/open"]
    assert said[0] == said[1]


def test_preview_joins_nothing_unseen(divided: Service) -> None:
    """Who says that a thing is another, unseen one, learns none of its facts, nor that it is."""
    said: dict[str, list[Any]] = {}
    for name in ("secret", "unheard"):
        other = {"kind": "dataset", "scheme": "uri", "value": f"s3://lake/{name}"}
        mine = {
            "kind": "dataset",
            "scheme": "manifest",
            "value": "https://git.example.com/acme/x#model.yaml#a",
        }
        about = {"observed_at": LATER, "facts": {"records": 7}}
        alone = {"subject": other} | about
        same = {"subject": mine, "same_as": [other]} | about
        for whose, token in (
            ("bound", divided.token(namespaces=["retail"])), ("all", divided.reader),
        ):  # fmt: skip
            answer = planned(divided, "mlflow-prod", same, alone, token=token)
            codes = [one["code"] for one in answer["receipt"]["refused"]]
            said.setdefault(whose, []).append((codes, answer["entries"]))
    assert said["bound"] == [(["not_visible"], [])] * 2
    assert [codes for codes, _ in said["all"]] == [[], []]
    assert "zz-hidden" not in str(said["bound"])


def test_preview_lends_no_sight(divided: Service) -> None:
    """What a push would let the caller see is not shown, nor whether it is there already."""
    said: dict[str, list[Any]] = {}
    for name in ("secret", "unheard"):
        dataset = {"kind": "dataset", "scheme": "uri", "value": f"s3://lake/{name}"}
        about = {"subject": dataset, "observed_at": LATER, "facts": {"records": 7}}
        batch = [model(datasets=[{"dataset": dataset}]), about]
        for whose, token in (
            ("bound", divided.token(namespaces=["retail"])), ("all", divided.reader),
        ):  # fmt: skip
            answer = planned(divided, "mlflow-prod", *batch, token=token)
            kinds = [(one["kind"], one["created"]) for one in answer["entries"]]
            said.setdefault(whose, []).append(kinds)
            assert "zz-hidden" not in str(answer)
    assert said["bound"] == [[("model", True)]] * 2
    assert said["all"] == [
        [("model", True), ("dataset", False)], [("model", True), ("dataset", True)],
    ]  # fmt: skip
