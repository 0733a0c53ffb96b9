"""The command that reads one source once: what cron and a CronJob call."""

import os
import signal
import sys
from contextlib import suppress
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cli.client import Client, service_token, service_url
from cli.exits import Exit, Stop
from harvesters.errors import SourceRefused, SourceUnavailable, shown
from harvesters.registry import find_factory, find_secret
from harvesters.runner import harvest as run
from harvesters.sink import AlreadyRunning, CatalogRefused, CatalogUnavailable, HttpSink
from outbound.hook import guard_sockets
from schemas.harvest import HarvestReport
from schemas.sources import SourceSettings

app = typer.Typer(help="Read one source once.")
FIGURES = ("outcome", "seen", "created", "changed", "unchanged", "unseen", "retired", "held_back",
           "conflicts", "refused")  # fmt: skip


@app.command()
def harvest(
    source: Annotated[str, typer.Argument(help="Name of a declared source.")],
    *,
    dry_run: Annotated[bool, typer.Option(help="Print the plan, keep nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Reports as JSON lines.")] = False,
) -> None:
    """Read one source once, scope by scope, and say what came of it."""
    signal.signal(signal.SIGTERM, _interrupt)
    settings = _settings(source)
    url, token = service_url(), service_token()
    for name in ("MODEL_CATALOG_TOKEN", "MODEL_CATALOG_DATABASE_URL", "MODEL_CATALOG_SECRET_KEY"):
        os.environ.pop(name, None)  # a source's client needs none of them
    reports, failures = [], []
    guard_sockets(os.environ.get("MODEL_CATALOG_OUTBOUND_ALLOW", ""), also=(url,))
    try:
        sink = HttpSink(url, token, source=source)
        secret = find_secret(settings, os.environ)
        for harvester in find_factory(settings.kind)(settings, secret, os.environ):
            try:
                reports.append(run(harvester, sink, dry_run=dry_run))
            except AlreadyRunning as running:
                _say(f"{harvester.scope}: already running. {running}")
            except (SourceUnavailable, SourceRefused, CatalogUnavailable, CatalogRefused) as error:
                failures.append(error)
                _say(f"{harvester.scope}: failed. {type(error).__name__}: {shown(error)}")
    except (SourceUnavailable, SourceRefused) as error:
        failures.append(error)
        _say(f"{source}: {shown(error)}")
    _print(reports, as_json=as_json)
    _leave(reports, failures)


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


def _print(reports: list[HarvestReport], *, as_json: bool) -> None:
    if as_json or not sys.stdout.isatty():
        for report in reports:
            typer.echo(report.model_dump_json())
        return
    table = Table("scope", *FIGURES)
    for report in reports:
        table.add_row(report.scope, *(str(getattr(report, name)) for name in FIGURES))
    Console().print(table)
    for report in reports:
        for skipped in report.skipped:
            _say(f"skipped {skipped.subject or ''} {skipped.code}: {skipped.message}")


def _leave(reports: list[HarvestReport], failures: list[Exception]) -> None:
    with suppress(BrokenPipeError):
        sys.stdout.flush()
    refused = [error for error in failures if isinstance(error, CatalogRefused)]
    if refused:
        code = Exit.NOT_ALLOWED if refused[0].status in {401, 403} else Exit.CONFLICT
        raise Stop(str(refused[0]), code)
    if failures or any(report.outcome == "failed" for report in reports):
        raise Stop("Nothing was retired; the next harvest tries again.", Exit.UNAVAILABLE)
    if any(report.held_back for report in reports):
        raise Stop("Held back: see /api/v1/quarantine.", Exit.FINDINGS)
