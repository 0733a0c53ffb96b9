"""What the catalog knows after a release that nobody told it about, and what went around it."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from cli.demo.route import Catalog
from cli.output import print_rows, say

MODEL: Final = "/api/v1/models/retail/churn"
VERSION: Final = "retail/churn/4"
SHOWN: Final = {
    "source_commit": "commit", "repository": "repository", "training_run": "training run",
    "build": "build",
}  # fmt: skip
STEPS: Final = ("repository", "training_run", "version", "build", "deployment")


def show_release(catalog: Catalog) -> None:
    """One version with all it came from, what runs unaccounted for, and how long it all took."""
    say(f"\nWhat the catalog knows of {VERSION}:")
    print_rows(("what", "which", "who said so"), _known(catalog))
    say("\nWhat runs unregistered, and why:")
    print_rows(("what is wrong", "why", "what to do"), _wrong(catalog))
    say("\nHow long the latest events took to reach the catalog, in seconds (median):")
    print_rows(("step", "source", "events", "seconds"), _timed(catalog))


def _known(catalog: Catalog) -> Iterator[tuple[str, str, str]]:
    owners = catalog.read.get(MODEL, provenance="true")["provenance"]["owners"]
    for said, source in _each(owners):
        yield "owner", said["owner"]["value"], source
    number = VERSION.rpartition("/")[2]
    told = catalog.read.get(f"{MODEL}/versions/{number}", provenance="true")["provenance"]
    for name, called in SHOWN.items():
        yield called, told[name]["value"], told[name]["source"]
    for link, source in _each(told["datasets"]):
        yield f"{link.get('role') or 'used'} data", link["dataset"]["value"], source
    for one in catalog.read.get(f"{MODEL}/deployments")["items"]:
        if one["version"] == VERSION:
            yield "runs as", one["name"], ", ".join(one["sources"])


def _each(fact: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Each value of a list, with the source that said it: several may have added to it."""
    added = fact["contenders"] if fact["rule"] == "union" else ()
    for one in fact["value"]:
        yield one, next((by["source"] for by in added if one in by["value"]), fact["source"])


def _wrong(catalog: Catalog) -> Iterator[tuple[str, str, str]]:
    """A row for each cause of each deployment."""
    for one in catalog.read.get("/api/v1/unregistered-deployments")["items"]:
        name = one["name"].rpartition("/")[2]
        for cause in one["causes"]:
            yield f"{name}: {cause['code']}", cause["why"], cause["todo"]


def _timed(catalog: Catalog) -> Iterator[tuple[str, str, int, str]]:
    """In the order of a release; what was there before its source was read does not count."""
    rows = catalog.read.get("/api/v1/time-to-catalog")["items"]
    for step in STEPS:
        for row in rows:
            if row["part"] == "source_and_kind" and row["kind"] == step and row["count"]:
                yield step.replace("_", " "), row["source"], row["count"], f"{row['p50']:.1f}"
