"""Nobody writes below another namespace's models, and a slip of the pen merges nothing."""

from typing import Any

import pytest

from schemas.identifiers import encode_segment
from service.db import Database
from tests.support.catalog import post, rows
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

FOREIGN = [
    about("model", "finance/secret", "name"),
    about("model", "finance/nothing", "name"),
    about("model", "finsrc/default/secret"),
    about("model", "finsrc/default/nothing"),
    about("model", "nosource/default/nothing"),
    about("model", "https://github.com/acme/secret#model.yaml", "manifest"),
    about("model", "https://github.com/acme/nothing#model.yaml", "manifest"),
]
LATER = "2026-11-22T12:00:00Z"


def below(of_model: Any, *, kind: str = "version") -> Any:
    """A version or a use of the retail source that names a model as its own."""
    if kind == "use":
        return {
            "subject": about("use", "retail/churn/u", "name"),
            "observed_at": LATER,
            "facts": {"model": of_model},
        }
    said = version(999, "zzz", aliases=["champion"])
    if of_model["scheme"] == "mlflow":
        said["subject"] = about("version", "retail/zzz/999", "number")
    return said | {"facts": said["facts"] | {"model": of_model}}


def finance(database: Database) -> None:
    """Another team's model with a version, known by its registry and by its manifest."""
    source = make_source(database, "finsrc", namespace="finance")
    git = make_source(database, "fingit", kind="ci", namespace="finance", precedence=70)
    secret = model("secret", "finsrc") | {"facts": {"namespace": "finance", "name": "secret"}}
    post(database, source, secret, version(1, "secret", "finsrc", aliases=["champion"]))
    post(database, git, manifest("secret", namespace="finance"))


@pytest.mark.parametrize("kind", ["version", "use"])
def test_rights_below_a_foreign_model(database: Database, kind: str) -> None:
    """Refused alone, in the same words whether the model exists or not. AUTHZ-01."""
    finance(database)
    source = make_source(database)
    before = rows(database, "SELECT id, kind, natural_key FROM entry ORDER BY id")
    said: dict[str, set[Any]] = {}
    for named in FOREIGN:
        receipt = post(database, source, below(named, kind=kind))
        assert receipt.recorded == 0
        words = [(r.pointer, r.code, r.message) for r in receipt.refused]
        said.setdefault(named["scheme"], set()).update(words)

    assert rows(database, "SELECT id, kind, natural_key FROM entry ORDER BY id") == before
    codes = {
        scheme: [(pointer, code) for pointer, code, _ in words] for scheme, words in said.items()
    }
    assert codes.pop("manifest") == [("/facts/model", "model_not_described")]
    assert set(map(tuple, codes.values())) == {(("/facts/model", "namespace_not_allowed"),)}
    receipt = post(database, source, below(FOREIGN[0], kind=kind), model(), version(1))
    assert (receipt.recorded, [r.index for r in receipt.refused]) == (2, [0])
    settled(database)


def test_rights_below_what_will_stand_elsewhere(database: Database) -> None:
    """A model that only others may describe is measured by where its source would put it."""
    make_source(database)
    ci = make_source(database, "ci", kind="ci", namespace="platform", may_name=["retail"])
    make_source(database, "finsrc", namespace="finance")
    said = [
        {
            "subject": about("version", f"retail/churn/{number}", "number"),
            "observed_at": LATER,
            "facts": {"model": about("model", f"{source}/default/churn"), "status": "built"},
        }
        for number, source in ((1, "mlflow-prod"), (2, "finsrc"))
    ]
    receipt = post(database, ci, *said)

    assert (receipt.recorded, [r.index for r in receipt.refused]) == (1, [1])
    settled(database)


def test_rights_to_mention_others(database: Database) -> None:
    """What is no parent may be named anywhere: a deployment serves another team's version."""
    finance(database)
    source = make_source(database)
    deployment = {
        "subject": about("deployment", "c/n/x", "k8s"),
        "observed_at": LATER,
        "facts": {"version": about("version", "finsrc/default/secret/1")},
    }
    run = about("training_run", "finsrc/default/" + "a" * 32)
    receipt = post(database, source, deployment, model(), version(1, training_run=run))

    assert receipt.refused == ()
    assert rows(database, "SELECT namespace FROM entry WHERE kind = 'deployment'") == [("finance",)]
    settled(database)


