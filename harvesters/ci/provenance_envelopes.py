"""Takes statements out of what they travel in: DSSE, Sigstore bundles, lists, JSON lines. Pure."""

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, Protocol

from harvesters.manifests.formats.found import FileRefused
from harvesters.manifests.formats.held import items_of, mapping, mappings, text_of
from harvesters.manifests.formats.strict_json import read_json

MOST_DOCUMENTS: Final = 200
MOST_SIGNATURES: Final = 20
IN_TOTO: Final = re.compile(r"application/vnd\.in-toto(?:\.[\w.-]{1,100})?\+json", re.ASCII)
URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
SHA256: Final = {"SHA2_256", "sha256", "SHA256"}


class Envelope(NamedTuple):
    """A signed payload (DSSE): its type, the bytes that are signed, and the signatures."""

    payload_type: str
    payload: bytes
    signatures: tuple[bytes, ...]

    def signed_bytes(self) -> bytes:
        """What the signatures are over: type and payload, each behind its length."""
        kind = self.payload_type.encode()
        return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(self.payload), self.payload)


class Verifier(Protocol):
    """Says whether an envelope was signed by somebody who is trusted."""

    def verifies(self, envelope: Envelope) -> bool:
        """Does one of its signatures prove it?"""
        ...


class Claim(NamedTuple):
    """A document that may be a statement; `payload`: the bytes that were signed.

    `signed`: of a signature without a statement the digest that is signed.
    """

    document: Any
    payload: bytes | None = None
    verified: bool = False
    signed: str | None = None


def unwrap(raw: bytes, *, verifier: Verifier | None, largest: int) -> Iterator[Claim | str]:
    """What a file holds; a text says why something in it was not read. Raises `FileRefused`."""
    for document in _documents(raw, largest):
        for one in _listed(document):
            yield from _opened(one, verifier)


def _documents(raw: bytes, largest: int) -> list[Any]:
    """One JSON document, or one a line."""
    try:
        return [read_json(raw, largest=largest)]
    except FileRefused as refused:
        lines = [line for line in raw.removeprefix(b"\xef\xbb\xbf").splitlines() if line.strip()]
        if refused.code != "not_json" or len(lines) < 2 or not _is_document(lines[0]):  # noqa: PLR2004
            raise
    if len(lines) > MOST_DOCUMENTS:
        raise FileRefused("too_large", f"holds more than {MOST_DOCUMENTS} lines")
    read = []
    for number, line in enumerate(lines, 1):
        try:
            read.append(read_json(line, largest=largest))
        except FileRefused as refused:
            message = f"its document {number} {refused.message}"
            raise FileRefused(refused.code, message) from None
    return read


def _is_document(line: bytes) -> bool:
    try:
        return isinstance(read_json(line), dict)
    except FileRefused:
        return False


def _listed(document: Any) -> Iterator[Mapping[str, Any] | str]:
    """A document, or those in a list of them, as GitHub answers attestations."""
    listed = document if isinstance(document, list) else None
    if isinstance(document, dict) and "attestations" in document:
        listed = items_of(document["attestations"])
    if listed is None:
        yield mapping(document)
        return
    if len(listed) > MOST_DOCUMENTS:
        raise FileRefused("too_large", f"lists more than {MOST_DOCUMENTS} attestations")
    for one in mappings(listed):
        if "bundle_url" in one and not isinstance(one.get("bundle"), dict):
            yield "an attestation whose bundle stands elsewhere: links are not followed"
            continue
        bundle = one.get("bundle")
        yield bundle if isinstance(bundle, dict) else one


def _opened(document: Mapping[str, Any] | str, verifier: Verifier | None) -> Iterator[Claim | str]:
    if isinstance(document, str):
        yield document
        return
    if isinstance(document.get("messageSignature"), dict):
        yield _message(mapping(document["messageSignature"]))
        return
    envelope = mapping(document.get("dsseEnvelope")) or document
    if "payload" not in envelope:
        yield Claim(document)
        return
    read = _envelope(envelope)
    if isinstance(read, str):
        yield read
        return
    try:
        statement = read_json(read.payload, largest=max(len(read.payload), 1))
    except FileRefused as refused:
        yield f"a signed payload that {refused.message}"
        return
    proven = verifier is not None and bool(read.signatures) and verifier.verifies(read)
    yield Claim(statement, read.payload, verified=proven)


def _envelope(document: Mapping[str, Any]) -> Envelope | str:
    kind = text_of(document.get("payloadType")) or ""
    if not IN_TOTO.fullmatch(kind):
        return "a signed payload that is no in-toto statement"
    payload = _decoded(document.get("payload"))
    if payload is None:
        return "an envelope whose payload is not Base64"
    listed = mappings(document.get("signatures"))
    if len(listed) > MOST_SIGNATURES:
        return f"an envelope with more than {MOST_SIGNATURES} signatures"
    signatures = (_decoded(one.get("sig")) for one in listed)
    return Envelope(kind, payload, tuple(one for one in signatures if one))


def _message(signature: Mapping[str, Any]) -> Claim | str:
    """A signature over an artifact alone says which one, by its digest."""
    said = mapping(signature.get("messageDigest"))
    digest = _decoded(said.get("digest"))
    if said.get("algorithm") not in SHA256 or digest is None or len(digest) != 32:  # noqa: PLR2004
        return "a signature over something without a SHA-256"
    return Claim(dict(signature), signed=f"sha256:{digest.hex()}")


def _decoded(value: Any) -> bytes | None:
    """Base64 in either alphabet, with or without its padding; None for what is none."""
    if not isinstance(value, str) or not value.isascii():
        return None
    text = b"".join(value.encode().split()).translate(URL_SAFE).rstrip(b"=")
    try:
        return b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
