"""The command that checks manifests, without a server and without the network."""

import os
import sys
from enum import StrEnum
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperCommand

from cli.exits import Exit, Stop
from cli.output import say

if TYPE_CHECKING:
    from cli.checking.report import Report

app = typer.Typer(help="Check manifests.")


class Format(StrEnum):
    """How findings are written."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"
    CODEQUALITY = "codequality"


MOST_NAMED: Final = 5  # files that are none of ours
READABLE: Final = {Format.TEXT, Format.JSON}  # what a difference can follow

Paths = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="PATH", exists=True, help="Files and folders; without, the working folder."
    ),
]
Fix = Annotated[bool, typer.Option("--fix", help="Mend what needs no thought.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="With --fix: print the changes, make none.")
]
Written = Annotated[Format, typer.Option("--format", help="How findings are written.")]
Short = Annotated[bool, typer.Option("--json", help="Short for --format json.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="File for it; people then read text.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Warnings count too.")]
Diff = Annotated[bool, typer.Option("--diff", help="Ask the service what merging would change.")]
Server = Annotated[
    str | None, typer.Option("--server", metavar="URL", help="The service; means --diff.")
]
Source = Annotated[
    str | None, typer.Option(help="For --diff: the source that harvests the repository.")
]


class CheckCommand(TyperCommand):
    """Takes manifests for files whatever they are called.

    Hooks put the options of users and then the files of a commit behind the command, without `--`.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Files whose paths begin with a hyphen go behind the options."""
        end = args.index("--") if "--" in args else len(args)
        files = [one for one in args[:end] if _is_hyphenated_file(one)]
        options = [one for one in args[:end] if one not in files]
        behind = args[end + 1 :] if end < len(args) else []
        return super().parse_args(ctx, [*options, "--", *files, *behind])


def _is_hyphenated_file(word: str) -> bool:
    return word.startswith("-") and word.endswith((".yaml", ".yml")) and Path(word).is_file()


@app.command(cls=CheckCommand)
def check(  # noqa: PLR0913  # options of one command
    paths: Paths = None,
    *,
    fix: Fix = False,
    dry_run: DryRun = False,
    written: Written = Format.TEXT,
    as_json: Short = False,
    output: Output = None,
    strict: Strict = False,
    diff: Diff = False,
    server: Server = None,
    source: Source = None,
) -> None:
    """Check manifests: code, place, reason and fix of whatever is wrong with them."""
    written = Format.JSON if as_json else written
    diff = diff or server is not None or source is not None
    _refuse_misuse(fix=fix, dry_run=dry_run, diff=diff, written=written if output is None else None)
    from cli.checking.run import run_check

    asked = paths or [Path()]
    report = run_check(asked, fix=fix, dry_run=dry_run)
    _print(report, written=written, output=output, dry_run=dry_run)
    _sum_up(report, dry_run=dry_run)
    if report.errors or (strict and report.warnings) or (dry_run and report.mended):
        raise Stop("", Exit.FINDINGS)
    if diff and report.checked:
        if server is not None:
            os.environ["MODEL_CATALOG_URL"] = server
        _ask_service(report, source=source, as_json=written is Format.JSON and output is None)


def _refuse_misuse(*, fix: bool, dry_run: bool, diff: bool, written: Format | None) -> None:
    if dry_run and not fix:
        raise Stop("--dry-run goes with --fix: without it nothing is written.", Exit.WRONG_USE)
    if diff and written not in {None, *READABLE}:
        message = f"--diff cannot follow {written}: add --output FILE, or take text or json."
        raise Stop(message, Exit.WRONG_USE)


def _print(report: "Report", *, written: Format, output: Path | None, dry_run: bool) -> None:
    """The report; with a file for it, text for people beside that."""
    if output is not None:
        output.write_text(_written(report, written), encoding="utf-8")
        written = Format.TEXT
    if dry_run and written is Format.TEXT:
        from cli.checking.mend import difference

        for file, mended in report.mended:
            typer.echo(difference(file, mended), nl=False)
    if isinstance(sys.stdout, TextIOWrapper):  # a terminal may know fewer characters than a file
        sys.stdout.reconfigure(errors="backslashreplace")
    typer.echo(_written(report, written), nl=False)


def _written(report: "Report", written: Format) -> str:
    from cli.checking import report as plain

    if written in {Format.SARIF, Format.CODEQUALITY}:
        from cli.checking import sarif

        return (sarif.as_sarif if written is Format.SARIF else sarif.as_codequality)(report)
    forms = {Format.TEXT: plain.as_text, Format.JSON: plain.as_json, Format.GITHUB: plain.as_github}
    return forms[written](report)


def _sum_up(report: "Report", *, dry_run: bool) -> None:
    """What a person wants to know beside the findings."""
    from cli.checking.report import visible

    for file in report.left_alone[:MOST_NAMED]:
        say(f"Left alone, for it holds no `apiVersion: model-catalog/v1`: {visible(file)}.")
    if (more := len(report.left_alone) - MOST_NAMED) > 0:
        say(f"Left alone for the same reason: {more} more.")
    for file, mended in report.mended:
        done = "Would mend" if dry_run else "Mended"
        said = ", ".join(f"line {one.line} {one.code}" for one in mended.done)
        say(f"{done} {visible(file)}: {said}.")
    if not report.checked:
        say("No manifest was found; `model-catalog init` writes a first one.")
        return
    said = f"{_counted(len(report.checked), 'manifest')} checked: "
    said += f"{_counted(report.errors, 'error')}, {_counted(report.warnings, 'warning')}."
    if report.findings:
        said += " `model-catalog explain CODE` says more about a code."
    if mendable := sum(one.problem.edit is not None for one in report.findings):
        said += f" `--fix` mends {mendable} of them."
    say(said)


def _counted(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def _ask_service(report: "Report", *, source: str | None, as_json: bool) -> None:
    """What merging these manifests would change in the catalog."""
    from cli.difference import show_difference

    show_difference([one.path for one in report.checked], as_json=as_json, source=source)
