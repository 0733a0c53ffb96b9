"""The command that reads one source once: what cron and a CronJob call."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import stamina.instrumentation
import typer
from rich.console import Console
from rich.table import Table

from cli.client import CODES, Client, service_token, service_url
from cli.exits import Exit, Stop
from cli.progress import Watched, watched
from harvesters.errors import SourceRefused, SourceUnavailable, shown
from harvesters.recording import Recorder, Tape, most_bytes
from harvesters.registry import find_factory, find_secret
from harvesters.runner import harvest as run
from harvesters.sink import AlreadyRunning, CatalogRefused, CatalogUnavailable
from outbound.addresses import VARIABLE
from outbound.hook import guard_sockets
from schemas.harvest import HarvestReport
from schemas.sources import SourceSettings

app = typer.Typer(help="Read one source once.")
FIGURES = ("outcome", "seen", "created", "changed", "unchanged", "unseen", "retired", "held_back",
           "conflicts", "refused")  # fmt: skip
RECORD_DIR: Final = "MODEL_CATALOG_RECORD_DIR"
RECORD_BYTES: Final = "MODEL_CATALOG_RECORD_BYTES"
OURS = ("MODEL_CATALOG_TOKEN", "MODEL_CATALOG_DATABASE_URL", "MODEL_CATALOG_SECRET_KEY")

Named = Annotated[str | None, typer.Argument(help="Name of a declared source.")]
Due = Annotated[
    bool, typer.Option("--due", help="Every source that is due, once; on the database host.")
]
Full = Annotated[bool, typer.Option("--full", help="Read everything, not only what changed.")]
Record = Annotated[
    Path | None, typer.Option("--record", metavar="DIR", help="Keep what is read, to replay it.")
]
Replayed = Annotated[
    Path | None,
    typer.Option("--replay", metavar="FILE", help="Map a recording again: always a dry run."),
]
Strict = Annotated[bool, typer.Option("--strict", help="Replay only what was recorded to its end.")]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="Replay into a file, ask no service."),
]


@app.command()
def harvest(  # noqa: PLR0913  # options of one command
    source: Named = None,
    *,
    due: Due = False,
    full: Full = False,
    dry_run: Annotated[bool, typer.Option(help="Print the plan, keep nothing.")] = False,
    record: Record = None,
    replay: Replayed = None,
    strict: Strict = False,
    output: Output = None,
    as_json: Annotated[bool, typer.Option("--json", help="Reports as JSON lines.")] = False,
) -> None:
    """Read one source once, scope by scope, and say what came of it."""
    if due is (source is not None) or (due and (full or dry_run or record or replay)):
        raise Stop("Name one source, or say --due alone.", Exit.WRONG_USE)
    if replay is None and (strict or output):
        raise Stop("--strict and --output belong to --replay FILE.", Exit.WRONG_USE)
    if replay is not None and (record or full):
        raise Stop("A replay reads the recording alone.", Exit.WRONG_USE)
    if source is None:
        _harvest_due()
    elif replay is not None:
        from cli.replay import replay_recording

        replay_recording(source, replay, strict=strict, output=output, as_json=as_json)
    else:
        _harvest_once(source, record=record, as_json=as_json, dry_run=dry_run, full=full)


def _harvest_once(source: str, *, record: Path | None, **how: bool) -> None:
    signal.signal(signal.SIGTERM, _interrupt)
    stamina.instrumentation.set_on_retry_hooks(())  # they would tell of it on standard output
    settings = source_settings(source)
    url, token = service_url(), service_token()
    tape = _tape(settings, record)
    for name in OURS:
        os.environ.pop(name, None)  # a source's client needs none of them
    try:
        guard_sockets(os.environ.get(VARIABLE, ""), also=(url,))
    except ValueError as error:
        raise Stop(f"{VARIABLE}: {error}", Exit.WRONG_USE) from None
    with watched(url, token, source=source) as sink:
        _read(settings, sink, tape=tape, **how)


def _tape(source: SourceSettings, record: Path | None) -> Tape:
    """Where the harvest is recorded, if it is: by the option, else by configuration."""
    folder = record or os.environ.get(RECORD_DIR)
    if not folder:
        return Tape()
    try:
        most = most_bytes(os.environ.get(RECORD_BYTES))
        return Recorder(Path(folder).absolute(), source, most=most, tell=_say)
    except OSError as error:
        message = f"{folder}: {error.strerror}. Recordings go to {RECORD_DIR} or --record."
        raise Stop(message, Exit.WRONG_USE) from None
    except SourceRefused as error:
        raise Stop(str(error), Exit.WRONG_USE) from None


def _harvest_due() -> None:
    """What a worker would do now, once: for cron on one machine."""
    from cli.crew import Crew, Plan, installed_kinds
    from cli.database import operated
    from cli.worker import stopped_by_signal
    from service.db import APP_ROLE

    stopping = stopped_by_signal()
    with operated(APP_ROLE) as database:
        crew = Crew(database, Plan(service_url(), installed_kinds()), tell=_say_of)
        codes = crew.work_off(stopping)
    if stopping.is_set():
        raise Stop("Interrupted; nothing was retired.", Exit.INTERRUPTED)
    _say(f"{len(codes)} sources were due.")
    if wrong := {source: code for source, code in codes.items() if code}:
        named = ", ".join(f"{source} ({code})" for source, code in sorted(wrong.items()))
        raise Stop(f"Not as it should be: {named}.", Exit(max(wrong.values())))


def _read(settings: SourceSettings, sink: Watched, *, as_json: bool, **how: Any) -> None:
    """Harvest, and say what came of each scope; leaves with what that means."""
    reports: list[HarvestReport] = []
    failures: list[Exception] = []
    try:
        for report in _harvests(settings, sink, failures=failures, **how):
            reports.append(report)
            if as_json or not sys.stdout.isatty():
                print_report(report)
    except KeyboardInterrupt:
        raise Stop("Interrupted; nothing was retired.", Exit.INTERRUPTED) from None
    finally:
        if not as_json and sys.stdout.isatty():
            show_reports(reports)
    leave_with(reports, failures)


def _harvests(
    source: SourceSettings, sink: Watched, *, failures: list[Exception], **how: Any
) -> Iterator[HarvestReport]:
    """Harvest each scope; one that fails does not keep the others from being read."""
    try:
        secret = find_secret(source, os.environ)
        for harvester in find_factory(source.kind)(source, secret, os.environ):
            try:
                yield run(harvester, sink, **how)
            except AlreadyRunning as running:
                _say(f"{harvester.scope}: {running}")
            except (SourceUnavailable, SourceRefused, CatalogUnavailable, CatalogRefused) as error:
                failures.append(error)
                _say(f"{harvester.scope}: failed. {type(error).__name__}: {shown(error)}")
    except (SourceUnavailable, SourceRefused) as error:
        failures.append(error)
        _say(f"{source.name}: {shown(error)}")


def source_settings(source: str) -> SourceSettings:
    """How a source is declared. Raises `Stop` when it is disabled."""
    found = Client.from_environment().get(f"/api/v1/sources/{source}")
    declared = {name: found[name] for name in SourceSettings.model_fields if name in found}
    settings = SourceSettings.model_validate(declared)
    if not settings.enabled:
        raise Stop(f"Source {source} is disabled.", Exit.CONFLICT)
    return settings


def _interrupt(_signal: int, _frame: Any) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _say_of(source: str, text: str) -> None:
    _say(f"{source}: {text}")


def print_report(report: HarvestReport) -> None:
    """One line of JSON, as soon as it is known."""
    try:
        typer.echo(report.model_dump_json())
    except BrokenPipeError:  # whoever read it has left; the harvest goes on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show_reports(reports: list[HarvestReport]) -> None:
    """As a person reads them: figures as a table, then what was planned and passed over."""
    if reports:
        table = Table("", *(report.scope for report in reports))
        for name in FIGURES:
            table.add_row(name, *(str(getattr(report, name)) for report in reports))
        Console().print(table)
    for report in reports:
        for change in report.plan:
            typer.echo(f"{change.entry} {change.field}: {change.old!r} -> {change.new!r}")
        for skipped in report.skipped:
            _say(f"skipped {skipped.subject or ''} {skipped.code}: {skipped.message}")


def leave_with(reports: list[HarvestReport], failures: list[Exception]) -> None:
    """Leave with the exit code of what came of it."""
    refused = [error for error in failures if isinstance(error, CatalogRefused)]
    if refused:
        raise Stop(str(refused[0]), CODES.get(refused[0].status, Exit.UNAVAILABLE))
    if failures or any(report.outcome == "failed" for report in reports):
        raise Stop("Nothing was retired; the next harvest tries again.", Exit.UNAVAILABLE)
    if any(report.held_back for report in reports):
        raise Stop("Held back: see /api/v1/quarantine.", Exit.FINDINGS)
