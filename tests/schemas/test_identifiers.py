"""Identifiers: a kind, a scheme, and a value that is read the same however it is written."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.identifiers import (
    SCHEMES,
    Identifier,
    Kind,
    email_identifier,
    source_of,
    workspace_of,
)
from tests.support.strategies import identifiers


def first_error(document: object) -> tuple[tuple[str | int, ...], str]:
    """Where an identifier is refused, and why."""
    with pytest.raises(ValidationError) as refused:
        Identifier.model_validate(document)
    error = refused.value.errors()[0]
    return error["loc"], error["msg"]


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(list(Kind)).flatmap(identifiers))
def test_identifier_round_trip(written: dict[str, str]) -> None:
    """Canonical however it is built; read again it is the same; equal ones hash alike."""
    read = Identifier.model_validate(written)
    built = Identifier(kind=Kind(written["kind"]), scheme=written["scheme"], value=written["value"])

    assert Identifier.model_validate(read.model_dump()) == read == built
    assert hash(read) == hash(built)
    assert str(read) == f"{read.kind}:{read.scheme}:{read.value}"


def test_identifier_equality() -> None:
    """Two identifiers are equal in all three parts, or not."""
    one = Identifier(kind=Kind.REPOSITORY, scheme="github", value="github.com/7")
    others = [
        one.model_copy(update={"kind": Kind.OWNER}),
        one.model_copy(update={"scheme": "gitlab"}),
        one.model_copy(update={"value": "github.com/8"}),
        "repository:github:github.com/7",
    ]
    assert [one == other for other in others] == [False] * 4


@pytest.mark.parametrize(
    ("kind", "scheme", "value", "place", "reason"),
    [
        ("model", "mlfow", "a/b/c", "scheme", "is no scheme of a model; the nearest is mlflow"),
        ("model", "zzz", "a", "scheme", "is no scheme of a model; the nearest is backstage"),
        ("model", "mlflow", "", "value", "must not be empty"),
        ("model", "mlflow", "a" * 1_025, "value", "is longer than 1024 bytes"),
        ("model", "mlflow", "a\x00", "value", "holds a control or text direction character"),
        ("model", "name", "retail/churn/7", "value", "must have 2 parts with / between; "),
        ("version", "number", "retail/churn", "value", "must have 3 parts with / between; "),
        ("model", "mlflow", f"s/w/AKIA{'A' * 16}", "value", "holds what looks like a key"),
        ("version", "artifact", "s3://me:secret@lake/x", "value", "holds what looks like a key"),
        ("owner", "email", "nobody", "value", "must be an e-mail address"),
    ],
)
def test_identifier_refused(kind: str, scheme: str, value: str, place: str, reason: str) -> None:
    """Refused where it is wrong, with the nearest known name. LEAK-06: a key is no name."""
    where, why = first_error({"kind": kind, "scheme": scheme, "value": value})

    assert where == (place,)
    assert why.removeprefix("Value error, ").startswith(reason)


@pytest.mark.parametrize(
    "wrong", [None, 7, [], {}, {"kind": "modell", "scheme": "x", "value": "y"}]
)
def test_identifier_malformed(wrong: object) -> None:
    """What is no identifier at all is refused, and only for what it is not."""
    assert first_error(wrong)[0] in {(), ("kind",)}


def test_schemes_known_to_every_kind() -> None:
    """Every kind has a scheme that keeps its entries alive; no lookup key does."""
    assert SCHEMES.keys() == set(Kind)
    for schemes in SCHEMES.values():
        assert any(scheme.keeps_alive for scheme in schemes.values())
        assert not any(one.keeps_alive and one.lookup_only for one in schemes.values())


@pytest.mark.parametrize(
    ("kind", "scheme", "value", "source", "workspace"),
    [
        ("model", "mlflow", "mlflow-prod/team%2Fb/churn", "mlflow-prod", "team/b"),
        ("model", "mlflow", "mlflow-prod", "mlflow-prod", None),
        ("build", "ci", "jenkins/1", "jenkins", None),
        ("model", "name", "retail/churn", None, None),
    ],
)
def test_identifier_speaks_for(
    kind: str, scheme: str, value: str, source: str | None, workspace: str | None
) -> None:
    """A scheme that binds to a source names it first, and the workspace second if it has them."""
    identifier = Identifier(kind=Kind(kind), scheme=scheme, value=value)

    assert (source_of(identifier), workspace_of(identifier)) == (source, workspace)


@pytest.mark.parametrize(
    ("written", "scheme", "value"),
    [
        (" Owner@Example.com", "email", "owner@example.com"),
        ("12+Octo-Cat@users.noreply.github.com", "github", "github.com/octo-cat"),
        ("octocat@users.noreply.github.com", "github", "github.com/octocat"),
        ("1+robot[bot]@users.noreply.github.com", "github", "github.com/robot[bot]"),
        ("acme/admins@users.noreply.github.com", "email", "acme/admins@users.noreply.github.com"),
    ],
)
def test_email_identifier_forms(written: str, scheme: str, value: str) -> None:
    """GitHub's no-reply addresses name the account, but never a team."""
    assert email_identifier(written) == Identifier(kind=Kind.OWNER, scheme=scheme, value=value)
