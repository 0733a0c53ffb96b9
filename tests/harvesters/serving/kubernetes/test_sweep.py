"""A cluster over time: listed, watched, forgotten, locked, emptied and exchanged."""

from typing import Any

import pytest

from harvesters.errors import SourceRefused, SourceUnavailable
from schemas.harvest import Coverage
from tests.harvesters.serving.kubernetes.ways import SHA, Ways, isvc, pod, workload
from tests.support.kubernetes_server import Answered, Asked, KubernetesServer, status

KSERVE = ["inferenceservices", "llminferenceservices"]
PLAIN = ["deployments", "statefulsets", "cronjobs"]


def test_sweep_listed(server: KubernetesServer, ways: Ways) -> None:
    """Everything that serves, of all kinds and namespaces; a full harvest."""
    server.put(isvc())
    server.put(isvc("fraud", "risk"))
    server.put(workload("churn-model"))
    server.put(workload("web", "nginx"))
    server.put(workload("nightly-model", kind="CronJob"))

    found = ways.harvest()

    assert found.coverage is Coverage.FULL
    assert found.names() == [
        "retail/churn", "risk/fraud", "retail/deployment/churn-model",
        "retail/cronjob/nightly-model",
    ]  # fmt: skip
    assert found.counts == {"serves_no_model": 1}
    created = {name: one["created_at"] for name, one in found.facts().items()}
    assert created["retail/churn"] == "2026-11-01T08:16:41.000000Z"


def test_sweep_pages(server: KubernetesServer, ways: Ways) -> None:
    """Page by page; what comes and goes meanwhile changes nothing of the moment that is read."""
    for number in range(7):
        server.put(isvc(f"m{number}"))
    server.a_page = 3

    def meanwhile(asked: Asked) -> None:
        if "continue" in asked.query and ("inferenceservices", "retail", "m5") in server.objects:
            server.delete("inferenceservices", "retail", "m5")
            server.put(isvc("m9"))

    server.before = meanwhile
    assert ways.harvest().names() == [f"retail/m{number}" for number in range(7)]
    assert {one.query["limit"] for one in server.asked if one.plural in KSERVE} == {"500"}
    ways.later(60)
    found = ways.harvest()
    assert (found.names(), found.gone()) == (["retail/m9"], ["retail/m5"])


def test_sweep_expired(server: KubernetesServer, ways: Ways) -> None:
    """A list that is forgotten on the way (410) is begun again; at last it is given up."""
    for number in range(5):
        server.put(isvc(f"m{number}"))
    server.a_page, server.expired = 2, 2
    found = ways.harvest()
    assert {*found.names()} == {f"retail/m{number}" for number in range(5)}
    assert found.counts["listed_again"] == 2

    server.expired = 99
    ways.cursors[Coverage.FULL] = None
    with pytest.raises(SourceRefused, match="expired 3 times"):
        ways.harvest()


def test_sweep_watched(server: KubernetesServer, ways: Ways) -> None:
    """Between two full harvests, what was added, changed, deleted or made anew; nothing else."""
    for name in ("churn", "fraud", "price"):
        server.put(isvc(name))
    ways.harvest()
    ways.later(60)
    quiet = ways.harvest()
    assert (quiet.coverage, quiet.told) == (Coverage.DELTA, [])
    assert [one for one in server.kinds() if "pods" not in one] == [
        "kube-system", *(f"watch {kind}" for kind in (*KSERVE, *PLAIN)),
    ]  # fmt: skip

    server.put(isvc("churn", predictor={"model": {"storageUri": "s3://models/churn/8"}}))
    server.put(isvc("churn", predictor={"model": {"storageUri": "s3://models/churn/9"}}))
    server.put(isvc("new"))
    server.delete("inferenceservices", "retail", "fraud")
    before = ways.known
    created = {one.subject.value: one.facts for one in before.values()}
    server.delete("inferenceservices", "retail", "price")
    server.put(isvc("price"))
    ways.later(60)
    found = ways.harvest()

    assert found.coverage is Coverage.DELTA
    assert sorted(found.names()) == ["retail/churn", "retail/new", "retail/price"]
    assert found.gone() == ["retail/fraud"]
    facts = found.facts()
    assert facts["retail/churn"]["artifact_uri"] == "s3://models/churn/9"
    old: Any = created["prod/retail/price"]
    assert facts["retail/price"]["created_at"] != old.model_dump(mode="json")["created_at"]
    ways.later(60)
    assert ways.harvest().told == []


def test_sweep_full_again(server: KubernetesServer, ways: Ways) -> None:
    """After its interval, and when its source is told something else, everything is listed."""
    server.put(isvc())
    ways.harvest()
    ways.later(3_300)
    assert ways.harvest().coverage is Coverage.FULL
    assert ways.harvest().coverage is Coverage.DELTA
    ways.told = ways.told.model_copy(update={"serving_names": ("*",)})
    assert ways.harvest().coverage is Coverage.FULL
    ways.told = ways.told.model_copy(update={"list_every": 0})
    assert ways.harvest().coverage is Coverage.FULL
    assert ways.harvest().coverage is Coverage.FULL


