"""`import` against a catalog that is really served."""

import json
from pathlib import Path

from tests.cli.conftest import Command, Served
from tests.people.files import workbook

MAPPED = ("--map", "Modell, Name=name", "--map", "Stand=lifecycle", "--namespace", "retail")


def test_import_report(catalog: Served, ask: Command, tmp_path: Path) -> None:
    """Refused rows are printed with column, reason and fix, the others entered; the code is 1."""
    token = catalog.token(role="reviewer", namespaces=["retail"])
    file = tmp_path / "liste.csv"
    text = "Modell, Name;Stand;Zeile\r\nKündigung;Pilot;1\r\nBetrug;produktiv;2\r\n"
    file.write_bytes(text.encode("windows-1252"))

    planned = ask("import", str(file), *MAPPED, "--dry-run", TOKEN=token)
    ran = ask("import", str(file), *MAPPED, TOKEN=token)
    mended = ask("import", str(file), *MAPPED, "--value", "lifecycle:produktiv=production",
                 "--json", TOKEN=token)  # fmt: skip

    refused = "3\tStand\tinvalid\tis no lifecycle\t"
    assert (ran.code, len(ran.lines), ran.out[: len(refused)]) == (1, 1, refused)
    assert "2 rows of windows-1252, as source people: 1 created, " in ran.err
    assert "Not read: column Zeile\n" in ran.err
    assert (planned.code, planned.lines) == (1, ran.lines)
    assert "1 refused; nothing was kept." in planned.err
    report = json.loads(mended.out)
    assert (mended.code, report["created"], report["unchanged"]) == (0, 1, 1)


def test_import_spreadsheet(ask: Command, tmp_path: Path) -> None:
    """XLSX is told by its ending; a sheet that is not there is wrong use, and names the nearest."""
    file = tmp_path / "inventory.XLSX"
    file.write_bytes(workbook([("namespace", "name"), ("sheets", "a")]))

    ran = ask("import", str(file), "--json")
    wrong = ask("import", str(file), "--sheet", "Inventry")

    assert (ran.code, json.loads(ran.out)["sheet"]) == (0, "Inventory")
    assert (wrong.code, wrong.out) == (2, "")
    assert "?sheet: is no sheet of the file. The nearest is 'Inventory'." in wrong.err


def test_import_not_allowed(catalog: Served, ask: Command, tmp_path: Path) -> None:
    """A reader enters nothing, and is told what the token lacks."""
    file = tmp_path / "a.csv"
    file.write_text("namespace,name\nretail,a\n")

    ran = ask("import", str(file), TOKEN=catalog.token(role="reader"))

    assert (ran.code, ran.out) == (4, "")
    assert "models:enter" in ran.err
