"""Canaries in payloads and headers: in no table, no log and no answer."""

import json
from typing import Any, Final

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from service.db import Database
from service.hooks.masking import masked
from service.hooks.process import process_deliveries
from service.tables import METADATA
from tests.hooks.senders import (
    GITHUB,
    GITLAB,
    GITLAB_PUSH,
    PREFIX,
    PUSH,
    SECRET,
    SIGNING,
    TOKEN,
    github_headers,
    send,
    signed_headers,
    token_headers,
    written,
)
from tests.support.http import logged, opened

CANARY: Final = "canary0of0a0secret"
JWT: Final = f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{CANARY}"
SECRETIVE: Final[dict[str, Any]] = {
    "object_attributes": {"variables": [{"key": "PASSWORD", "value": CANARY}]},
    "variables": {"DEPLOY": CANARY},
    "hook": {"config": {"secret": CANARY, "url": f"https://user:{CANARY}@ci.example.com/x"}},
    "clone": f"https://oauth2:{CANARY}@gitlab.com/acme/churn.git",
    "token_url": f"see https://{CANARY}@gitlab.com/acme/churn.git",
    "message": f"use ghp_{CANARY * 3} or glpat-{CANARY * 2} or {JWT}",
    "nested": [{"apiKey": CANARY, "Private-Key": CANARY, "db_password": CANARY}],
    f"glpat-{CANARY * 2}": 1,
    "token": {"deep": [CANARY]},
    "authorization": CANARY,
    "trigger_token": CANARY,
    "session_cookie": CANARY,
    "inputs": {"notes": CANARY},
    "client_payload": {"notes": [CANARY]},
    "deployment": {"payload": {"notes": CANARY}},
}
HEADERS: Final = {
    "X-GitHub-Hook-Installation-Target-ID": CANARY,
    "Cookie": f"session={CANARY}",
    "Authorization": f"Basic {CANARY}",
}


def everything(database: Database) -> str:
    """All that any table holds."""
    with database.reading() as session:
        return "\n".join(
            str(row)
            for table in METADATA.sorted_tables
            for row in session.execute(sa.select(table))
        )


@pytest.mark.parametrize("how", ["github", "gitlab", "signed", "forged", "unreadable"])
def test_leak(
    hooked: Database, owner_database: Database, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """LEAK-01: what is secret in a delivery, and what proves it, stays nowhere."""
    monkeypatch.setenv(f"{PREFIX}GITLAB_ACME", SIGNING if how == "signed" else TOKEN)
    body = written(SECRETIVE | dict(PUSH) | dict(GITLAB_PUSH))
    if how == "unreadable":
        body = written(SECRETIVE | {"repository": CANARY[:0]})
    headers = {
        "github": github_headers(body, delivery=f"ghp_{CANARY * 3}"),
        "gitlab": token_headers(delivery=f"glpat-{CANARY * 2}"),
        "signed": signed_headers(body),
        "forged": github_headers(body, secret=CANARY),
        "unreadable": github_headers(body),
    }[how]
    to = GITLAB if how in {"gitlab", "signed"} else GITHUB
    with logged() as events, opened(hooked) as service:
        answer = send(service, body, headers | HEADERS, to=to)
        kept = everything(owner_database)
        process_deliveries(hooked)
        kept += everything(owner_database)
        admin = service.token("admin")
        seen = "".join(
            service.ask("GET", path, admin).text
            for path in (f"sources/{to}", f"sources/{to}/deliveries", f"sources/{to}/hints")
        )
    log = json.dumps(events)

    assert answer.status_code == (401 if how == "forged" else 202)
    assert "delivery_taken" in log or how == "forged"
    for secret in (CANARY, SECRET, TOKEN, SIGNING, SIGNING.removeprefix("whsec_")):
        for place, text in {"kept": kept, "log": log, "answer": answer.text, "seen": seen}.items():
            assert secret not in text, (place, secret)


def test_masked_keeps() -> None:
    """What is no secret stays as it was: masking takes texts and lists, figures are figures."""
    payload = {**PUSH, "tokens": 3, "token": None, "secret": "", "passwordless": True,
               "url": "git@github.com:acme/churn.git", "ssh": "https://github.com/a@b"}  # fmt: skip

    assert json.loads(masked(payload)) == payload


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_masked_anything(payload: Any) -> None:
    """Any payload becomes ASCII that can be stored, and is masked the same again."""
    text = masked(payload)

    assert text.isascii()
    assert "\x00" not in text
    assert masked(json.loads(text)) == text
