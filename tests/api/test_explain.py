"""Why something is, or is not, in the catalog: every cause, and only what the caller may know."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.harvest import Outcome, Skipped
from schemas.identifiers import Identifier
from schemas.strict import instant_text
from tests.conftest import Statements
from tests.support.catalog import NOON, Sweep, gone, make_source, model, post, version
from tests.support.http import Service
from tests.support.identity import manifest

LATER = "2026-11-21T00:00:00Z"
DIGEST = f"sha256:{'a' * 64}"
RUN = {"kind": "training_run", "scheme": "mlflow", "value": "mlflow-prod/default/run-1"}
LAKE = {"kind": "dataset", "scheme": "uri", "value": "s3://lake/churn"}


@pytest.fixture
def asked(service: Service) -> Service:
    """A catalog in which something of every fate is found."""
    settings = {"exclude": ["draft-*"], "workspaces": ["default", "team-b"]}
    source = make_source(service.database, settings=settings, namespaces={"team-b": "wholesale"})
    make_source(service.database, "off", enabled=False)
    make_source(service.database, "idle", namespace="wholesale")
    make_source(service.database, "broken")
    sweep = Sweep(service.database, source)
    sweep.sweep(
        model(), version(1, digests=[DIGEST], training_run=RUN,
                         datasets=[{"dataset": LAKE, "digest": "md5:7"}])
    )  # fmt: skip
    sweep.close()
    failed = Sweep(service.database, make_source(service.database, "broken"))
    failed.close(outcome=Outcome.FAILED, error="boom")
    for created in ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"):
        post(service.database, source, model("again", at=created, created_at=created))
    post(service.database, source, model("old"), gone(model("old"), LATER))
    bad = {"subject": model("bad")["subject"], "observed_at": NOON, "facts": {"descripton": 1}}
    post(service.database, source, bad)
    _with_obstacles(service)
    _with_claims(service)
    return service


def _with_claims(service: Service) -> None:
    """Two repositories that claim one name, and a model that was merged into another one."""
    git = make_source(service.database, "git", kind="ci", precedence=30)
    post(service.database, git, manifest("claimed", file="first"))
    (refused,) = post(service.database, git, manifest("claimed", file="second")).refused
    assert refused.code == "contested_claim"
    post(service.database, git, manifest("twin"))
    body = {"other": "retail/twin", "reason": "one model, tracked twice"}
    merged = service.ask("POST", "models/retail/churn:merge", service.token("admin"), json=body)
    assert merged.status_code == 200


def _with_obstacles(service: Service) -> None:
    """Another source: what its token may not see, what it could not read, what is held back."""
    source = make_source(
        service.database, "mlflow-half", held_back_count=1, held_back_share=0.1, may_name=["retail"]
    )
    listed = [model(name, source="mlflow-half", at=NOON) for name in ("x1", "x2", "x3", "x4")]
    first = Sweep(service.database, source)
    first.sweep(*listed)
    first.close()
    second = Sweep(service.database, source)
    at = instant_text(datetime.now(UTC))
    second.sweep(listed[0])
    second.send(*(gone(one, at) for one in listed[1:3]))
    skipped = [
        Skipped(code="not_readable", message="the server says 403",
                subject=Identifier.model_validate(model(name, source="mlflow-half")["subject"]))
        for name in ("secret", "x4")
    ]  # fmt: skip
    skipped.append(
        Skipped(code="mlmodel_unreadable", message="it is no YAML",
                subject=Identifier.model_validate(model("odd", source="mlflow-half")["subject"]))
    )  # fmt: skip
    assert second.close(skipped=tuple(skipped)).held_back == 2


def verdict(service: Service, token: str | None = None, **asked: str) -> Any:
    """What is answered to a question."""
    return service.get("explain", token, **asked)


def test_explain_verdicts(asked: Service) -> None:
    """Each cause has a verdict of its own."""
    prod = "mlflow-prod/default"
    questions = {
        "in_catalog": [{"mlflow": f"{prod}/churn"}, {"mlflow": f"{prod}/churn/1"},
                       {"model": "Retail/CHURN"}, {"digest": "a" * 64}, {"digest": "md5:7"},
                       {"identifier": f"version:mlflow:{prod}/churn/1"}],
        "gone": [{"mlflow": f"{prod}/old"}, {"model": "retail/old"}],
        "referred_to": [{"mlflow": f"{prod}/run-1"}, {"run": f"{prod}/run-1"}, {"run": "run-1"},
                        {"dataset": "S3://lake/churn"}],
        "quarantined": [{"mlflow": f"{prod}/bad"}],
        "excluded": [{"mlflow": f"{prod}/draft-x"}, {"mlflow": f"{prod}/draft-x/3"},
                     {"mlflow": "mlflow-prod/team-c/x"}],
        "never_seen": [{"mlflow": f"{prod}/nothing"}, {"mlflow": f"{prod}/churn/2"}],
        "failing": [{"mlflow": "broken/default/x"}, {"source": "broken"}],
        "never_harvested": [{"mlflow": "idle/default/x"}, {"source": "idle"},
                            {"mlflow": "mlflow-prod/team-b/x"}],
        "disabled": [{"mlflow": "off/default/x"}, {"source": "off"}],
        "unknown_source": [{"mlflow": "nobody/default/x"}, {"source": "nobody"}],
        "merged": [{"identifier": "manifest:https://github.com/acme/twin#model.yaml"}],
        "contested": [{"identifier": "manifest:https://github.com/acme/second#model.yaml"}],
        "held_back": [{"mlflow": "mlflow-half/default/x2"}, {"model": "retail/x3"},
                      {"source": "mlflow-half"}],
        "not_visible": [{"mlflow": "mlflow-half/default/secret"},
                        {"mlflow": "mlflow-half/default/secret/3"}],
        "unreadable": [{"mlflow": "mlflow-half/default/odd"}],
        "harvested": [{"source": "mlflow-prod"}],
        "unknown": [{"model": "retail/none"}, {"run": "run-2"},
                    {"repository": "git@github.com:acme/none.git"}, {"image": f"x@{DIGEST}"},
                    {"identifier": "handle:nobody"}],
    }  # fmt: skip
    found = {
        expected: [verdict(asked, **one)["verdict"] for one in several]
        for expected, several in questions.items()
    }

    assert found == {expected: [expected] * len(one) for expected, one in questions.items()}


def test_explain_model_as_called(service: Service) -> None:
    """A model is asked for by its name, and by the name that its identifier encodes."""
    stated = model("a%2Fb%23c")
    stated["facts"]["name"] = "a/b#c"
    post(service.database, make_source(service.database), stated)

    for asked in ("retail/a/b#c", "retail/a%2Fb%23c"):
        assert verdict(service, model=asked)["verdict"] == "in_catalog", asked


def test_explain_seen(asked: Service) -> None:
    """What is there says who saw it, in which scope, by which harvest and when."""
    admin = asked.token("admin")
    (harvest,) = asked.get("sources/mlflow-prod/harvests", admin)["items"]
    found = verdict(asked, mlflow="mlflow-prod/default/churn/1")
    (entry,), (sighting,) = found["entries"], found["sightings"]

    assert entry["url"] == "/api/v1/models/retail/churn/versions/1"
    assert (sighting["source"], sighting["scope"]) == ("mlflow-prod", "registry/default")
    assert sighting["harvest"] == harvest["id"]
    assert sighting["observed_at"] < harvest["opened_at"] <= sighting["confirmed_at"]
    assert found["coverage"][0]["last_complete_at"] is not None
    assert found["summary"].startswith("It is in the catalog as version retail/churn/1, last conf")


def test_explain_refused(asked: Service) -> None:
    """A refused record says by whom, where and why; when a good one came it is settled."""
    question = {"mlflow": "mlflow-prod/default/bad"}
    (refused,) = verdict(asked, **question)["refusals"]
    assert (refused["code"], refused["pointer"]) == ("unknown_fact", "/facts/descripton")
    assert "Did you mean description?" in refused["message"]

    source = make_source(asked.database)
    post(asked.database, source, model("bad", at=LATER))
    after = verdict(asked, **question)
    assert after["verdict"] == "in_catalog"
    assert [one["settled_at"] is None for one in after["refusals"]] == [False]


def test_explain_hidden_since(asked: Service) -> None:
    """What stays although its source does not show it any more says so."""
    found = verdict(asked, mlflow="mlflow-half/default/x4")
    (skipped,) = found["skipped"]

    assert (found["verdict"], skipped["code"]) == ("in_catalog", "not_readable")
    assert found["summary"].endswith("; not_readable: the last harvest could not read it.")


def test_explain_held_back(asked: Service) -> None:
    """What a harvest would retire, and is not believed, names the plan that waits."""
    found = verdict(asked, model="retail/x2")
    (plan,) = found["held_back"]

    assert (plan["source"], plan["scope"]) == ("mlflow-half", "registry/default")
    assert f"item {plan['item']} of the quarantine" in found["summary"]


def test_explain_replaced_and_merged(asked: Service) -> None:
    """A thing that took another's place names it; what was merged leads to where it went."""
    again = verdict(asked, mlflow="mlflow-prod/default/again")
    new, old = again["entries"]
    assert (new["gone_since"], old["replaced_by"]) == (None, new["id"])
    assert [(one["op"], one["entry"], one["other"]) for one in again["decisions"]] == [
        ("replaced", new["id"], old["id"])
    ]

    other = make_source(asked.database, "mlflow-two")
    alone = model("churn2", source="mlflow-two") | {"facts": {"description": "theirs"}}
    post(asked.database, other, alone)
    before = verdict(asked, mlflow="mlflow-two/default/churn2")["entries"][0]["id"]
    post(asked.database, other, alone | {"observed_at": LATER, "same_as": [model()["subject"]]})
    merged = verdict(asked, mlflow="mlflow-two/default/churn2")
    assert merged["verdict"] == "merged"
    assert merged["summary"].startswith("It was merged into model retail/churn at ")
    assert merged["summary"].endswith(": source mlflow-two calls them the same.")
    assert {one["id"]: one["merged_into"] is None for one in merged["entries"]}[before] is False
    assert [(one["op"], one["other"]) for one in merged["decisions"]] == [("merge", before)]


