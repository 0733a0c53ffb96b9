"""Endpoints through AWS' own client and a scripted API: read, bound, isolated, mapped."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvesters.base import Told
from harvesters.errors import RecordUnreadable, SourceRefused, SourceUnavailable
from harvesters.manners import Manners
from harvesters.recording import Recorder
from harvesters.registry import Secret
from harvesters.replay import Recording, Replay
from harvesters.runner import harvest
from harvesters.serving.sagemaker import client, harvesters
from harvesters.serving.sagemaker.observe import observe, variants_of
from harvesters.serving.sagemaker.settings import SageMakerSettings
from schemas.harvest import KnownSubject
from schemas.observation import Observation
from schemas.sources import SourceSettings
from tests.support.running import Sink
from tests.support.sagemaker_server import (
    ACCOUNT,
    KEY_ID,
    REGION,
    Answered,
    SageMakerServer,
    sagemaker,
)
from tests.support.scripted import Slept
from tests.support.shelf import NOON

KEYS = f"{KEY_ID}:canary/secret+key"
ROOT = Path(__file__).parents[4]


@pytest.fixture
def server() -> Iterator[SageMakerServer]:
    """An account without endpoints."""
    with sagemaker() as running:
        yield running


class Ways:
    """Harvests a region, and remembers where the last harvest ended."""

    def __init__(self, server: SageMakerServer) -> None:
        """A clock that only sleeping moves, a day after the endpoints were made."""
        self.server, self.slept = server, Slept()
        self.cursor: str | None = None
        self.environ: dict[str, str] = {}
        self.sweep: Any = None  # the last one

    def later(self, seconds: float) -> None:
        """Time goes by."""
        self.slept.seconds.append(seconds)

    def source(self, **settings: Any) -> SourceSettings:
        """The source."""
        told = {"regions": [REGION], "url": self.server.url} | settings
        return SourceSettings.model_validate(
            {"name": "aws", "kind": "sagemaker", "namespace": "retail", "settings": told}
        )

    def harvest(self, unseen: tuple[KnownSubject, ...] = (), **settings: Any) -> list[Told]:
        """What one harvest says, and answers of what it did not see."""
        usual = Manners(a_second=10_000.0, clock=self.slept.clock())
        secret = Secret(KEYS, "127.0.0.1")
        made = harvesters(self.source(**settings), secret, self.environ, usual=usual)
        told: list[Told] = []
        with closing(made):  # type: ignore[type-var]
            sweep: Any = next(made)
            self.sweep = sweep
            sweep.choose(self.cursor)
            for page in sweep.pages(self.cursor):
                told += sweep.observe(page)
                self.cursor = sweep.cursor_after(page) or self.cursor
            told += sweep.ask(unseen)
        return told


@pytest.fixture
def ways(server: SageMakerServer) -> Ways:
    """A way to the account."""
    return Ways(server)


def facts(told: list[Told]) -> dict[str, dict[str, Any]]:
    """What is said, by subject; all can be observed."""
    found = {}
    for one in told:
        assert isinstance(one, Observation), one
        said = one.facts.model_dump(mode="json", exclude_unset=True) if one.facts else {}
        found[one.subject.value] = said
    return found


def test_sagemaker_observed(server: SageMakerServer, ways: Ways) -> None:
    """A deployment a variant, with share, artifact, image and digest, and what tags claim."""
    server.deploy("churn", "a", "b", shadow="next", model="retail.churn", version="7")
    server.endpoints["churn"]["ProductionVariants"][0]["CurrentWeight"] = 3.0

    told = ways.harvest(environments={"123*": "production"})

    found = facts(told)
    place = f"{ACCOUNT}/{REGION}/churn"
    assert list(found) == [f"{place}/a", f"{place}/b", f"{place}/next"]
    assert found[f"{place}/a"] == {
        "platform": "sagemaker", "name": "churn/a", "environment": ACCOUNT,
        "environment_class": "production", "role": "live", "traffic_percent": 75.0,
        "claimed_model": "retail/churn", "claimed_version": "7",
        "artifact_uri": "s3://models/churn-a/model.tar.gz",
        "image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/serving:1",
        "digest": "sha256:" + "ab" * 32, "status": "ready",
        "endpoint": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/churn",
        "created_at": "2026-11-01T08:01:00.000000Z",
    }  # fmt: skip
    assert found[f"{place}/b"]["traffic_percent"] == 25.0
    assert found[f"{place}/next"]["role"] == "shadow"
    assert "canary" not in repr(told)


def test_sagemaker_calls(server: SageMakerServer, ways: Ways) -> None:
    """Only what is needed is called, signed for the region by the source's key."""
    server.deploy("churn", "a")
    ways.harvest()
    assert server.called() == [
        "ListEndpoints", "DescribeEndpoint", "ListTags", "DescribeEndpointConfig", "DescribeModel",
    ]  # fmt: skip
    assert all(f"Credential={KEY_ID}/" in one and REGION in one for one in server.signed)
    assert not any("canary" in one for one in server.signed)