def test_sweep_watch_too_old(server: KubernetesServer, ways: Ways) -> None:
    """What is too long ago to be watched (410) is listed; what it lacks is asked for by name."""
    for name in ("churn", "fraud"):
        server.put(isvc(name))
    server.put(workload("churn-model"))
    ways.harvest()
    server.delete("inferenceservices", "retail", "fraud")
    server.forget()
    ways.later(60)

    found = ways.harvest()

    assert found.coverage is Coverage.DELTA
    assert found.names() == ["retail/churn", "retail/deployment/churn-model"]
    assert found.gone() == ["retail/fraud"]
    assert found.counts["listed_again"] == 5
    ways.later(60)
    assert ways.harvest().told == []


def test_sweep_watch_broken(server: KubernetesServer, ways: Ways) -> None:
    """A watch that breaks is tried again from where it stood; one that never holds is listed."""
    for name in ("churn", "fraud"):
        server.put(isvc(name))
    ways.harvest()
    server.put(isvc("new"))
    server.broken = 2
    ways.later(60)
    found = ways.harvest()
    assert (found.names(), found.counts) == (["retail/new"], {})

    server.put(isvc("newer"))
    server.delete("inferenceservices", "retail", "fraud")
    server.broken = 10_000
    ways.later(60)
    found = ways.harvest()
    assert found.counts == {"watches_broken": 5}
    assert (sorted(found.names()), found.gone()) == (
        ["retail/churn", "retail/new", "retail/newer"], ["retail/fraud"],
    )  # fmt: skip


@pytest.mark.parametrize("body", [b'{"type": "ADDED", "obj', b"<html>", b"[]", b'{"type": 7}'])
def test_sweep_watch_lied_to(server: KubernetesServer, ways: Ways, body: bytes) -> None:
    """What is no event is not believed, and takes nothing away."""
    server.put(isvc())
    ways.harvest()

    def lie(asked: Asked) -> Answered | None:
        served = asked.is_watch and server.answer(asked).status == 200
        return Answered(200, body) if served else None

    server.before = lie
    ways.later(60)
    try:
        found = ways.harvest()
    except SourceRefused:
        return
    assert (found.names(), found.gone()) == (["retail/churn"], [])


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{}", b"<html>", b'{"items": []}', b'{"kind": "Status", "metadata": {}, "items": []}',
        b'{"kind": "InferenceServiceList", "items": [], "metadata": {}}',
        b'{"kind": "InferenceServiceList", "items": {}, "metadata": {"resourceVersion": "7"}}',
    ],
)  # fmt: skip
def test_sweep_list_lied_to(server: KubernetesServer, ways: Ways, body: bytes) -> None:
    """A 200 that is no list of what was asked for fails the harvest."""
    server.before = lambda asked: (
        Answered(200, body) if asked.plural == "inferenceservices" else None
    )
    with pytest.raises((SourceRefused, SourceUnavailable)):
        ways.harvest()


def test_sweep_list_without_end(server: KubernetesServer, ways: Ways) -> None:
    """A list that goes round in circles is left."""
    body = (
        b'{"kind": "InferenceServiceList", "items": null,'
        b' "metadata": {"resourceVersion": "7", "continue": "x"}}'
    )
    server.before = lambda _asked: Answered(200, body)
    with pytest.raises(SourceRefused, match="never ends"):
        list(ways.sweep.kubernetes.listed(ways.sweep.parts()[0]))  # type: ignore[union-attr]


def test_sweep_denied(server: KubernetesServer, ways: Ways) -> None:
    """A kind that may not be listed any more is told, and excuses what was known of it."""
    server.put(isvc())
    server.put(workload("churn-model"))
    ways.harvest()
    server.denied.add(("inferenceservices", None))
    ways.later(7_200)

    found = ways.harvest()

    assert found.coverage is Coverage.FULL
    assert found.names() == ["retail/deployment/churn-model"]
    assert found.skipped() == [("forbidden", None), ("forbidden", "prod/retail/churn")]
    server.denied |= {(kind, None) for kind in (*KSERVE, *PLAIN)}
    ways.later(7_200)
    with pytest.raises(SourceRefused, match="may list nothing"):
        ways.harvest()


def test_sweep_namespaces(server: KubernetesServer) -> None:
    """Only those that are named are asked for; one that is locked keeps no other from being."""
    ways = Ways(server, namespaces=["retail", "risk"], kinds=["inferenceservices"])
    for space in ("retail", "risk", "other"):
        server.put(isvc("churn", space))
    assert ways.harvest().names() == ["retail/churn", "risk/churn"]
    assert {one.namespace for one in server.asked if one.plural in KSERVE} == {"retail", "risk"}

    server.denied.add(("inferenceservices", "risk"))
    ways.later(7_200)
    found = ways.harvest()
    assert found.names() == ["retail/churn"]
    assert found.skipped() == [("forbidden", None), ("forbidden", "prod/risk/churn")]
    ways.client.close()


