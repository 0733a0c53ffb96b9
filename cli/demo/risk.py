"""What risk makes of the sample company: tiers, due reviews, a sample, a waiver that ends."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cli.client import Client
from cli.demo.children import our_environment
from cli.demo.route import Catalog
from cli.exits import Exit, Stop
from cli.output import print_rows, say
from service.db import Database

API: Final = "/api/v1"
LIVE: Final = "retail/churn"
LOW: Final = "retail/demand-forecast"
HIGH: Final = "credit/credit-score"
WAIVED: Final = "INV-03"
SECONDS: Final = 3  # that the waiver lasts
PATIENCE: Final = 20  # evaluations until the sample is drawn
PEOPLE: Final = {
    "rita": "reviewer", "ruth": "reviewer", "anton": "approver", "olga": "reader", "aud": "auditor",
}  # fmt: skip
TEAM: Final = "handle:team:supply"  # the owner that Olga stands for
OLDER: Final = "UPDATE entry SET first_seen_at = first_seen_at - interval '7 days'"
COLUMNS: Final = ("model", "tier", "status", "rules of", "state", "next review due")


def show_risk(catalog: Catalog) -> Mapping[str, Client]:
    """Tiers that explain themselves, and what people are asked for; answers who they are."""
    people = _people(catalog)
    _evaluate(catalog)
    say("\nRisk: every model has a tier, from what is known; what is unknown only widens it.")
    models = list(catalog.read.pages(f"{API}/models"))
    print_rows(COLUMNS, (_rated(one) for one in models if one["tier"]))
    _ask(catalog)
    _due(catalog)
    _blocked(catalog)
    _sample(catalog)
    _waive(catalog, people)
    return people


def _people(catalog: Catalog) -> Mapping[str, Client]:
    """A reviewer, an approver and an owner, each with an account and a token of their own."""
    found = {}
    for name, role in PEOPLE.items():
        said = {"reason": "the demo's people"}
        catalog.admin.post(f"{API}/accounts", {"name": name} | said)
        catalog.admin.post(f"{API}/role-grants", {"account": name, "role": role} | said)
        made = catalog.admin.post(f"{API}/tokens", {"account": name, "days": 1})
        found[name] = Client(catalog.url, str(made["token"]))
    mapped = {"owner": TEAM, "account": "olga", "reason": "she leads the team"}
    catalog.admin.post(f"{API}/owner-mappings", mapped)
    return found


def _evaluate(catalog: Catalog) -> None:
    """What the worker does all the time, and cron without one: clocks, samples, sealing."""
    command = [sys.executable, "-m", "cli.main", "evaluate", "--json"]
    environment = our_environment(DATABASE_URL=catalog.database, SECRET_KEY="demo" * 12)
    done = subprocess.run(command, env=environment, capture_output=True, check=False)  # noqa: S603  # our own
    if done.returncode:
        raise Stop(done.stderr.decode(), Exit.UNAVAILABLE)
    with (catalog.home / "evaluations.jsonl").open("a", encoding="utf-8") as kept:
        kept.write(json.dumps(json.loads(done.stdout)) + "\n")


def _rated(model: Mapping[str, Any]) -> tuple[Any, ...]:
    low, high = model["tier_low"], model["tier_high"]
    tier = high if low == high else f"{low} to {high}"
    due = model["next_review_due"] or ""
    return (
        model["name"], tier, model["tier_status"], model["workflow_tier"], model["review_state"],
        due[:10],
    )  # fmt: skip


def _ask(catalog: Catalog) -> None:
    """What would settle a provisional tier, most telling first."""
    found = catalog.read.get(f"{API}/models/{LIVE}/tier")
    for use in found["uses"]:
        if use["ask_next"]:
            say(f"\n{LIVE} for {use['use']} is {use['status']}; these answers would settle it:")
            asked = use["ask_next"]
            rows = ((q["fact"], q["question"], ", ".join(map(str, q["answers"]))) for q in asked)
            print_rows(("fact", "question", "answers"), rows)


def _due(catalog: Catalog) -> None:
    """It went live without anybody's leave; who looks at it afterwards, and until when."""
    say("\nWhat went live and is looked at afterwards:")
    rows = catalog.read.get(f"{API}/reviews")["items"]
    print_rows(("model", "version", "kind", "state", "due", "why"), _reviews(rows))


def _reviews(rows: Any) -> Iterator[tuple[Any, ...]]:
    for one in rows:
        due = (one["due_at"] or "at first production")[:19]
        yield one["model"], one["version"], one["kind"], one["state"], due, one["cause"]


def _blocked(catalog: Catalog) -> None:
    """A HIGH one may not go on without an approval or an exception."""
    version = catalog.read.get(f"{API}/models/{HIGH}")["newest_version"]
    found = catalog.read.get(f"{API}/models/{HIGH}/versions/{version}/clearance")
    say(f"\nMay {HIGH} {version} go to production? {found['clearance']}:")
    print_rows(("reason",), ((reason,) for reason in found["reasons"]))


def _sample(catalog: Catalog) -> None:
    """The frame goes to the ledger, the ledger is sealed, and its root draws.

    A new catalog waits for a day: this one is told that it is a week old.
    """
    database = Database(catalog.database, role=None, pool=1)
    with database.engine.begin() as connection:
        connection.exec_driver_sql(OLDER)
    database.dispose()
    for _ in range(PATIENCE):  # the ledger's checkpoints are seconds apart
        _evaluate(catalog)
        samples = catalog.read.get(f"{API}/samples")["items"]
        if any(sample["state"] == "drawn" for sample in samples):
            break
        time.sleep(1)
    for sample in samples:
        say(f"\nThe sample of {sample['tier']} in {sample['cycle']}, drawn by the ledger's root:")
        drawn = catalog.read.get(f"{API}/samples/{sample['cycle']}/draws")["items"]
        print_rows(("rank", "model", "state"), ((d["rank"], d["model"], d["state"]) for d in drawn))


def _waive(catalog: Catalog, people: Mapping[str, Client]) -> None:
    """A waiver that ends in seconds: one asks, another grants, and then the clock."""
    ends = datetime.now(UTC) + timedelta(seconds=SECONDS)
    asked = {
        "model": LOW, "control": WAIVED, "reason": "Jurisdictions are being collected.",
        "compensating": "It is used in one country alone.",
        "expires_at": ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }  # fmt: skip
    waiver = people["olga"].post(f"{API}/waivers", asked)
    path = f"{API}/waivers/{waiver['id']}"
    people["anton"].change("POST", f"{path}:approve", body={"reason": "Until then."},
                           match=people["anton"].tag(path))  # fmt: skip
    time.sleep(SECONDS + 1)
    _evaluate(catalog)
    say(f"\nA waiver of {WAIVED} for {LOW}, granted for {SECONDS} seconds, is over:")
    found = catalog.read.get(f"{API}/models/{LOW}/controls")["items"]
    rows = ((c["control"], c["result"], c["message"]) for c in found if c["result"] == "FAIL")
    print_rows(("control", "result", "message"), rows)
