"""What builds of a Jenkins are called, and that pages are observed again as they were."""

import json
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from harvesters.ci.jenkins import JenkinsSettings
from harvesters.ci.jenkins.names import Place, Site, below, linked
from harvesters.ci.jenkins.observe import JobPage, Row
from harvesters.ci.jenkins.payloads import kept
from harvesters.ci.jenkins.replay import CODEC, harvester
from harvesters.codec import PageUnreadable
from harvesters.errors import SourceRefused
from harvesters.recording import fingerprint
from harvesters.redaction import redact
from harvesters.registry import find_factory, find_replays
from schemas.identifiers import Identifier, Kind
from schemas.observation import Observation
from tests.docs.tables import documented, preamble
from tests.harvesters.ci.jenkins.conftest import make_source
from tests.support.jenkins_server import checkout

NOON: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
URL: Final = "https://CI.example.com:443/jenkins/"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("folder", "main"), "ci.example.com/jenkins/folder/main#21"),
        (("churn", "feature%2Fx"), "ci.example.com/jenkins/churn/feature%2Fx#21"),
        (("100%",), "ci.example.com/jenkins/100%25#21"),
        (("a#b",), "ci.example.com/jenkins/a%23b#21"),
        (("..",), "ci.example.com/jenkins/%2E%2E#21"),
    ],
)
def test_build_identifier(path: tuple[str, ...], value: str) -> None:
    """Host, context and full name; what Jenkins encoded itself is not encoded twice."""
    found = Site.of(URL).build(path, 21)

    assert found == Identifier(kind=Kind.BUILD, scheme="jenkins", value=value)


def test_build_identifier_too_long() -> None:
    """A name that no identifier holds names nothing."""
    assert Site.of(URL).build(("x" * 2_000,), 1) is None


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://a.example/job/shop/job/churn/21/", Place(("shop", "churn"), 21)),
        ("https://a.example/ci/job/churn/21/console", Place(("churn",), 21)),
        ("https://a.example/view/all/job/shop/view/x/job/a%252Fb/3/", Place(("shop", "a%2Fb"), 3)),
        ("https://a.example/job/churn/", None),
        ("https://a.example/job/churn/lastBuild/", None),
        ("https://a.example/job/churn/0/", None),
        ("https://a.example/21/", None),
        ("", None),
    ],
)
def test_linked(url: str, place: Place | None) -> None:
    """Which build an address shows, through views and folders."""
    assert linked(url) == place


def test_place_of_others() -> None:
    """Another Jenkins' build is not asked for here."""
    site = Site.of(URL)
    for value in (
        "other.example.com/churn#1",
        "ci.example.com/churn#1",
        "ci.example.com/jenkins/x",
    ):
        one = Identifier(kind=Kind.BUILD, scheme="jenkins", value=value)
        assert site.place_of(one) is None
    here = site.build(("shop", "churn"), 7)
    assert here is not None
    assert site.place_of(here) == Place(("shop", "churn"), 7)


def test_link_said_elsewhere() -> None:
    """Jenkins may say its own address, for the same build; anything else is not shown."""
    site, place = Site.of(URL), Place(("churn",), 3)
    said = f"https://jenkins.example.com{below(place.path)}/3/"
    assert site.link(place, said=said) == said
    for odd in ("https://evil.example/", f"javascript:{below(place.path)}/3/",
                f"https://a:b@evil.example{below(place.path)}/3/", None):  # fmt: skip
        assert site.link(place, said=odd) == "https://ci.example.com/jenkins/job/churn/3/"


def test_settings_documented() -> None:
    """docs/ci-jenkins.md lists the settings, in their order."""
    assert documented(preamble("ci-jenkins.md")) == list(JenkinsSettings.model_fields)


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "https://ci.example.com/job/churn"},
        {"url": "https://ci.example.com/?a=b"},
        {"url": "https://user:pass@ci.example.com/"},
        {"url": "ftp://ci.example.com/"},
        {"url": "https://ci.example.com", "builds": 0},
        {"url": "https://ci.example.com", "job": ["*"]},
    ],
)
def test_settings_refused(settings: dict[str, Any]) -> None:
    """Settings that cannot be read safely are refused before anything is asked."""
    with pytest.raises((SourceRefused, ValueError)):
        next(find_factory("jenkins")(make_source(**settings), None, {}))


def make_page(**more: Any) -> JobPage:
    """A page of one build."""
    raw = {
        "number": 3, "timestamp": 1_711_277_511_931, "duration": 10, "result": "SUCCESS",
        "building": False, "actions": [checkout("a" * 40, ["https://x:canary@github.com/a/b"])],
    }  # fmt: skip
    return JobPage(NOON, ("shop", "churn"), (Row(kept(raw), 0),), **more)


def test_replay() -> None:
    """A recorded page says what it said; nobody is asked, and no secret is written down."""
    source = make_source("https://ci.example.com")
    replays = find_replays("jenkins")
    assert replays is not None
    again = replays.harvester(source, "builds")
    page = make_page(unread=(("not_readable", "no"),))
    written = json.dumps(redact(CODEC.encode(page)))

    (first, told), (_, said) = again.observe(page), again.observe(CODEC.decode(json.loads(written)))

    assert "canary" not in written
    assert not isinstance(first, Observation)
    assert isinstance(told, Observation)
    assert isinstance(said, Observation)
    assert fingerprint(told) == fingerprint(said)
    assert again.version == next(find_factory("jenkins")(source, None, {})).version
    with pytest.raises(SourceRefused, match="asks no server"):
        list(again.pages(None))
    with pytest.raises(PageUnreadable):
        harvester(source, "registry/default")
