"""The bounded walk over YAML: scalars as they are written, everything clever refused."""

from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from schemas.yaml_walk import YamlRefused, read_typed, read_yaml

REFUSED = {
    b"": "the file is empty",
    b"# nothing\n": "the file is empty",
    b"a: &x 1": "line 1, column 4: anchors",
    b"a: *x": "line 1, column 4: aliases",
    b"a: !!int 1": "line 1, column 4: tags",
    b"<<: {a: 1}": "line 1, column 1: a key must be plain text, and not <<",
    b"{a: 1, a: 2}": "line 1, column 8: the key 'a' stands twice",
    b"? [a]\n: 1": "line 1, column 3: a key must be plain text",
    b"a: 1\n---\nb: 2": "line 2, column 1: a second document",
    b"a: [1": "line 1",
    b"\ta: 1": "line 1",
    b"\xff\xfea\x00": "the file is not UTF-8 but UTF-16",
    b"a: 1\nb: \xfc": "line 2, column 1: the file is not UTF-8",
    b"a: \x00": "line 1, column 4: holds the character U+0000",
    b'a: 1\nb: "\\U00110000"': "line 2, column 1: an escape or directive after this place",
    b"a: 1\nb: 'c\n\n": "line 2, column 4: found unexpected end of stream",
    b"[" * 33 + b"]" * 33: "nested more than 32 levels",
    b"[" * 200_000: "nested more than 32 levels",
    b"[" + b"1," * 20_001 + b"]": "holds more than 20000 values",
    b"a: " + b"x" * 65_537: "longer than 65536 characters",
    b"#" * 262_145: "larger than 262144 bytes",
}


@pytest.mark.parametrize("raw", REFUSED, ids=range(len(REFUSED)))
def test_read_yaml_refused(raw: bytes) -> None:
    """What is hostile or clever is refused with its place, not expanded."""
    with pytest.raises(YamlRefused) as refused:
        read_yaml(raw)

    assert REFUSED[raw] in str(refused.value)


def test_read_yaml_as_written() -> None:
    """Scalars stay text: NO is a country, 1.10 a version; only a plain null is nothing."""
    raw = "\ufeffa: NO\nb: 1.10\nc: [010, ~, '~', \"\"]\nd: |\n  two\n  lines\ne:\n".encode()

    read = read_yaml(raw).value

    assert read == {
        "a": "NO", "b": "1.10", "c": ["010", None, "~", ""], "d": "two\nlines\n", "e": None,
    }  # fmt: skip


def test_read_yaml_lines() -> None:
    """The line of a value is known, and of one that is missing the line of what should hold it."""
    document = read_yaml(b"a:\n  - x: 1\n    y:\n      z: 2\nb: 3\n")

    lines = [document.line_of(p) for p in (("a", 0, "y", "z"), ("a", 0, "w"), ("b",), ("c",), ())]

    assert lines == [4, 2, 5, 1, 1]


TEXT = st.text(  # line ends of other kinds are read as one, as YAML says
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"), exclude_characters="\ufeff"),
    max_size=20,
)
KEY = TEXT.filter(lambda text: text != "<<")
JSON = st.recursive(
    TEXT | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEY, inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_read_yaml_round_trip(value: Any) -> None:
    """What a YAML writer wrote is read as it was."""
    written = yaml.dump(value, Dumper=Plain, allow_unicode=True).encode()

    assert read_yaml(written).value == value


class Plain(yaml.SafeDumper):
    """Writes equal values out."""

    def ignore_aliases(self, _data: Any) -> bool:
        """Nothing is an alias."""
        return True


def test_read_yaml_places() -> None:
    """Keys and texts are known from their first character to behind their last."""
    document = read_yaml(b"a:\n  - 'b c' # d\n")
    assert (document.key_of(("a",)), document.key_ends["a",]) == ((1, 1), (1, 2))
    assert (document.value_of(("a", 0)), document.ends["a", 0]) == ((2, 5), (2, 10))
    assert ("a",) not in document.ends  # no text


@pytest.mark.parametrize(
    ("raw", "code"),
    [(b"", "empty"), (b"a: *b", "yaml_feature"), (b"a: 1\na: 1", "duplicate_key"), (b"[", "yaml"),
     (b"a\n---\nb", "several_documents"), (b"\xff\xfea", "encoding"), (b"[" * 99, "too_large")],
)  # fmt: skip
def test_read_yaml_codes(raw: bytes, code: str) -> None:
    """Each reason has a word for tools."""
    with pytest.raises(YamlRefused) as refused:
        read_yaml(raw)
    assert refused.value.code == code


def test_read_typed_scalars() -> None:
    """Plain null, truths, numbers and RFC 3339 times are typed; quoted and all else is text."""
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    written: dict[str, object] = {
        "null": None, "~": None, '"null"': "null", "NULL": None,
        "true": True, "false": False, "True": "True", "yes": "yes", "'true'": "true",
        "4711": 4711, '"4711"': "4711", "-3": -3, "0": 0, "007": "007", "0x1F": "0x1F",
        "1.5": 1.5, "'1.5'": "1.5", "1e3": "1e3", "1.0.0": "1.0.0", ".inf": ".inf",
        "2026-11-23T12:00:00Z": noon, "2026-11-23T13:00:00+01:00": noon,
        '"2026-11-23T12:00:00Z"': "2026-11-23T12:00:00Z",
        "2026-10-01": "2026-10-01", "'2026-10-01'": "2026-10-01",
        "1_000": "1_000", "2026-11-23T12:00:00": "2026-11-23T12:00:00",
        "2026-13-23T12:00:00Z": "2026-13-23T12:00:00Z",
        "0001-01-01T00:00:00+14:00": "0001-01-01T00:00:00+14:00",
        "12345678901234567890": "12345678901234567890", "plain words": "plain words",
    }  # fmt: skip
    raw = "".join(f"- {scalar}\n" for scalar in written).encode()

    read = read_typed(raw)

    assert read == list(written.values())
    assert [type(value) for value in read] == [type(value) for value in written.values()]


@pytest.mark.parametrize("raw", REFUSED, ids=range(len(REFUSED)))
def test_read_typed_refused(raw: bytes) -> None:
    """Types change nothing about what is refused."""
    with pytest.raises(YamlRefused) as refused:
        read_typed(raw)

    assert REFUSED[raw] in str(refused.value)
