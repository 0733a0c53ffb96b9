"""`finding`, `waiver`, `override`, `attest` against a catalog that is really served."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command, Ran, Served

MODEL = "retail/decided"
As = Callable[..., Ran]


def in_days(days: int) -> str:
    """A time from now on."""
    return (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="seconds")


@pytest.fixture
def people(catalog: Served, ask: Command, tmp_path: Path) -> dict[str, str]:
    """A model that Olga owns; answers tokens of her, a reviewer and an approver."""
    token = catalog.source("decided", kind="mlflow", may_grant_ownership=True)
    owner = {"owner": {"kind": "owner", "scheme": "handle", "value": "olga"}}
    said = {
        "subject": {"kind": "model", "scheme": "mlflow", "value": "decided/default/decided"},
        "observed_at": "2026-11-20T12:00:00Z",
        "facts": {"namespace": "retail", "name": "decided", "owners": [owner]},
    }
    file = tmp_path / "said.json"
    file.write_text(json.dumps({"observations": [said]}), encoding="utf-8")
    assert ask("push", "decided", str(file), TOKEN=token).code == 0
    client = catalog.client()
    for name, role in (("olga", "reader"), ("rolf", "reviewer"), ("paula", "approver")):
        client.post("/api/v1/accounts", {"name": name, "reason": "tests"})
        client.post("/api/v1/role-grants", {
            "account": name, "role": role, "namespace": "retail", "reason": "tests",
        })  # fmt: skip
    client.post("/api/v1/owner-mappings", {
        "owner": "handle:olga", "account": "olga", "reason": "tests",
    })  # fmt: skip
    return {name: catalog.token(account=name) for name in ("olga", "rolf", "paula")}


def test_commands(people: dict[str, str], ask: Command, tmp_path: Path) -> None:
    """A finding to its end, a waiver to its renewal, an override, what an owner attests."""

    def by(name: str, *arguments: str) -> Ran:
        return ask(*arguments, TOKEN=people[name])

    findings(by, tmp_path)
    waivers(by)
    overrides(by)
    attestations(by)


def findings(by: As, tmp_path: Path) -> None:
    """Recorded by a reviewer, mended by the owner, closed by the reviewer."""
    record = ("finding", "record", MODEL, "--title", "=1+1", "--description", "d",
              "--severity", "low", "--category", "data")  # fmt: skip
    assert by("olga", *record).code == 4
    assert by("rolf", *record, "--dry-run").code == 0
    done = by("rolf", *record)
    (finding,) = done.lines
    assert "OPEN" in done.err
    for command in (("acknowledge",), ("plan", "--reason", "r"), ("start",)):
        name, *rest = command
        assert by("olga", "finding", name, finding, *rest).code == 0, command
    submit = ("finding", "submit", finding, "--reason", "done")
    assert by("olga", *submit).code == 2  # without evidence
    assert by("olga", *submit, "--evidence", "/nowhere/at/all").code == 2
    proof = tmp_path / "proof.txt"
    proof.write_text("seen", encoding="utf-8")
    sent = by(
        "olga", *submit, "--evidence", str(proof), "--evidence", "https://x.example/", "--json"
    )
    assert [bool(one["digest"]) for one in json.loads(sent.out)["evidence"]] == [True, False]
    assert by("olga", "finding", "start", finding).code == 5
    assert by("rolf", "finding", "close", finding, "--reason", "seen").code == 0
    assert by("rolf", "finding", "show", "none").code == 3

    mine = ("finding", "list", "--filter", "source=person", "--filter", "state=CLOSED")
    listed = by("rolf", *mine)
    assert len(listed.lines) == 1, listed
    (row,) = listed.lines
    assert row.split("\t")[:2] == [finding, MODEL]
    file = by("rolf", *mine, "--format", "csv")
    (line,) = csv.DictReader(io.StringIO(file.out))
    assert (line["finding"], line["title"], line["status"]) == (finding, "'=1+1", "CLOSED")


def waivers(by: As) -> None:
    """Asked for by the owner, granted by the approver, renewed once, revoked."""
    asked: Any = by("olga", "waiver", "ask", MODEL, "BLD-01", "--reason", "r",
                    "--compensating", "c", "--until", in_days(30))  # fmt: skip
    (waiver,) = asked.lines
    assert by("olga", "waiver", "approve", waiver).code == 4
    assert by("paula", "waiver", "approve", waiver).code == 0
    renewed = by("olga", "waiver", "renew", waiver, "--reason", "r", "--until", in_days(60))
    (second,) = renewed.lines
    assert second != waiver
    assert by("paula", "waiver", "reject", second, "--reason", "no").code == 0
    assert by("paula", "waiver", "revoke", waiver, "--reason", "over").code == 0
    assert by("olga", "waiver", "list").lines == []
    listed = by("olga", "waiver", "list", "--filter", "state=REJECTED,REVOKED", "--json")
    assert {json.loads(line)["id"] for line in listed.lines} == {waiver, second}
    assert by("olga", "waiver", "ask", MODEL, "NO-99", "--reason", "r", "--compensating", "c",
              "--until", in_days(30)).code == 2  # fmt: skip


def overrides(by: As) -> None:
    """Up at once; not below what may be prohibited; no exemption of what is not known."""
    use = (MODEL, "(undeclared)")
    up = by("rolf", "override", "ask", *use, "HIGH", "--reason", "r", "--until", in_days(30))
    assert up.code == 0, up
    assert "IN_FORCE" in up.err
    down = by("rolf", "override", "ask", *use, "LOW", "--reason", "it is of no consequence",
              "--until", in_days(30), "--evidence", "https://x.example/")  # fmt: skip
    assert (down.code, "below_hard_floor" in down.err) == (2, True)
    assert by("olga", "exemption", "ask", *use, "--reason", "r").code == 2
    assert by("olga", "exemption", "ask", "decided", "x", "--reason", "r").code == 2
    asked = by("olga", "exception", "ask", MODEL, "1", "--reason", "r", "--limits", "l",
               "--monitoring", "m", "--informed", "i", "--until", in_days(30))  # fmt: skip
    assert asked.code == 3  # there is no such version


def attestations(by: As) -> None:
    """What is attested, what is due, and one attestation."""
    assert len(by("olga", "attest", "statements").lines) == 10
    (row,) = by("olga", "attest", "due").lines
    assert row.startswith(f"{MODEL}\t")
    assert "limitations: nobody states a limitation" in row
    assert by("rolf", "attest", "due").lines == []
    confirm = ("attest", "confirm", "--model", MODEL)
    refused = by("olga", *confirm)
    assert (refused.code, "needs_a_comment" in refused.err) == (2, True)
    said = [f"--comment={name}=so it is" for name in ("limitations", "purpose", "policy")]
    assert by("olga", *confirm, "--no", "restrictions").code == 2
    done = by("olga", *confirm, *said, "--no", "restrictions=letters went out", "--json")
    assert done.code == 0, done
    answer = json.loads(done.out)
    assert (answer["items"][0]["result"], len(answer["findings"])) == ("deviating", 1)
    (line,) = by("olga", "attest", "list").lines
    assert line.split("\t")[1] == MODEL
