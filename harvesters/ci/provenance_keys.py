"""Proves envelopes with public keys that somebody configured: Ed25519 and ECDSA.

What Sigstore's certificates and transparency log would prove is not looked at: it stays a claim.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from harvesters.ci.provenance_envelopes import Envelope

LARGEST: Final = 64 * 1024
MOST: Final = 20
BEGIN: Final = b"-----BEGIN PUBLIC KEY-----"
SMALL, MEDIUM = 256, 384  # bits of a curve

Key = Ed25519PublicKey | ec.EllipticCurvePublicKey


class KeyVerifier:
    """Trusts whoever holds the private key of one of these."""

    def __init__(self, keys: Sequence[Key]) -> None:
        """At least one."""
        self.keys = tuple(keys)

    @classmethod
    def of_pem(cls, text: bytes) -> "KeyVerifier":
        """Every key of a PEM file. Raises `ValueError` where it holds none, or another kind."""
        if len(text) > LARGEST:
            raise ValueError("is larger than a file of public keys")
        parts = text.split(BEGIN)[1:]
        if not parts or len(parts) > MOST:
            message = f"must hold 1 to {MOST} public keys in PEM, `-----BEGIN PUBLIC KEY-----`"
            raise ValueError(message)
        return cls([_key(BEGIN + part) for part in parts])

    @classmethod
    def of_file(cls, path: Path) -> "KeyVerifier":
        """Every key of a file. Raises `ValueError`, `OSError`."""
        with path.open("rb") as file:
            return cls.of_pem(file.read(LARGEST + 1))

    def verifies(self, envelope: Envelope) -> bool:
        """Does any signature fit any key? What a signature says of its key is not believed."""
        signed = envelope.signed_bytes()
        return any(_fits(key, one, signed) for key in self.keys for one in envelope.signatures)


def _key(pem: bytes) -> Key:
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("holds something else than a public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey | ec.EllipticCurvePublicKey):
        raise ValueError("holds a key that is neither Ed25519 nor ECDSA")  # noqa: TRY004  # of a file
    return key


def _fits(key: Key, signature: bytes, signed: bytes) -> bool:  # noqa: PLR0917  # all three matter
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, signed)
        else:
            bits = key.curve.key_size
            digest = SHA256() if bits <= SMALL else SHA384() if bits <= MEDIUM else SHA512()
            key.verify(signature, signed, ec.ECDSA(digest))
    except InvalidSignature:
        return False
    return True
