"""CloudEvents and CDEvents: every way they travel, what is kept of them, what is refused."""

import base64
import json
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest

from service.lineage.cdevents import read_cdevent
from service.lineage.purl import read_purl
from service.lineage.stating import EventRefused
from tests.lineage.events import Poster, count
from tests.support.catalog import make_source, model, post, rows, version
from tests.support.http import Service

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
HEX = "0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427"
IMAGE = f"pkg:oci/churn@sha256%3A{HEX}?repository_url=registry.acme.example/churn&tag=v7"
COMMIT = "527d4a1aca5e8d0df24813df5ad65d049fc8d312"
CD = "application/cdevents+json"
ONE, MANY = "application/cloudevents+json", "application/cloudevents-batch+json"


def cdevent(
    kind: str, subject: str, at: str = "2026-11-20T09:00:00Z", **content: Any
) -> dict[str, Any]:
    """A CDEvent as versions 0.3 and 0.4 write it."""
    about, _, predicate = kind.partition(".")
    return {
        "context": {
            "version": "0.4.1", "id": f"{subject}-{predicate}-{at}", "source": "/ci/tekton",
            "type": f"dev.cdevents.{kind}.0.2.0", "timestamp": at, "chainId": "4c8cb7dd",
        },
        "subject": {"id": subject, "source": "/ci/tekton", "type": about, "content": content},
    }  # fmt: skip


