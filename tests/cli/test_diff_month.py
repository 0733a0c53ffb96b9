"""A month of changes between two bundles of a real catalog: every difference has its cause."""

import json
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from uuid_utils.compat import uuid7

from service.db import Database
from service.risk.rules.rule_sets import PACKS
from tests.cli.conftest import Command, Ran
from tests.risk.policies.rules import in_force, pack_of, policy_of, revaluate, stricter
from tests.risk.reviews.bank import MEDIUM, Bank
from tests.support.accounts import owned_by
from tests.support.catalog import Sweep, model, post, rows, version
from tests.support.http import opened
from tests.support.making_bundles import Bundle, make_bundle, settled_now
from tests.support.pins import Owner

LATER: Final = "2026-11-21T12:00:00Z"
PASSING: Final = timedelta(seconds=6)


class Month(NamedTuple):
    """The two bundles as files, and the differences between them."""

    a: Path
    b: Path
    ran: Ran

    @property
    def differences(self) -> list[Any]:
        """Each as JSON; the service beside writes its log to the same place."""
        return [json.loads(line) for line in self.ran.lines if line.startswith("{")]

    def causes(self, model: str, column: str, file: str = "models") -> set[str]:
        """The kinds of causes of a column's cells."""
        return {
            one["cause_kind"]
            for one in self.differences
            if (one["model"], one["column"], one["file"]) == (model, column, file)
        }


@pytest.fixture
def bank(database: Database) -> Iterator[Bank]:
    """Four models; one is reviewed, one is the same as another, one is of another team."""
    with opened(database) as service:
        found = Bank(service)
        others = (model(name, owners=[owned_by("retention")]) for name in ("twin", "score", "old"))
        post(database, found.registry, *others, version(1, "twin"), version(1, "score"))
        found.say_use(**MEDIUM)
        found.deploy(1)
        yield found


def save(folder: Path, made: Bundle, name: str) -> Path:
    """The bundle as a file."""
    path = folder / name
    path.write_bytes(made.data)
    return path


def waive(bank: Bank) -> datetime:
    """A waiver that ends soon, without anybody's doing; answers when."""
    now = datetime.now(UTC)
    ends = now + PASSING
    bank.insert("waiver", {
        "id": uuid7(), "model_id": bank.id_of("retail/churn"), "control": "OWN-01", "item": None,
        "state": "IN_FORCE", "reason": "because", "compensating": "we look", "evidence": [],
        "requested_by": "owner", "requested_at": now, "approved_by": "approver",
        "granted_at": now, "expires_at": ends, "renewals": 0, "valid_from": now,
    })  # fmt: skip
    return ends


def live_a_month(bank: Bank) -> None:
    """Harvests, people, rules, a merge."""
    database, service = bank.database, bank.service
    owner = Owner(service, bank.tokens["owner"])
    pinned = owner.put("lifecycle", value="production")
    assert pinned.status_code == 200, pinned.text
    [(review,)] = rows(database, "SELECT id FROM review")
    bank.act(review, "assign", "reviewer", reviewer="reviewer")
    bank.act(review, "start", "reviewer")
    bank.act(review, "decide", "reviewer", **bank.decision(review))
    sweep = Sweep(database, bank.registry)
    said = model(at=LATER, description="now with prices", owners=[owned_by("risk-team")],
                 data_sensitivity="internal")  # fmt: skip
    sweep.sweep(
        said, version(1, at=LATER, digests=[f"sha256:{'c' * 64}"]), version(2, at=LATER),
        *(model(name, at=LATER) for name in ("new", "score", "twin")),
        version(1, "twin"), version(1, "score", at=LATER),
    )  # fmt: skip
    sweep.close()
    bank.deploy(2, at=LATER)
    merged = service.ask("POST", "models/retail/score:merge", service.token("admin"),
                         json={"other": "retail/twin", "reason": "the same"})  # fmt: skip
    assert merged.status_code == 200, merged.text
    in_force(database, policy_of(change=stricter))
    in_force(database, pack_of(change=lambda _: None), rules=PACKS)
    revaluate(database)


@pytest.fixture
def month(bank: Bank, command: Command, tmp_path: Path) -> Month:
    """What differs after it."""
    ends = waive(bank)
    begin = settled_now(bank.database)
    assert begin < ends, "the machine is too slow for this test"
    a = save(tmp_path, make_bundle(bank.database, begin), "a.zip")
    live_a_month(bank)
    time.sleep(max(0.0, (ends - datetime.now(UTC)).total_seconds()))
    later = make_bundle(bank.database, settled_now(bank.database), since=begin)
    b = save(tmp_path, later, "b.zip")
    return Month(a, b, command("diff", str(a), str(b), "--json"))


EXPECTED: Final[Mapping[tuple[str, str, str], str]] = {  # model, file, column → cause
    ("retail/churn", "models", "description"): "harvest",
    ("retail/churn", "models", "owner"): "harvest",
    ("retail/churn", "models", "lifecycle"): "person",
    ("retail/churn", "models", "newest_version"): "harvest",
    ("retail/churn", "models", "last_review_at"): "person",
    ("retail/churn", "models", "policy_version"): "policy",
    ("retail/churn", "models", "waivers_in_force"): "clock",
    ("retail/churn", "waivers", "state"): "clock",
    ("retail/churn", "versions", "digest"): "harvest",
}


def test_diff_month(month: Month) -> None:
    """No difference of a month is without a cause, and each known one has the right kind."""
    assert month.ran.code == 0, month.ran.err
    assert [one for one in month.differences if one["cause_kind"] == "unknown"] == []
    found = {place: month.causes(place[0], place[2], place[1]) for place in EXPECTED}
    assert found == {place: {kind} for place, kind in EXPECTED.items()}
