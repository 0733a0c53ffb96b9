"""Item by item: what a catalog holds of a filled MLflow server, beside what the server answers."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote

import pytest

from tests.e2e.site import Site, Workspace
from tests.support.mlflow_expected import Expected
from tests.support.mlflow_filling import Amount, fill_tables, log_files, write_odd
from tests.support.mlflow_reading import Server
from tests.support.mlflow_server import run_mlflow_server

SOURCE: Final = "mlflow-prod"
AMOUNTS: Final = {"default": Amount(400, 1_550, 1_550), "team-b": Amount(110, 470, 460)}
PROMISED: Final = {"models": 500, "versions": 2_000, "training_runs": 2_000}
NAMESPACES: Final = {"default": "retail", "team-b": "wholesale"}
HARVEST_SECONDS: Final = 600
MLMODELS: Final = {
    "signed": b"flavors: {xgboost: {}}\nmodel_size_bytes: 7\nsignature: {inputs: '[]'}\n",
    "missing": None,
    "huge": b"#" * 300_000,
}
PAGES: Final = {
    "/models": "models/{}",
    "/versions": "models/{}/versions/{}",
    "/training-runs": "experiments/{experiment}/runs/{}",
}
SAMPLE: Final = 150  # of so many the first
OWN: Final = re.compile(rf"\bmlflow:{SOURCE}/(.+)")


class Compared(NamedTuple):
    """A harvested server: what is expected of each workspace, what is there, what was reported."""

    uri: str
    expected: Sequence[Expected]
    site: Site
    reports: Mapping[str, Any]  # by scope

    def all(self, kind: str) -> dict[str, Any]:
        """What is expected of all workspaces."""
        return {name: facts for one in self.expected for name, facts in getattr(one, kind).items()}

    def rows(self, path: str) -> Iterator[Any]:
        """All rows of a list, page by page."""
        asked = {"page_size": "1000"}
        while True:
            page = self.site.get(path, **asked)
            yield from page["items"]
            if not page["next_page_token"]:
                return
            asked["page_token"] = page["next_page_token"]


@pytest.fixture
def compared(
    mlflow_template: Path, tmp_path: Path, prepared: None, site: Site
) -> Iterator[Compared]:
    """Fill a server, harvest it with the real command, and read it by its API."""
    del prepared
    filled, home = tmp_path / "filled.db", tmp_path / "server"
    home.mkdir()
    shutil.copyfile(mlflow_template, filled)
    fill_tables(filled, AMOUNTS, seed=7)
    with run_mlflow_server(home, filled) as server:
        default = Workspace(server.uri, "default")
        write_odd(default)
        log_files(default, home / "artifacts", MLMODELS)
        settings = {"uri": server.uri, "workspaces": [*AMOUNTS], "exclude": ["tmp-*"]}
        site.declare(default, namespaces=NAMESPACES, settings=settings)
        with site.started("harvest", SOURCE, "--json") as process:
            said, errors = process.communicate(timeout=HARVEST_SECONDS)
        assert (process.returncode, errors) == (0, "")
        expected = []
        for name, namespace in NAMESPACES.items():
            reading = Server(server.uri, name)
            with closing(reading.http):
                read = Expected(reading, namespace=namespace, source=SOURCE, exclude="tmp-")
            expected.append(read)
        reports = {one["scope"]: one for one in map(json.loads, said.splitlines())}
        yield Compared(server.uri, expected, site, reports)


def test_comparison(compared: Compared) -> None:
    """Nothing is missing, nothing is wrong, and all that was left out is counted."""
    for kind, promised in PROMISED.items():
        assert len(compared.all(kind)) >= promised
    for kind in ("models", "uses", "datasets"):
        _check_equal({row["name"]: row for row in compared.rows(f"/{kind}")}, compared.all(kind))
    versions = {
        f"{row['facts']['model']}/{row['facts']['number']}": row
        for row in compared.rows("/versions")
    }
    _check_equal(versions, compared.all("versions"))
    runs = {row["name"]: row for row in compared.rows("/training-runs")}
    kept = {name: row for name, row in runs.items() if not row["stub"]}
    _check_equal(kept, compared.all("training_runs"))
    named = {row["facts"]["training_run"] for row in versions.values()} - {None}
    assert named - kept.keys() == runs.keys() - kept.keys()  # purged: a version still names it
    _check_reports(compared)
    _check_pages(compared)


def _check_equal(rows: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """The same things, each with the same facts; of warnings, as many."""
    assert sorted(rows) == sorted(expected)
    wrong = {}
    for name, row in rows.items():
        assert (row["gone_since"], row["stub"], row["sources"]) == (None, False, [SOURCE])
        facts = row["facts"]
        if "warnings" in facts:
            facts |= {"warnings": len(facts["warnings"])}
        if difference := _difference(_comparable(facts), _comparable(expected[name])):
            wrong[name] = difference
    assert wrong == {}


def _check_reports(compared: Compared) -> None:
    """What each scope says that it left out is what the server's answers say."""
    for one in compared.expected:
        for scope, counts in one.counts.items():
            report = compared.reports[f"{scope}/{one.workspace}"]
            said = Counter(report["counts"]) + Counter(refused=report["refused"])
            codes = [skipped["code"] for skipped in report["skipped"]]
            said["name_unreadable"] = codes.count("name_unreadable") if scope == "registry" else 0
            assert (scope, report["outcome"], +said) == (scope, "complete", +counts)


def _check_pages(compared: Compared) -> None:
    """Every detail leads to the page on which MLflow shows the thing; some are looked at."""
    for path, page in PAGES.items():
        rows = [row for row in compared.rows(path) if not row["stub"]]
        for row in rows[::SAMPLE]:
            detail = compared.site.get(row["url"].removeprefix("/api/v1"))
            (named,) = {found[1] for one in detail["identifiers"] if (found := OWN.search(one))}
            workspace, *names = (quote(unquote(one), safe="") for one in named.split("/"))
            below = page.format(*names, experiment=row["facts"].get("experiment"))
            space = "" if workspace == "default" else f"?workspace={workspace}"
            assert f"{compared.uri}/#/{below}{space}" in [one["url"] for one in detail["links"]]


def _difference(found: Mapping[str, Any], expected: Mapping[str, Any]) -> dict[str, Any]:
    """What is there and what should be, of the facts that differ."""
    pairs = {
        name: (found.get(name, "-"), expected.get(name, "-")) for name in {**found, **expected}
    }
    return {name: (one, other) for name, (one, other) in pairs.items() if one != other}


def _comparable(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Lists are sets here, and 1e300 is a number however many digits it is written with."""
    read = json.loads(json.dumps(facts), parse_int=float)
    return {
        name: sorted(value, key=lambda item: json.dumps(item, sort_keys=True))
        if isinstance(value, list)
        else value
        for name, value in read.items()
    }
