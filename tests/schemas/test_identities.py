"""What a source declares about CI jobs is checked when it is declared."""

from typing import Any, Final

import pytest
from pydantic import ValidationError

from harvesters.manifests.github.settings import GitHubSettings
from harvesters.manifests.settings import read_settings
from schemas.identities import digest_of_identity, identities_of
from schemas.sources import SourceSettings

GITHUB: Final = {"provider": "github", "repository_id": 486325809, "repository_owner_id": "9919"}
GITLAB: Final = {"provider": "gitlab", "project_id": "20", "namespace_id": 72}
OIDC: Final = {"provider": "oidc", "issuer": "https://ci.acme.example/oidc", "subject": "job"}
FAULTS: Final[dict[str, tuple[Any, str]]] = {
    "none": ([], "identities: "),
    "no list": ("x", "identities: "),
    "no provider": ([{"repository_id": 1}], "identities.0: `provider` must be github, gitlab"),
    "unknown provider": ([OIDC, {"provider": "canary"}], "identities.1: `provider` must be"),
    "no id": ([{"provider": "github", "repository_id": 1}], "identities.0.repository_owner_id: "),
    "a name for an id": ([GITHUB | {"repository_id": "acme/churn"}], "identities.0.repository_id"),
    "an id with a zero": ([GITHUB | {"repository_id": "01"}], "must be the number"),
    "a flag for an id": ([GITHUB | {"repository_id": True}], "identities.0.repository_id"),
    "a negative id": ([GITLAB | {"project_id": -1}], "identities.0.project_id"),
    "a short ref": ([GITHUB | {"ref": "main"}], "identities.0.ref: must be written in full"),
    "a member of another": ([GITLAB | {"repository_id": 1}], "identities.0.repository_id"),
    "an unknown member": ([GITHUB | {"branch": "main"}], "identities.0.branch"),
    "no subject": ([{"provider": "oidc", "issuer": "https://x"}], "identities.0.subject"),
    "no issuer": ([{"provider": "oidc", "subject": "x"}], "identities.0.issuer"),
    "a user in the issuer": ([OIDC | {"issuer": "https://u@x"}], "identities.0.issuer"),
    "a query in the issuer": ([OIDC | {"issuer": "https://x?y"}], "identities.0.issuer"),
    "capitals in the issuer": ([OIDC | {"issuer": "https://CI.example"}], "identities.0.issuer"),
    "another scheme": ([OIDC | {"issuer": "file:///x"}], "identities.0.issuer"),
    "a port beyond all": ([OIDC | {"issuer": "https://x:99999"}], "identities.0.issuer"),
    "a host with a path": ([GITHUB | {"host": "x/y"}], "identities.0.host"),
    "no events": ([GITHUB | {"events": []}], "identities.0.events"),
    "too many": ([OIDC] * 201, "identities: "),
}  # fmt: skip


def declared(kind: str = "ci", **settings: Any) -> SourceSettings:
    """A source with these settings."""
    said = {"name": "ci-retail", "kind": kind, "namespace": "retail", "settings": settings}
    return SourceSettings.model_validate(said)


@pytest.mark.parametrize("kind", ["ci", "github", "gitlab", "jenkins", "azure"])
def test_declared(kind: str) -> None:
    """Kinds that CI jobs speak for take bindings; numbers are read as their digits."""
    first, second, third = identities_of(declared(kind, identities=[GITHUB, GITLAB, OIDC]).settings)

    assert first.model_dump(exclude_none=True) == {
        "provider": "github", "repository_id": "486325809", "repository_owner_id": "9919",
        "issuer": "https://token.actions.githubusercontent.com",
    }  # fmt: skip
    assert (second.issuer, third.issuer) == ("https://gitlab.com", OIDC["issuer"])
    assert identities_of(declared(kind).settings) == ()


@pytest.mark.parametrize(("identities", "said"), FAULTS.values(), ids=FAULTS)
def test_faulty(identities: Any, said: str) -> None:
    """The refusal names the place and the reason, and repeats nothing that stood there."""
    with pytest.raises(ValidationError) as refused:
        declared(identities=identities)

    [problem] = refused.value.errors(include_input=False)
    assert said in problem["msg"]
    assert "canary" not in problem["msg"]


def test_other_kinds() -> None:
    """Other kinds take none; kinds of others may mean something else by the word."""
    with pytest.raises(ValidationError, match="azure, ci, github, gitlab, jenkins"):
        declared("mlflow", identities=[OIDC])
    assert declared("acme.registry", identities="theirs").settings == {"identities": "theirs"}


def test_harvester_leaves_them_alone() -> None:
    """A harvester of the same source reads the other settings."""
    source = declared("github", organisations=["acme"], identities=[GITHUB])

    assert read_settings(source, GitHubSettings).organisations == ("acme",)


def test_digest_tells_bindings_apart() -> None:
    """The same binding in another notation is the same; anything else is another."""
    texts: list[Any] = [
        [GITHUB],
        [GITHUB | {"repository_id": "486325809"}],
        [GITHUB | {"ref": "refs/heads/main"}],
    ]
    same, again, other = (
        digest_of_identity(identities_of({"identities": one})[0]) for one in texts
    )

    assert same == again != other
