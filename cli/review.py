"""Commands of reviews: queues, one review, what differs, every step, clearance."""

from typing import Annotated, Final

import typer

from cli.client import Client
from cli.exits import Exit, Stop
from cli.output import Json, print_document, print_json, print_list, print_rows, say
from cli.read import Filters, Form, Output, parse_filters, write_file
from cli.reviewing import (
    PATH,
    decide_review,
    print_done,
    read_evidence,
    read_lists,
    read_version,
    review_path,
    shown,
    take_step,
    trying,
)
from schemas.canonical import path_segment

app = typer.Typer(no_args_is_help=True, help="Review versions, and decide about them.")
QUEUE: Final = (
    "id", "due_at", "overdue", "kind", "model", "version", "workflow_tier", "state", "reviewer",
    "cause",
)  # fmt: skip
DIFFERENCES: Final = ("change_class", "path", "old", "new", "source")
Review = Annotated[str, typer.Argument(help="Its id, as lists show it.")]
Reason = Annotated[str, typer.Option(help="Why; the ledger keeps it.")]
Comment = Annotated[str, typer.Option(help="What you found; `none, because …` if nothing.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only try it.")]
Mine = Annotated[bool, typer.Option("--mine", help="Yours, and those of whom you stand in for.")]
Outcome = Annotated[str, typer.Argument(help="REVIEWED, OBJECTED, APPROVED, REJECTED, …")]
Conditions = Annotated[
    list[str] | None,
    typer.Option("--condition", metavar="TIME=TEXT", help="Until when what is done; repeat it."),
]
EvidenceLinks = Annotated[
    list[str] | None,
    typer.Option("--evidence", metavar="URL[=DIGEST]", help="What shows it; repeat it."),
]
TierFits = Annotated[
    bool, typer.Option("--tier-fits/--tier-does-not-fit", help="Does the tier fit what you saw?")
]
Seen = Annotated[
    str | None,
    typer.Option("--content", metavar="DIGEST", help="The content digest that you have read."),
]


@app.command("list")
def list_all(
    *,
    mine: Mine = False,
    filters: Filters = None,
    form: Form = None,
    output: Output = None,
    as_json: Json = False,
) -> None:
    """List open reviews, the earliest due first; --filter state=… lists others."""
    asked = parse_filters(filters) | ({"reviewer": "me"} if mine else {})
    if form or output:
        if as_json:
            raise Stop("--json is for rows: a file has its own form, jsonl.", Exit.WRONG_USE)
        write_file("reviews", output, form=form, asked=asked)
        return
    print_list(Client.from_environment().pages(PATH, **asked), QUEUE, as_json=as_json)


@app.command()
def show(review: Review, *, as_json: Json = False) -> None:
    """Show a review: what you may do with it, and what was written if you may read that."""
    print_document(Client.from_environment().get(review_path(review)), as_json=as_json)


@app.command()
def diff(review: Review, *, as_json: Json = False) -> None:
    """Say what is other now than what was reviewed last, and than when the review began."""
    found = Client.from_environment().get(f"{review_path(review)}/diff")
    if as_json:
        print_json(found)
        return
    for name, title in (
        ("since_decision", f"Since {found['basis_version'] or 'no earlier review'}"),
        ("since_start", "Since this review began"),
    ):
        say(f"{title}: {len(found[name])} differences.")
        print_rows(DIFFERENCES, ([shown(row[key]) for key in DIFFERENCES] for row in found[name]))
    say(f"Now: version {found['now']['version_digest']}, content {found['now']['content_digest']}.")