def test_sweep_not_installed(server: KubernetesServer, ways: Ways) -> None:
    """Without KServe its kinds are counted, not missed."""
    server.missing |= {*KSERVE}
    server.put(workload("churn-model"))
    found = ways.harvest()
    assert found.names() == ["retail/deployment/churn-model"]
    assert (found.skipped(), found.counts) == (
        [], {"inferenceservices_not_installed": 1, "llminferenceservices_not_installed": 1},
    )  # fmt: skip
    ways.later(60)
    server.missing.clear()
    server.put(isvc())
    assert ways.harvest().names() == ["retail/churn"]


def test_sweep_no_kubernetes(server: KubernetesServer, ways: Ways) -> None:
    """Any other server has none of it."""
    server.before = lambda _asked: status(404, "NotFound")
    with pytest.raises(SourceRefused, match="is this a Kubernetes API"):
        ways.harvest()


def test_sweep_emptied(server: KubernetesServer, ways: Ways) -> None:
    """When the last one leaves, it is asked for by name: an empty list alone proves nothing."""
    server.put(isvc())
    server.put(workload("web", "nginx"))
    ways.harvest()
    server.delete("inferenceservices", "retail", "churn")
    ways.later(7_200)

    found = ways.harvest()

    assert (found.coverage, found.names(), found.gone()) == (Coverage.DELTA, [], ["retail/churn"])
    ways.later(7_200)
    assert ways.harvest().told == []
    server.put(isvc("fraud"))
    ways.later(7_200)
    found = ways.harvest()
    assert (found.coverage, found.names()) == (Coverage.FULL, ["retail/fraud"])


def test_sweep_another_cluster(server: KubernetesServer, ways: Ways) -> None:
    """A cluster that is exchanged under its address is no emptied one; `--full` believes it."""
    server.put(isvc())
    ways.harvest()
    server.uid = "cluster-2"
    server.delete("inferenceservices", "retail", "churn")
    ways.later(7_200)
    with pytest.raises(SourceRefused, match="another cluster"):
        ways.harvest()
    ways.cursors[Coverage.FULL] = None
    assert ways.harvest().coverage is Coverage.FULL


def test_sweep_unidentified(server: KubernetesServer, ways: Ways) -> None:
    """Where what tells clusters apart may not be read, an empty list is no proof of anything."""
    server.before = lambda asked: status(403, "Forbidden") if "kube-system" in asked.path else None
    server.put(isvc())
    ways.harvest()
    server.delete("inferenceservices", "retail", "churn")
    ways.later(7_200)
    assert ways.harvest().coverage is Coverage.FULL
    server.put(workload("web", "nginx"))
    server.forget()
    ways.later(60)
    found = ways.harvest()
    assert (found.coverage, found.told) == (Coverage.DELTA, [])
    assert found.counts["listed_again"] == 5


def test_sweep_pods(server: KubernetesServer, ways: Ways) -> None:
    """What pods really run, where they may be read; of them only images are kept."""
    server.put(isvc())
    server.put(workload("churn-model", f"acme/pinned@{SHA}"))
    server.put(workload("fraud-model"))
    named = {"serving.kserve.io/inferenceservice": "churn", "component": "predictor"}
    server.put(pod("a", "kserve/sklearnserver:1", f"kserve/sklearnserver@{SHA}", **named,
                   container="kserve-container"))  # fmt: skip
    server.put(pod("b", "acme/scorer:1", f"acme/scorer@{SHA}", app="fraud-model"))

    found = ways.harvest()

    facts = found.facts()
    assert facts["retail/churn"]["image"] == "kserve/sklearnserver:1"
    assert {name: one["digest"] for name, one in facts.items()} == dict.fromkeys(facts, SHA)
    assert "canary" not in repr(found.told)
    assert [one.query["labelSelector"] for one in server.asked if one.plural == "pods"] == [
        "serving.kserve.io/inferenceservice=churn,component=predictor", "app=fraud-model",
    ]  # fmt: skip
    server.denied.add(("pods", None))
    ways.later(7_200)
    found = ways.harvest()
    assert found.counts["pods_not_readable"] == 1
    assert {name for name, one in found.facts().items() if "digest" in one} == {
        "retail/deployment/churn-model"
    }
    assert found.skipped() == []


def test_sweep_read_only(server: KubernetesServer, ways: Ways) -> None:
    """Secrets are never asked for, whatever is there."""
    server.put(isvc())
    ways.harvest()
    ways.later(60)
    ways.harvest()
    assert not any("secret" in one.path or "configmap" in one.path for one in server.asked)
