"""GET /exports/keys: the public keys with which checkpoints are verified elsewhere."""

from base64 import b64decode
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.db import Database
from service.ledger.notes import key_id, read_keys, read_note
from service.ledger.sealing import as_sealer, newest_note, seal
from tests.support.catalog import make_source
from tests.support.http import opened
from tests.support.keys import private_pem, public_pem


def test_signing_keys(database: Database, tmp_path: Path) -> None:
    """The one that signs and those that did; with the ledger's name once it has one; no secret."""
    file = tmp_path / "keys.pem"
    retired = Ed25519PrivateKey.generate().public_key()
    pem = private_pem()
    file.write_bytes(pem + public_pem(retired))
    keys = read_keys(str(file))
    with opened(database, export_signing_key_file=str(file)) as service:
        before = service.get("exports/keys")
        make_source(database)
        sealer = as_sealer(database)
        seal(sealer, keys=keys)
        sealer.dispose()
        answer = service.ask("GET", "exports/keys", service.reader)
    with database.reading() as session:
        note = read_note(newest_note(session) or "")

    assert [one["verifier_key"] for one in before["items"]] == [None, None]
    signing, old = answer.json()["items"]
    assert (b64decode(signing["public_key"]), signing["retired"]) == (keys.public[0], False)
    assert (b64decode(old["public_key"]), old["retired"]) == (retired.public_bytes_raw(), True)
    name, named, encoded = signing["verifier_key"].split("+", 2)
    assert (name, bytes.fromhex(named)) == (note.origin, note.signatures[0][1][:4])
    assert bytes.fromhex(named) == key_id(name, b64decode(encoded)[1:])
    assert "PRIVATE" not in answer.text
    assert keys.private is not None
    assert keys.private.private_bytes_raw() not in b64decode(signing["public_key"])


def test_signing_keys_none(database: Database) -> None:
    """Without a key there is none."""
    with opened(database) as service:
        assert service.get("exports/keys") == {"items": []}
