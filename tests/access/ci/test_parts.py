"""What a CI job's token pushes bit by bit: parts add up, and nothing of another repository."""

from typing import Any, Final

import pytest
import sqlalchemy as sa

from schemas.identifiers import Kind
from service.catalog.typed import TYPED
from tests.access.ci.conftest import SOURCE, exchanged
from tests.access.ci.test_pushes import (
    OTHER_COMMIT,
    VERSION,
    build,
    of_version,
    push,
    recorded,
    reference,
    said,
    version,
)
from tests.support.http import Service
from tests.support.identity_provider import COMMIT, IdentityProvider

OWN: Final = "486325809/9001"
LATER: Final = "2026-11-27T12:01:00Z"


@pytest.fixture
def token(service: Service, provider: IdentityProvider) -> str:
    """Of the usual job."""
    text: str = exchanged(service, provider.github()).json()["token"]
    return text


def part(
    provider: IdentityProvider, called: str, run: str = OWN, source: str = SOURCE, **facts: Any
) -> dict[str, Any]:
    """A part of what a source says of a build."""
    whole = f"{provider.host}/{run}"
    record = said("build", "part", f"{source}/{whole}#{called}", **facts)
    return record | {"same_as": [reference("build", "github", whole)]}


def artifact(name: str) -> dict[str, Any]:
    """One that a build made."""
    return {"name": name, "digest": f"sha256:{name * 64}"}


def test_parts_add_up(service: Service, provider: IdentityProvider, token: str) -> None:
    """A later push of the same run, by another job's token, drops nothing of the earlier one."""
    push(service, token, build(provider), part(provider, "a", artifacts=[artifact("a")]))
    later = exchanged(service, provider.github(run_attempt="2")).json()["token"]

    added = part(provider, "b", artifacts=[artifact("b")])
    answer = push(service, later, build(provider) | {"observed_at": LATER}, added)

    assert answer.json()["recorded"] == 2, answer.text
    with service.database.reading() as session:
        row = session.execute(sa.select(TYPED[Kind.BUILD])).one()
    assert sorted(one["name"] for one in row.artifacts) == ["a", "b"]
    assert (row.commit, row.attempt) == (COMMIT, 2)


def test_part_is_not_filled_in(service: Service, provider: IdentityProvider, token: str) -> None:
    """What was proved is said of the build as a whole; of a part only in the place of its own."""
    address = reference("repository", "url", f"https://{provider.host}/acme/churn")

    push(service, token, part(provider, "a", model_uris=["models:/churn/7"], repository=address))

    [(facts, _)] = recorded(service)
    assert facts == {
        "model_uris": ["models:/churn/7"],
        "repository": reference("repository", "github", f"{provider.host}/486325809"),
    }


def test_part_names_its_versions(service: Service, provider: IdentityProvider, token: str) -> None:
    """A version that a part names was made by the build; so was none where no part names one."""
    other = said("version", "number", "retail/churn/8")
    push(service, token, part(provider, "a", versions=[VERSION]), version(), other)

    facts, _ = of_version(service)
    assert (facts["build"]["value"], facts["source_commit"]) == (f"{provider.host}/{OWN}", COMMIT)
    assert recorded(service)[-1] == ({}, [])


def test_parts_of_others(service: Service, provider: IdentityProvider, token: str) -> None:
    """Of another run, repository, host or source, joined to another build, or of no build."""
    foreign = [
        part(provider, "a", "486325809/9002"),
        part(provider, "a", "486325809/90010"),
        part(provider, "a", "7/9001"),
        part(provider, "a", source="other"),
        said("build", "part", f"{SOURCE}/{provider.host}/{OWN}"),
        said("build", "part", f"{SOURCE}/github.com/{OWN}#a"),
        said("build", "part", f"{SOURCE}/nightly#a"),
        part(provider, "a") | {"same_as": [reference("build", "github", "github.com/7/1")]},
        part(provider, "a") | {"same_as": [reference("build", "ci", f"{SOURCE}/9")]},
        part(provider, "a", commit=OTHER_COMMIT),
    ]

    answers = [push(service, token, one) for one in foreign]

    assert [one.json().get("code") for one in answers] == ["proof_differs"] * len(foreign)
    assert recorded(service) == []


def test_deployments_of_others(service: Service, provider: IdentityProvider) -> None:
    """What the source names by repository and environment is stated by these alone."""
    token = exchanged(service, provider.github(environment="prod/eu")).json()["token"]
    own, named = f"{provider.host}/486325809", f"{provider.host}/acme/churn"
    taken = [f"{own}#prod%2Feu/api", f"{named}#prod%2Feu", "churn-eu", "prod/churn"]
    foreign = [f"{provider.host}/7#prod%2Feu/api", f"{own}#staging/api", f"{own}0#prod%2Feu"]
    foreign += [f"{named}-2#prod%2Feu", "#prod%2Feu", f"{own}/x#prod%2Feu", f"{own}#"]

    def pushed(name: str) -> int:
        record = said("deployment", "ci", f"{SOURCE}/{name}", status="ready")
        return int(push(service, token, record).status_code)

    assert [pushed(one) for one in taken] == [200] * len(taken)
    assert [pushed(one) for one in foreign] == [403] * len(foreign)


def test_files_of_others(service: Service, provider: IdentityProvider, token: str) -> None:
    """What is called by a file of a repository is spoken of by jobs of that repository alone."""
    own, other = f"{provider.host}/486325809", f"{provider.host}/7"
    address = f"https://{provider.host}/acme/churn"
    taken = [
        said("dataset", "foreign", f"{own}#data/dvc.lock#churn"),
        said("dataset", "manifest", f"{address}#model.yaml#s3://lake/churn"),
    ]
    foreign = [
        said("model", "manifest", f"{other}#model.yaml", description="theirs"),
        said("model", "foreign", f"{address}-2#README.md", description="theirs"),
        said("dataset", "foreign", f"{own}0#data/dvc.lock#churn"),
        said("version", "foreign", f"{other}#MLmodel"),
        said("model", "part", f"{SOURCE}/retail/churn#card")
        | {"same_as": [reference("model", "manifest", f"{other}#model.yaml")]},
    ]

    assert [push(service, token, one).status_code for one in taken] == [200] * len(taken)
    assert [push(service, token, one).status_code for one in foreign] == [403] * len(foreign)
