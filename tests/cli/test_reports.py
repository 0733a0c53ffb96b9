"""`coverage`, `unknowns` and `time-to-catalog` against a catalog that is really served."""

import csv
import json
from pathlib import Path

from tests.cli.conftest import Command, Served


def test_reports(catalog: Served, ask: Command, tmp_path: Path) -> None:
    """Rows in a pipe, JSON, totals and files; a wrong filter says what is right."""
    catalog.source("idle", kind="mlflow")
    state = ("coverage", "--filter", "source=idle")
    unknown = ("unknowns", "--filter", "source=idle")
    file = tmp_path / "unknowns.csv"

    assert ask(*state).lines[0].split("\t")[:3] == ["idle", "-", "never"]
    assert json.loads(ask(*state, "--json").lines[0])["state"] == "never"
    (row,) = [json.loads(line) for line in ask(*unknown, "--json").lines]
    assert (row["what"], row["source"]) == ("source_never_harvested", "idle")
    totals = json.loads(ask(*unknown, "--totals", "--json").lines[0])
    assert (totals["source_never_harvested"], totals["stub"]) == (1, 0)
    assert ask(*unknown, "--output", str(file)).code == 0
    with file.open(newline="", encoding="utf-8") as written:
        assert [one["what"] for one in csv.DictReader(written)] == ["source_never_harvested"]
    assert json.loads(ask("time-to-catalog", "--json").lines[0])["part"] == "overall"
    assert ask("unknowns", "--filter", "what=stubb").code == 2
    assert ask("coverage", "--json", "--format", "csv").code == 2
