"""What a catalog has to hold of an MLflow server, and what of it is left out, by its REST answers.

Written apart from the harvester, so that its mistakes do not hide here; knows the tags of
`mlflow_filling.py` and no others.
"""

import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.support.mlflow_reading import Server

Facts = dict[str, Any]
UNWANTED: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e]")
UNREADABLE: Final = re.compile("[\t\n\u202e]")  # in a name
INFINITE: Final = 1.7976931348623157e308  # as it is stored
MOST: Final = 200  # parameters, metrics
LOGGED: Final = re.compile(r"models:/(m-[0-9a-f]{32})")
TAGGED: Final[Mapping[tuple[str, str], Facts]] = {
    ("catalog.owner", "team:retention-ds, owner@example.com"): {
        "owners": [
            {"owner": {"kind": "owner", "scheme": s, "value": v}, "role": "accountable"}
            for s, v in (("handle", "team:retention-ds"), ("email", "owner@example.com"))
        ]
    },
    ("catalog.lifecycle", "production"): {"lifecycle": "production"},
    ("catalog.license", ""): {"license": None},
    ("catalog.name", "Twin 2"): {"name": "Twin 2"},
    ("catalog.use", "offers"): {"uses": ["offers"]},
    ("catalog.use", "offers, report"): {"uses": ["offers", "report"]},
    ("catalog.risk.exposure", "internal_api"): {"exposure": "internal_api"},
    ("catalog.repository", "git@github.com:Acme/Churn.git"): {
        "repositories": [
            {"repository": {"kind": "repository", "scheme": "url",
                            "value": "https://github.com/acme/churn"}}
        ]
    },
    ("catalog.link", "https://wiki.example.com/churn"): {
        "links": [{"title": "wiki.example.com/churn", "url": "https://wiki.example.com/churn"}]
    },
}  # fmt: skip
DROPPED_TAGS: Final = {
    ("catalog.lifecycle", "prod"): "catalog_tag_unusable",
    ("catalog.licence", "MIT"): "catalog_tag_unknown",
}
FILES: Final[Mapping[str, Any]] = {  # by the version's description
    "signed": {
        "framework": "xgboost", "model_class": "tree_or_ensemble", "size_bytes": 7,
        "input_schema": "[]", "output_schema": None,
    },
    "missing": "mlmodel_missing",
    "huge": "mlmodel_too_large",
}  # fmt: skip
ROLES: Final = {
    "training": "training", "train": "training", "eval": "test", "validation": "validation",
}  # fmt: skip