def test_sagemaker_changes(server: SageMakerServer, ways: Ways) -> None:
    """Between two full harvests only what was modified; a new creation time makes another one."""
    server.now = datetime(2026, 11, 27, 11, tzinfo=UTC).timestamp()
    server.deploy("churn", "a")
    server.deploy("fraud", "a")
    first = facts(ways.harvest())
    assert str(ways.sweep.coverage) == "full"
    ways.later(600)
    server.now = datetime(2026, 11, 27, 12, 5, tzinfo=UTC).timestamp()
    server.delete("fraud")
    server.deploy("fraud", "a")

    found = facts(ways.harvest())

    assert str(ways.sweep.coverage) == "delta"
    place = f"{ACCOUNT}/{REGION}/fraud/a"
    assert list(found) == [place]
    assert found[place]["created_at"] != first[place]["created_at"]
    ways.later(3_600)
    assert len(facts(ways.harvest())) == 2
    assert str(ways.sweep.coverage) == "full"


def test_sagemaker_asked(server: SageMakerServer, ways: Ways) -> None:
    """What a listing lacks is asked for by name, within its account."""
    server.deploy("churn", "a", "b")
    server.deploy("fraud", "a")
    known = tuple(
        KnownSubject(subject=one.subject, digest="x")
        for one in ways.harvest()
        if isinstance(one, Observation)
    )
    server.delete("fraud")
    server.deploy("churn", "a")  # without b
    other = known[0].subject.model_copy(update={"value": f"999999999999/{REGION}/churn/a"})
    asked = (*known, KnownSubject(subject=other, digest="x"))

    ways.cursor = None
    told = [one for one in ways.harvest(asked)[1:] if isinstance(one, Observation)]

    said = {one.subject.value.split("/", 2)[2]: one.gone for one in told}
    assert said == {"churn/a": False, "churn/b": True, "fraud/a": True}
    assert len(told) == 3


def test_sagemaker_pages(server: SageMakerServer, ways: Ways) -> None:
    """Page by page to the end; what goes meanwhile is none, what is excluded is counted."""
    for number in range(7):
        server.deploy(f"m{number}", "a")
    server.a_page = 2
    answered = server.answer

    def gone(called: str) -> Answered | None:
        if called == "DescribeEndpoint" and server.asked[-1][1]["EndpointName"] == "m3":
            return answered("DescribeEndpoint", {"EndpointName": "nothing"})
        return None

    server.before = gone
    found = facts(ways.harvest(exclude=["m5"]))
    assert [name.split("/")[2] for name in found] == ["m0", "m1", "m2", "m4", "m6"]
    assert ways.sweep.counts == {"excluded": 1}

    server.before = lambda called: (
        Answered.of({"Endpoints": [], "NextToken": "1"}) if called == "ListEndpoints" else None
    )
    ways.cursor = None
    with pytest.raises(SourceRefused, match="never ends"):
        ways.harvest()


@pytest.mark.parametrize(
    ("answered", "kind"),
    [
        (Answered.error("AccessDeniedException"), SourceRefused),
        (Answered.error("ExpiredTokenException"), SourceRefused),
        (Answered.error("UnrecognizedClientException"), SourceRefused),
        (Answered.error("ValidationException"), SourceRefused),
        (Answered.of({}), SourceRefused),
        (Answered(200, b"<html>"), (SourceRefused, SourceUnavailable)),
        (Answered(302, b""), (SourceRefused, SourceUnavailable)),
    ],
)
def test_sagemaker_refused(
    server: SageMakerServer, ways: Ways, answered: Answered, kind: Any
) -> None:
    """What lets nobody in, or says nothing, ends the harvest, without what AWS told."""
    server.deploy("churn", "a")
    server.before = lambda _called: answered
    with pytest.raises(kind) as refused:
        ways.harvest()
    assert "canary" not in str(refused.value)


