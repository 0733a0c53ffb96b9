"""`CITATION.cff`: the licence, and who wrote it. Who is cited is nobody's concern here."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from harvesters.manifests.formats.found import FileRefused, Format, Found
from harvesters.manifests.formats.held import hold, mappings, one_line, texts
from harvesters.manifests.formats.people import developers
from harvesters.manifests.formats.texts import one_document
from schemas.identifiers import Kind

NAME: Final = "citation.cff"
MEMBERS: Final = {"cff-version", "authors", "title", "message"}


def read(raw: bytes, path: str) -> Sequence[Found]:
    """Facts of all models below it, concluded: they are said of the software, not of a model."""
    del path
    read = one_document(raw, what="CITATION.cff")
    if not MEMBERS & read.keys():
        raise FileRefused("other_format", "has none of the members of a CITATION.cff")
    licences = [" ".join(text.split()) for text in texts(read.get("license"))]
    said = {
        "license": " OR ".join(licences) or None,  # its standard: any of several
        "owners": developers(authors(read)),
    }
    facts, dropped = hold(Kind.MODEL, said)
    if not facts and not dropped:
        return []
    return [Found(Kind.MODEL, facts, inferred=tuple(sorted(facts)), dropped=dropped)]


def authors(read: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Persons and organisations: name, and address where there is one."""
    found: list[dict[str, Any]] = []
    for author in mappings(read.get("authors")):
        parts = (author.get(part) for part in ("given-names", "name-particle", "family-names"))
        full = " ".join(text for part in parts if (text := one_line(part)))
        name = one_line(author.get("name")) or full or one_line(author.get("alias"))
        found.append({"name": name or "", "email": author.get("email")})
    return found


CITATION: Final = Format(
    "citation", lambda path: path.rpartition("/")[2].lower() == NAME, read, reach="below"
)
