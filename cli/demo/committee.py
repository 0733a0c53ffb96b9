"""What the demo hands to its model-risk committee: a decision, and a bundle that shows it."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zipfile import ZipFile

from cli.cells import said_by
from cli.client import Client
from cli.demo.children import our_environment
from cli.demo.route import Catalog
from cli.exits import Exit, Stop
from cli.output import print_rows, say
from schemas.bundles import Profile, bundle_name
from schemas.review_models import APPENDIX_1

API: Final = "/api/v1"
HIGH: Final = "credit/credit-score"
MONITORED: Final = "retail/demand-forecast"
PROFILE: Final[Profile] = "osfi-e23"
NOTHING: Final = ("", "unknown", "not_applicable", "withheld", "none")
SHORT: Final = 60


def show_committee(catalog: Catalog, people: Mapping[str, Client]) -> None:
    """A decision about a HIGH model, and the file that shows it with everything else."""
    _monitor(people["olga"])
    review = _review(catalog)
    _decide(people, review)
    say(f"\nThe committee's bundle, {PROFILE}: each of its 17 fields, and who filled it:")
    file = _export(catalog)
    print_rows(("field", "column", "model", "cell", "said by"), _filled(people["aud"], file))


def _monitor(owner: Client) -> None:
    """When it was last monitored no system says yet: its owner does."""
    path = f"{API}/models/{MONITORED}/pins/last_monitored_at"
    said = {"value": _in(days=-3), "reason": "As the monthly report says."}
    owner.change("PUT", path, body=said, match=owner.tag(path))


def _in(*, days: int) -> str:
    moment = datetime.now(UTC) + timedelta(days=days)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _review(catalog: Catalog) -> Mapping[str, Any]:
    """The review that the catalog has opened of the version in use."""
    found = catalog.read.get(f"{API}/reviews", model=HIGH)["items"]
    live = {f"{HIGH}/{number.removeprefix('v')}" for number in _live(catalog)}
    review: Mapping[str, Any] = next(one for one in found if one["version"] in live)
    return review


def _live(catalog: Catalog) -> list[str]:
    cell = catalog.read.get(f"{API}/explain-cell", model=HIGH, column="live_versions")
    return str(cell["value"]).split("; ")


def _decide(people: Mapping[str, Client], review: Mapping[str, Any]) -> None:
    """One reviews, another says who built it, a third approves, with a condition."""
    path = str(review["url"])
    rita, ruth, anton = people["rita"], people["ruth"], people["anton"]
    _step(rita, f"{path}:assign", of=path)
    rita.change("POST", f"{path}:start", match=rita.tag(path))
    for one in ruth.get(path)["builders"]:
        if not one["resolved"]:
            said = {"identity": one["identity"], "person": "Somebody of the credit team"}
            _step(ruth, f"{path}:identify", of=path, **said, reason="The team's page says so.")
    comment = "Stable over the last year; the cut-offs are old."
    condition = {"text": "Choose the cut-offs anew.", "due_at": _in(days=45)}
    decided = {
        "outcome": "APPROVED_WITH_CONDITIONS", "tier_confirmed": True, "comment": comment,
        "conditions": [condition],
    }  # fmt: skip
    recommended = decided | {"outcome": "REVIEWED_WITH_CONDITIONS"}
    _step(rita, f"{path}:recommend", of=path, **recommended, **rita.get(path)["now"])
    _step(anton, f"{path}:decide", of=path, **decided, **anton.get(path)["now"])
    say(f"\n{review['version']} was approved, with a condition: {condition['text']}")


def _step(who: Client, path: str, *, of: str, **body: Any) -> None:
    who.change("POST", path, body=body, match=who.tag(of))


def _export(catalog: Catalog) -> Path:
    """The command that a reviewer would give, and the one that checks what came."""
    to = catalog.home / f"{PROFILE}.zip"
    _run(catalog, "export", "--profile", PROFILE, "-o", str(to))
    said = _run(catalog, "verify", str(to), "--server", "--json")
    say(f"{bundle_name(PROFILE, _moment(to))}: {_verdict(said)}")
    return to


def _run(catalog: Catalog, *words: str) -> str:
    environment = our_environment(URL=catalog.url, TOKEN=_token(catalog))
    command = [sys.executable, "-m", "cli.main", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603  # our own
    if done.returncode:
        raise Stop(f"{' '.join(words)}: {done.stdout}{done.stderr}", Exit.UNAVAILABLE)
    return done.stdout


def _token(catalog: Catalog) -> str:
    """An auditor's: somebody may ask for a bundle, a token without an account may not."""
    made = catalog.admin.post(f"{API}/tokens", {"account": "aud", "days": 1})
    return str(made["token"])


def _verdict(said: str) -> str:
    found = json.loads(said)
    return "verified" if not found.get("findings") else "NOT what it should be"


def _moment(bundle: Path) -> datetime:
    with ZipFile(bundle) as archive:
        return datetime.fromisoformat(json.loads(archive.read("manifest.json"))["as_of"])


def _filled(auditor: Client, bundle: Path) -> Iterator[tuple[Any, ...]]:
    """Of each column the first model that fills it, and who said so."""
    with ZipFile(bundle) as archive:
        text = archive.read(f"data/{PROFILE}.csv").decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    moment = _moment(bundle).isoformat()
    yield 1, "model_id", rows[0]["model"], rows[0]["model_id"], "the catalog"
    for column, (field, _) in APPENDIX_1.items():
        row = next((one for one in rows if one[column] not in NOTHING), None)
        if row is None:  # nobody asked for an exception, say
            continue
        asked = {"file": PROFILE, "model": row["model"], "column": column, "as_of": moment}
        grounds = auditor.get(f"{API}/explain-cell", **asked)["grounds"]
        yield field, column, row["model"], row[column][:SHORT], said_by(grounds[0])