def test_explain_visibility(asked: Service) -> None:
    """Whoever may not read a namespace learns nothing of it: no entry, refusal, rule or source."""
    elsewhere = asked.token(namespaces=["wholesale"])
    prod = "mlflow-prod/default"
    hidden = [
        verdict(asked, elsewhere, mlflow=value)
        for value in (f"{prod}/churn", f"{prod}/old", f"{prod}/bad", f"{prod}/draft-x", "off/x/y",
                      "nobody/default/x")
    ]  # fmt: skip
    for one in hidden:
        assert one | {"identifiers": []} == hidden[-1] | {"identifiers": []}
    assert hidden[0]["verdict"] == "unknown_source"
    for question in (
        {"model": "retail/churn"},
        {"digest": "a" * 64},
        {"dataset": "s3://lake/churn"},
    ):
        assert verdict(asked, elsewhere, **question)["verdict"] == "unknown"
    assert verdict(asked, elsewhere, mlflow="mlflow-prod/team-b/x")["verdict"] == "never_harvested"
    assert verdict(asked, elsewhere, mlflow="idle/default/x")["verdict"] == "never_harvested"


def test_explain_wrong_questions(asked: Service) -> None:
    """Exactly one thing is asked for, in a form that something can have."""
    for wrong in (
        "",
        "?mlflow=a/b/c&model=a/b",
        "?model=nonsense",
        "?repository=/local/path",
        "?identifier=nonsense:x",
        "?mlflow=",
        "?muflow=x",
        "?mlflow=a/b/c&mlflow=d/e/f",
    ):
        answer = asked.ask("GET", f"explain{wrong}", asked.reader)  # fmt: skip
        assert answer.status_code == 422, wrong
        assert "nonsense" not in answer.text


