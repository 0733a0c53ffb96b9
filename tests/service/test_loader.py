"""The strict JSON loader: what is not plain JSON is a 400 that says what is wrong."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.observation import parse_observation
from schemas.strict import Json
from service.errors import BadRequest
from service.loader import MOST_LEVELS, load_json

DOCUMENTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def refusal(body: bytes) -> str:
    """What the loader says is wrong."""
    with pytest.raises(BadRequest) as refused:
        load_json(body)
    assert refused.value.status == 400
    return refused.value.detail or ""


@given(DOCUMENTS, st.booleans())
def test_load_json_round_trip(document: Any, escaped: bool) -> None:  # noqa: FBT001  # drawn
    """What is JSON is read as the standard library reads it, escaped or not."""
    body = json.dumps(document, ensure_ascii=escaped).encode("utf-8", "surrogatepass")

    if (
        not escaped
        and "\ud800" <= max(body.decode("utf-8", "surrogatepass"), default="") < "\ue000"
    ):
        return
    assert load_json(body) == document


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "The body is empty."),
        (b" \r\n", "The body is empty."),
        (b"\xef\xbb\xbf{}", "The body begins with a byte order mark."),
        ('{"a": 1}'.encode("utf-16"), "The body is not UTF-8."),
        ('{"a": 1}'.encode("utf-16-le"), "The body is not JSON: line 1, column 2."),
        (b'{"a": "\xff"}', "The body is not UTF-8."),
        (b'{"a": "\xed\xa0\x80"}', "The body is not UTF-8."),
        (b'{"a":', "The body is not JSON: line 1, column 6."),
        (b"{}\n{}", "The body is not JSON: line 2, column 1."),
        (b'"\x00"', "The body is not JSON: line 1, column 2."),
        (b"{'a': 1}", "The body is not JSON: line 1, column 2."),
        (b'{"a":1,"b":{"c":1,"\\u0063":2}}', 'An object holds the key "c" twice.'),
        (b'{"\\ud800":1,"\\ud800":2}', 'An object holds the key "\\ud800" twice.'),
        (b"[NaN]", "NaN and Infinity are not JSON; leave the value out or send null."),
        (b"-Infinity", "NaN and Infinity are not JSON; leave the value out or send null."),
        (b"1e400", "A number is larger than a computer can hold."),
        (b"-1e400", "A number is larger than a computer can hold."),
        (b"1e" + b"9" * 30, "A number is larger than a computer can hold."),
        (b"1" * 4_301, "A number has more digits than a computer can hold."),
        (b"0." + b"1" * 4_301, "A number has more digits than a computer can hold."),
    ],
)
def test_load_json_refused(body: bytes, reason: str) -> None:
    """PARSE-04, PARSE-07: each is refused with its reason; of the input only a key is shown."""
    assert refusal(body) == reason


def test_load_json_long_key_is_cut() -> None:
    """A repeated key is named in ASCII and cut: it is the sender's text."""
    body = b'{"%s":1,"%s":2}' % ((b"\xc3\xa9" * 1_000,) * 2)

    assert refusal(body).isascii()
    assert len(refusal(body)) < 200


@pytest.mark.parametrize("levels", [MOST_LEVELS + 1, 900, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_load_json_nested(levels: int, opening: bytes, closing: bytes) -> None:
    """PARSE-07: deep nesting is a 400, also in a worker thread, and never a RecursionError."""
    body = opening * levels + b"1" + closing * levels
    with ThreadPoolExecutor(1) as worker:
        in_thread = worker.submit(refusal, body).result()

    assert in_thread == refusal(body) == "The body is nested too deeply; 100 levels are the most."


def test_load_json_at_the_limits() -> None:
    """The deepest, the longest number and the smallest one are still read."""
    deepest = b"[" * MOST_LEVELS + b"1" + b"]" * MOST_LEVELS

    assert json.dumps(load_json(deepest)).encode() == deepest
    assert load_json(b"1" * 40) == int("1" * 40)
    assert load_json(b"[1e-400, -0.0]") == [0.0, -0.0]


@pytest.mark.parametrize(
    "text", ['{"\\ud800": 1}', '{"a": "\\udfff"}', '"\\u0000"', '[["\\u202e"]]', '{"a\\n": 1}']
)
def test_load_json_then_contract(text: str) -> None:
    """Lone surrogates, NUL and bidi controls are JSON; the contracts refuse them, never a 500."""
    document = load_json(text.encode())

    with pytest.raises(ValidationError):
        TypeAdapter[Any](Json).validate_python(document)
    with pytest.raises(ValidationError):
        parse_observation(document)


def test_json_value_kept() -> None:
    """A clean JSON value stays what it is, tabs and line ends in texts included."""
    document = {"a": ["x\ty\n", 1, 1.5, None, True, {"b": {}}]}

    assert TypeAdapter[Any](Json).validate_python(document) == document