def test_rights_to_own_model_wherever_it_went(database: Database) -> None:
    """A registry goes on to speak of its own model when another source moves that elsewhere."""
    source = make_source(database)
    git = make_source(database, "git", kind="ci", precedence=70, may_name=["retail", "wholesale"])
    post(database, source, model(), version(1))
    post(database, git, manifest("churn"))
    post(database, git, manifest("churn", namespace="wholesale", at=LATER))
    assert keys(database, "model") == ["wholesale/churn"]

    assert post(database, source, version(1, at=LATER, status="READY"), version(2)).refused == ()
    assert keys(database) == ["wholesale/churn/1", "wholesale/churn/2"]
    settled(database)


def test_numbers_need_a_registry_of_the_model(database: Database) -> None:
    """Who only names a model in passing never holds its numbers."""
    source = make_source(database)
    ci = make_source(database, "ci", kind="ci", precedence=60)
    staging = make_source(database, "mlflow-staging")
    named = {
        "subject": about("model", "retail/churn", "name"),
        "observed_at": LATER,
        "facts": {"namespace": "retail", "name": "churn"},
    }
    post(database, ci, named)
    passing = version(1, "xxx", "mlflow-staging")
    passing["facts"]["model"] = about("model", "retail/churn", "name")
    assert post(database, staging, passing).refused == ()
    assert keys(database) == ["retail/churn/1@mlflow-staging"]
    settled(database)

    post(database, source, model(), version(1))
    assert keys(database) == ["retail/churn/1", "retail/churn/1@mlflow-staging"]
    settled(database)


@pytest.mark.parametrize("scheme", ["mlflow", "mlflow-training", "mlflow-mlmodel"])
@pytest.mark.parametrize(
    ("fact", "value"), [("number", "7"), ("model", about("model", "mlflow-prod/default/other"))]
)
def test_version_contradicts_its_subject(
    database: Database, scheme: str, fact: str, value: Any
) -> None:
    """A number or model that is not the subject's own is refused alone: versions stay two."""
    source = make_source(database)
    post(database, source, model(), model("other"), version(7), version(8))
    slip = version(8, at=LATER)
    slip["subject"]["scheme"] = scheme
    slip["facts"][fact] = value
    receipt = post(database, source, slip, version(9))

    assert receipt.recorded == 1
    assert [(r.index, r.pointer, r.code) for r in receipt.refused] == [
        (0, f"/facts/{fact}", "invalid")
    ]
    assert keys(database) == ["retail/churn/7", "retail/churn/8", "retail/churn/9"]
    settled(database)


@pytest.mark.parametrize("together", [True, False])
def test_numbers_of_one_model_collide(database: Database, *, together: bool) -> None:
    """Two live versions of one registry never become one by a name, only by their models."""
    source = make_source(database)
    said = [
        version(1) | {
            "subject": about("version", f"mlflow-prod/default/churn/{encode_segment(number)}"),
            "facts": version(1)["facts"] | {"number": number},
        }
        for number in ("a/b", "A/b")
    ]  # fmt: skip
    post(database, source, model(), version(7), version(8))
    claims = same(version(8, at=LATER), about("version", "retail/churn/7", "number"))
    batches = [[*said, claims]] if together else [[one] for one in (*said, claims)]
    refused = [r for batch in batches for r in post(database, source, *batch).refused]

    assert [(r.pointer, r.code) for r in refused] == [("/facts/number", "name_collision")] * 2
    assert len(groups(database, "version")) == 3
    settled(database)


def test_numbers_below_another_model_of_the_registry(database: Database) -> None:
    """A version that names another model of its registry by its natural name joins nothing."""
    source = make_source(database)
    post(database, source, model(), model("other"), version(7), version(7, "other"))
    slip = version(7, "other", at=LATER)
    slip["facts"]["model"] = about("model", "retail/churn", "name")
    receipt = post(database, source, slip)

    assert [(r.pointer, r.code) for r in receipt.refused] == [("/facts/model", "invalid")]
    assert keys(database) == ["retail/churn/7", "retail/other/7"]
    settled(database)