class Expected:
    """Everything of one workspace by its name in the catalog; `counts` by scope and reason."""

    def __init__(self, server: Server, *, namespace: str, source: str, exclude: str) -> None:
        """Read everything; models whose names begin with `exclude` are left out."""
        self.namespace, self.workspace = namespace, server.workspace
        self.here, self.exclude = f"{source}/{server.workspace}", exclude
        self.counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.models: dict[str, Facts] = {}
        self.versions: dict[str, Facts] = {}
        self.uses: dict[str, Facts] = {}
        self.training_runs: dict[str, Facts] = {}
        self.datasets: dict[str, Facts] = {}
        for row in server.runs():
            self._begin("experiments")
            self.training_runs[f"{self.here}/{row['info']['run_id']}"] = self._run(row)
        self._begin("registry")
        self.counts["registry"]["prompts_left_out"] += len(server.models(prompts=True))
        aliases = self._read_models(server.models())
        self._read_versions(server, aliases)

    def _begin(self, scope: str) -> None:
        """The next thing of a scope: nothing of it is left out yet."""
        self.scope, self.told = scope, set[tuple[str, str]]()

    def _left_out(self, reason: str, about: str) -> None:
        """Counted once each; the thing itself says what says the same only once."""
        self.counts[self.scope][reason] += 1
        self.told.add((reason, about))

    def _read_models(self, rows: Sequence[Any]) -> dict[str, dict[str, list[str]]]:
        """Models and uses; answers the aliases of those that are kept, by name and number."""
        aliases: dict[str, dict[str, list[str]]] = {}
        taken: dict[str, str] = {}
        for row in sorted(rows, key=lambda row: row["name"].encode()):
            self._begin("registry")
            name, written = row["name"], unicodedata.normalize("NFC", row["name"])
            if name.startswith(self.exclude):
                self._left_out("excluded", name)
            elif taken.setdefault(written, name) != name:
                self._left_out("name_collision", name)
            elif UNREADABLE.search(name):
                self._left_out("name_unreadable", name)
            else:
                aliases[name] = {}
                for one in row.get("aliases", ()):
                    aliases[name].setdefault(str(one["version"]), []).append(one["alias"])
                self._model(row)
        return aliases

    def _model(self, row: Any) -> None:
        tags = _tags(row)
        facts: Facts = {
            "namespace": self.namespace, "name": unicodedata.normalize("NFC", row["name"]),
            "created_at": moment(row["creation_timestamp"]), "tags": self._own_tags(tags),
        }  # fmt: skip
        facts |= self._text("description", row.get("description"))
        for tag in tags.items():
            facts |= TAGGED.get(tag, {})
            if tag in DROPPED_TAGS:
                self._left_out(DROPPED_TAGS[tag], tag[0])
        self._uses(facts, tags, row)
        facts["warnings"] = len(self.told)
        key = f"{self.namespace}/{segment(facts['name'])}".casefold()
        if key in self.models:
            self.counts["registry"]["refused"] += 1  # by the service, which knows of others, too
        else:
            self.models[key] = facts

    def _uses(self, model: Facts, tags: Mapping[str, str], row: Any) -> None:
        stated = {"decision_role": "assists"} if "catalog.risk.decision_role" in tags else {}
        uses = model.get("uses", ())
        if len(uses) > 1 and stated:
            self._left_out("ambiguous_use", "decision_role")
            stated = {}
        for use in uses or (["(undeclared)"] if stated else ()):
            key = f"{self.namespace}/{segment(model['name'])}/{use}".casefold()
            self.uses[key] = {"name": use, "model": self._subject(row["name"])} | stated

    def _read_versions(
        self, server: Server, aliases: Mapping[str, Mapping[str, Sequence[str]]]
    ) -> None:
        located = server.logged_models()
        for row in server.versions():
            logged, file = LOGGED.fullmatch(row.get("source", "")), {}
            if logged and not row["name"].startswith(self.exclude):
                file = self._file(row, is_there=logged[1] in located)
            self._begin("registry")
            if UNREADABLE.search(row["name"]):
                self._left_out("name_unreadable", row["name"])
            elif row["name"] in aliases:
                facts = self._version(row, aliases[row["name"]], logged)
                self.versions[f"{facts['model']}/{row['version']}"] = facts | file

    def _version(
        self, row: Any, aliases: Mapping[str, Sequence[str]], logged: re.Match[str] | None
    ) -> Facts:
        stage, run = row.get("current_stage"), row.get("run_id")
        facts: Facts = {
            "model": self._subject(row["name"]), "number": str(row["version"]),
            "aliases": sorted(aliases.get(str(row["version"]), ())),
            "created_at": moment(row["creation_timestamp"]),
            "stage": None if stage == "None" else stage, "status": row["status"],
            "tags": self._own_tags(_tags(row)),
            "training_run": f"{self.here}/{run}" if run else None,
            "logged_model": f"{self.here}/{logged[1]}" if logged else None,
            "source_uri": row.get("source") or None, "created_by": row.get("user_id") or None,
        }  # fmt: skip
        facts |= self._text("description", row.get("description"))
        facts["warnings"] = len(self.told)
        return facts | self._trained(self.training_runs.get(f"{self.here}/{run}"))

    def _trained(self, run: Facts | None) -> Facts:
        """What a training run adds to its versions; what it lacks it leaves to others."""
        if run is None:
            return {}
        metrics = [{"name": name, "value": value} for name, value in run["metrics"].items()]
        said = {name: run[name] for name in ("source_commit", "source_branch", "repository")}
        said |= {"datasets": run["datasets"], "metrics": metrics, "origin": "in_house"}
        return {name: value for name, value in said.items() if value}

    def _file(self, row: Any, *, is_there: bool) -> Facts:
        self._begin("models")
        found = FILES[row["description"]] if is_there else "logged_model_missing"
        if isinstance(found, str):
            self._left_out(found, "")
        return found if isinstance(found, dict) else {}

    def _run(self, row: Any) -> Facts:
        info, data, inputs = row["info"], row["data"], row["inputs"]
        tags = _tags(data)
        facts: Facts = {
            "name": info.get("run_name") or None, "experiment": info["experiment_id"],
            "status": info["status"], "lifecycle": info["lifecycle_stage"],
            "created_by": tags.get("mlflow.user"), "source_name": tags.get("mlflow.source.name"),
            "parent": None, "source_commit": tags.get("mlflow.source.git.commit"),
            "source_branch": tags.get("mlflow.source.git.branch"), "repository": None,
            "tags": self._own_tags(tags), "logged_models": [],
            "params": dict(self._first(data.get("params", ()), "param")),
            "metrics": dict(self._first(data.get("metrics", ()), "metric")),
            "datasets": [self._dataset(one, info) for one in inputs.get("dataset_inputs", ())],
        }  # fmt: skip
        if parent := tags.get("mlflow.parentRunId"):
            facts["parent"] = f"{self.here}/{parent}"
        if address := tags.get("mlflow.source.git.repoURL"):
            facts["repository"] = address.lower().removesuffix(".git")
        if "catalog.comit" in tags:
            self._left_out("catalog_tag_unknown", "catalog.comit")
        for fact, at in (("started_at", "start_time"), ("ended_at", "end_time")):
            if at not in info:
                facts[fact] = None
            elif 0 < info[at] < (datetime.now(UTC) + timedelta(days=1)).timestamp() * 1_000:
                facts[fact] = moment(info[at])
            else:
                self._left_out("time_dropped", fact)
        return facts | {"warnings": len(self.told)}

    def _first(self, rows: Sequence[Any], what: str) -> Iterator[tuple[str, Any]]:
        """The first by name; a metric that is not finite is null."""
        for place, row in enumerate(sorted(rows, key=lambda row: row["key"])):
            if place >= MOST:
                self._left_out(f"{what}_beyond_{MOST}", "")
            elif what == "param":
                yield row["key"], row.get("value", "")
            elif abs(value := float(row.get("value", 0))) < INFINITE:
                yield row["key"], value
            else:
                self._left_out("metric_not_finite", row["key"])
                yield row["key"], None

    def _dataset(self, one: Any, info: Any) -> Facts:
        """The dataset, noted; answers the link to it."""
        row = one["dataset"]
        tags = {tag["key"]: tag["value"] for tag in one.get("tags", ())}
        source = json.loads(row["source"])
        uri = _address(row["source_type"], source, stated=tags.get("catalog.uri"))
        value = uri or "/".join((self.here, info["experiment_id"], row["name"], row["digest"]))
        facts: Facts = {"name": row["name"], "source_type": row["source_type"]}
        facts |= {"schema": row.get("schema") or None} | ({"uri": uri} if uri else {})
        facts |= {"records": json.loads(row["profile"])["num_rows"]} if row.get("profile") else {}
        self.datasets[value] = facts
        scheme = "uri" if uri else "mlflow"
        link = {
            "dataset": {"kind": "dataset", "scheme": scheme, "value": value},
            "digest": f"mlflow:{row['digest']}",
        }
        link |= {"role": role} if (role := ROLES.get(tags.get("mlflow.data.context", ""))) else {}
        number, revision = source.get("delta_table_version"), source.get("revision")
        link |= {"version": f"delta:{number}"} if number else {}
        return link | ({"version": f"hf:{revision}"} if revision else {})

    def _own_tags(self, tags: Mapping[str, str]) -> list[str]:
        kept: list[str] = []
        for key, value in sorted(tags.items()):
            text = f"{key}={value}"
            if key.startswith(("catalog.", "mlflow.")):
                continue
            if len(text) > 4_096 or UNWANTED.search(text) or len(kept) == 1_000:
                self._left_out("tag_dropped", key)
            else:
                kept.append(text)
        return kept

    def _text(self, fact: str, text: str | None) -> Facts:
        if text and UNWANTED.search(text):
            self._left_out("value_dropped", fact)
            return {}
        return {fact: text or None}

    def _subject(self, name: str) -> str:
        return f"{self.here}/{segment(unicodedata.normalize('NFC', name))}"


def segment(name: str) -> str:
    """A free name inside an identifier."""
    if name in {".", ".."}:
        return name.replace(".", "%2E")
    return name.replace("%", "%25").replace("/", "%2F").replace("#", "%23")


def moment(milliseconds: Any) -> str:
    """A time as the catalog writes it."""
    seconds, rest = divmod(int(milliseconds), 1_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03}000Z"


def _tags(row: Any) -> dict[str, str]:
    return {tag["key"]: tag.get("value", "") for tag in row.get("tags", ())}


def _address(kind: str, source: Facts, *, stated: str | None) -> str | None:
    if stated:
        return stated.replace("S3A://", "s3://")
    if kind in {"local", "code"}:
        return None
    if kind == "hugging_face":
        return f"hf://datasets/{source['path']}"
    text: str = source.get("uri") or source.get("url") or source["path"]
    return text.partition("?")[0].rstrip("/").replace("s3://Lake", "s3://lake")
