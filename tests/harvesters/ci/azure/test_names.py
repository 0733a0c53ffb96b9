"""What things of Azure DevOps are called, and that pages are observed again as they were."""

import json
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from harvesters.ci.azure import AzureSettings, harvesters
from harvesters.ci.azure.names import Site, formerly, linked
from harvesters.ci.azure.observe import Deployed, ProjectPage
from harvesters.ci.azure.payloads import OF_RECORDS, kept
from harvesters.ci.azure.replay import CODEC, harvester
from harvesters.codec import PageUnreadable
from harvesters.errors import SourceRefused
from harvesters.recording import fingerprint
from harvesters.redaction import redact
from harvesters.registry import Secret, find_replays
from schemas.identifiers import Identifier, Kind
from schemas.observation import Observation
from tests.docs.tables import documented, preamble
from tests.harvesters.ci.azure.conftest import make_source
from tests.support.azure_server import tfs

NOON: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
PROJECT: Final = "0d50ba13-f9ad-49b0-9b21-d29eda50ca33"


@pytest.mark.parametrize(
    ("url", "value"),
    [
        ("https://dev.azure.com/acme/", f"dev.azure.com/{PROJECT}/12"),
        ("https://acme.visualstudio.com", f"dev.azure.com/{PROJECT}/12"),
        ("https://TFS.example.com:8443/tfs/Default", f"tfs.example.com:8443/{PROJECT}/12"),
    ],
)
def test_build_identifier(url: str, value: str) -> None:
    """By the ids of project and build alone: organisations are renamed, collections moved."""
    site = Site.of(url)
    found = site.build(PROJECT, 12)

    assert found == Identifier(kind=Kind.BUILD, scheme="azure", value=value)
    assert site.number_of(found, PROJECT) == 12
    assert site.number_of(found, PROJECT[::-1]) is None


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://dev.azure.com/acme/retail/_build/results?buildId=7&view=x", ("retail", 7)),
        (f"https://dev.azure.com/acme/{PROJECT.upper()}/_build?buildId=7", (PROJECT, 7)),
        (f"https://dev.azure.com/acme/{PROJECT}/_apis/build/Builds/12", (PROJECT, 12)),
        ("https://dev.azure.com/acme/retail/_build/results", None),
        ("https://dev.azure.com/acme/retail/_build/results?buildId=x", None),
        ("https://dev.azure.com/_apis/build/builds/12", None),
        ("https://[", None),
        ("", None),
    ],
)
def test_linked(url: str, found: tuple[str, int] | None) -> None:
    """Which build of which project an address shows."""
    assert linked(url) == found


@pytest.mark.parametrize(
    ("url", "now"),
    [
        ("https://acme.visualstudio.com/p/_git/r", "https://dev.azure.com/acme/p/_git/r"),
        (
            "https://ACME.visualstudio.com/DefaultCollection/p/_git/r",
            "https://dev.azure.com/ACME/p/_git/r",
        ),
        ("https://acme.visualstudio.com/", "https://dev.azure.com/acme"),
        ("https://visualstudio.com.example/p", "https://visualstudio.com.example/p"),
    ],
)
def test_formerly(url: str, now: str) -> None:
    """One organisation has two addresses: one is kept."""
    assert formerly(url) == now


def test_holds() -> None:
    """A repository of the project, by its address."""
    site = Site.of("https://acme.visualstudio.com")
    for scheme, value, here in (
        ("url", "https://dev.azure.com/acme/retail/_git/churn", True),
        ("url", "https://dev.azure.com/acme-two/retail/_git/churn", False),
        ("url", "https://github.com/acme/churn", False),
        ("url", "https://dev.azure.com/acme/other/_git/churn", False),
        ("url", f"https://dev.azure.com/acme/{PROJECT.upper()}/_git/churn", True),
        ("azure", f"dev.azure.com/{PROJECT}", False),
        ("github", "github.com/7", False),
    ):
        one = Identifier(kind=Kind.REPOSITORY, scheme=scheme, value=value)
        assert site.holds(one, projects=("retail", PROJECT)) is here, value


def test_settings_documented() -> None:
    """docs/ci-azure.md lists the settings, in their order."""
    assert documented(preamble("ci-azure.md")) == list(AzureSettings.model_fields)


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "https://dev.azure.com/"},
        {"url": "https://dev.azure.com/acme/_apis"},
        {"url": "https://me:pat@dev.azure.com/acme"},
        {"url": "https://dev.azure.com/acme", "api_version": "latest"},
        {"url": "https://dev.azure.com/acme", "environments": {"prod": "live"}},
        {"url": "https://dev.azure.com/acme", "project": "retail"},
    ],
)
def test_settings_refused(settings: dict[str, Any]) -> None:
    """Settings that cannot be read safely are refused before anything is asked."""
    with pytest.raises((SourceRefused, ValueError)):
        next(harvesters(make_source(**settings), None, {}))


def test_secret_refused() -> None:
    """What no header carries is refused, and stands in no error."""
    source = make_source("https://dev.azure.com/acme")
    made = harvesters(source, Secret("canary\nX: y", "dev.azure.com"), {})
    with pytest.raises(SourceRefused) as caught:
        next(made)

    assert "canary" not in str(caught.value)


def test_replay() -> None:
    """A recorded page says what it said; nobody is asked, and no secret is written down."""
    source = make_source("https://dev.azure.com/acme")
    replays = find_replays("azure")
    assert replays is not None
    again = replays.harvester(source, f"builds/{PROJECT}")
    build = {
        "id": 12, "status": "completed", "result": "succeeded", "sourceVersion": "a" * 40,
        "finishTime": "2023-02-25T06:23:04.0061884Z", "parameters": "canary",
        "definition": {"id": 5, "name": "train"}, "repository": tfs("churn", userinfo="x:canary@"),
    }  # fmt: skip
    record = {"id": 1, "result": "succeeded", "definition": {"id": 5}, "owner": {"id": 12}}
    raw = kept(build)
    deployed = Deployed(1, "prod", kept(record, OF_RECORDS), raw)
    page = ProjectPage(NOON, (raw,), (deployed,), (("not_readable", "no"),), cursor="{}")
    text = json.dumps(redact(CODEC.encode(page)))

    said = list(again.observe(page))
    told = list(again.observe(CODEC.decode(json.loads(text))))

    assert "canary" not in text
    kinds = [one.subject.kind for one in said if isinstance(one, Observation)]
    assert kinds == [Kind.BUILD, Kind.REPOSITORY, Kind.DEPLOYMENT]
    assert [fingerprint(one) for one in said if isinstance(one, Observation)] == [
        fingerprint(one) for one in told if isinstance(one, Observation)
    ]
    with pytest.raises(SourceRefused, match="asks no server"):
        list(again.pages(None))
    for scope in ("builds", "builds/retail", f"deployments/{PROJECT}"):
        with pytest.raises(PageUnreadable):
            harvester(source, scope)
