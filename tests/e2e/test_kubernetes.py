"""A scripted cluster in the catalog: deployments come, change, vanish and are made anew."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa

from harvesters.errors import SourceRefused
from harvesters.manners import Manners
from harvesters.recording import Recorder, Tape
from harvesters.registry import Secret
from harvesters.runner import harvest
from harvesters.serving.kubernetes import harvesters
from harvesters.sink import HttpSink
from outbound.addresses import VARIABLE
from schemas.harvest import HarvestReport
from schemas.sources import SourceSettings
from tests.e2e.site import LOOPBACK, Site, bearer
from tests.harvesters.serving.kubernetes.ways import isvc, workload
from tests.support.kubernetes_server import KubernetesServer, kubernetes
from tests.support.scripted import Slept

TOKEN: Final = "canary-service-account-token"  # noqa: S105  # of no cluster
CANARY: Final = "canary-in-a-variable"


class Lab:
    """A cluster, and the catalog that reads it."""

    def __init__(self, server: KubernetesServer, site: Site) -> None:
        """The source is declared, and has a token; a full harvest each time."""
        self.server, self.site = server, site
        self.declare(list_every=0)
        asked = {"role": "source", "source": "k8s-prod", "days": 1}
        made = site.http.post("/tokens", json=asked, headers=bearer(site.admin)).json()
        site.tokens["mlflow-prod"] = made["token"]  # as whom commands speak

    def declare(self, **settings: Any) -> None:
        """Declare the source anew."""
        declared = {
            "name": "k8s-prod", "kind": "kubernetes", "namespace": "retail", "absences": 2,
            "credential": "K8S", "settings": {
                "url": self.server.url, "cluster": "prod", "environments": {"retail": "production"},
            } | settings,
        }  # fmt: skip
        answer = self.site.http.put(
            "/sources/k8s-prod", json=declared, headers=bearer(self.site.admin)
        )
        assert answer.is_success, answer.text

    def source(self) -> SourceSettings:
        """The source as it is declared."""
        found = self.site.http.get("/sources/k8s-prod", headers=bearer(self.site.admin)).json()
        return SourceSettings.model_validate(
            {name: found[name] for name in SourceSettings.model_fields if name in found}
        )

    def harvest(self, *, tape: Tape | None = None, full: bool = False) -> HarvestReport:
        """Once, in this process; nobody waits."""
        self.server.asked.clear()
        sink = HttpSink(self.site.url, self.site.tokens["mlflow-prod"], source="k8s-prod")
        usual = Manners(a_second=10_000.0, clock=Slept().clock()._replace(now=Manners().clock.now))
        made = harvesters(
            self.source(), Secret(TOKEN, "127.0.0.1"), {VARIABLE: LOOPBACK}, usual=usual
        )
        with closing(sink.http), closing(made):  # type: ignore[type-var]
            (report,) = [harvest(one, sink, tape=tape, full=full) for one in made]
        return report

    def deployments(self, **params: str) -> dict[str, Any]:
        """The listed deployments by name, live ones unless told otherwise."""
        rows = self.site.get("/deployments", **{"gone": "false"} | params)["items"]
        return {row["facts"]["name"]: row for row in rows}

    def passed(self, days: int = 2) -> None:
        """Let time go by: what is missed was missed since then."""
        with self.site.database.writing() as session:
            session.execute(
                sa.text("UPDATE absence SET unseen_since = unseen_since - :d * interval '1 day'"),
                {"d": days},
            )


@pytest.fixture
def lab(site: Site) -> Iterator[Lab]:
    """A cluster with four deployments, and others that are none."""
    with kubernetes(token=TOKEN) as server:
        labels = {"model-catalog/model": "retail.churn", "model-catalog/version": "7"}
        server.put(isvc(metadata={"labels": labels}))
        server.put(isvc("fraud", "risk"))
        secret = {"env": [{"name": "PASSWORD", "value": CANARY}]}
        server.put(workload("price-model", "acme/price:1", container=secret))
        server.put(workload("web", "nginx"))
        server.put(workload("nightly-model", kind="CronJob"))
        yield Lab(server, site)


def test_kubernetes_discovered(lab: Lab) -> None:
    """What runs is known after one harvest, whoever put it there; the next one writes nothing."""
    report = lab.harvest()

    assert (report.scope, report.coverage, report.outcome) == ("serving", "full", "complete")
    assert (report.seen, report.created, report.skipped) == (4, 4, ())
    assert report.counts == {"serves_no_model": 1}
    rows = lab.deployments()
    assert {name: row["facts"]["environment"] for name, row in rows.items()} == {
        "churn": "retail", "fraud": "risk", "price-model": "retail", "nightly-model": "retail",
    }  # fmt: skip
    facts = rows["churn"]["facts"]
    assert (facts["claimed_model"], facts["claimed_version"]) == ("retail/churn", "7")
    assert (facts["environment_class"], facts["role"]) == ("production", "live")
    assert rows["nightly-model"]["facts"]["role"] == "batch"

    before = lab.site.written()
    again = lab.harvest()
    assert (again.coverage, again.seen, again.changed, again.created) == ("full", 4, 0, 0)
    assert lab.site.written() == before


def test_kubernetes_changed(lab: Lab) -> None:
    """A new image and a new artifact are seen, each as the one field that changed."""
    lab.harvest()
    lab.server.put(workload("price-model", "acme/price:2"))
    labels = {"model-catalog/model": "retail.churn", "model-catalog/version": "8"}
    predictor = {"model": {"storageUri": "s3://models/churn/8"}}
    lab.server.put(isvc(metadata={"labels": labels}, predictor=predictor))

    report = lab.harvest()

    assert (report.changed, report.created) == (2, 0)
    rows = lab.deployments()
    assert rows["price-model"]["facts"]["image"] == "acme/price:2"
    assert rows["churn"]["facts"]["artifact_uri"] == "s3://models/churn/8"
    assert rows["churn"]["facts"]["claimed_version"] == "8"


def test_kubernetes_vanished(lab: Lab) -> None:
    """What a full list lacks is missed, and let go after the source's absences."""
    lab.harvest()
    lab.server.delete("inferenceservices", "risk", "fraud")

    report = lab.harvest()
    assert (report.unseen, report.retired) == (1, 0)
    assert "fraud" in lab.deployments()
    lab.passed()
    report = lab.harvest()
    assert (report.unseen, report.retired) == (1, 1)
    assert sorted(lab.deployments()) == ["churn", "nightly-model", "price-model"]


