"""Maps a recorded harvest again with the code as it now is; never writes to the catalog."""

import os
import signal
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cli.client import service_token, service_url
from cli.exits import Exit, Stop
from cli.harvest import leave_with, print_report, show_reports, source_settings
from cli.output import say
from cli.progress import watched
from harvesters.errors import SourceRefused, SourceUnavailable, shown
from harvesters.replay import Recording, Replay, ReplayRefused
from harvesters.runner import harvest
from harvesters.sink import CatalogRefused, CatalogUnavailable, FileSink, Sink
from schemas.harvest import HarvestReport
from schemas.sources import SourceSettings


def replay_recording(
    source: str, file: Path, *, strict: bool, output: Path | None, as_json: bool
) -> None:
    """Send what a recording says now as a dry run, or write it to a file."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        recording = _looked_at(source, file, strict=strict)
        if output is not None:
            with _written(output) as writing:
                sink = FileSink(writing, source=source)
                reports, failures = _replay(recording, recording.head.source, sink=sink, at=None)
        else:
            settings = source_settings(source)
            with watched(service_url(), service_token(), source=source) as sending:
                reports, failures = _replay(recording, settings, sink=sending, at=datetime.now(UTC))
    except (ReplayRefused, SourceRefused) as error:
        raise Stop(f"{file}: {shown(error)}.", Exit.WRONG_USE) from None
    except KeyboardInterrupt:
        raise Stop("Interrupted; nothing was written to the catalog.", Exit.INTERRUPTED) from None
    if as_json or not sys.stdout.isatty():
        for report in reports:
            print_report(report)
    else:
        show_reports(reports)
    leave_with(reports, failures)


def _looked_at(source: str, file: Path, *, strict: bool) -> Recording:
    recording = Recording.open(file)
    if recording.head.source.name != source:
        message = f"it was recorded of source {recording.head.source.name}, not of {source}"
        raise ReplayRefused(message)
    if recording.lacking is not None:
        if strict:
            raise ReplayRefused(recording.lacking)
        say(
            f"{file}: {recording.lacking}. What is there is replayed, and nothing counts as unseen."
        )
    return recording


def _replay(
    recording: Recording, source: SourceSettings, *, sink: Sink, at: datetime | None
) -> tuple[list[HarvestReport], list[Exception]]:
    if source.kind != recording.head.source.kind:
        message = f"it was recorded of kind {recording.head.source.kind}, not {source.kind}"
        raise ReplayRefused(message)
    replay = Replay(recording, source, at=at)
    try:
        report = harvest(replay, sink, dry_run=True)
    except (SourceUnavailable, CatalogUnavailable, CatalogRefused) as error:
        say(f"{replay.scope}: failed. {type(error).__name__}: {shown(error)}")
        return [], [error]
    counted = ", ".join(f"{count} {what}" for what, count in replay.compared.items())
    say(f"{replay.scope}: {counted or 'nothing was recorded'}.")
    return [report], []


@contextmanager
def _written(output: Path) -> Iterator[Any]:
    """A file that is whole, or is not there; it holds what was harvested, so others cannot read."""
    part = output.with_name(output.name + ".part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(part, flags, stat.S_IRUSR | stat.S_IWUSR), "wb") as file:
            yield file
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)
