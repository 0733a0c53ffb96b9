"""Why something is, or is not, in the catalog: every cause, and only what the caller may know."""

from typing import Any

import pytest

from schemas.harvest import Outcome
from tests.conftest import Statements
from tests.support.catalog import NOON, Sweep, gone, make_source, model, post, version
from tests.support.http import Service

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
    return service


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
        "referred_to": [{"mlflow": f"{prod}/run-1"}, {"dataset": "S3://lake/churn"}],
        "quarantined": [{"mlflow": f"{prod}/bad"}],
        "excluded": [{"mlflow": f"{prod}/draft-x"}, {"mlflow": f"{prod}/draft-x/3"},
                     {"mlflow": "mlflow-prod/team-c/x"}],
        "never_seen": [{"mlflow": f"{prod}/nothing"}, {"mlflow": f"{prod}/churn/2"}],
        "failing": [{"mlflow": "broken/default/x"}],
        "never_harvested": [{"mlflow": "idle/default/x"}, {"mlflow": "mlflow-prod/team-b/x"}],
        "disabled": [{"mlflow": "off/default/x"}],
        "unknown_source": [{"mlflow": "nobody/default/x"}],
        "unknown": [{"model": "retail/none"}, {"repository": "git@github.com:acme/none.git"},
                    {"image": f"x@{DIGEST}"}, {"identifier": "handle:nobody"}],
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
    assert merged["entries"][0]["name"] == "retail/churn"
    assert [(one["op"], one["other"]) for one in merged["decisions"]] == []
    assert before != merged["entries"][0]["id"]


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
    """A question costs at most seven statements, whatever is known."""
    counted = []
    for question in ({"mlflow": "mlflow-prod/default/churn"}, {"model": "retail/churn"},
                     {"digest": DIGEST}):  # fmt: skip
        with statements() as said:
            verdict(asked, **question)
        counted.append(len([one for one in said if "token" not in one]))

    assert counted == [6, 4, 4]
