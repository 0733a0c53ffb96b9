"""What is recorded holds no secret, and reads as it did."""

import json
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from harvesters.codec import Codec
from harvesters.redaction import redact, redact_text

KEY: Final = "AKIA" + "A1B2" * 4
SECRET: Final = "hunter2hunter2"  # noqa: S105  # a canary
TEXTS: Final = {
    f"see {KEY}!": "see [masked aws key]!",
    f"https://me:{SECRET}@git.example/a": "https://masked:masked@git.example/a",
    f"https://{SECRET}@git.example/a b@c": "https://masked@git.example/a b@c",
    f"abfss://container@account/x?password={SECRET}":
        "abfss://container@account/x?password=[masked by its name]",
    f"wasbs://box:{SECRET}@account/x": "wasbs://box:masked@account/x",
    f"db_password={SECRET}": "db_password=[masked by its name]",
    f"a: 1\napi-key: {SECRET}\nb: 2": "a: 1\napi-key: [masked by its name]\nb: 2",
    f"deploy_token: {SECRET}": "deploy_token: [masked by its name]",
    "max_tokens=7 tokenizer=bert": "max_tokens=7 tokenizer=bert",
    f'{{"uri": "x", "secret": "{SECRET}"}}': '{"uri": "x", "secret": "[masked by its name]"}',
    "mail anna@acme.example about the secret": "mail anna@acme.example about the secret",
}  # fmt: skip


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_redact_text(text: str) -> None:
    """Keys, passwords and credentials go, the shape stays; twice is like once."""
    assert redact_text(text) == TEXTS[text]
    assert redact_text(TEXTS[text]) == TEXTS[text]
    assert SECRET not in redact_text(text)


def test_redact_by_name() -> None:
    """Below a name that tells, every text goes; numbers are counts and stay."""
    codec = Codec()
    given = {
        "params": {"token_count": 7, "db_password": SECRET, "secrets": [SECRET, {"x": SECRET}, 3]},
        "tags": [{"key": "api_key", "value": SECRET}, {"key": "domain", "value": "retail"}],
        "file": f"password: {SECRET}\n".encode() + b"\xff",
    }

    cleaned = redact(codec.encode(given))

    assert SECRET not in json.dumps(cleaned)
    assert cleaned["params"]["secrets"] == [
        "[masked by its name]",
        {"x": "[masked by its name]"},
        3,
    ]
    assert cleaned["params"]["token_count"] == 7
    assert codec.decode(cleaned)["file"] == b"password: [masked by its name]\n\xff"
    assert redact(cleaned) == cleaned


def test_redact_odd_mappings() -> None:
    """A tag that is called like the mark of types, or a pair of name and value, hides nothing."""
    codec = Codec()
    given: dict[str, Any] = {
        "tags": {"$": "x", "db_password": SECRET, "domain": "retail"},
        "env": [{"name": "API_TOKEN", "value": SECRET}],
        "secrets": {"raw": SECRET.encode(), "at": datetime(2026, 1, 1, tzinfo=UTC)},
    }

    cleaned = redact(codec.encode(given))
    read = codec.decode(cleaned)

    assert SECRET not in json.dumps(cleaned)
    assert read["tags"] == {"$": "x", "db_password": "[masked by its name]", "domain": "retail"}
    assert read["secrets"] == {"raw": b"[masked by its name]", "at": given["secrets"]["at"]}
    assert redact(cleaned) == cleaned