def envelope(told: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A structured CloudEvent around it."""
    context = told["context"]
    return {
        "specversion": "1.0", "id": context["id"], "source": context["source"],
        "type": context["type"], "subject": told["subject"]["id"], "time": context["timestamp"],
        "datacontenttype": "application/json", "data": told,
    } | more  # fmt: skip


PACKAGED = cdevent(
    "artifact.packaged", IMAGE,
    change={"id": COMMIT, "source": "https://git.example.com/acme/churn"},
)  # fmt: skip
PUBLISHED = cdevent("artifact.published", IMAGE, "2026-11-20T09:01:00Z")
PRODUCTION: dict[str, Any] = {"environment": {"id": "production", "source": "/clusters/eu"}}
DEPLOYED = cdevent("service.deployed", "churn", artifactId=IMAGE, **PRODUCTION)
REMOVED = cdevent("service.removed", "churn", "2026-11-20T10:00:00Z", **PRODUCTION)


def test_read_cdevent_credential() -> None:
    """Who signs in at an address is left out of it, also where that is a token alone."""
    told = cdevent("pipelinerun.finished", "run-1", url="https://t0ken@ci.acme.example/runs/1")

    heard = read_cdevent(
        told, kind=told["context"]["type"], source="ci", at=None, now=NOW, zone=None
    )

    assert heard is not None
    assert heard.facts["url"] == "https://ci.acme.example/runs/1"


@pytest.fixture
def ci(service: Service) -> Poster:
    """Who posts events of a CI system."""
    make_source(service.database, "ci", kind="ci")
    return Poster(service, "ci")


def facts(ci: Poster, table: str) -> list[Any]:
    """The facts of all entries of a kind, as a list shows them."""
    return [one["facts"] for one in ci.service.get(table)["items"]]


@pytest.mark.parametrize(
    ("told", "pointer"),
    [
        (7, ""), ({}, ""), ({"context": [], "subject": 7}, ""),
        (cdevent("artifact.packaged", " "), "/subject/id"),
        (cdevent("artifact.packaged", "churn:7"), "/subject/id"),
        (cdevent("artifact.packaged", f"pkg:oci/{'x' * 1_100}@1"), "/subject/id"),
        (cdevent("service.deployed", "churn"), "/subject/content/environment/id"),
        (cdevent("service.removed", "churn", environment="x"), "/subject/content/environment/id"),
        (cdevent("pipelinerun.finished", "1", "yesterday"), "/context/timestamp"),
        (cdevent("pipelinerun.finished", "1", "2026-11-20T09:00:00"), "/context/timestamp"),
        (cdevent("pipelinerun.finished", "1") | {"subject": {"id": "1", "source": 7}},
         "/subject/source"),
    ],
)  # fmt: skip
def test_read_cdevent_refused(told: Any, pointer: str) -> None:
    """What cannot be read is refused with its place."""
    kind = "dev.cdevents.artifact.published.0.1.0"
    with pytest.raises(EventRefused) as refused:
        read_cdevent(told, kind=kind, source="ci", at=None, now=NOW, zone=None)

    assert refused.value.problem.pointer == pointer


@pytest.mark.parametrize(
    "kind",
    ["dev.cdevents.taskrun.started", "dev.cdevents.service.deployed.1.0.0", "com.acme.x", "", None,
     "dev.cdevents.service.published.0.3.0-draft", "dev.cdevents.artifact.packaged.0"],
)  # fmt: skip
def test_read_cdevent_ignored(kind: Any) -> None:
    """Types of which nothing is kept, and versions that nobody knows, are passed over unread."""
    assert read_cdevent(7, kind=kind, source="ci", at=None, now=NOW, zone=None) is None


@pytest.mark.parametrize(
    ("text", "digest", "image", "uri"),
    [
        (IMAGE, f"sha256:{HEX}", f"registry.acme.example/churn@sha256:{HEX}", None),
        ("pkg:docker/acme/churn@v7", None, "acme/churn:v7", None),
        ("pkg:golang/mygit.com/myorg/myapp@234fd47e07d1004f0aed9c", None, None, None),
        (f"pkg:generic/m.pkl@1?checksum=sha1:aa,sha256:{HEX}", f"sha256:{HEX}", None, None),
        ("pkg:mlflow/churn@7?repository_url=https://mlflow.acme.example", None, None,
         "models:/churn/7"),
        ("pkg:huggingface/acme/churn@2f", None, None, "hf://acme/churn@2f"),
        ("pkg:oci/x@sha256%3Anope", None, "x@sha256:nope", None),
    ],
)  # fmt: skip
def test_read_purl(text: str, digest: str | None, image: str | None, uri: str | None) -> None:
    """Digest, image and model of a package URL."""
    found = read_purl(text)

    assert found is not None
    assert (found.digest, found.image, found.model_uri) == (digest, image, uri)


def test_read_purl_none() -> None:
    """Other texts are none."""
    assert [read_purl(one) for one in ("", "churn", "pkg:", "pkg:oci", "pkg:oci/@1")] == [None] * 5


def test_events_every_way(ci: Poster) -> None:
    """Structured, batched, in headers, as base64 or bare: one event is one build."""
    context = PACKAGED["context"]
    in_headers = {
        "ce-specversion": "1.0", "ce-id": context["id"], "ce-source": context["source"],
        "ce-type": context["type"], "ce-time": context["timestamp"], "ce-subject": "x%20y",
        "Content-Type": f"{CD}; charset=utf-8",
    }  # fmt: skip
    encoded = base64.b64encode(json.dumps(PACKAGED).encode()).decode()
    as_bytes = envelope(PACKAGED, data_base64=encoded)
    del as_bytes["data"]

    answers = [
        ci.send(envelope(PACKAGED), "events", headers={"Content-Type": ONE}),
        ci.send([envelope(PACKAGED)], "events", headers={"Content-Type": MANY}),
        ci.send(PACKAGED, "events", headers=in_headers),
        ci.send(as_bytes, "events", headers={"Content-Type": ONE}),
        ci.send(PACKAGED, "events", headers={"Content-Type": "application/json"}),
        ci.send([], "events", headers={"Content-Type": MANY}),
    ]

    assert [answer.status_code for answer in answers] == [202] * 6
    assert [answer.json()["recorded"] for answer in answers] == [1, 0, 0, 0, 0, 0]
    (build,) = facts(ci, "builds")
    assert build["artifacts"] == [
        {"name": "registry.acme.example/churn", "digest": f"sha256:{HEX}"}
    ]
    assert build["commit"] == COMMIT
    assert rows(ci.service.database, "SELECT value FROM subject WHERE kind = 'build'") == [
        (f"ci/pkg:oci%2Fchurn@sha256:{HEX}",)
    ]


def test_events_refused_and_ignored(ci: Poster) -> None:
    """Others are counted, by type where it is a CDEvent's; bad ones are refused alone."""
    ignored = cdevent("taskrun.started", "1")
    sent = [
        envelope(ignored), envelope(ignored), envelope(PUBLISHED, type="com.acme.x", data=1), 7,
        envelope(PUBLISHED, specversion="0.3"), envelope(PUBLISHED, id=""),
        envelope(PUBLISHED, data_base64="%"), envelope(PUBLISHED, data=None),
    ]  # fmt: skip

    answer = ci.send(sent, "events", headers={"Content-Type": MANY})

    assert answer.status_code == 202
    assert answer.json() == {
        "received": 8, "recorded": 0, "unchanged": 0,
        "ignored": {"dev.cdevents.taskrun.started.0.2.0": 2, "other": 1},
        "failed_events": [
            {"index": 3, "pointer": "", "reason": "must be an object", "fix": ""},
            {"index": 4, "pointer": "/specversion", "reason": "must be 1.0", "fix": ""},
            {"index": 5, "pointer": "/id", "reason": "must be a text that is not empty", "fix": ""},
            {"index": 6, "pointer": "/data_base64", "reason": "must be JSON in base64", "fix": ""},
            {"index": 7, "pointer": "", "fix": "",
             "reason": "must hold `context` and `subject`, as a CDEvent does"},
        ],
    }  # fmt: skip
    assert count(ci.service, "entry") == 0


def test_events_bodies_hostile(ci: Poster) -> None:
    """What is no event at all is refused whole, never a 5xx."""
    sent = (
        ("{", ONE, 400), ("[]", ONE, 422), ("{}", MANY, 422), ("{}", "application/json", 400),
        ("[" * 9_000 + "]" * 9_000, MANY, 400), ("{}", "text/plain", 415), ("", ONE, 400),
        ("{}", "application/x-www-form-urlencoded", 415),
        (json.dumps([envelope(PUBLISHED)] * 1_001), MANY, 413), ("x" * (9 << 20), MANY, 413),
    )  # fmt: skip

    answers = [
        ci.send(body, "events", headers={"Content-Type": media}).status_code
        for body, media, _ in sent
    ]

    assert answers == [status for _, _, status in sent]


def test_events_of_a_build_any_order(ci: Poster) -> None:
    """Packaged and published speak of one build, whichever comes first and how often."""
    for number, order in enumerate(permutations((PACKAGED, PUBLISHED, PUBLISHED))):
        told = [json.loads(json.dumps(one).replace("churn", f"churn{number}")) for one in order]
        ci.send([envelope(one) for one in told], "events", headers={"Content-Type": MANY})

    found = facts(ci, "builds")
    assert len(found) == 6
    assert {one["commit"] for one in found} == {COMMIT}


def test_events_of_a_pipeline_run(ci: Poster) -> None:
    """A finished run of a pipeline is a build with its outcome."""
    finished = cdevent(
        "pipelinerun.finished", "run/7", pipelineName="train", outcome="failure",
        url="https://ci.acme.example/7", errors="x",
    )  # fmt: skip
    ci.send(envelope(finished), "events", headers={"Content-Type": ONE})

    (build,) = facts(ci, "builds")
    assert build == {
        "finished_at": "2026-11-20T09:00:00.000000Z", "status": "failed", "workflow": "train",
        "url": "https://ci.acme.example/7",
    }  # fmt: skip


def test_events_of_a_service(ci: Poster) -> None:
    """Deployed, upgraded, removed: one deployment, which serves the version with that digest."""
    database = ci.service.database
    post(
        database, make_source(database), model(), version(1),
        version(2, digests=[f"sha256:{HEX}"]),
    )  # fmt: skip
    before = cdevent(
        "service.deployed", "churn", "2026-11-20T08:00:00Z",
        artifactId=IMAGE.replace(HEX, "a" * 64), **PRODUCTION,
    )  # fmt: skip
    upgraded = json.loads(json.dumps(DEPLOYED).replace("service.deployed", "service.upgraded"))

    for one in (before, upgraded, before):
        ci.send(envelope(one), "events", headers={"Content-Type": ONE})

    (running,) = ci.service.get("deployments")["items"]
    assert running["version"] == "retail/churn/2"
    assert running["facts"]["status"] == "ready"
    assert running["facts"]["created_at"] == "2026-11-20T08:00:00.000000Z"
    assert running["facts"]["image"] == f"registry.acme.example/churn@sha256:{HEX}"
    ci.send(envelope(REMOVED), "events", headers={"Content-Type": ONE})
    ci.send(envelope(upgraded), "events", headers={"Content-Type": ONE})
    (stopped,) = ci.service.get("deployments")["items"]
    assert (stopped["facts"]["status"], stopped["version"]) == ("stopped", "retail/churn/2")
    assert stopped["facts"]["ended_at"] == "2026-11-20T10:00:00.000000Z"
