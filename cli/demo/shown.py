"""What the demo shows at its end: the models, where the CSV lies, and three questions to try."""

from collections.abc import Mapping
from typing import Any, Final

from cli.demo.route import Catalog
from cli.exits import Exit, Stop
from cli.output import print_rows, say

COLUMNS: Final = ("model", "newest", "owner", "what stands out")
MODELS: Final = "models"
TABLES: Final = (
    MODELS, "versions", "training-runs", "datasets", "owners", "repositories", "builds",
    "deployments",
)  # fmt: skip
MOST_SHOWN: Final = 50  # the files have all of them
FAVOURITE: Final = "retail/churn"  # has most to show; somebody's own server has others


def show(catalog: Catalog) -> None:
    """Show the catalog, and check on the way that list and CSV say the same."""
    models = catalog.models()
    written = {name: catalog.export(name) for name in TABLES}
    if written[MODELS] != len(models):
        message = f"The list has {len(models)} models, the CSV {written[MODELS]}: please report it."
        raise Stop(message, Exit.FINDINGS)
    say("")
    print_rows(COLUMNS, (_shown(model) for model in models[:MOST_SHOWN]))
    if len(models) > MOST_SHOWN:
        say(f"and {len(models) - MOST_SHOWN} more.")
    others = ", ".join(f"{name}.csv ({rows})" for name, rows in written.items() if name != MODELS)
    say(f"\nAs CSV: {catalog.home / MODELS}.csv, beside it {others}.")
    say(f"The catalog answers on {catalog.url}, and explains itself on {catalog.url}/docs.")
    say("A token for reading, for a day, and what to try:")
    say(f"\n  export TOKEN={catalog.reader}\n")
    header = '-H "Authorization: Bearer $TOKEN"'
    for path in _questions(models):
        say(f"  curl -s {header} '{catalog.url}{path}'")


def _shown(model: Mapping[str, Any]) -> tuple[Any, ...]:
    facts = model["facts"]
    owners = (one["owner"]["value"] for one in facts.get("owners") or ())
    return model["name"], model["newest_version"], ", ".join(owners), "; ".join(_notes(model))


def _notes(model: Mapping[str, Any]) -> list[str]:
    facts = model["facts"]
    if not model["url"]:
        return ["replaced: another model has this name now"]
    notes = [f"gone since {model['gone_since'][:10]}"] if model["gone_since"] else []
    notes += [] if facts.get("owners") else ["nobody owns it"]
    if disputed := model["conflicts"]:
        notes.append(f"sources disagree about: {', '.join(disputed)}")
    return notes + list(facts.get("warnings") or ())


def _questions(models: list[Any]) -> list[str]:
    """Models without an owner, counted; one with the source of each fact; versions as CSV."""
    live = {model["name"]: model["url"] for model in models if model["url"]}
    address = live.get(FAVOURITE) or next(iter(live.values()), "/api/v1/models")
    asked = "?provenance=true" if live else ""
    unowned = "/api/v1/models?owner__is=unknown&facet=namespace"
    return [unowned, f"{address}{asked}", "/api/v1/versions.csv"]
