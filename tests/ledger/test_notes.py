"""Checkpoints as signed notes, and the files of keys."""

from base64 import b64decode, b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from service.ledger.notes import (
    KeyRefused,
    Keys,
    Note,
    NoteUnreadable,
    check,
    read_keys,
    read_note,
    verifier_key,
    write_note,
)
from service.ledger.tree import EMPTY
from tests.support.keys import private_pem, public_pem

ORIGIN = "model-catalog.ledger/7"
# The specification's own example.
EXAMPLE = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/"
    "Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
)


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """A key that signs, and one that did before."""
    file = tmp_path / "keys.pem"
    old = Ed25519PrivateKey.generate().public_key()
    file.write_bytes(private_pem() + b"\n# until March\n" + public_pem(old))
    return read_keys(str(file))


def test_note_of_the_specification() -> None:
    """The specification's example is read as what it says."""
    note = read_note(EXAMPLE)

    assert note[:3] == ("example.com/behind-the-sofa", 20_852_163,
                        b64decode("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="))  # fmt: skip
    ((name, signature),) = note.signatures
    assert (name, signature[:4].hex(), len(signature)) == (note.origin, "033de0ae", 68)
    assert note.body() == note.text


def test_note_signed(keys: Keys) -> None:
    """What is written is read back and holds; signed is the text alone, by a plain Ed25519 key."""
    written = write_note(ORIGIN, 3, root=EMPTY, keys=keys)
    note = read_note(written)

    assert note[:3] == (ORIGIN, 3, EMPTY)
    assert check(note, keys.public) == (1, 0, 0)
    text, _, line = written.partition("\n\n")
    signature = b64decode(line.split(" ")[2])
    Ed25519PublicKey.from_public_bytes(keys.public[0]).verify(signature[4:], f"{text}\n".encode())
    name, key_id, encoded = verifier_key(ORIGIN, keys.public[0]).split("+", 2)
    assert (name, key_id) == (ORIGIN, signature[:4].hex())
    assert b64decode(encoded) == b"\x01" + keys.public[0]


def test_note_unsigned() -> None:
    """Without a key the text and the empty line remain, and nothing is said to be signed."""
    written = write_note(ORIGIN, 0, root=EMPTY, keys=Keys())

    assert written == f"{ORIGIN}\n0\n{b64encode(EMPTY).decode()}\n\n"
    assert check(read_note(written), ()) == (0, 0, 0)


def test_note_forged(keys: Keys) -> None:
    """A changed text, another's key, a retired key: bad, unknown and good."""
    written = write_note(ORIGIN, 3, root=EMPTY, keys=keys)
    other = Keys((found := Ed25519PrivateKey.generate()), (found.public_key().public_bytes_raw(),))
    foreign = read_note(write_note(ORIGIN, 3, root=EMPTY, keys=other))

    assert check(read_note(written.replace("\n3\n", "\n4\n")), keys.public) == (0, 1, 0)
    assert check(foreign, keys.public) == (0, 0, 1)
    assert check(foreign, (*keys.public, *other.public)) == (1, 0, 0)
    assert check(read_note(written)._replace(origin="another"), keys.public) == (0, 0, 1)


@pytest.mark.parametrize(
    "text",
    ["", "a\n1\n", "a\n1\nAAAA\n\n", EXAMPLE.replace("20852163", "020852163"),
     EXAMPLE.replace("20852163", "-1"), EXAMPLE.replace("20852163", "٣"),
     EXAMPLE.replace("CsUY", "CsU"), EXAMPLE.replace("— ", "- "), EXAMPLE.replace("Az3g", "Az 3g!"),
     EXAMPLE.replace("\n20852163", ""), "\n\n\n\n", EXAMPLE[:-40] + "\n— \n"],
)  # fmt: skip
def test_note_unreadable(text: str) -> None:
    """Anything else is refused, whatever it resembles."""
    with pytest.raises(NoteUnreadable):
        read_note(text)


def test_note_extended(keys: Keys) -> None:
    """Lines that others may add belong to the text, and are signed with it."""
    text = Note(ORIGIN, 3, EMPTY).body() + "another line\n"
    note = read_note(keys.sign(text, name=ORIGIN))

    assert (note.text, check(note, keys.public)) == (text, (1, 0, 0))
    assert note.body() != note.text


def test_keys_of_a_file(tmp_path: Path, keys: Keys) -> None:
    """The private key is the one that signs, its public half the first; without a file none."""
    assert len(keys.public) == 2
    assert keys.private is not None
    assert keys.private.public_key().public_bytes_raw() == keys.public[0]
    assert read_keys(None) == read_keys("") == Keys()
    repeated = tmp_path / "twice.pem"
    pem = private_pem(keys.private)
    repeated.write_bytes(pem + public_pem(keys.private.public_key()))
    assert read_keys(str(repeated)).public == keys.public[:1]


def locked() -> bytes:
    """A key behind a password."""
    form = PrivateFormat.PKCS8
    password = BestAvailableEncryption(b"password")
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, form, password)


def other_kind() -> bytes:
    """A key of another kind."""
    key = generate_private_key(SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        (b"", "holds no private key"),
        (b"\xff\x00", "holds no private key"),
        (public_pem(Ed25519PrivateKey.generate().public_key()), "holds no private key"),
        (private_pem() + private_pem(), "must hold one private key"),
        (locked(), "holds a key that cannot be read"),
        (other_kind(), "of Ed25519 only"),
        (private_pem().replace(b"M", b"!"), "cannot be read"),
    ],
)
def test_keys_refused(tmp_path: Path, contents: bytes, said: str) -> None:
    """What is no key, is locked or is of another kind is refused with what to do."""
    file = tmp_path / "keys.pem"
    file.write_bytes(contents)

    with pytest.raises(KeyRefused, match=said):
        read_keys(str(file))


def test_keys_file_missing(tmp_path: Path) -> None:
    """A file that is not there is said so."""
    with pytest.raises(KeyRefused, match="cannot be read: No such file"):
        read_keys(str(tmp_path / "none"))
