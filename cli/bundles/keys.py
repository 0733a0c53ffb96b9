"""The public keys that a bundle's signature is compared with, however they were given."""

import hashlib
import os
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from cli.client import TOKEN, Client
from cli.exits import Exit, Stop

VARIABLE: Final = "MODEL_CATALOG_EXPORT_KEYS"
SIZE: Final = 32
KEY_ID: Final = 16  # hexadecimal digits
ED25519: Final = b"\x01"  # the signature type before a verifier key's bytes
VERIFIER: Final = re.compile(r"(?P<name>[^+\s]+)\+(?P<id>[0-9a-f]{8})\+(?P<key>[A-Za-z0-9+/=]+)")
PEM: Final = re.compile(rb"-----BEGIN PUBLIC KEY-----[\s\S]+?-----END PUBLIC KEY-----")
LARGEST_FILE: Final = 65_536
Keys = Mapping[str, bytes]  # by id


def given_keys(texts: Iterable[str]) -> Keys:
    """The keys of `--key`, else of the environment. Raises `Stop` with what is wrong with one."""
    given = list(texts) or re.split(r"[\s,]+", os.environ.get(VARIABLE, "").strip())
    return {key_id(key): key for text in given if text for key in _read(text)}


def served_keys(client: Client) -> Keys:
    """The keys that the catalog shows, also retired ones."""
    items: list[Any] = client.get("/api/v1/exports/keys")["items"]
    return {key_id(key): key for one in items for key in _read(str(one["public_key"]))}


def has_token() -> bool:
    """Could the catalog be asked?"""
    return bool(os.environ.get(TOKEN) or os.environ.get(f"{TOKEN}_FILE"))


def key_id(key: bytes) -> str:
    """What a manifest names a key by."""
    return hashlib.sha256(key).hexdigest()[:KEY_ID]


def is_signed_by(key: bytes, data: bytes, *, signature: bytes) -> bool:
    """Does the signature hold? Raises `Stop` where nothing here can tell."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        message = "Signatures need `cryptography`: install model-catalog with its extra `service`."
        raise Stop(message, Exit.UNAVAILABLE) from None
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, data)
    except InvalidSignature:
        return False
    return True


def _read(text: str) -> Iterator[bytes]:
    if found := VERIFIER.fullmatch(text):
        yield _of_verifier(found)
    elif key := _decoded(text):
        yield key
    elif Path(text).is_file():
        yield from _of_file(Path(text))
    else:
        message = (
            f"{text} is no key: give the base64 of its 32 bytes, a PEM file of public keys, or a "
            "verifier key (name+id+base64), as /api/v1/exports/keys shows them."
        )
        raise Stop(message, Exit.WRONG_USE)


def _decoded(text: str, *, before: bytes = b"") -> bytes | None:
    try:
        key = b64decode(text, validate=True)
    except ValueError:
        return None
    whole = len(key) == len(before) + SIZE and key.startswith(before)
    return key[len(before) :] if whole else None


def _of_verifier(found: re.Match[str]) -> bytes:
    key = _decoded(found["key"], before=ED25519)
    named = hashlib.sha256(found["name"].encode() + b"\n" + ED25519 + (key or b"")).hexdigest()
    if key is None or named[:8] != found["id"]:
        message = f"{found[0]} is no verifier key: its parts do not belong together."
        raise Stop(message, Exit.WRONG_USE)
    return key


def _of_file(path: Path) -> Iterator[bytes]:
    """The public keys of a file; a private one has no business here."""
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError:
        message = "PEM files need `cryptography`: install model-catalog with its extra `service`."
        raise Stop(message, Exit.UNAVAILABLE) from None
    blocks = PEM.findall(path.read_bytes()[:LARGEST_FILE])
    keys: list[object] = []
    try:
        keys = [load_pem_public_key(block) for block in blocks]
    except ValueError:
        blocks = []
    if not blocks or not all(isinstance(key, Ed25519PublicKey) for key in keys):
        message = f"{path} holds no public key in PEM, or another one than Ed25519 keys."
        raise Stop(message, Exit.WRONG_USE)
    yield from (key.public_bytes_raw() for key in keys if isinstance(key, Ed25519PublicKey))
