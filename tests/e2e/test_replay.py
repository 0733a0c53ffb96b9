"""What was recorded of a real MLflow server, replayed through mapping code that has changed."""

import json
import stat
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from harvesters.mlflow import sweep
from harvesters.mlflow.observe import Told, observe_model
from harvesters.replay import Recording, Replay
from harvesters.runner import harvest
from harvesters.sink import HttpSink
from schemas.facts import ModelFacts
from schemas.harvest import HarvestReport
from schemas.observation import Observation
from service.db import Database
from tests.e2e.site import Site, Workspace
from tests.support.catalog import contents

TOKEN: Final = "ghp_" + "a1B2" * 9
PASSWORD: Final = "correct-horse-battery"  # noqa: S105  # a canary


@pytest.fixture
def recorded(registry: Workspace, site: Site, tmp_path: Path) -> dict[str, Path]:
    """Recordings of a harvest of two models and a training run, by scope."""
    registry.create_registered_model("churn", {"domain": "retention"}, f"Monthly. {TOKEN}")
    registry.create_registered_model("pricing", {"db_password": PASSWORD}, "Weekly.")
    experiment = registry.create_experiment("weekly")
    run = registry.create_run(experiment)
    registry.log_param(run.info.run_id, "password", PASSWORD)
    registry.log_metric(run.info.run_id, "loss", float("nan"))
    registry.set_tag(
        run.info.run_id, "mlflow.source.git.repoURL", f"https://me:{PASSWORD}@git.example/a/b"
    )
    registry.set_terminated(run.info.run_id)
    registry.create_model_version(
        "churn", "s3://models/churn/1", run.info.run_id, await_creation_for=0
    )
    registry.create_model_version("pricing", "s3://models/pricing/1", await_creation_for=0)
    site.declare(registry)
    folder = tmp_path / "recordings"
    done = site.command("harvest", "mlflow-prod", MODEL_CATALOG_RECORD_DIR=str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    return {
        json.loads(path.read_text().partition("\n")[0])["scope"]: path for path in folder.iterdir()
    }


def replayed(site: Site, path: Path) -> tuple[HarvestReport, Replay]:
    """Replay in this process, whose mapping may have changed."""
    recording = Recording.open(path)
    replay = Replay(recording, recording.head.source, at=datetime.now(UTC))
    sink = HttpSink(site.url, site.tokens["mlflow-prod"], source="mlflow-prod")
    with closing(sink.http):
        return harvest(replay, sink, dry_run=True), replay


def scope(recorded: dict[str, Path], name: str) -> Path:
    """The recording of a scope by what comes before its workspace."""
    return next(path for one, path in recorded.items() if one.startswith(f"{name}/"))


def titled(row: Any, *given: Any, **more: Any) -> Told:
    """A mapping that also reads a title, of one model."""
    told = observe_model(row, *given, **more)
    if row.name != "churn":
        return told
    assert isinstance(told.said, Observation)
    assert isinstance(told.said.facts, ModelFacts)
    facts = told.said.facts.model_copy(update={"display_name": row.name.title()})
    facts.model_fields_set.add("display_name")
    return told._replace(said=told.said.model_copy(update={"facts": facts}))


SCOPES: Final = {"experiments", "models", "registry", "training_runs"}
OBSERVE: Final = sweep.RegistrySweep.observe


def without_versions(self: Any, page: Any) -> Any:
    """A mapping that passes all versions over."""
    return OBSERVE(self, page._replace(versions=()))


def test_replay_mappings(
    recorded: dict[str, Path], site: Site, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dry run shows exactly what changed mapping code would change; nothing is ever written."""
    before = contents(database)

    reports = {one: replayed(site, path) for one, path in recorded.items()}

    assert {one.partition("/")[0] for one in reports} == SCOPES
    for report, replay in reports.values():
        assert (report.outcome, report.plan, report.dry_run) == ("complete", (), True)
        assert (replay.compared["otherwise"], replay.compared["no longer said"]) == (0, 0)
    assert contents(database) == before

    monkeypatch.setattr(sweep, "observe_model", titled)
    report, replay = replayed(site, scope(recorded, "registry"))

    (planned,) = report.plan
    assert planned.entry is not None
    assert planned.entry.endswith("/churn")
    assert (planned.field, planned.old, planned.new) == ("display_name", None, "Churn")
    assert (report.seen, report.unseen, report.retired) == (4, 0, 0)
    assert (replay.compared["otherwise"], replay.compared["as recorded"]) == (1, 3)
    assert "display_name" not in site.models()["retail/churn"]["facts"]

    monkeypatch.undo()
    monkeypatch.setattr(sweep.RegistrySweep, "observe", without_versions)
    report, replay = replayed(site, scope(recorded, "registry"))

    assert (report.coverage, report.seen, report.unseen) == ("full", 2, 2)
    assert replay.compared["no longer said"] == 2


def test_replay_command(recorded: dict[str, Path], site: Site, tmp_path: Path) -> None:
    """The command replays against the service, or into a file that needs none."""
    path = scope(recorded, "registry")
    done = site.command("harvest", "mlflow-prod", "--replay", str(path), "--json")
    output = tmp_path / "observations.jsonl"
    alone = site.command(
        "harvest", "mlflow-prod", "--replay", str(path), "--output", str(output), "--json",
        MODEL_CATALOG_URL="http://127.0.0.1:9",
    )  # fmt: skip

    report = json.loads(done.stdout)
    assert (done.returncode, report["plan"], report["unseen"]) == (0, [], 0)
    assert "4 as recorded" in done.stderr
    assert alone.returncode == 0, alone.stderr
    said = [json.loads(line) for line in output.read_text().splitlines()]
    assert {one["subject"]["kind"] for one in said} == {"model", "version"}
    assert len(said) == 4
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    (opened,) = {one["observed_at"] for one in said}
    assert opened < report["opened_at"]
    for path in recorded.values():
        text = path.read_text()
        assert TOKEN not in text
        assert PASSWORD not in text
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "masked by its name" in scope(recorded, "experiments").read_text()
