"""Fills a real MLflow server with much, by its tables, and with everything odd, by its API."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

Row = dict[str, object]
Tables = dict[str, list[Row]]
MORNING: Final = 1_790_000_000_000  # ms
MINUTE: Final = 60_000
PURGED: Final = "fedcba"  # training runs of which only a version still knows begin so
WORDS: Final = ("churn", "fraud", "Preis", "Größe", "客户", "тест", "score", "a b", "x=y", "c;d")
TEXTS: Final = (None, None, "Monthly.", 'Two\nlines, "quoted"', "=1+1", " spaced ", "Ü" * 300)
STAGES: Final = ("None", "None", "None", "Staging", "Production", "Archived")
SOURCES: Final = ("s3://models/{}", "models:/m-{}", "mlflow-artifacts:/1/{}/artifacts/model", "")
STATUSES: Final = ("FINISHED", "FINISHED", "FINISHED", "FAILED", "KILLED", "RUNNING")
CONTEXTS: Final = ("training", "train", "eval", "validation", "other", "")
DATASETS: Final[Sequence[tuple[str, Mapping[str, object]]]] = (
    ("s3", {"uri": "s3://Lake/part-{}/"}),
    ("http", {"url": "https://data.example.com/{}.csv?v=1"}),
    ("local", {"uri": "/home/ada/{}.csv"}),
    ("code", {"tags": 7}),
    ("hugging_face", {"path": "acme/set-{}", "revision": "a" * 40}),
    ("delta_table", {"path": "s3://lake/delta-{}", "delta_table_version": 7}),
)
CATALOG_TAGS: Final = (
    ("catalog.owner", "team:retention-ds, owner@example.com"),
    ("catalog.lifecycle", "production"),
    ("catalog.lifecycle", "prod"),
    ("catalog.licence", "MIT"),
    ("catalog.license", ""),
    ("catalog.use", "offers"),
    ("catalog.use", "offers, report"),
    ("catalog.risk.decision_role", "assists"),
    ("catalog.risk.exposure", "internal_api"),
    ("catalog.repository", "git@github.com:Acme/Churn.git"),
    ("catalog.link", "https://wiki.example.com/churn"),
)

ODD_NAMES: Final = (
    "a/b:c%2F\"'", "ملف النموذج", "re\u0301sume\u0301", "Straße", "..", "%41", "x" * 256,
    "-- ; DROP", "=cmd|' /C calc'!A0", "tab\there", "\u202egnp", "catalog.name", "🦊 fox",
)  # fmt: skip


class Amount(NamedTuple):
    """How much one workspace holds; every version has, or lacks, a training run of its own."""

    models: int
    versions: int
    runs: int


def fill_tables(database: Path, amounts: Mapping[str, Amount], *, seed: int) -> None:
    """Write what MLflow's own store would, in a second: by its API it takes minutes.

    The same seed writes the same.
    """
    with closing(sqlite3.connect(database)) as connection, connection:
        for place, (workspace, amount) in enumerate(amounts.items()):
            random = Random(f"{seed} {workspace}")  # noqa: S311  # repeatable, not secret
            tables = _Filling(random, workspace, place=place).tables(amount)
            for table, rows in tables.items():
                for row in rows:
                    names = ", ".join(f'"{name}"' for name in row)
                    marks = ", ".join(f":{name}" for name in row)
                    statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608
                    connection.execute(statement, row)


class _Filling:
    """What stands in the tables for one workspace."""

    def __init__(self, random: Random, workspace: str, *, place: int) -> None:
        self.random, self.workspace, self.place = random, workspace, place
        self.experiments = [1 + place * 10 + number for number in range(4)]

    def tables(self, amount: Amount) -> Tables:
        """In the order in which they refer to each other."""
        space: Row = {"workspace": self.workspace}
        models = [f"{self.random.choice(WORDS)} {n:04}" for n in range(amount.models)]
        models += ODD_NAMES  # older servers took any
        numbers = dict.fromkeys(models, 0)
        runs = [self._run(number) for number in range(amount.runs)]
        versions = [
            self._version(self.random.choice(models), n, numbers=numbers, runs=runs) | space
            for n in range(amount.versions)
        ]
        tables: Tables = {
            "workspaces": [] if self.workspace == "default" else [{"name": self.workspace}],
            "experiments": [self._experiment(one) | space for one in self.experiments],
            "registered_models": [self._model(name) | space for name in models],
            "registered_model_tags": [
                tag | {"name": name} | space for name in models for tag in self._model_tags()
            ],
            "model_versions": versions,
            "model_version_tags": [
                tag | {"name": row["name"], "version": row["version"]} | space
                for row in versions
                for tag in self._tags()
            ],
            "registered_model_aliases": [
                {"name": name, "alias": alias, "version": self.random.randint(1, newest)} | space
                for name, newest in numbers.items()
                for alias in self.random.sample(("champion", "Ölpreis", "b-1"), k=2)
                if newest and self.random.random() < 0.6
            ],
            "runs": runs,
        }
        return tables | self._logged(runs)

    def _experiment(self, number: int) -> Row:
        return {
            "experiment_id": number, "name": f"experiment {number}", "creation_time": MORNING,
            "artifact_location": f"mlflow-artifacts:/{number}", "last_update_time": MORNING,
            "lifecycle_stage": "deleted" if number == self.experiments[-1] else "active",
        }  # fmt: skip

    def _model(self, name: str) -> Row:
        created = MORNING + self.random.randrange(10**9)
        return {
            "name": name, "creation_time": created, "last_updated_time": created + 5,
            "description": self.random.choice(TEXTS),
        }  # fmt: skip

    def _model_tags(self) -> list[Row]:
        chosen = dict(self.random.sample(CATALOG_TAGS, k=self.random.choice((0, 0, 0, 1, 3))))
        rows: list[Row] = [{"key": key, "value": value} for key, value in chosen.items()]
        return self._tags() + rows

    def _tags(self) -> list[Row]:
        keys = self.random.sample(("team", "Größe", "a=b", "mlflow.note", "empty", "l"), k=2)
        values = ("retention", "x=1;y=2", "", "zwei\nZeilen", "'; DROP TABLE", "客户")
        return [{"key": key, "value": self.random.choice(values)} for key in keys]

    def _version(
        self, name: str, place: int, *, numbers: dict[str, int], runs: Sequence[Row]
    ) -> Row:
        numbers[name] += 1
        created = MORNING + place * MINUTE
        purged = f"{PURGED}{place:026x}"
        run = self.random.choice((runs[place % len(runs)]["run_uuid"], "", None))
        run = purged if place % 100 == 99 else run
        token = f"{self.place:04x}{place:028x}"
        return {
            "name": name, "version": numbers[name], "creation_time": created,
            "last_updated_time": created + 1, "description": self.random.choice(TEXTS),
            "user_id": self.random.choice((None, "ada", "Grace Hopper")), "run_id": run,
            "current_stage": self.random.choice(STAGES), "status": "READY",
            "source": self.random.choice(SOURCES).format(token),
        }  # fmt: skip

    def _run(self, number: int) -> Row:
        start = MORNING + number * MINUTE
        status = self.random.choice(STATUSES)
        odd = {7: -1, 8: 10**18, 9: 253_402_300_800_000}  # the last is the year 10,000
        return {
            "run_uuid": f"{self.place:02x}{number:030x}", "name": f"run {number}",
            "source_type": "LOCAL", "user_id": "trainer", "status": status,
            "start_time": odd.get(number, start),
            "end_time": None if status == "RUNNING" else start + MINUTE,
            "lifecycle_stage": "deleted" if number % 50 == 3 else "active",
            "experiment_id": self.random.choice(self.experiments),
            "artifact_uri": f"mlflow-artifacts:/{number}",
        }  # fmt: skip

    def _logged(self, runs: Sequence[Row]) -> Tables:
        """Parameters, metrics, tags and dataset inputs of training runs."""
        logged: Tables = {name: [] for name in (
            "params", "latest_metrics", "tags", "datasets", "inputs", "input_tags",
        )}  # fmt: skip
        for place, run in enumerate(runs):
            of = {"run_uuid": run["run_uuid"]}
            for table, rows in self._values(place):
                logged[table] += [row | of for row in rows]
            if place % 4 == 0:
                self._input(place, run, logged)
        return logged

    def _values(self, place: int) -> Iterator[tuple[str, list[Row]]]:
        many = 230 if place == 5 else self.random.randint(0, 4)
        yield "params", [{"key": f"p{n:03}", "value": f"{n}.{place}"} for n in range(many)]
        values = (0.5, -3, 1e300, 1.7976931348623157e308, -1.7976931348623157e308)
        yield "latest_metrics", [
            {"key": f"m{n:03}", "value": self.random.choice(values), "timestamp": MORNING,
             "step": 0, "is_nan": False}
            for n in range(210 if place == 6 else 2)
        ]  # fmt: skip
        tags = {
            "mlflow.user": self.random.choice(("ada", "grace")),
            "mlflow.source.name": "train.py",
            "mlflow.source.git.commit": f"{place:040x}",
            "mlflow.source.git.branch": "main",
            "mlflow.source.git.repoURL": f"https://github.com/Acme/Repo-{place % 5}.git",
            "mlflow.parentRunId": f"{self.place:02x}{place // 10:030x}" if place % 9 == 1 else "",
            "team": "retention",
            "catalog.comit": "x" if place % 30 == 2 else "",
        }
        yield "tags", [{"key": key, "value": value} for key, value in tags.items() if value]

    def _input(self, place: int, run: Row, logged: Tables) -> None:
        kind, source = DATASETS[place // 4 % len(DATASETS)]
        made = f"{self.place:04x}{place:028x}"
        logged["datasets"].append(
            {
                "dataset_uuid": made, "experiment_id": run["experiment_id"],
                "name": f"set {place}", "digest": f"{place:08x}", "dataset_source_type": kind,
                "dataset_source": json.dumps(source).replace("{}", str(place), 1),
                "dataset_schema": json.dumps({"mlflow_colspec": [{"type": "double"}]}),
                "dataset_profile": json.dumps({"num_rows": place}) if place % 8 else None,
            }
        )  # fmt: skip
        logged["inputs"].append(
            {
                "input_uuid": made, "source_type": "DATASET", "source_id": made,
                "destination_type": "RUN", "destination_id": run["run_uuid"],
            }
        )  # fmt: skip
        tags = {"mlflow.data.context": CONTEXTS[place // 4 % len(CONTEXTS)]}
        if place % 48 == 8:
            tags["catalog.uri"] = f"S3A://lake/stated-{place}"
        logged["input_tags"] += [
            {"input_uuid": made, "name": name, "value": value} for name, value in tags.items()
        ]


def write_odd(client: Any) -> None:
    """What only the API makes as it is made in life: one of each, in one workspace."""
    client.create_registered_model("Twin")
    client.create_registered_model("TWIN")
    client.create_registered_model("tWIN")  # all but one are refused: they differ by case alone
    client.create_registered_model("twin of twins", {"catalog.name": "Twin 2"})
    client.create_registered_model("r\u00e9sum\u00e9")  # another normal form of one above
    client.create_registered_model("full", {f"k{n:04}": "v" for n in range(1_003)})
    client.create_registered_model("long", {"long": "x" * 100_000, "nul": "a\0b", "k": "v"}, "\0")
    client.create_registered_model("tmp-left-out")
    client.create_model_version("tmp-left-out", "s3://models/tmp")
    client.create_registered_model("renamed before")
    client.rename_registered_model("renamed before", "renamed")
    client.create_registered_model("deleted")
    client.delete_registered_model("deleted")
    for name in ("greeting", "farewell"):
        client.register_prompt(name, "Hello {{name}}")


def log_files(client: Any, artifacts: Path, files: Mapping[str, bytes | None]) -> None:
    """A version of `logged` for each `MLmodel` file, by the version's description."""
    client.create_registered_model("logged")
    experiment = client.create_experiment("logged models")
    for name, raw in files.items():
        made = client.create_logged_model(experiment)
        if raw is not None:
            folder = artifacts / made.artifact_location.removeprefix("mlflow-artifacts:/")
            folder.mkdir(parents=True)
            (folder / "MLmodel").write_bytes(raw)
        source = f"models:/{made.model_id}"
        client.create_model_version("logged", source, description=name, model_id=made.model_id)