def test_kubernetes_created_again(lab: Lab) -> None:
    """Another object under an old name is another deployment: what was decided stays behind."""
    lab.harvest()
    before = lab.deployments()["churn"]
    lab.server.delete("inferenceservices", "retail", "churn")
    lab.server.put(isvc(predictor={"model": {"storageUri": "s3://models/other/1"}}))

    report = lab.harvest()

    assert (report.created, report.outcome) == (1, "complete")
    after = lab.deployments()["churn"]
    assert after["id"] != before["id"]
    assert after["facts"]["artifact_uri"] == "s3://models/other/1"
    assert "claimed_model" not in after["facts"]
    replaced = lab.site.get(f"/deployments/{before['id']}")
    assert (
        replaced["replaced_by"]["id"] == after["id"]
        if isinstance(replaced["replaced_by"], dict)
        else replaced["replaced_by"] == after["id"]
    )


def test_kubernetes_watched(lab: Lab) -> None:
    """In between only changes are read; what is deleted leaves at once."""
    lab.declare()
    lab.harvest()
    before = lab.site.written()
    quiet = lab.harvest()
    assert (quiet.coverage, quiet.outcome, quiet.seen) == ("delta", "complete", 0)
    assert lab.site.written() == before

    lab.server.put(isvc("new"))
    lab.server.delete("inferenceservices", "risk", "fraud")
    report = lab.harvest()
    assert (report.coverage, report.created, report.retired) == ("delta", 1, 1)
    assert sorted(lab.deployments()) == ["churn", "new", "nightly-model", "price-model"]


