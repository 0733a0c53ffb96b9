"""The command that enters the models of an existing inventory, from CSV or XLSX."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli.client import Client
from cli.exits import Exit, Stop
from cli.output import Json, print_json, print_rows, progress, say

app = typer.Typer(help="Enter the models of a file.")
MEDIA: Final = {
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".csv": "text/csv",
}
SHOWN: Final = ("row", "column", "code", "message", "fix")


@app.command("import")
def import_file(  # noqa: PLR0913  # options of one command
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV or XLSX.")],
    *,
    columns: Annotated[
        list[str] | None, typer.Option("--map", metavar="COLUMN=FACT", help="Repeat it.")
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option("--value", metavar="FACT:TEXT=VALUE", help="What a cell means; repeat it."),
    ] = None,
    namespace: Annotated[str | None, typer.Option(help="Of rows that state none.")] = None,
    sheet: Annotated[str | None, typer.Option(help="Else the first visible one.")] = None,
    source: Annotated[str | None, typer.Option(help="A source of kind person.")] = None,
    reason: Annotated[str | None, typer.Option(help="For the ledger.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be entered, keep nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Enter each row of a file as a model; rows that are refused are printed, the others stay."""
    asked = {
        "map": joined(columns), "values": joined(values), "namespace": namespace, "sheet": sheet,
        "source": source, "reason": reason, "dry_run": "true" if dry_run else None,
    }  # fmt: skip
    client, content = Client.from_environment(), file.read_bytes()
    given = {name: value for name, value in asked.items() if value}
    with progress("Importing for {:,} seconds") as advance, ticking(advance):
        media = MEDIA.get(file.suffix.lower(), MEDIA[".csv"])
        report = client.send("/api/v1/imports", content, media=media, **given)
    show(report, as_json=as_json)
    if report["rows_refused"]:
        said = f"{report['rows_refused']} rows are refused. Mend them and import the file again."
        raise Stop(said, Exit.FINDINGS)


def joined(pairs: Sequence[str] | None) -> str | None:
    """Several options as one query parameter: a comma stands between two."""
    return ",".join(pair.replace(",", "\\,") for pair in pairs) if pairs else None


def show(report: Any, *, as_json: bool) -> None:
    """What became of the rows; on a terminal also how the file was read."""
    if as_json:
        print_json(report)
        return
    print_rows(SHOWN, ([one[name] for name in SHOWN] for one in report["refused"]))
    read = report["encoding"] or f"sheet {report['sheet']}"
    say(f"{report['rows']} rows of {read}, as source {report['source']}: "
        f"{report['created']} created, {report['changed']} changed, "
        f"{report['unchanged']} unchanged, {report['repeated']} repeated, "
        f"{report['rows_refused']} refused"
        f"{'; nothing was kept' if report['dry_run'] else ''}.")  # fmt: skip
    if ambiguous := report["dates"]["ambiguous"]:
        say(f"{ambiguous} dates could be read two ways: month first.")
    for column in report["unmapped_columns"]:
        near = f"; did you mean {column['nearest']}?" if column["nearest"] else ""
        say(f"Not read: column {column['column']}{near}")


@contextmanager
def ticking(advance: Callable[[int], None]) -> Iterator[None]:
    """Count the seconds of one long request."""
    over = threading.Event()

    def tick() -> None:
        while not over.wait(1):
            advance(1)

    clock = threading.Thread(target=tick, daemon=True)
    clock.start()
    try:
        yield
    finally:
        over.set()
        clock.join()
