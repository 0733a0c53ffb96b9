"""The command that reads one source once: what cron and a CronJob call."""

import os
import signal
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import stamina.instrumentation
import typer
from rich.console import Console
from rich.table import Table

from cli.client import CODES, Client, service_token, service_url
from cli.exits import Exit, Stop
from cli.progress import Watched, watched
from harvesters.errors import SourceRefused, SourceUnavailable, shown
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
OURS = ("MODEL_CATALOG_TOKEN", "MODEL_CATALOG_DATABASE_URL", "MODEL_CATALOG_SECRET_KEY")


@app.command()
def harvest(
    source: Annotated[str | None, typer.Argument(help="Name of a declared source.")] = None,
    *,
    due: Annotated[
        bool, typer.Option("--due", help="Every source that is due, once; on the database host.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Read everything, not only what changed.")
    ] = False,
    dry_run: Annotated[bool, typer.Option(help="Print the plan, keep nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Reports as JSON lines.")] = False,
) -> None:
    """Read one source once, scope by scope, and say what came of it."""
    if due is (source is not None) or (due and (full or dry_run)):
        raise Stop("Name one source, or say --due alone.", Exit.WRONG_USE)
    if source is None:
        _harvest_due()
        return
    signal.signal(signal.SIGTERM, _interrupt)
    stamina.instrumentation.set_on_retry_hooks(())  # they would tell of it on standard output
    settings = _settings(source)
    url, token = service_url(), service_token()
    for name in OURS:
        os.environ.pop(name, None)  # a source's client needs none of them
    try:
        guard_sockets(os.environ.get(VARIABLE, ""), also=(url,))
    except ValueError as error:
        raise Stop(f"{VARIABLE}: {error}", Exit.WRONG_USE) from None
    with watched(url, token, source=source) as sink:
        _read(settings, sink, as_json=as_json, dry_run=dry_run, full=full)


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


def _read(
    settings: SourceSettings, sink: Watched, *, as_json: bool, dry_run: bool, full: bool
) -> None:
    """Harvest, and say what came of each scope; leaves with what that means."""
    reports: list[HarvestReport] = []
    failures: list[Exception] = []
    try:
        for report in _harvests(settings, sink, failures=failures, dry_run=dry_run, full=full):
            reports.append(report)
            if as_json or not sys.stdout.isatty():
                _print(report)
    except KeyboardInterrupt:
        raise Stop("Interrupted; nothing was retired.", Exit.INTERRUPTED) from None
    finally:
        if not as_json and sys.stdout.isatty():
            _show(reports)
    _leave(reports, failures)


def _harvests(
    source: SourceSettings, sink: Watched, *, failures: list[Exception], **how: bool
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


def _settings(source: str) -> SourceSettings:
    found = Client.from_environment().get(f"/api/v1/sources/{source}")
    found.pop("scopes")
    settings = SourceSettings.model_validate(found)
    if not settings.enabled:
        raise Stop(f"Source {source} is disabled.", Exit.CONFLICT)
    return settings


def _interrupt(_signal: int, _frame: Any) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _say_of(source: str, text: str) -> None:
    _say(f"{source}: {text}")


def _print(report: HarvestReport) -> None:
    """One line of JSON, as soon as it is known."""
    try:
        typer.echo(report.model_dump_json())
    except BrokenPipeError:  # whoever read it has left; the harvest goes on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show(reports: list[HarvestReport]) -> None:
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


def _leave(reports: list[HarvestReport], failures: list[Exception]) -> None:
    refused = [error for error in failures if isinstance(error, CatalogRefused)]
    if refused:
        raise Stop(str(refused[0]), CODES.get(refused[0].status, Exit.UNAVAILABLE))
    if failures or any(report.outcome == "failed" for report in reports):
        raise Stop("Nothing was retired; the next harvest tries again.", Exit.UNAVAILABLE)
    if any(report.held_back for report in reports):
        raise Stop("Held back: see /api/v1/quarantine.", Exit.FINDINGS)
