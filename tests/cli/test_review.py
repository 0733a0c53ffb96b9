"""`review`, `absence` and `legal-hold` against a catalog that is really served."""

import csv
import json
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from tests.cli.conftest import Command, Served

WHY = ("--reason", "as agreed")


class Reviewed(NamedTuple):
    """A model of the test's own, whose builder nobody knows; a reviewer and an approver."""

    model: str
    reviewer: str
    approver: str
    names: tuple[str, str]

    @property
    def version(self) -> str:
        """Its one version."""
        return f"{self.model}/1"


@pytest.fixture
def made(catalog: Served, ask: Command, tmp_path: Path) -> Reviewed:
    """The catalog is shared: everything bears a name of its own."""
    own = f"m{uuid4().hex[:8]}"
    token = catalog.source(own, kind="mlflow")
    model = {"kind": "model", "scheme": "mlflow", "value": f"{own}/default/{own}"}
    version = {"kind": "version", "scheme": "mlflow", "value": f"{own}/default/{own}/1"}
    said: list[Any] = [
        {"subject": model, "facts": {"namespace": "retail", "name": own}},
        {"subject": version, "facts": {"model": model, "number": "1", "created_by": "svc"}},
    ]
    file = tmp_path / "said.json"
    observed = [one | {"observed_at": "2026-11-20T12:00:00Z"} for one in said]
    file.write_text(json.dumps({"observations": observed}), encoding="utf-8")
    assert ask("push", own, str(file), TOKEN=token).code == 0
    client, names = catalog.client(), (f"vera-{own}", f"abel-{own}")
    for name, role in zip(names, ("reviewer", "approver"), strict=True):
        client.post("/api/v1/accounts", {"name": name, "reason": "tests"})
        client.post("/api/v1/role-grants", {"account": name, "role": role, "reason": "tests"})
    tokens = [catalog.token(account=name) for name in names]
    return Reviewed(f"retail/{own}", tokens[0], tokens[1], names)


def begun(made: Reviewed, ask: Command) -> str:
    """A review that its reviewer has begun."""
    assert ask("review", "open", made.model, *WHY, TOKEN=made.reviewer).code == 2  # no version
    assert ask("review", "open", made.version, *WHY).code == 4  # an admin asks for none
    opened = ask("review", "open", made.version, "--kind", "TRIGGERED", *WHY, TOKEN=made.reviewer)
    assert opened.code == 0, opened
    [review] = opened.lines
    assert ask("review", "open", made.version, *WHY, TOKEN=made.reviewer).code == 5
    assert ask("review", "assign", review, TOKEN=made.reviewer).code == 0
    mine = ask("review", "list", "--mine", TOKEN=made.reviewer)
    assert [line.split("\t")[0] for line in mine.lines] == [review], mine
    assert ask("review", "start", review, TOKEN=made.approver).code == 4
    assert ask("review", "start", review, TOKEN=made.reviewer).code == 0
    return review


def test_steps(made: Reviewed, ask: Command) -> None:
    """Held and released, changes asked for, an identity named, cancelled."""
    review = begun(made, ask)
    assert ask("review", "hold", review, *WHY, TOKEN=made.approver).code == 0
    assert ask("review", "hold", review, *WHY, TOKEN=made.approver).code == 5
    assert ask("review", "release", review, *WHY, TOKEN=made.approver).code == 0
    assert "differences" in ask("review", "diff", review, TOKEN=made.reviewer).err
    known = ("review", "identify", review, "svc", "--person", "Ann Lee", *WHY)
    assert ask(*known, TOKEN=made.reviewer).code == 0
    wanted = ("review", "request-changes", review, "--comment", "why?")
    assert ask(*wanted, TOKEN=made.reviewer).code == 0
    answer = ("review", "answer", review, "--comment", "because")
    assert ask(*answer, TOKEN=made.reviewer).code == 4  # its owner does
    assert ask("review", "cancel", review, *WHY, TOKEN=made.approver).code == 0
    assert ask("review", "show", review, TOKEN=made.approver).code == 0


