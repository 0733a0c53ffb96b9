"""Commands of waivers, exceptions, overrides and exemptions: asked for, granted, renewed, ended."""

from collections.abc import Callable, Mapping
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
from cli.exits import Exit, Stop
from cli.output import print_document
from schemas.canonical import path_segment

app = typer.Typer(no_args_is_help=True, help="Ask for what only people grant, until a day.")
COMMON: Final = ("state", "requested_at", "expires_at", "requested_by", "approved_by", "reason")
SORTS: Final[Mapping[str, tuple[str, str, tuple[str, ...]]]] = {  # help, path, columns
    "waiver": ("Waive a control for a model until a day.", "waivers", ("control", "item")),
    "exception": ("Use a version before it is approved.", "exceptions", ("version",)),
    "override": ("Set a use's tier above or below its facts.", "overrides",
                 ("use", "direction", "tier")),
    "exemption": ("Let a use count as NEGLIGIBLE.", "exemptions", ("use",)),
}  # fmt: skip
GROUPS: Final[Mapping[str, typer.Typer]] = {
    name: typer.Typer(no_args_is_help=True, help=said) for name, (said, _, _) in SORTS.items()
}
Model = Annotated[str, typer.Argument(help="namespace/name.")]
Use = Annotated[str, typer.Argument(help="The use; `(undeclared)` where none is declared.")]


def _lists(sort: str) -> Callable[..., None]:
    _, path, own = SORTS[sort]

    def listed(
        *, filters: Filters = None, form: Form = None, output: Output = None, as_json: Json = False
    ) -> None:
        columns = ("id", "model", *own, *COMMON)
        list_all(path, columns, filters=filters, file=(form, output, as_json))

    return listed


def _shows(sort: str) -> Callable[..., None]:
    def show(one: Id, *, as_json: Json = False) -> None:
        path = f"/api/v1/{SORTS[sort][1]}/{path_segment(one)}"
        print_document(Client.from_environment().get(path), as_json=as_json)

    return show


def _ends(sort: str, action: str) -> Callable[..., None]:
    def end(one: Id, *, reason: Reason, dry_run: DryRun = False, as_json: Json = False) -> None:
        step(SORTS[sort][1], one, action=action, body={"reason": reason}, dry_run=dry_run,
             as_json=as_json)  # fmt: skip

    return end


def _renews(sort: str) -> Callable[..., None]:
    def renew(
        one: Id,
        *,
        reason: Reason,
        until: Until,
        evidence: Proofs = None,
        dry_run: DryRun = False,
        as_json: Json = False,
    ) -> None:
        body = {"reason": reason, "expires_at": until, "evidence": proofs(evidence)}
        step(SORTS[sort][1], one, action="renew", body=body, dry_run=dry_run, as_json=as_json)

    return renew


def _approves(sort: str) -> Callable[..., None]:
    def approve(
        one: Id, *, reason: MaybeReason = None, dry_run: DryRun = False, as_json: Json = False
    ) -> None:
        step(SORTS[sort][1], one, action="approve", body={"reason": reason}, dry_run=dry_run,
             as_json=as_json)  # fmt: skip

    return approve


@GROUPS["waiver"].command("approve")
def approve_waiver(
    one: Id,
    *,
    reason: MaybeReason = None,
    compensating: Annotated[
        str | None, typer.Option(help="What keeps the risk low, where a manifest names nothing.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Grant one that somebody else asked for."""
    body = {"reason": reason, "compensating": compensating}
    step("waivers", one, action="approve", body=body, dry_run=dry_run, as_json=as_json)


@GROUPS["waiver"].command("ask")
def ask_waiver(  # noqa: PLR0913  # the options of a command
    model: Model,
    control: Annotated[str, typer.Argument(help="The control, as BLD-01.")],
    *,
    reason: Reason,
    compensating: Annotated[str, typer.Option(help="What keeps the risk low meanwhile.")],
    until: Until,
    item: Annotated[str | None, typer.Option(help="For one item alone.")] = None,
    evidence: Proofs = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Ask that a control need not pass for a model until a time."""
    body = {"model": model, "control": control, "reason": reason, "compensating": compensating,
            "expires_at": until, "item": item, "evidence": proofs(evidence)}  # fmt: skip
    post("waivers", body, dry_run=dry_run, as_json=as_json)


@GROUPS["exception"].command("ask")
def ask_exception(  # noqa: PLR0913  # the options of a command
    model: Model,
    version: Annotated[str, typer.Argument(help="The version's number, or an @alias.")],
    *,
    reason: Reason,
    limits: Annotated[str, typer.Option(help="Within which limits it is used.")],
    monitoring: Annotated[str, typer.Option(help="How it is watched.")],
    informed: Annotated[list[str], typer.Option(help="Who was told; several times for several.")],
    until: Until,
    evidence: Proofs = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Ask that a version of a HIGH model may be used before it is approved."""
    body = {"model": model, "version": version, "reason": reason, "limits": limits,
            "monitoring": monitoring, "informed": informed, "expires_at": until,
            "evidence": proofs(evidence)}  # fmt: skip
    post("exceptions", body, dry_run=dry_run, as_json=as_json)


@GROUPS["override"].command("ask")
def ask_override(  # noqa: PLR0913, PLR0917  # the options of a command
    model: Model,
    use: Use,
    tier: Annotated[str, typer.Argument(help="LOW, MEDIUM or HIGH.")],
    *,
    reason: Reason,
    until: Until,
    evidence: Proofs = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Set a use's tier: up at once; down needs evidence, and an approver."""
    body = {"tier": tier, "reason": reason, "expires_at": until, "evidence": proofs(evidence)}
    post(f"{_of_use(model, use)}/overrides", body, dry_run=dry_run, as_json=as_json)


@GROUPS["exemption"].command("ask")
def ask_exemption(  # noqa: PLR0913  # the options of a command
    model: Model,
    use: Use,
    *,
    reason: Reason,
    until: Annotated[str | None, typer.Option(help="Until when; else 24 months.")] = None,
    evidence: Proofs = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Ask that a use count as NEGLIGIBLE: only what is FIRM LOW, under no floor."""
    body = {"reason": reason, "expires_at": until, "evidence": proofs(evidence)}
    post(f"{_of_use(model, use)}/exemptions", body, dry_run=dry_run, as_json=as_json)


def _of_use(model: str, use: str) -> str:
    namespace, _, name = model.partition("/")
    if not namespace or not name:
        raise Stop(f"{model}: write namespace/name.", Exit.WRONG_USE)
    return "/".join(("models", *map(path_segment, (namespace, name)), "uses", path_segment(use)))


for _sort, _group in GROUPS.items():
    _group.command("list", help="List those that wait or hold.")(_lists(_sort))
    _group.command("show", help="Show one, and those before it.")(_shows(_sort))
    if _sort != "waiver":
        _group.command("approve", help="Grant one that somebody else asked for.")(_approves(_sort))
    _group.command("reject", help="Refuse what is asked for.")(_ends(_sort, "reject"))
    _group.command("renew", help="Ask for the same for longer, once.")(_renews(_sort))
    _group.command("revoke", help="End it before its time.")(_ends(_sort, "revoke"))
    app.add_typer(_group, name=_sort)