@app.command("open")
def open_one(  # options of one command
    version: Annotated[str, typer.Argument(help="namespace/model/version; @alias is a version.")],
    *,
    kind: Annotated[str, typer.Option(help="PRE, POST, PERIODIC or TRIGGERED.")] = "TRIGGERED",
    use: Annotated[str | None, typer.Option(help="Of one use alone.")] = None,
    reason: Reason,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Ask for a review of a version."""
    model, number = read_version(version)
    body = {"model": model, "version": number, "kind": kind, "reason": reason}
    body |= {"use": use} if use else {}
    done = Client.from_environment().change("POST", PATH, body=body, **trying(dry_run=dry_run))
    print_done(done, dry_run=dry_run, as_json=as_json)


@app.command()
def assign(
    review: Review,
    *,
    to: Annotated[
        str | None, typer.Option(help="Somebody's account; yourself if left out.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Say who reviews it."""
    take_step(
        review, "assign", body={"reviewer": to} if to else {}, dry_run=dry_run, as_json=as_json
    )


@app.command()
def start(review: Review, *, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Begin: what is shown is frozen, with its digest."""
    take_step(review, "start", body=None, dry_run=dry_run, as_json=as_json)


@app.command()
def identify(
    review: Review,
    identity: Annotated[str, typer.Argument(help="The name that a source knows them by.")],
    *,
    account: Annotated[str | None, typer.Option(help="Whose account it is.")] = None,
    person: Annotated[str | None, typer.Option(help="Who it is, without an account.")] = None,
    reason: Reason,
    as_json: Json = False,
) -> None:
    """Say who stands behind an identity that no mapping resolves."""
    named = {"account": account} if account else {"person": person}
    body = {"identity": identity, "reason": reason, **named}
    take_step(review, "identify", body=body, as_json=as_json)


@app.command("request-changes")
def request_changes(review: Review, *, comment: Comment, as_json: Json = False) -> None:
    """Ask its owner to change something."""
    take_step(review, "request_changes", body={"comment": comment}, as_json=as_json)


@app.command()
def answer(review: Review, *, comment: Comment, as_json: Json = False) -> None:
    """Answer what the reviewer asked for; what is shown is frozen again."""
    take_step(review, "answer", body={"comment": comment}, as_json=as_json)


@app.command()
def recommend(  # noqa: PLR0913  # options of one command
    review: Review,
    outcome: Outcome,
    *,
    comment: Comment,
    tier_fits: TierFits,
    condition: Conditions = None,
    evidence: EvidenceLinks = None,
    content: Seen = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Say what an approver should decide, where one decides."""
    said = {"outcome": outcome, "comment": comment, "tier_confirmed": tier_fits}
    said |= read_lists(condition, evidence)
    decide_review(review, "recommend", said=said, content=content, how=(dry_run, as_json))


@app.command()
def decide(  # noqa: PLR0913  # options of one command
    review: Review,
    outcome: Outcome,
    *,
    comment: Comment,
    tier_fits: TierFits,
    condition: Conditions = None,
    evidence: EvidenceLinks = None,
    content: Seen = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Decide about what is shown now; with --content only if that is what you have read."""
    said = {"outcome": outcome, "comment": comment, "tier_confirmed": tier_fits}
    said |= read_lists(condition, evidence)
    decide_review(review, "decide", said=said, content=content, how=(dry_run, as_json))


@app.command("return")
def give_back(review: Review, *, reason: Reason, as_json: Json = False) -> None:
    """Give a recommendation back to its reviewer."""
    take_step(review, "return", body={"reason": reason}, as_json=as_json)


@app.command()
def hold(review: Review, *, reason: Reason, as_json: Json = False) -> None:
    """Let it rest; its date stays."""
    take_step(review, "hold", body={"reason": reason}, as_json=as_json)


@app.command()
def release(review: Review, *, reason: Reason, as_json: Json = False) -> None:
    """Let it go on."""
    take_step(review, "release", body={"reason": reason}, as_json=as_json)


@app.command()
def cancel(review: Review, *, reason: Reason, as_json: Json = False) -> None:
    """Its cause is gone."""
    take_step(review, "cancel", body={"reason": reason}, as_json=as_json)


@app.command()
def condition(
    given: Annotated[str, typer.Argument(metavar="CONDITION", help="Its id.")],
    step: Annotated[str, typer.Argument(help="meet, verify or reopen.")],
    *,
    comment: Comment,
    evidence: EvidenceLinks = None,
    as_json: Json = False,
) -> None:
    """Meet a condition, or say whether it is met."""
    client, path = Client.from_environment(), f"/api/v1/conditions/{path_segment(given)}"
    if step not in {"meet", "verify", "reopen"}:
        raise Stop(f"{step}: it is meet, verify or reopen.", Exit.WRONG_USE)
    body = {"comment": comment, **({"evidence": read_evidence(evidence)} if step == "meet" else {})}
    done = client.change("POST", f"{path}:{step}", body=body, match=client.tag(path))
    if as_json:
        print_json(done)
        return
    say(f"It is {done['state']}.")
    typer.echo(done["id"])


@app.command()
def clearance(
    version: Annotated[str, typer.Argument(help="namespace/model/version; @alias is a version.")],
    *,
    environment: Annotated[str, typer.Option(help="Where it is to go.")] = "production",
    as_json: Json = False,
) -> None:
    """Ask whether a version may go somewhere: exit 1 where it may not."""
    model, number = read_version(version)
    place = "/".join(path_segment(one) for one in model.split("/"))
    path = f"/api/v1/models/{place}/versions/{path_segment(number)}/clearance"
    found = Client.from_environment().get(path, environment=environment)
    if as_json:
        print_json(found)
    else:
        say("; ".join(found["reasons"]))
        typer.echo(found["clearance"])
    if not found["clearance"].startswith("CLEAR"):
        raise typer.Exit(Exit.FINDINGS)
