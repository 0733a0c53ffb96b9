"""Two versions of a model, compared field by field and member by member."""

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.catalog.compare import difference
from tests.conftest import Statements
from tests.support.catalog import NOON, make_source, model, post, version
from tests.support.http import Service

NOTHING: Final[dict[str, Any]] = {"same": {}, "changed": {}, "removed": {}, "added": {}}
LAKE: Final = {"kind": "dataset", "scheme": "uri", "value": "s3://lake/churn"}
HOLDOUT: Final = {"kind": "dataset", "scheme": "uri", "value": "s3://lake/holdout"}


def run(name: str, **facts: Any) -> Any:
    """An observation of a training run."""
    subject = {"kind": "training_run", "scheme": "mlflow", "value": f"mlflow-prod/default/{name}"}
    return {"subject": subject, "observed_at": NOON, "facts": facts}


@pytest.fixture
def two(service: Service) -> Service:
    """A model with two versions, each trained by a run of its own."""
    old = run("a", params={"depth": "3", "eta": "0.1"}, metrics={"auc": 0.5}, tags=["x"])
    new = run("b", params={"depth": "5", "rounds": "9"}, metrics={"auc": 0.5, "f1": 0.7})
    post(
        service.database,
        make_source(service.database),
        model(),
        old,
        new,
        version(
            1, training_run=old["subject"], description="first", tags=["lang=en", "pii"],
            stage=None, metrics=[{"name": "auc", "value": 0.5}],
            datasets=[{"dataset": LAKE, "role": "training", "digest": "md5:1"},
                      {"dataset": HOLDOUT, "role": "test"}],
        ),
        version(
            2, training_run=new["subject"], description="second", tags=["lang=fr"],
            aliases=["champion"], metrics=[{"name": "auc", "value": 0.6},
                                           {"name": "auc", "value": 0.4, "slice": "new"}],
            datasets=[{"dataset": LAKE, "role": "training", "digest": "md5:2"}],
        ),
    )  # fmt: skip
    return service


def test_compare_versions(two: Service) -> None:
    """Each field says whether it is the same, changed, or only one version has it."""
    found = two.get("models/retail/churn/versions/1/compare/@champion")

    assert [found[one]["number"] for one in ("first", "second")] == ["1", "2"]
    assert found["second"]["url"] == "/api/v1/models/retail/churn/versions/2"
    assert found["facts"] == {
        "same": {"model": "mlflow-prod/default/churn"},
        "changed": {
            "description": {"old": "first", "new": "second"},
            "number": {"old": "1", "new": "2"},
            "training_run": {"old": "mlflow-prod/default/a", "new": "mlflow-prod/default/b"},
        },
        "removed": {"stage": None},  # stated empty: something else than not stated
        "added": {"aliases": ["champion"]},
    }
    assert found["datasets"] == NOTHING | {
        "changed": {
            "s3://lake/churn training": {"old": {"digest": "md5:1"}, "new": {"digest": "md5:2"}}
        },
        "removed": {"s3://lake/holdout test": {}},
    }
    assert found["metrics"] == NOTHING | {
        "changed": {"auc": {"old": 0.5, "new": 0.6}}, "added": {"auc new": 0.4},
    }  # fmt: skip
    assert found["tags"] == NOTHING | {
        "changed": {"lang": {"old": "en", "new": "fr"}}, "removed": {"pii": True},
    }  # fmt: skip
    assert found["training_runs"] == {
        "params": {
            "same": {}, "changed": {"depth": {"old": "3", "new": "5"}},
            "removed": {"eta": "0.1"}, "added": {"rounds": "9"},
        },
        "metrics": NOTHING | {"same": {"auc": 0.5}, "added": {"f1": 0.7}},
        "tags": NOTHING | {"removed": {"x": True}},
    }  # fmt: skip


def test_compare_with_itself(two: Service) -> None:
    """A version differs from itself in nothing; one training run is not compared."""
    found = two.get("models/retail/churn/versions/2/compare/@champion")
    differing = [found["facts"][part] for part in ("changed", "removed", "added")]

    assert differing == [{}, {}, {}]
    assert found["training_runs"] is None


def test_compare_missing(two: Service) -> None:
    """Either version may be missing, or the model; the answer has a tag of its own."""
    path = "models/retail/churn/versions"
    codes = [
        two.ask("GET", one, two.reader).json()["code"]
        for one in (f"{path}/1/compare/9", f"{path}/@none/compare/1",
                    "models/retail/none/versions/1/compare/2")
    ]  # fmt: skip
    first = two.ask("GET", f"{path}/1/compare/2", two.reader)
    again = two.ask(
        "GET", f"{path}/1/compare/2", two.reader, headers={"If-None-Match": first.headers["etag"]}
    )

    assert codes == ["version_not_found", "version_not_found", "model_not_found"]
    assert again.status_code == 304


def test_compare_statements(two: Service, statements: Statements) -> None:
    """A comparison costs the same few statements, whatever the versions hold."""
    two.get("models")
    with statements() as said:
        two.get("models/retail/churn/versions/1/compare/2")

    assert len([one for one in said if "FROM token" not in one]) == 4


NAMES = st.sampled_from("abcd")
MEMBERS = st.dictionaries(NAMES, st.integers(0, 2))


@given(MEMBERS, MEMBERS)
def test_difference_rebuilds(old: dict[str, int], new: dict[str, int]) -> None:
    """The four parts tell both sets completely, and share no name."""
    found = difference(old, new)
    changed = found.changed
    parts: tuple[Any, ...] = (found.same, changed, found.removed, found.added)

    assert found.same | {n: one.old for n, one in changed.items()} | found.removed == old
    assert found.same | {n: one.new for n, one in changed.items()} | found.added == new
    assert sum(len(part) for part in parts) == len(old.keys() | new.keys())