def test_decide(made: Reviewed, ask: Command, tmp_path: Path) -> None:
    """Decided with a condition about what was read; shown and written."""
    review = begun(made, ask)
    decide = (
        "review",
        "decide",
        review,
        "REVIEWED_WITH_CONDITIONS",
        "--tier-fits",
        "--comment",
        "fine",
    )
    asked = ("--condition", "2099-01-31T00:00:00Z=Describe it", "--evidence", "https://x.example")
    assert ask(*decide, TOKEN=made.reviewer).code == 2  # no condition
    stale = ask(*decide, *asked, "--content", f"sha256:{'0' * 64}", TOKEN=made.reviewer)
    assert stale.code == 5
    assert ask(*decide, *asked, "--dry-run", TOKEN=made.reviewer).code == 0
    done = ask(*decide, *asked, "--json", TOKEN=made.reviewer)
    assert json.loads(done.out)["state"] == "DECIDED", done
    shown: Any = json.loads(ask("review", "show", review, "--json", TOKEN=made.approver).out)
    [condition] = shown["condition_list"]
    assert condition["text"] == "Describe it"
    verify = ("review", "condition", condition["id"], "verify", "--comment", "read")
    assert ask(*verify, TOKEN=made.approver).code == 5  # nobody has met it
    again = ("review", "decide", review, "REVIEWED", "--tier-fits", "--comment", "x")
    assert ask(*again, TOKEN=made.reviewer).code == 5

    file = tmp_path / "reviews.csv"
    mine = ("--filter", "state=DECIDED", "--filter", f"model={made.model}")
    assert ask("review", "list", *mine, "--output", str(file)).code == 0
    with file.open(newline="", encoding="utf-8") as lines:
        assert [one["review"] for one in csv.DictReader(lines)] == [review]


def test_clearance(made: Reviewed, ask: Command) -> None:
    """Exit 0 where it may go, 1 where it may not."""
    found = ask("review", "clearance", made.version)
    assert (found.code, found.lines) == (0, ["CLEAR_REVIEW_FOLLOWS"]), found
    assert ask("review", "clearance", f"{made.model}/9").code == 3
    opened = ask("review", "open", made.version, *WHY, TOKEN=made.reviewer)
    [review] = opened.lines
    for step in ("assign", "start"):
        assert ask("review", step, review, TOKEN=made.reviewer).code == 0
    objected = ("review", "decide", review, "OBJECTED", "--tier-does-not-fit", "--comment", "no")
    assert ask(*objected, TOKEN=made.reviewer).code == 0
    found = ask("review", "clearance", made.version, "--json")
    assert (found.code, json.loads(found.out)["clearance"]) == (1, "RESTRICTED")


def test_absence_and_hold(made: Reviewed, ask: Command) -> None:
    """Somebody is away and comes back; a hold is placed and lifted."""
    times = ("2099-01-01T00:00:00Z", "--from", "2026-01-01T00:00:00Z")
    away = ask("absence", "state", *times, "--delegate", made.names[1], *WHY, "--json",
               TOKEN=made.reviewer)  # fmt: skip
    number = str(json.loads(away.out)["id"])
    mine = ("absence", "list", "--filter", f"account={made.names[0]}")
    assert ask(*mine).lines[0].split("\t")[1:3] == list(made.names)
    assert ask("absence", "end", number, *WHY, TOKEN=made.reviewer).code == 0
    assert ask(*mine).lines == []

    assert ask("legal-hold", "place", made.model, *WHY, TOKEN=made.reviewer).code == 4
    placed = ask("legal-hold", "place", made.model, *WHY, "--json", TOKEN=made.approver)
    hold = str(json.loads(placed.out)["id"])
    of_model = ("legal-hold", "list", "--filter", f"model={made.model}")
    listed = ask(*of_model, TOKEN=made.approver)
    assert listed.lines[0].split("\t")[:2] == [hold, made.model]
    assert ask("legal-hold", "lift", hold, *WHY, TOKEN=made.approver).code == 0
    assert ask(*of_model, TOKEN=made.approver).lines == []