def test_sagemaker_throttled(
    server: SageMakerServer, ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Throttling is waited for by AWS' client; at last the next harvest tries again."""
    monkeypatch.setattr("time.sleep", lambda _seconds: None)  # botocore's own back-off
    server.deploy("churn", "a")
    waiting = [Answered.error("ThrottlingException")] * 3
    server.before = lambda _called: waiting.pop() if waiting else None
    assert len(ways.harvest()) == 1
    assert server.called().count("ListEndpoints") == 4

    server.before = lambda _called: Answered.error("ThrottlingException")
    ways.cursor = None
    with pytest.raises(SourceUnavailable, match="ThrottlingException; tried 5 times"):
        ways.harvest()
    server.before = lambda _called: Answered.error("InternalFailure", status=500)
    with pytest.raises(SourceUnavailable):
        ways.harvest()


def test_sagemaker_isolated(ways: Ways, server: SageMakerServer) -> None:
    """Nothing of the process's own AWS set-up is used, and nothing of it stays."""
    ways.environ = {
        "AWS_ACCESS_KEY_ID": "other", "AWS_PROFILE": "admin", "HTTPS_PROXY": "http://p",
        "PATH": "x", "AWS_ENDPOINT_URL": "http://elsewhere",
    }  # fmt: skip
    ways.harvest()
    assert ways.environ == {"PATH": "x", **client.ISOLATED}
    assert server.called() == ["ListEndpoints"]


def test_sagemaker_guarded(server: SageMakerServer) -> None:
    """Behind the connect hook, where the operator did not open the way, nothing is asked."""
    script = (
        "import os, sys\n"
        "from outbound.hook import guard_sockets\n"
        "from harvesters.errors import SourceUnavailable\n"
        "from harvesters.registry import Secret\n"
        "from harvesters.serving.sagemaker import harvesters\n"
        "from schemas.sources import SourceSettings\n"
        "guard_sockets(sys.argv[2])\n"
        "source = SourceSettings.model_validate({'name': 'aws', 'kind': 'sagemaker',\n"
        "  'namespace': 'retail', 'settings': {'regions': ['eu-west-1'], 'url': sys.argv[1]}})\n"
        "sweep = next(harvesters(source, Secret('id:key', '127.0.0.1'), os.environ))\n"
        "try:\n"
        "    print(len(list(sweep.pages(None))))\n"
        "except SourceUnavailable as error:\n"
        "    print(error)\n"
    )
    for allowed, said in (("127.0.0.1/32", "1"), ("10.0.0.0/8", "does not answer")):
        done = subprocess.run(  # noqa: S603  # our own words
            [sys.executable, "-W", "ignore", "-c", script, server.url, allowed],
            cwd=ROOT, capture_output=True, text=True, timeout=120, check=True,
            env={"PATH": os.environ["PATH"]},
        )  # fmt: skip
        assert said in done.stdout, done.stderr
    assert server.called() == ["ListEndpoints"]


def test_sagemaker_not_installed(monkeypatch: pytest.MonkeyPatch, ways: Ways) -> None:
    """Without the extra it says which one."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(SourceRefused, match="extra `sagemaker`"):
        ways.harvest()


def test_sagemaker_recorded(server: SageMakerServer, ways: Ways, tmp_path: Path) -> None:
    """A recording holds no variable of a container, and says the same when it is mapped again."""
    server.deploy("churn", "a", "b", shadow="next", model="retail.churn")
    said: list[str] = []
    source = ways.source()
    usual = Manners(a_second=10_000.0, clock=ways.slept.clock())
    made = harvesters(source, Secret(KEYS, "127.0.0.1"), {}, usual=usual)
    with closing(made):  # type: ignore[type-var]
        harvest(next(made), Sink(), tape=Recorder(tmp_path, source, most=2**20, tell=said.append))
    (path,) = tmp_path.iterdir()
    assert "canary" not in path.read_text()

    replay = Replay(Recording.open(path), source, at=None)
    harvest(replay, Sink())

    assert replay.compared == {"pages": 2, "as recorded": 3, "no longer said": 0}
    assert said == []


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=9) | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["VariantName", "CurrentWeight", "DeployedImages", "ResolvedImage",
                         "PrimaryContainer", "Containers", "ModelDataSource", "Image"]),
        inner, max_size=4,
    ),
    max_leaves=10,
)  # fmt: skip


@given(JSON, JSON, JSON)
def test_sagemaker_anything(variants: Any, model: Any, created: Any) -> None:
    """Whatever is described: it is said or told, and nothing is raised."""
    endpoint = {
        "EndpointName": "churn", "ProductionVariants": variants, "CreationTime": created,
        "EndpointArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/churn",
    }  # fmt: skip
    names = [
        one.get("VariantName") for one in variants if isinstance(one, dict)
    ] if isinstance(variants, list) else []  # fmt: skip
    models = {name: model for name in names if isinstance(name, str)}
    settings = SageMakerSettings(regions=(REGION,))
    for one in variants_of(endpoint, models=models, tags={}, label=None):
        assert isinstance(observe(one, settings, at=NOON), Observation | RecordUnreadable)
