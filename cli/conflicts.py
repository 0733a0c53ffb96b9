"""Commands of contested fields: the work list, and deciding one of them."""

from typing import Annotated, Any, Final

import typer

from cli.client import Client
from cli.exits import Exit, Stop
from cli.kinds import plain
from cli.output import Json, print_json, print_rows, say
from cli.pins import read_value, show_changed
from cli.show import address_of

app = typer.Typer(no_args_is_help=True, help="List contested fields, and decide one.")
COLUMNS: Final = ("name", "field", "value", "source", "others", "decided_by", "since", "owners")
Several = Annotated[list[str] | None, typer.Option()]


@app.command("list")
def list_conflicts(  # noqa: PLR0913  # the options of a command
    *,
    field: Several = None,
    source: Several = None,
    owner: Several = None,
    kind: Several = None,
    namespace: Several = None,
    settled: Annotated[
        bool, typer.Option("--settled", help="Those that a pin or a rank has settled.")
    ] = False,
    as_of: Annotated[str | None, typer.Option(help="As it stood at this moment.")] = None,
    as_json: Json = False,
) -> None:
    """List the fields that sources disagree about and nobody has settled."""
    given = {"field": field, "source": source, "owner": owner, "kind": kind, "namespace": namespace}
    asked = {name: ",".join(values) for name, values in given.items() if values}
    asked |= {"settled": "true"} if settled else {}
    asked |= {"as_of": as_of} if as_of else {}
    found = Client.from_environment().pages("/api/v1/conflicts", **asked)
    if as_json:
        for one in found:
            print_json(one)
        return
    print_rows(COLUMNS, (_row(one) for one in found))


@app.command()
def resolve(  # noqa: PLR0913  # the options of a command
    thing: Annotated[str, typer.Argument(help="namespace/model, /version behind it; or --kind.")],
    field: Annotated[str, typer.Argument(help="The contested fact.")],
    *,
    value: Annotated[str | None, typer.Option(help="The right one: text or JSON.")] = None,
    joined: Annotated[bool, typer.Option("--joined", help="All sources are right.")] = False,
    source: Annotated[
        str | None, typer.Option(help="Let this source decide the field, here and everywhere.")
    ] = None,
    rank: Annotated[
        int | None, typer.Option(help="With --source: its precedence, 0 to 99.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; it is kept.")],
    kind: Annotated[str | None, typer.Option(help="THING is of this kind.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    as_json: Json = False,
) -> None:
    """Decide a contested field: by a value, by joining, or by ranking a source."""
    if (value is not None) + joined + (source is not None) != 1 or (source is None) != (
        rank is None
    ):
        raise Stop("Give one of --value, --joined, or --source with --rank.", Exit.WRONG_USE)
    client, address = Client.from_environment(), address_of(thing, kind)
    stands = client.get(f"{address}/pins/{field}")
    body: dict[str, Any] = {name: stands[name] for name in ("kind", "entry", "field")}
    body["match"] = client.tag(f"{address}/pins/{field}")
    if value is not None:
        body |= {"value": read_value(field, value), "reason": reason}
    elif joined:
        body |= {"joined": True, "reason": reason}
    else:
        body["rank"] = {"source": source, "rank": rank, "reason": reason}
    asked = {"dry_run": "true"} if dry_run else {}
    found = client.change("POST", "/api/v1/conflicts:resolve", body=body, **asked)
    if as_json:
        print_json(found)
        return
    show_changed(found["field"], as_json=False, dry_run=dry_run)
    if found["source"]:
        show_impact(found["source"], dry_run=dry_run)


def show_impact(source: Any, *, dry_run: bool) -> None:
    """Which entries a source's changed settings change."""
    impact = source.get("impact")
    if impact is None:
        say(f"{source['name']}: its entries are folded again by the worker; see `source show`.")
        return
    rows = ([c["entry"], c["field"], plain(c["old"]), plain(c["new"])] for c in impact["changes"])
    print_rows(("entry", "field", "old", "new"), rows)
    done = "would change" if dry_run else "changed"
    more = "" if impact["complete"] else "at least "
    say(f"{more}{impact['entries']} entries {done}.")


def _row(one: Any) -> list[Any]:
    others = [f"{plain(c['value'])} ({c['source']})" for c in one["contenders"]]
    shown = one | {"value": plain(one["value"]), "others": ", ".join(others),
                   "owners": ", ".join(one["owners"])}  # fmt: skip
    return [shown[name] for name in COLUMNS]
