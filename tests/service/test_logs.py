"""Logs: one event is one line, without a secret in it."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from service.access.tokens import make_token
from service.logs import LONGEST, redact, scrub, set_up_logs

Said = Callable[[], list[str]]
CANARY: Final = "c4nary-Xy7"
WRITTEN: Final = {
    f"postgresql://catalog:{CANARY}@db/catalog": "postgresql://[hidden]@db/catalog",
    f"postgresql+psycopg://u:{CANARY}/with@and/@db/c": "postgresql+psycopg://[hidden]@db/c",
    f"GET https://{CANARY}@mlflow.example/x": "GET https://[hidden]@mlflow.example/x",
    f"https://u:{CANARY}@host and https://v@other": "https://[hidden]@host and https://[hidden]@other",
    f"Authorization: Bearer {CANARY}": "Authorization: Bearer [hidden]",
    f"Proxy-Authorization: basic {CANARY}==": "Proxy-Authorization: basic [hidden]",
    f"/api?page=1&token={CANARY}&x=1": "/api?page=1&token=[hidden]&x=1",
    f"password={CANARY} host=db": "password=[hidden] host=db",
    f'{{"api_token": "{CANARY}", "n": 1}}': '{"api_token": "[hidden]", "n": 1}',
    f"MLFLOW_TRACKING_PASSWORD: {CANARY}": "MLFLOW_TRACKING_PASSWORD: [hidden]",
    "AKIAIOSFODNN7EXAMPLE": "[masked aws key]",
    "https://mlflow.example/models/@champion": "https://mlflow.example/models/@champion",
    "a\nb\x00c\x1b[31m\u2028\u202e\x85\ud800": r"a\nb\x00c\x1b[31m\u2028\u202e\x85\ud800",
}


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Iterator[Said]:
    """The lines that are logged; the set-up of this process is put back afterwards."""
    handlers, level, kept = logging.root.handlers[:], logging.root.level, structlog.get_config()

    def lines() -> list[str]:
        return capsys.readouterr().err.splitlines()

    yield lines
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.configure(**kept)


@pytest.mark.parametrize("text", WRITTEN)
def test_scrub_text(text: str) -> None:
    """LEAK-01: what is or looks like a credential is hidden, a control character is written out."""
    assert scrub(text) == WRITTEN[text]


def test_scrub_token() -> None:
    """A token of ours is hidden wherever it stands, also inside a word."""
    assert scrub(f"x{make_token('r')[0]}") == "x[hidden]"


@given(st.text(max_size=200))
def test_scrub_one_line(text: str) -> None:
    """Whatever is logged stays on one line, and can be written as UTF-8."""
    assert len(scrub(text).encode().splitlines()) <= 1


def test_scrub_long() -> None:
    """A huge text is cut, between words, in time that grows with what is kept only."""
    text = f"first {'postgresql://' * 500_000} middle {'token' * 500_000} last"

    assert scrub(text) == "first …  last".replace("…  ", "… ")
    assert len(scrub("word " * 1_000_000)) <= LONGEST + 2


def test_redact_names() -> None:
    """What is named like a secret is hidden at any depth, whatever its type; other values stay."""
    deep: Any = {"a": [{"Api-Key": "x", "api_key": CANARY, "n": 7}], "passwords": [CANARY]}

    event = redact(None, "", {
        "event": "opened", "authorization": CANARY, "Set-Cookie": CANARY, "database_url": CANARY,
        "secret_key": CANARY.encode(), "token": None, "facts": deep, "count": 3, "ok": True,
        "error": ValueError(f"https://u:{CANARY}@h"),
    })  # fmt: skip

    assert event == {
        "event": "opened", "authorization": "[hidden]", "Set-Cookie": "[hidden]",
        "database_url": "[hidden]", "secret_key": "[hidden]", "token": None,
        "facts": {"a": [{"Api-Key": "[hidden]", "api_key": "[hidden]", "n": 7}],
                  "passwords": "[hidden]"},
        "count": 3, "ok": True, "error": "https://[hidden]@h",
    }  # fmt: skip


@pytest.mark.parametrize(("form", "lines"), [("json", 1), ("text", 2)])
def test_logs_traceback(said: Said, form: str, lines: int) -> None:
    """A traceback stands on a line, without the address of the database: ours and a library's."""
    set_up_logs(form=form, level="info")
    broken = RuntimeError(f"postgresql://u:{CANARY}@db/c\n\x1b[2Jforged: line")

    structlog.get_logger().error("unexpected", exc_info=broken)
    logging.getLogger("uvicorn.error").error("unexpected", exc_info=broken)

    written = said()
    assert len(written) == 2 * lines
    assert sum("RuntimeError: postgresql://[hidden]@db/c" in line for line in written) == 2
    assert CANARY not in "".join(written)
    assert "\x1b" not in "".join(written)
    if form == "json":
        assert [json.loads(line)["event"] for line in written] == ["unexpected", "unexpected"]


def test_logs_level(said: Said) -> None:
    """Below the level nothing is said; libraries that log values or headers never do so."""
    set_up_logs(form="json", level="debug")
    logging.getLogger("sqlalchemy.engine.Engine").info("INSERT … [%s]", CANARY)
    logging.getLogger("httpcore2.http11").debug("headers %s", CANARY)
    structlog.get_logger().debug("shown")
    set_up_logs(form="json", level="warning")
    structlog.get_logger().info("hidden")
    logging.getLogger("uvicorn.error").info("hidden")

    assert [json.loads(line)["event"] for line in said()] == ["shown"]
