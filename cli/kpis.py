"""The command of figures for leadership."""

from typing import Annotated, Any, Final

import typer

from cli.client import Client
from cli.exits import Exit, Stop
from cli.output import Json, print_document, print_rows
from cli.read import Form, Output, write_file

app = typer.Typer(help="Figures for leadership.")
SHOWN: Final = ("group", "figure", "figures", "share", "unknown", "url")
By = Annotated[
    str | None, typer.Option(help="Beside the totals: tier, namespace or line_of_business.")
]
AsOf = Annotated[str | None, typer.Option(help="As the catalog stood then: 2026-09-30.")]
Shared = Annotated[
    bool, typer.Option("--shared", help="What several models rest on, instead of figures.")
]


@app.command()
def kpis(
    *,
    by: By = None,
    as_of: AsOf = None,
    shared: Shared = False,
    form: Form = None,
    output: Output = None,
    as_json: Json = False,
) -> None:
    """Print the figures for leadership: so many of so many, what is unknown, and the list."""
    if shared and by:
        raise Stop("--by tells figures apart; what models share is of all.", Exit.WRONG_USE)
    asked = {name: value for name, value in (("by", by), ("as_of", as_of)) if value}
    name = "kpis/shared" if shared else "kpis"
    if form or output:
        if as_json:
            raise Stop("--json is for rows: a file has its own form, jsonl.", Exit.WRONG_USE)
        write_file(name, output, form=form, asked=asked)
        return
    found = Client.from_environment().get(f"/api/v1/{name}", **asked)
    if as_json:
        print_document(found, as_json=True)
    elif shared:
        columns = ("what", "name", "models", "in_use", "high")
        print_rows(columns, ([one[column] for column in columns] for one in found["items"]))
    else:
        print_rows(SHOWN, map(_line, found["items"]))


def _line(one: Any) -> list[Any]:
    group = "all" if one["by"] is None else one["group"] or "(not stated)"
    part, whole, value = one["numerator"], one["denominator"], one["value"]
    told = f"{value:g} {one['unit']} ({whole})" if value is not None else f"{part} / {whole}"
    if part is None and value is None:
        told = f"- ({whole})"
    share = f"{part / whole:.1%}" if part is not None and whole else ""
    return [group, one["figure"], told, share, one["unknown"] or "", one["url"]]
