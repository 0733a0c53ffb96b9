"""`pyproject.toml`: the licence, and who wrote it. Tools' settings are not read."""

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from harvesters.manifests.formats.found import FileRefused, Format, Found
from harvesters.manifests.formats.held import hold, mapping, mappings, one_line, text_of, texts
from harvesters.manifests.formats.people import developers, written_people
from schemas.identifiers import Kind

LARGEST: Final = 128 * 1024
MOST_DOTS: Final = 200  # in a line: a key of n parts costs the parser n² bytes and time
LONGEST_LICENCE: Final = 200  # longer ones are the text of the licence, not its name


def read(raw: bytes, path: str) -> Sequence[Found]:
    """Facts of all models below it, concluded: they are said of the software, not of a model."""
    del path
    read = _parsed(raw)
    project = mapping(read.get("project"))
    poetry = mapping(mapping(read.get("tool")).get("poetry"))
    licence, lost = _licence(project.get("license", poetry.get("license")))
    people = [
        *mappings(project.get("authors")),
        *mappings(project.get("maintainers")),
        *written_people(texts(poetry.get("authors"))),
        *written_people(texts(poetry.get("maintainers"))),
    ]
    said = {"license": licence, "owners": developers(people)}
    facts, dropped = hold(Kind.MODEL, said, dropped=lost)
    if not facts and not dropped:
        return []
    name = one_line(project.get("name")) or one_line(poetry.get("name"))
    return [Found(Kind.MODEL, facts, inferred=tuple(sorted(facts)), name=name, dropped=dropped)]


def _parsed(raw: bytes) -> Mapping[str, Any]:
    if len(raw) > LARGEST:
        raise FileRefused("too_large", f"is larger than {LARGEST:,} bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FileRefused("not_utf8", "is not UTF-8; save it as UTF-8") from None
    if any(line.count(".") > MOST_DOTS for line in text.splitlines()):
        raise FileRefused("too_deep", f"holds a line with more than {MOST_DOTS} dots")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise FileRefused("too_deep", "is nested too deep") from None
    except ValueError as error:  # of numbers with too many digits, too
        raise FileRefused("not_toml", f"is not TOML: {str(error)[:200]}") from None


def _licence(stated: Any) -> tuple[str | None, list[str]]:
    """Text, or a table with one; a file that holds it is not opened."""
    text = text_of(stated) or text_of(mapping(stated).get("text"))
    if text is None:
        file = text_of(mapping(stated).get("file"))
        said = f"license: stands in the file {file[:100]}, which is not opened" if file else None
        return None, [said] if said else []
    if len(text) > LONGEST_LICENCE or "\n" in text:
        return None, ["license: is the text of a licence; write its SPDX identifier"]
    return text, []


PYPROJECT: Final = Format(
    "pyproject", lambda path: path.rpartition("/")[2] == "pyproject.toml", read, reach="below"
)
