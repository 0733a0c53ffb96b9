"""Commands of findings: recorded, listed, and taken step by step to their end."""

from typing import Annotated, Final

import typer

from cli.client import Client
from cli.deciding import (
    DryRun,
    Filters,
    Form,
    Id,
    Json,
    MaybeReason,
    Output,
    Proofs,
    Reason,
    Until,
    list_all,
    post,
    proofs,
    step,
)
from cli.output import print_document
from schemas.canonical import path_segment

app = typer.Typer(no_args_is_help=True, help="Record what is wrong with a model, and mend it.")
PATH: Final = "findings"
COLUMNS: Final = (
    "id", "model", "version", "severity", "state", "due_at", "past_due", "assignee", "title",
)  # fmt: skip


@app.command("list")
def list_findings(
    *, filters: Filters = None, form: Form = None, output: Output = None, as_json: Json = False
) -> None:
    """List findings, the newest first; open ones unless a state is asked for."""
    list_all(PATH, COLUMNS, filters=filters, file=(form, output, as_json))


@app.command()
def show(finding: Id, *, as_json: Json = False) -> None:
    """Show one, and what was done with it."""
    found = Client.from_environment().get(f"/api/v1/{PATH}/{path_segment(finding)}")
    print_document(found, as_json=as_json)


@app.command()
def record(  # noqa: PLR0913  # the options of a command
    model: Annotated[str, typer.Argument(help="namespace/name.")],
    *,
    title: Annotated[str, typer.Option(help="What is wrong, in a line.")],
    description: Annotated[str, typer.Option(help="The same at length.")],
    severity: Annotated[str, typer.Option(help="low, medium or high.")],
    category: Annotated[str, typer.Option(help="A word; `incident` of high raises the tier.")],
    version: Annotated[str | None, typer.Option(help="A number, or an @alias.")] = None,
    assignee: Annotated[str | None, typer.Option(help="The account that is to mend it.")] = None,
    evidence: Proofs = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Record a finding: reviewers do."""
    body = {"model": model, "title": title, "description": description, "severity": severity,
            "category": category, "version": version, "assignee": assignee,
            "evidence": proofs(evidence)}  # fmt: skip
    post(PATH, body, dry_run=dry_run, as_json=as_json)


@app.command()
def acknowledge(
    finding: Id, *, reason: MaybeReason = None, dry_run: DryRun = False, as_json: Json = False
) -> None:
    """Take note of one; you have it then, if nobody else does."""
    step(
        PATH,
        finding,
        action="acknowledge",
        body={"reason": reason},
        dry_run=dry_run,
        as_json=as_json,
    )


@app.command()
def plan(finding: Id, *, reason: Reason, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Say how it will be mended."""
    step(PATH, finding, action="plan", body={"reason": reason}, dry_run=dry_run, as_json=as_json)


@app.command()
def start(
    finding: Id, *, reason: MaybeReason = None, dry_run: DryRun = False, as_json: Json = False
) -> None:
    """Begin to mend it."""
    step(PATH, finding, action="start", body={"reason": reason}, dry_run=dry_run, as_json=as_json)


@app.command()
def submit(
    finding: Id,
    *,
    reason: Reason,
    evidence: Proofs = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Say that it is mended, and what shows it."""
    body = {"reason": reason, "evidence": proofs(evidence)}
    step(PATH, finding, action="submit", body=body, dry_run=dry_run, as_json=as_json)


@app.command()
def close(finding: Id, *, reason: Reason, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Close it: by a reviewer who neither has it nor sent the evidence."""
    step(PATH, finding, action="close", body={"reason": reason}, dry_run=dry_run, as_json=as_json)


@app.command()
def rebut(finding: Id, *, reason: Reason, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Say why it is none."""
    step(PATH, finding, action="rebut", body={"reason": reason}, dry_run=dry_run, as_json=as_json)


@app.command()
def withdraw(
    finding: Id, *, reason: Reason, dry_run: DryRun = False, as_json: Json = False
) -> None:
    """Agree that it was none."""
    step(
        PATH, finding, action="withdraw", body={"reason": reason}, dry_run=dry_run, as_json=as_json
    )


@app.command()
def reopen(finding: Id, *, reason: Reason, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Refuse a rebuttal or evidence; or, as an approver, end an acceptance."""
    step(PATH, finding, action="reopen", body={"reason": reason}, dry_run=dry_run, as_json=as_json)


@app.command("accept-risk")
def accept_risk(
    finding: Id, *, reason: Reason, until: Until, dry_run: DryRun = False, as_json: Json = False
) -> None:
    """Bear its risk until a time: approvers do."""
    body = {"reason": reason, "until": until}
    step(PATH, finding, action="accept_risk", body=body, dry_run=dry_run, as_json=as_json)


@app.command()
def extend(
    finding: Id, *, reason: Reason, until: Until, dry_run: DryRun = False, as_json: Json = False
) -> None:
    """Give it a later time; each extension is counted."""
    body = {"reason": reason, "due_at": until}
    step(PATH, finding, action="extend", body=body, dry_run=dry_run, as_json=as_json)


@app.command()
def assign(
    finding: Id,
    assignee: Annotated[str, typer.Argument(help="The account that is to mend it.")],
    *,
    reason: MaybeReason = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Say who is to mend it."""
    body = {"assignee": assignee, "reason": reason}
    step(PATH, finding, action="assign", body=body, dry_run=dry_run, as_json=as_json)
