"""What can be mended in a manifest without asking anybody: spelling, never meaning."""

import re
from collections.abc import Collection
from difflib import get_close_matches
from typing import Final

from harvesters.manifests.problems import Edit
from schemas.manifest_values import ACCOUNT, DIGEST, EMAIL, NAME, NAMESPACE
from schemas.manifest_words import COUNTRIES
from schemas.yaml_walk import Document, Path

LONGEST: Final = 60  # of a word that can be a slip
NEAR: Final = 0.6  # enough to be named
NEAREST: Final = 0.8  # enough to be written without asking
SPACES: Final = re.compile(r"[\s./_-]+")
PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9._@/+-]*", re.ASCII)
WORDS: Final = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}  # to some readers
YES_NO: Final = {
    "true": "true", "yes": "true", "on": "true", "y": "true",
    "false": "false", "no": "false", "off": "false", "n": "false",
}  # fmt: skip
TEAM: Final = re.compile(r"(team|user)\s*[: =/]\s*([^\s:]+)", re.IGNORECASE)
ADDRESS: Final = re.compile(r"(?:mailto:|[^<>@]*<)?([^@\s<>:]+@[^@\s<>:]+?)>?", re.IGNORECASE)
DAY: Final = re.compile(r"(\d{4})[-/.](\d{2})[-/.](\d{2})(?:[T ].*)?", re.ASCII)
DAY_LAST: Final = re.compile(r"(\d{2})\.(\d{2})\.(\d{4})", re.ASCII)
OTHER_COUNTRIES: Final = {"UK": "GB", "EL": "GR"}
HEX: Final = {64: "sha256", 32: "md5"}


def nearest(word: str, known: Collection[str]) -> str | None:
    """The known word that was most likely meant."""
    if len(word) > LONGEST:
        return None
    if (exactly := same(word, known)) is not None:
        return exactly
    folded = {_folded(one): one for one in known}
    begins = [one for key, one in folded.items() if len(word) > 1 and key.startswith(_folded(word))]
    if len(begins) == 1:
        return begins[0]
    close = get_close_matches(_folded(word), folded, n=1, cutoff=NEAR)
    return folded[close[0]] if close else None


def same(word: str, known: Collection[str]) -> str | None:
    """The known word that it is, but for case and what stands between its parts."""
    return next((one for one in known if _folded(one) == _folded(word)), None)


def is_spelling(word: str, meant: str) -> bool:
    """Is it the same word but for case, hyphens or a slip, so that nobody has to be asked?"""
    return bool(get_close_matches(_folded(word), [_folded(meant)], cutoff=NEAREST))


def _folded(word: str) -> str:
    separated = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word.strip())
    return SPACES.sub("_", separated).casefold()


def rename_key(document: Document, path: Path, *, meant: str) -> Edit:
    """Another key for the same value."""
    return Edit(*document.keys[path], *document.key_ends[path], meant)


def replace_value(document: Document, path: Path, *, written: str) -> Edit | None:
    """Another text in the place of one; None: no text stands there, or one of several lines."""
    begin, end = document.values[path], document.ends.get(path)
    if end is None or end.line != begin.line:
        return None
    return Edit(*begin, *end, written)


def space_after(document: Document, path: Path, *, key: str, text: str) -> Edit | None:
    """A space behind a key that the text begins with; None: it does not stand there as it is."""
    begin, end = document.values[path], document.ends[path]
    if end != (begin.line, begin.column + len(text)):  # quoted, or on several lines
        return None
    place = begin.line, begin.column + len(key)
    return Edit(*place, *place, " ")


def quoted(text: str) -> str:
    """A text as every reader of YAML reads it."""
    if PLAIN.fullmatch(text) and text.lower() not in WORDS:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def mended_flag(text: str) -> str | None:
    """`no` as false."""
    return YES_NO.get(text.strip().lower())


def mended_day(text: str) -> str | None:
    """Other orders, where only one day can be meant."""
    if found := DAY.fullmatch(text.strip()):
        return "-".join(found.groups())
    if found := DAY_LAST.fullmatch(text.strip()):
        day, month, year = found.groups()
        return f"{year}-{month}-{day}"
    return None


def mended_number(text: str) -> str | None:
    """Underscores between digits, as programs have them."""
    found = re.fullmatch(r"\d{1,3}(?:_\d{3})+|\d+_\d+", text, re.ASCII)
    return text.replace("_", "") if found else None


def mended_owner(text: str) -> str | None:
    """`team retention`, `Anna <anna@example.com>`."""
    if found := TEAM.fullmatch(text.strip()):
        written = f"{found[1].lower()}:{found[2]}"
        return quoted(written) if re.fullmatch(ACCOUNT, written) else None
    if (found := ADDRESS.fullmatch(text.strip())) and re.fullmatch(EMAIL, found[1]):
        return quoted(found[1])
    return None


def mended_form(text: str, field: str) -> str | None:
    """Names in capitals, countries in small letters, digests without their kind."""
    if field in {"namespace", "name"}:
        written = re.sub(r"\s+", "-", text.strip()).lower()
        allowed = re.fullmatch(NAME if field == "name" else NAMESPACE, written)
        return quoted(written) if allowed else None
    if field == "jurisdictions":
        code = OTHER_COUNTRIES.get(text.strip().upper(), text.strip().upper())
        return f'"{code}"' if code in COUNTRIES else None
    if field == "digest":
        written = text.strip().lower()
        if written.isalnum() and len(written) in HEX:
            written = f"{HEX[len(written)]}:{written}"
        return quoted(written) if re.fullmatch(DIGEST, written) else None
    return None
