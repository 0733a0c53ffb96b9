"""Training runs of a server, proxy or network that lies or breaks: nothing is gone by a lie."""

import traceback
from datetime import timedelta
from typing import Any, Final

import pytest

from harvesters.errors import SourceRefused, SourceUnavailable
from harvesters.mlflow.names import Place
from schemas.harvest import Outcome
from tests.harvesters.mlflow.conftest import FakeServer
from tests.harvesters.mlflow.runs import Runs
from tests.harvesters.mlflow.test_lying_server import (
    EMPTY,
    REFUSED,
    TOKEN,
    UNAVAILABLE,
    answers,
)

CALLS: Final = ("experiments/search", "runs/search")
DAY: Final = timedelta(hours=25)
NOT_JSON: Final = {"html 404", "json 404", "redirect", "401", "html 200"}


@pytest.fixture
def runs(fake: FakeServer, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Harvests of the scripted server, with a credential; one is done."""
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", TOKEN)
    harvested = Runs(Place("mlflow-prod", "default", "retail", fake.uri), secrets=[TOKEN])
    harvested.harvest()
    assert len(harvested.walked.live()) == 1
    return harvested


def assert_failed(runs: Runs, error: BaseException) -> None:
    """Closed as failed, nothing gone, the cursor stays, no credential anywhere in the text."""
    assert TOKEN not in "".join(traceback.format_exception(error))
    assert runs.walked.closed[-1].outcome is Outcome.FAILED
    assert TOKEN not in str(runs.walked.closed[-1].error)
    assert not any(one.gone for one in runs.walked.current.values())


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("lie", REFUSED)
def test_runs_refused(runs: Runs, fake: FakeServer, lie: str, call: str) -> None:
    """An answer that cannot be believed stops the harvest."""
    said = answers('{"runs": "$auth", "experiments": {"a": 1}}')
    fake.lies[call] = said if lie == "wrong type" else REFUSED[lie]
    with pytest.raises(SourceRefused, match="search_") as refused:
        runs.harvest()
    assert_failed(runs, refused.value)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("lie", UNAVAILABLE)
def test_runs_unavailable(runs: Runs, fake: FakeServer, lie: str, call: str) -> None:
    """What may pass is said to be unavailable."""
    fake.lies[call] = UNAVAILABLE[lie]
    with pytest.raises(SourceUnavailable) as unavailable:
        runs.harvest()
    assert_failed(runs, unavailable.value)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("lie", EMPTY)
def test_runs_empty_listing(runs: Runs, fake: FakeServer, lie: str, call: str) -> None:
    """An empty listing moves no cursor back; of all training runs it is not believed."""
    before: Any = runs.walked.cursor
    fake.lies[call] = EMPTY[lie]
    walked, _ = runs.harvest(later=timedelta(minutes=1))
    assert walked.outcome is Outcome.COMPLETE
    assert runs.walked.cursor == before
    with pytest.raises(SourceRefused, match="the listing is empty") as refused:
        runs.harvest(later=DAY)
    assert_failed(runs, refused.value)


def test_runs_token_twice(runs: Runs, fake: FakeServer) -> None:
    """A page token that comes again and again does not hold the harvest for ever."""
    endless = {"runs": fake.runs, "next_page_token": "same"}
    fake.answers["runs/search"] = lambda _: endless
    with pytest.raises(SourceRefused, match="came twice"):
        runs.harvest()


@pytest.mark.parametrize("lie", [*NOT_JSON, *EMPTY])
def test_runs_lied_to_when_asked(runs: Runs, fake: FakeServer, lie: str) -> None:
    """Only MLflow's own "not found" says that a training run is gone."""
    other = {"info": fake.runs[0]["info"] | {"run_id": "1" * 32, "run_uuid": "1" * 32}}
    fake.answers["runs/search"] = lambda _: {"runs": [other]}
    fake.lies["runs/get"] = (REFUSED | EMPTY)[lie]
    with pytest.raises(SourceRefused) as refused:
        runs.harvest(later=DAY)
    assert_failed(runs, refused.value)


def test_runs_rights_lost(runs: Runs, fake: FakeServer) -> None:
    """403 never says that a training run is gone; the report names it."""
    other = {"info": fake.runs[0]["info"] | {"run_id": "1" * 32, "run_uuid": "1" * 32}}
    fake.answers["runs/search"] = lambda _: {"runs": [other]}
    fake.lies["runs/get"] = answers('{"error_code": "PERMISSION_DENIED", "message": "no"}', 403)
    walked, _ = runs.harvest(later=DAY)
    assert walked.outcome is Outcome.COMPLETE
    assert [(one.code, one.subject.value) for one in walked.skipped if one.subject] == [
        ("not_readable", f"mlflow-prod/default/{'0' * 32}")
    ]
    assert not any(one.gone for one in runs.walked.current.values())


def test_runs_workspace_vanished(runs: Runs, fake: FakeServer) -> None:
    """A workspace that vanished in the middle answers "not found" to all: nothing is gone."""
    gone = answers('{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no workspace"}', 404)
    other = {"info": fake.runs[0]["info"] | {"run_id": "1" * 32, "run_uuid": "1" * 32}}
    fake.answers["runs/search"] = lambda _: {"runs": [other]}

    def vanish(request: Any) -> Any:
        fake.lies["experiments/search"] = gone
        return gone(request)

    fake.lies["runs/get"] = vanish
    with pytest.raises(SourceRefused, match="search_experiments") as refused:
        runs.harvest(later=DAY)
    assert TOKEN not in str(refused.value)
    assert not any(one.gone for one in runs.walked.current.values())
