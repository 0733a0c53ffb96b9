"""Policies and packs over HTTP: uploaded, previewed, put in force; refused where they must be."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

import pytest

from service.db import Database
from service.risk.rules.activation import begin_scheduled
from tests.risk.policies.rules import pack_of, policy_of, revaluate, set_row, stricter
from tests.support.accounts import make_person
from tests.support.catalog import all_changes, rows
from tests.support.http import Service, opened

YAML = {"Content-Type": "application/yaml"}
PEOPLE = {"rita": "reviewer", "abel": "approver", "omar": "approver", "rene": "reader"}
Answer = Any


class Bank:
    """Its second line, and how they ask."""

    def __init__(self, service: Service) -> None:
        """An account each; omar is bound to a namespace, which is not enough."""
        self.service, self.database = service, service.database
        self.tokens = {"admin": service.token("admin")}
        for name, role in PEOPLE.items():
            make_person(self.database, name, (role, "retail" if name == "omar" else None))
            self.tokens[name] = service.token_of(name)

    def upload(self, what: str, document: Any, *, by: str = "rita") -> Answer:
        """Send JSON."""
        return self.service.ask("POST", what, self.tokens[by], json=document)

    def preview(self, what: str, version: str = "2.0.0", *, by: str = "rita") -> Answer:
        """Ask for it."""
        return self.service.ask("POST", f"{what}/{version}:preview", self.tokens[by])

    def activate(
        self, what: str, version: str = "2.0.0", *, by: str = "abel", match: str | None = None,
        **asked: Any,
    ) -> Answer:  # fmt: skip
        """Put in force what has been read just before."""
        path = f"{what}/{version}"
        tag = match or self.service.ask("GET", path, self.service.reader).headers["ETag"]
        headers = {"If-Match": tag} if tag != "none" else {}
        body = {"reason": "as agreed"} | asked
        token = self.tokens[by]
        return self.service.ask("POST", f"{path}:activate", token, json=body, headers=headers)


@pytest.fixture
def bank(fleet: Database) -> Iterator[Bank]:
    """A served catalog with rated models."""
    with opened(fleet) as service:
        yield Bank(service)


def code(answer: Answer) -> tuple[int, str]:
    """How something was refused."""
    return answer.status_code, answer.json()["code"]


def test_policy_from_draft_to_force(bank: Bank) -> None:
    """Uploaded, previewed, put in force by another one; everybody sees each step."""
    made = bank.upload("policies", policy_of(change=stricter))
    assert (made.status_code, made.json()["state"]) == (201, "DRAFT")
    assert made.headers["Location"] == "/api/v1/policies/default-tiering@2.0.0"
    again = bank.upload("policies", policy_of(change=stricter))
    assert (again.status_code, again.json()) == (200, made.json())

    shown = bank.preview("policies").json()
    assert shown["state"] == "PREVIEWED"
    assert shown["preview"]["base"] == "default-tiering@1.0.0"
    assert shown["preview"]["rated"] == shown["preview"]["total"] > 0
    page = bank.service.get("policies/2.0.0/preview", page_size="5")
    assert page["preview"]["changed"] == shown["preview"]["changed"]
    line = page["items"][0]
    assert line["before"] != line["after"]
    assert {one["what"] for one in line["differences"]} == {"band"}

    done = bank.activate("policies")
    assert (done.status_code, done.json()["state"]) == (200, "ACTIVE"), done.text
    assert done.json()["activated_by"] == "abel"
    listed = bank.service.get("policies")["items"]
    assert [(one["version"], one["state"]) for one in listed] == [
        ("2.0.0", "ACTIVE"), ("1.0.0", "SUPERSEDED"),
    ]  # fmt: skip
    assert bank.service.get("policies", state="SUPERSEDED")["items"] == listed[1:]
    [going_on] = bank.service.get("revaluations")["items"]
    assert (going_on["rules"], going_on["rated"]) == ("default-tiering@2.0.0", 0)
    revaluate(bank.database)
    assert bank.service.get("revaluations", what="policy")["items"][0]["done_at"] is not None
    told = [(one["op"], one["actor"]["id"]) for one in all_changes(bank.database)
            if one["kind"] == "policy"]  # fmt: skip
    assert told == [("create", "rita"), ("preview", "rita"), ("supersede", "abel"),
                    ("activate", "abel")]  # fmt: skip


def test_preview_as_files(bank: Bank) -> None:
    """Each use that changes once, in all forms, with why; of namespaces that the reader sees."""
    bank.upload("policies", policy_of(change=stricter))
    changed = bank.preview("policies").json()["preview"]["changed"]
    token = bank.service.reader
    text = bank.service.ask("GET", "policies/2.0.0/preview.csv", token).text
    lines = list(csv.DictReader(io.StringIO(text)))
    assert len(lines) == changed
    assert all("→" in line["bands"] for line in lines)
    written = bank.service.ask("GET", "policies/2.0.0/preview.jsonl", token).text.splitlines()
    assert len(written) == changed
    assert {json.loads(one)["model"] for one in written} == {line["model"] for line in lines}
    namespace = lines[0]["model"].partition("/")[0]
    mine = bank.service.token("reader", namespaces=[namespace])
    few = bank.service.ask("GET", "policies/2.0.0/preview.csv", mine).text
    found = list(csv.DictReader(io.StringIO(few)))
    assert 0 < len(found) < changed
    assert all(one["model"].startswith(f"{namespace}/") for one in found)


def test_who_may(bank: Bank) -> None:
    """The second line of all namespaces writes rules; an approver alone puts them in force."""
    for name in ("rene", "omar", "admin"):
        assert code(bank.upload("policies", policy_of(), by=name))[0] == 403, name
    assert bank.upload("policies", policy_of(), by="abel").status_code == 201
    assert code(bank.preview("policies", by="rene")) == (403, "insufficient_scope")
    bank.preview("policies")
    for name in ("rita", "rene", "omar", "admin"):
        assert code(bank.activate("policies", by=name))[0] == 403, name
    assert code(bank.activate("policies", by="abel")) == (409, "activated_by_author")
    assert bank.service.get("policies/2.0.0")["state"] == "PREVIEWED"


def test_needs_a_young_preview_of_this(bank: Bank) -> None:
    """No preview, an old one, one against other rules: none of them lets rules come into force."""
    bank.upload("policies", policy_of(change=stricter))
    assert code(bank.activate("policies")) == (409, "preview_needed")
    bank.preview("policies")
    set_row(bank.database, "policy_preview", done_at=datetime.now(UTC) - timedelta(days=7, hours=1))
    assert code(bank.activate("policies")) == (409, "preview_needed")
    bank.preview("policies")
    bank.upload("policies", policy_of("3.0.0"))
    bank.preview("policies", "3.0.0")
    assert bank.activate("policies", "3.0.0").status_code == 200
    assert code(bank.activate("policies")) == (409, "preview_needed")
    bank.preview("policies")
    assert code(bank.activate("policies")) == (409, "revaluation_running")
    revaluate(bank.database)
    assert code(bank.activate("policies", match="none")) == (428, "tag_needed")
    assert code(bank.activate("policies", match='"old"')) == (412, "tag_stale")
    assert bank.activate("policies").status_code == 200
    assert code(bank.activate("policies", "3.0.0")) == (409, "already_decided")
    assert code(bank.preview("policies", "3.0.0")) == (409, "nothing_to_preview")


def test_from_a_moment_on(bank: Bank) -> None:
    """Decided today, it holds from then on, when the clock comes to it."""
    later = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    bank.upload("policies", policy_of(change=stricter))
    bank.preview("policies")
    waits = bank.activate("policies", effective_from=later).json()
    assert (waits["state"], waits["activated_by"]) == ("PREVIEWED", "abel")
    assert begin_scheduled(bank.database) == 0
    assert bank.service.get("policies/1.0.0")["state"] == "ACTIVE"

    bank.database.transact(_moment_comes)
    assert begin_scheduled(bank.database) == 1
    assert bank.service.get("policies/2.0.0")["state"] == "ACTIVE"
    assert rows(bank.database, "SELECT asked_by FROM revaluation") == [("abel",)]
    assert begin_scheduled(bank.database) == 0


def test_sooner_than_planned(bank: Bank) -> None:
    """Who puts rules in force at once that waited for a moment: they hold since now."""
    later = datetime.now(UTC) + timedelta(days=30)
    bank.upload("policies", policy_of(change=stricter))
    bank.preview("policies")
    bank.activate("policies", effective_from=later.isoformat())
    done = bank.activate("policies").json()
    assert done["state"] == "ACTIVE"
    assert done["effective_from"] == done["activated_at"]


def _moment_comes(session: Any) -> None:
    import sqlalchemy as sa  # noqa: PLC0415  # here alone

    past = "UPDATE policy SET effective_from = now() - interval '1 s' WHERE state = 'PREVIEWED'"
    session.execute(sa.text(past))


def test_decision_is_void_after_others(bank: Bank) -> None:
    """What waits was previewed against rules that hold no more: it becomes a draft again."""
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    for version in ("2.0.0", "3.0.0"):
        bank.upload("policies", policy_of(version, change=stricter))
        bank.preview("policies", version)
    bank.activate("policies", effective_from=later)
    assert bank.activate("policies", "3.0.0").status_code == 200
    revaluate(bank.database)
    bank.database.transact(_moment_comes)
    assert begin_scheduled(bank.database) == 0
    shown = bank.service.get("policies/2.0.0")
    assert (shown["state"], shown["activated_by"]) == ("DRAFT", None)
    assert all_changes(bank.database)[-1]["op"] == "withdraw"


def test_refused_policies(bank: Bank) -> None:
    """Each problem with its place and what to do; nothing is stored."""

    def wrong(document: Any) -> None:
        document["bands"] = {"MEDIUM": 60, "HIGH": 55}
        document["floors"][0]["when"] = {"purpose": "unheard_of"}

    refused = bank.upload("policies", policy_of(change=wrong))
    assert code(refused) == (422, "policy_refused")
    assert {one["pointer"]: bool(one["fix"]) for one in refused.json()["errors"]} == {
        "/bands/HIGH": True, "/floors/0/when/purpose": True,
    }  # fmt: skip
    text = files("service.risk").joinpath("policies/tiering-policy-v1.yaml").read_bytes()
    spoilt = text.replace(b"ask_next:", b"ask_nxt:")
    lines = bank.service.ask("POST", "policies", bank.tokens["rita"], content=spoilt, headers=YAML)
    assert code(lines) == (422, "policy_refused")
    assert lines.json()["errors"][-1]["message"].startswith("line ")
    assert lines.json()["errors"][-1]["fix"] == "Did you mean ask_next?"
    no_yaml = bank.service.ask("POST", "policies", bank.tokens["rita"], content=b"a: &b 1",
                               headers=YAML)  # fmt: skip
    assert code(no_yaml) == (422, "policy_refused")
    assert code(bank.upload("policies", policy_of("1.0.0", change=stricter))) == (
        409,
        "version_taken",
    )
    assert len(bank.service.get("policies")["items"]) == 1
    assert code(bank.service.ask("GET", "policies/9.9.9", bank.service.reader))[0] == 404
    assert code(bank.service.ask("GET", "policies/1.0.0/preview", bank.service.reader)) == (
        404, "preview_not_found",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("expression", "model.nobody_knows == 1"),
        ("expression", "size(model.twins) =="),
        ("expression", "model.twins.all(x, x == x)"),
        ("examples", []),
    ],
)
def test_refused_packs(bank: Bank, member: str, value: Any) -> None:
    """What does not compile, loops, or has no example that agrees is refused whole."""

    def spoil(document: Any) -> None:
        document["controls"][3][member] = value

    refused = bank.upload("control-packs", pack_of(change=spoil))
    assert code(refused) == (422, "pack_refused")
    assert all(one["pointer"].startswith("/INV-04/") for one in refused.json()["errors"])
    assert len(bank.service.get("control-packs")["items"]) == 1


def test_name_and_version(bank: Bank) -> None:
    """Where several packs are numbered alike, the name says which."""

    def renamed(document: Any) -> None:
        document["pack"] = "bank"

    text = files("service.risk").joinpath("policies/controls-v1.yaml").read_bytes()
    sent = text.replace(b"pack: default", b"pack: bank")
    made = bank.service.ask(
        "POST", "control-packs", bank.tokens["rita"], content=sent, headers=YAML
    )
    assert made.status_code == 201, made.text
    assert code(bank.service.ask("GET", "control-packs/1.0.0", bank.service.reader)) == (
        422, "version_ambiguous",
    )  # fmt: skip
    assert bank.service.get("control-packs/bank@1.0.0")["digest"] == made.json()["digest"]
    same = bank.upload("control-packs", pack_of("1.0.0", change=renamed))
    assert (same.status_code, same.json()["digest"]) == (200, made.json()["digest"])
