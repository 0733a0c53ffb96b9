"""Checkpoints as signed notes (C2SP signed-note, tlog-checkpoint), and the keys that sign them."""

import hashlib
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from service.ledger.tree import SIZE

PEM: Final = re.compile(
    rb"-----BEGIN ([A-Z0-9 ]+)-----[\s\S]+?-----END \1-----"
)  # one block of a file that may hold several
ED25519: Final = b"\x01"  # the signature type of the specification
ID_BYTES: Final = 4
DASH: Final = "— "
LARGEST_FILE: Final = 65_536


class KeyRefused(Exception):
    """The file of signing keys cannot be used; the message says why."""


class NoteUnreadable(Exception):
    """The text is no checkpoint; the message says why."""


class Keys(NamedTuple):
    """The key that signs, and the public keys that are known: its own first, then retired ones."""

    private: Ed25519PrivateKey | None = None
    public: tuple[bytes, ...] = ()

    def sign(self, text: str, *, name: str) -> str:
        """The text of a note with the signature, if there is a key."""
        if self.private is None:
            return f"{text}\n"
        signed = key_id(name, self.public[0]) + self.private.sign(text.encode())
        return f"{text}\n{DASH}{name} {b64encode(signed).decode()}\n"


class Note(NamedTuple):
    """A checkpoint: which ledger, how many changes, the root; `signatures` are (name, bytes)."""

    origin: str
    size: int
    root: bytes
    text: str = ""
    signatures: tuple[tuple[str, bytes], ...] = ()

    def body(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


class Signed(NamedTuple):
    """What the signatures of a note say: those of known keys, and whether each holds."""

    good: int = 0
    bad: int = 0
    unknown: int = 0


def read_keys(path: str | None) -> Keys:
    """The keys of a file in PEM: the private one that signs, then public ones that did before.

    Raises `KeyRefused`. Without a file there is none.
    """
    if not path:
        return Keys()
    try:
        data = Path(path).read_bytes()[:LARGEST_FILE]
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
        raise KeyRefused(message) from None
    private, public = None, list[bytes]()
    for found in PEM.finditer(data):
        key = _key(found[0], private=b"PRIVATE" in found[1])
        if isinstance(key, Ed25519PrivateKey) and private is None:
            private = key
            public.insert(0, raw(key.public_key()))
        elif isinstance(key, Ed25519PublicKey):
            public.append(raw(key))
        else:
            raise KeyRefused("must hold one private key, the one that signs, and of Ed25519 only")
    if private is None:
        raise KeyRefused("holds no private key: openssl genpkey -algorithm ed25519 makes one")
    return Keys(private, tuple(dict.fromkeys(public)))


def _key(pem: bytes, *, private: bool) -> object:
    try:
        if private:
            return load_pem_private_key(pem, password=None)
        return load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        message = "holds a key that cannot be read: openssl genpkey -algorithm ed25519 makes one"
        raise KeyRefused(message) from None


def raw(key: Ed25519PublicKey) -> bytes:
    """The 32 bytes of a public key."""
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def key_id(name: str, public: bytes) -> bytes:
    """The four bytes that a signature names its key by."""
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + public).digest()[:ID_BYTES]


def verifier_key(name: str, public: bytes) -> str:
    """A public key as programs that read signed notes take it."""
    key = b64encode(ED25519 + public).decode()
    return f"{name}+{key_id(name, public).hex()}+{key}"


def write_note(origin: str, size: int, *, root: bytes, keys: Keys) -> str:
    """A checkpoint, signed if there is a key: text, an empty line, a line for the signature."""
    return keys.sign(Note(origin, size, root).body(), name=origin)


def read_note(note: str) -> Note:
    """A checkpoint as it was written. Raises `NoteUnreadable`; its signatures are not checked."""
    text, separator, below = note.rpartition("\n\n")
    lines = text.split("\n")
    if not separator or len(lines) < 3 or not all(lines):  # noqa: PLR2004  # origin, size, root
        raise NoteUnreadable("it is no checkpoint: origin, size and root, then an empty line")
    origin, size, root = lines[:3]
    try:
        decoded = b64decode(root, validate=True)
    except ValueError:
        decoded = b""
    if not re.fullmatch(r"0|[1-9][0-9]{0,18}", size) or len(decoded) != SIZE:
        raise NoteUnreadable("its size or its root is none")
    return Note(origin, int(size), decoded, f"{text}\n", tuple(_signatures(below)))


def check(note: Note, public: Iterable[bytes]) -> Signed:
    """Which signatures hold. One of a known key that does not is bad; others are unknown."""
    known = {key_id(note.origin, key): key for key in public}
    good = bad = unknown = 0
    for name, signature in note.signatures:
        key = known.get(signature[:ID_BYTES]) if name == note.origin else None
        if key is None:
            unknown += 1
        elif _holds(key, signature[ID_BYTES:], text=note.text):
            good += 1
        else:
            bad += 1
    return Signed(good, bad, unknown)


def _signatures(text: str) -> Iterator[tuple[str, bytes]]:
    for line in text.splitlines():
        name, _, encoded = line.removeprefix(DASH).rpartition(" ")
        try:
            signature = b64decode(encoded, validate=True)
        except ValueError:
            signature = b""
        if not line.startswith(DASH) or not name or len(signature) <= ID_BYTES:
            raise NoteUnreadable("one of its signature lines is none")
        yield name, signature


def _holds(key: bytes, signature: bytes, *, text: str) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, text.encode())
    except InvalidSignature:
        return False
    return True
