"""Reads provenance: in-toto statements with SLSA predicates, in whatever they are wrapped. Pure.

A statement says which artifacts, by digest, were made by whom from which commit. It is a claim
until a configured verifier has looked at its signature.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from harvesters.ci.provenance_envelopes import Claim, Verifier, unwrap
from harvesters.ci.provenance_predicates import Origin, origin_of
from harvesters.manifests.formats.found import FileRefused
from harvesters.manifests.formats.held import items_of, mapping, text_of
from schemas.canonical import canonical_digest
from schemas.digest import canonical_json
from schemas.masking import mask_secrets
from schemas.strict import UNWANTED

LARGEST: Final = 8 * 1024 * 1024  # of a file: a host answers a hundred bundles at once
MOST_STATEMENTS: Final = 200
MOST_SUBJECTS: Final = 500  # of one statement
LONGEST: Final = 1_000  # characters of a name or builder
TYPE: Final = re.compile(r"https://in-toto\.io/Statement/v(?:0\.1|1|1\.0)")
SIGNED: Final = "application/vnd.dev.sigstore.messageSignature"  # no predicate: a signature alone


class Subject(NamedTuple):
    """An artifact that a statement is about; without a SHA-256 it cannot be looked up."""

    name: str
    digest: str | None


class Statement(NamedTuple):
    """What one statement claims. `digest` is that of the statement as it was read."""

    predicate: str
    digest: str
    subjects: tuple[Subject, ...]
    origin: Origin
    verified: bool = False

    @property
    def commit(self) -> str | None:
        """The commit that it says the artifacts were made from."""
        return self.origin.commit

    def provenance(self) -> dict[str, Any]:
        """As a build's facts hold it."""
        said = {"predicate": self.predicate, "verified": self.verified, "digest": self.digest}
        return said | ({"builder": self.origin.builder} if self.origin.builder else {})

    def artifacts(self) -> list[dict[str, Any]]:
        """Its subjects, as a build's facts hold them."""
        return [
            {"name": one.name} | ({"digest": one.digest} if one.digest else {})
            for one in self.subjects
        ]


class Reading(NamedTuple):
    """The statements of a file, and why others in it were not read."""

    statements: tuple[Statement, ...] = ()
    unread: tuple[str, ...] = ()


def read_provenance(raw: bytes, verifier: Verifier | None = None) -> Reading:
    """Every statement of a file once; JSON that holds none answers nothing.

    Raises `FileRefused` where the file is no JSON, or larger or deeper than any statement.
    """
    found: dict[str, Statement] = {}
    unread: list[str] = []
    for claim in unwrap(raw, verifier=verifier, largest=LARGEST):
        if isinstance(claim, str):
            unread.append(claim)
            continue
        statement = _statement(claim)
        if isinstance(statement, str):
            unread.append(statement)
        elif statement is not None:
            known = found.get(statement.digest)
            proven = statement.verified or (known is not None and known.verified)
            found[statement.digest] = statement._replace(verified=proven)
        if len(found) > MOST_STATEMENTS:
            raise FileRefused("too_large", f"holds more than {MOST_STATEMENTS} statements")
    return Reading(tuple(found.values()), tuple(dict.fromkeys(unread)))


def _statement(claim: Claim) -> Statement | str | None:
    """What is claimed; a text: why it is not read; None: it is no statement at all."""
    document = mapping(claim.document)
    if claim.signed is not None:
        subject = Subject(claim.signed, claim.signed)
        return Statement(SIGNED, _digest(claim), (subject,), Origin())
    stated = document.get("_type")
    if not isinstance(stated, str) or "in-toto.io/Statement" not in stated:
        return None
    subjects = tuple(_subjects(document))
    predicate = _line(document.get("predicateType"))
    if predicate is None or (fault := _fault(stated, subjects)):
        return fault if predicate is not None else "a statement that says no predicateType"
    origin = origin_of(predicate, mapping(document.get("predicate")))
    return Statement(predicate, _digest(claim), subjects, origin, claim.verified)


def _fault(stated: str, subjects: Sequence[Subject]) -> str | None:
    """Why a statement is not read."""
    if not TYPE.fullmatch(stated):
        return "a statement of a version that is not known"
    if not subjects:
        return "a statement about nothing: it has no subject"
    if len(subjects) > MOST_SUBJECTS:
        return f"a statement about more than {MOST_SUBJECTS} subjects"
    return None


def _subjects(document: Mapping[str, Any]) -> Iterator[Subject]:
    for one in items_of(document.get("subject"))[: MOST_SUBJECTS + 1]:
        subject = mapping(one)
        digest = _sha256(mapping(subject.get("digest")))
        name = _line(subject.get("name")) or _line(subject.get("uri")) or digest
        if name is not None:
            yield Subject(name, digest)


def _sha256(digests: Mapping[str, Any]) -> str | None:
    text = text_of(digests.get("sha256"))
    try:
        return canonical_digest(text) if text else None
    except ValueError:
        return None


def _line(value: Any) -> str | None:
    """A text on one line that facts can hold; None for what is none."""
    text = text_of(value)
    if text is None or len(text) > LONGEST or UNWANTED.search(text):
        return None
    return mask_secrets(" ".join(text.split())) or None


def _digest(claim: Claim) -> str:
    """Of the signed bytes; of what is not signed, however it is spaced, of what it says."""
    read = claim.payload
    if read is None:  # half of a character, as JSON may hold it, has no bytes of its own
        read = canonical_json(claim.document).encode(errors="surrogatepass")
    return f"sha256:{hashlib.sha256(read).hexdigest()}"
