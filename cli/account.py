"""Commands of accounts: who acts here, with which roles, and for which owners."""

from typing import Annotated, Any, Final
from urllib.parse import urlencode

import typer

from cli.client import Client
from cli.exits import Exit, Stop
from cli.output import Json, print_document, print_json, print_list, say
from schemas.canonical import path_segment

app = typer.Typer(no_args_is_help=True, help="Make accounts, grant roles, map owners to accounts.")
Name = Annotated[str, typer.Argument(help="The account's name.")]
Role = Annotated[str, typer.Option(help="reader, reviewer, approver, auditor or admin.")]
Namespace = Annotated[str | None, typer.Option(help="Only there; else in all.")]
Owner = Annotated[str, typer.Argument(help="The owner's identifier, as scheme:value.")]
Reason = Annotated[str, typer.Option(help="Why; the ledger keeps it.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
ACCOUNTS: Final = "/api/v1/accounts"
GRANTS: Final = "/api/v1/role-grants"
MAPPINGS: Final = "/api/v1/owner-mappings"
SHOWN: Final = ("name", "kind", "display_name", "created_at", "disabled_at")


@app.command("list")
def list_all(*, as_json: Json = False) -> None:
    """List accounts, disabled ones too."""
    print_list(Client.from_environment().pages(ACCOUNTS), SHOWN, as_json=as_json)


@app.command()
def create(
    name: Name,
    *,
    reason: Reason,
    machine: Annotated[
        bool, typer.Option("--machine", help="No person; it never decides.")
    ] = False,
    display_name: Annotated[str | None, typer.Option(help="How it is shown.")] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Make an account. It may nothing until a role is granted to it."""
    kind = "machine" if machine else "person"
    body = {"name": name, "kind": kind, "display_name": display_name, "reason": reason}
    _print(_post(ACCOUNTS, body, dry_run=dry_run), "name", as_json=as_json)


@app.command()
def show(name: Name, *, as_json: Json = False) -> None:
    """Show an account, its roles and the owners that it stands for."""
    found = Client.from_environment().get(f"{ACCOUNTS}/{path_segment(name)}")
    if as_json:
        print_json(found)
        return
    held = [f"{one['role']} in {one['namespace'] or 'all'}" for one in found["grants"]]
    told = {"grants": "; ".join(held), "owners": "; ".join(found["owners"])}
    print_document(found | told, as_json=False)


@app.command()
def disable(name: Name, *, reason: Reason, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Let no token of an account work, from the next request on."""
    path = f"{ACCOUNTS}/{path_segment(name)}:disable"
    _print(_post(path, {"reason": reason}, dry_run=dry_run), "name", as_json=as_json)


@app.command()
def enable(name: Name, *, reason: Reason, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Let an account's tokens work again."""
    path = f"{ACCOUNTS}/{path_segment(name)}:enable"
    _print(_post(path, {"reason": reason}, dry_run=dry_run), "name", as_json=as_json)


@app.command()
def grant(
    name: Name,
    *,
    role: Role,
    reason: Reason,
    namespace: Namespace = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Grant a role, in one namespace or in all; the same again changes nothing."""
    body = {"account": name, "role": role, "namespace": namespace, "reason": reason}
    _print(_post(GRANTS, body, dry_run=dry_run), "id", as_json=as_json)


@app.command()
def revoke(
    name: Name,
    *,
    role: Role,
    reason: Reason,
    namespace: Namespace = None,
    dry_run: DryRun = False,
) -> None:
    """Take a role away, from the next request on; the last admin's stays."""
    client = Client.from_environment()
    held = client.pages(GRANTS, account=name, role=role)
    found = next((one for one in held if one["namespace"] == namespace), None)
    if found is None:
        where = namespace or "all namespaces"
        raise Stop(f"{name} is no {role} in {where}: `account show {name}` says what it is.",
                   Exit.NOT_FOUND)  # fmt: skip
    _delete(client, f"{GRANTS}/{found['id']}", reason=reason, dry_run=dry_run)
    typer.echo(found["id"])


@app.command("map")
def map_owner(
    owner: Owner, name: Name, *, reason: Reason, dry_run: DryRun = False, as_json: Json = False
) -> None:
    """Let an owner stand for an account, which so owns what the owner answers for."""
    body = {"owner": owner, "account": name, "reason": reason}
    _print(_post(MAPPINGS, body, dry_run=dry_run), "owner", as_json=as_json)


@app.command("unmap")
def unmap_owner(owner: Owner, name: Name, *, reason: Reason, dry_run: DryRun = False) -> None:
    """Let an owner stand for an account no more."""
    path = f"{MAPPINGS}/{path_segment(owner)}/{path_segment(name)}"
    _delete(Client.from_environment(), path, reason=reason, dry_run=dry_run)
    typer.echo(owner)


def _post(path: str, body: dict[str, Any], *, dry_run: bool) -> Any:
    tried = {"dry_run": "true"} if dry_run else {}
    return Client.from_environment().change("POST", path, body=body, **tried)


def _delete(client: Client, path: str, *, reason: str, dry_run: bool) -> None:
    asked = {"reason": reason, "dry_run": "true" if dry_run else "false"}
    client.delete(f"{path}?{urlencode(asked)}")
    if dry_run:
        say("Would end it.")


def _print(found: dict[str, Any], name: str, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        typer.echo(found[name])