def test_kubernetes_watch_broken(lab: Lab) -> None:
    """While no watch holds, and after what it missed is forgotten, lists tell all the same."""
    lab.declare()
    lab.harvest()
    lab.server.put(isvc("new"))
    lab.server.delete("inferenceservices", "risk", "fraud")
    lab.server.broken = 10_000
    report = lab.harvest()
    assert (report.coverage, report.outcome) == ("delta", "complete")
    assert report.counts["watches_broken"] == 5
    assert sorted(lab.deployments()) == ["churn", "new", "nightly-model", "price-model"]

    lab.server.broken = 0
    lab.server.delete("inferenceservices", "retail", "new")
    lab.server.forget()
    lab.harvest()
    assert sorted(lab.deployments()) == ["churn", "nightly-model", "price-model"]


def test_kubernetes_emptied(lab: Lab) -> None:
    """The last deployment leaves too, once the cluster says by name that it is not there."""
    lab.harvest()
    for plural, space, name in [*lab.server.objects]:
        lab.server.delete(plural, space, name)

    report = lab.harvest()

    assert (report.outcome, report.retired) == ("complete", 4)
    assert lab.deployments() == {}


def test_kubernetes_locked(lab: Lab) -> None:
    """A right that is lost takes nothing away; another cluster in its place does not either."""
    lab.harvest()
    lab.server.denied.add(("inferenceservices", None))
    report = lab.harvest()
    lab.passed()
    report = lab.harvest()
    assert (report.outcome, report.unseen, report.retired) == ("complete", 0, 0)
    assert {one.code for one in report.skipped} == {"forbidden"}
    assert len(lab.deployments()) == 4

    lab.server.denied.clear()
    lab.server.uid = "another"
    lab.server.objects.clear()
    with pytest.raises(SourceRefused):
        lab.harvest()
    assert len(lab.deployments()) == 4


def test_kubernetes_command(lab: Lab, tmp_path: Path) -> None:
    """The real command does it, keeps a recording without a secret, and maps it again alike."""
    secret: Any = {"MODEL_CATALOG_SECRET_K8S": TOKEN, "MODEL_CATALOG_SECRET_K8S_HOST": "127.0.0.1"}
    done = lab.site.command("harvest", "k8s-prod", "--json", "--record", str(tmp_path), **secret)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["created"] == 4
    (recording,) = tmp_path.iterdir()
    kept = recording.read_text()
    assert not {word for word in (TOKEN, CANARY) if word in kept + done.stdout + done.stderr}
    assert "price-model" in kept

    done = lab.site.command("harvest", "k8s-prod", "--json", "--replay", str(recording))
    assert done.returncode == 0, done.stderr
    replayed = json.loads(done.stdout)
    assert (replayed["plan"], replayed["dry_run"], replayed["seen"]) == ([], True, 4)


def test_kubernetes_recorded_changes(lab: Lab, tmp_path: Path) -> None:
    """A harvest of changes is recorded with what was asked for by name."""
    lab.declare()
    lab.harvest()
    lab.server.put(isvc("new"))
    lab.server.delete("inferenceservices", "risk", "fraud")
    lab.server.forget()
    said: list[str] = []
    lab.harvest(tape=Recorder(tmp_path, lab.source(), most=2**20, tell=said.append))
    (recording,) = tmp_path.iterdir()

    done = lab.site.command("harvest", "k8s-prod", "--json", "--replay", str(recording))

    assert (done.returncode, said) == (0, []), done.stderr
    assert json.loads(done.stdout)["plan"] == []