def test_explain_statements(asked: Service, statements: Statements) -> None:
    """A question costs at most eight statements, whatever is known."""
    counted = []
    for question in ({"mlflow": "mlflow-prod/default/churn"}, {"model": "retail/churn"},
                     {"digest": DIGEST}):  # fmt: skip
        with statements() as said:
            verdict(asked, **question)
        counted.append(len([one for one in said if "token" not in one]))

    assert counted == [9, 6, 6]


def test_explain_source_held_back_elsewhere(service: Service) -> None:
    """A plan of a scope of another namespace is not told, nor that there is one."""
    source = make_source(
        service.database, held_back_count=1, held_back_share=0.1,
        namespaces={"team-b": "wholesale"}, may_name=["retail"],
    )  # fmt: skip
    Sweep(service.database, source).close()
    listed = [model(name) for name in ("x1", "x2", "x3", "x4")]
    for shown in (listed, listed[:1]):
        sweep = Sweep(service.database, source, scope="registry/team-b")
        sweep.sweep(*shown)
        sweep.send(
            *(gone(one, instant_text(datetime.now(UTC))) for one in listed if one not in shown)
        )
        report = sweep.close()
    assert report.held_back == 3
    seen = {
        space: verdict(service, service.token(namespaces=[space]), source="mlflow-prod")
        for space in ("retail", "wholesale")
    }

    assert [one["scope"] for one in seen["wholesale"]["held_back"]] == ["registry/team-b"]
    assert seen["retail"]["held_back"] == []
    assert "team-b" not in str(seen["retail"])
