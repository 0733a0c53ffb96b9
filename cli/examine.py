"""What `doctor` looks at, one after the other; what cannot be looked at is a finding too."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2

from cli.client import service_url
from cli.database import named_url, operated, worker_settings
from cli.exits import Stop
from outbound.addresses import VARIABLE, Allowed, OutboundRefused
from outbound.client import AnswerRefused, Limits, guarded_client
from outbound.credentials import CredentialUnset, credential
from service.db import APP_ROLE, Database
from service.embedded import PREFIX
from service.errors import CatalogError
from service.operation.checks import (
    Finding,
    check_schema,
    check_server,
    check_sources,
    check_upkeep,
    declared,
)
from service.operation.hooked import check_webhooks
from service.operation.outgone import check_receivers
from service.operation.sealed import check_ledger
from service.settings import SettingsRefused, read_settings

QUICK: Final = Limits(connect=5, read=10, total=15, decoded=1024 * 1024)
LEAST_FREE: Final = 1024**3


def examine(*, offline: bool) -> Iterator[Finding]:
    """Everything, as it is found. Without a database there is little to look at."""
    yield _settings()
    if not offline:
        yield _service()
    try:
        yield from _disk(named_url())
        with operated(APP_ROLE) as database:
            yield from _database(database, offline=offline)
    except Stop as stop:
        said, _, more = str(stop).partition("\n")
        yield Finding("fail", "database", said, more or "See docs/settings.md.")


def _settings() -> Finding:
    """On a machine without the service nobody set its key."""
    try:
        settings = read_settings()
    except SettingsRefused as refused:
        return Finding("warn", "settings", str(refused), "`model-catalog serve` refuses to start.")
    return Finding("ok", "settings", f"safe; the service is {settings.base_url}")


def _service() -> Finding:
    url = service_url()
    try:
        answer = httpx2.get(f"{url}/readyz", timeout=10, trust_env=False)
    except httpx2.HTTPError as error:
        return Finding("fail", "service", f"{url} does not answer ({type(error).__name__})",
                       "Start it: `model-catalog serve`; or set MODEL_CATALOG_URL.")  # fmt: skip
    if answer.is_success:
        return Finding("ok", "service", f"{url} is ready")
    return Finding("fail", "service", f"{url} answers {answer.status_code}",
                   f"Look at {url}/readyz and at its log.")  # fmt: skip


def _disk(url: str) -> Iterator[Finding]:
    """A private server's folder; of another machine's disk we know nothing."""
    if url.startswith(PREFIX):
        folder = Path(url.removeprefix(PREFIX)).expanduser()
        there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
        free = shutil.disk_usage(there).free
        full = free < LEAST_FREE
        yield Finding("fail" if full else "ok", "disk", f"{free / 1024**3:.1f} GiB are free",
                      "Make space: without it nothing can be written." if full else "")  # fmt: skip


def _database(database: Database, *, offline: bool) -> Iterator[Finding]:
    """Each check by itself: one that fails does not hide what the others find."""
    checks: list[Callable[[Database], Iterator[Finding]]] = [check_server, check_schema]
    checks += [check_sources, check_upkeep, check_ledger, _webhooks, check_receivers]
    for check in checks:
        try:
            yield from check(database)
        except CatalogError as error:
            what = check.__name__.removeprefix("check_")
            yield Finding("fail", what, error.title, " ".join(error.fix.split()))
            return
    for source in declared(database):
        yield from _way(source, offline=offline)
        yield from _window(source)


def _webhooks(database: Database) -> Iterator[Finding]:
    """As far as this machine can tell: the secrets belong where the service runs."""
    return check_webhooks(database, os.environ)


def _way(source: dict[str, Any], *, offline: bool) -> Iterator[Finding]:
    """The way to one source from here: its credential, and whether anybody answers."""
    what = f"way to {source['name']}"
    if source["credential"] is not None:
        try:
            credential(source["credential"], os.environ)
        except CredentialUnset as unset:
            yield Finding("warn", what, "no credential here",
                          f"Where it is harvested, {unset}.")  # fmt: skip
            return
    address = source["settings"].get("uri", "")
    if not offline and urlsplit(address).scheme in {"http", "https"}:
        yield _reached(what, address)


def _reached(what: str, address: str) -> Finding:
    """Any answer will do, a refusal too: no credential is sent."""
    try:
        with guarded_client(Allowed(os.environ.get(VARIABLE, "")), limits=QUICK) as client:
            answer = client.get(address)
    except OutboundRefused as refused:
        return Finding("fail", what, f"{address} may not be reached", str(refused))
    except (httpx2.HTTPError, AnswerRefused, OSError) as error:
        return Finding("fail", what, f"{address} does not answer ({type(error).__name__})",
                       "Is it running, and does the network let us through?")  # fmt: skip
    return Finding("ok", what, f"answers {answer.status_code}")


def _window(source: dict[str, Any]) -> Iterator[Finding]:
    """What is let go of must not be read again: it would come and go."""
    kept, read = worker_settings().training_run_days, source["settings"].get("training_run_days")
    if kept is None or source["kind"] != "mlflow" or (read is not None and read <= kept):
        return
    if source["settings"].get("training_runs") != "referenced":
        said = f"reads training runs of {read or 'all'} days, {kept} are kept"
        yield Finding("warn", f"window of {source['name']}", said,
                      f"Set `training_run_days: {kept}` in its settings.")  # fmt: skip
