"""`model-catalog verify`: every kind of tampering is found, each by a code of its own."""

import json
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cli.bundles.findings import FIXES
from schemas.bundles import MANIFEST, PACKAGE, SIGNATURE
from service.ledger.notes import verifier_key
from tests.cli.conftest import Command, Ran
from tests.conftest import ROOT
from tests.docs.tables import documented, section
from tests.support.bundles import (
    KEY,
    Members,
    digested,
    in_parts,
    make_bundle,
    model_row,
    packed,
    public,
    row,
    save,
    signed,
    signed_bundle,
    with_member,
    written,
)
from tests.support.keys import private_pem, public_pem

FOREIGN: Final = Ed25519PrivateKey.from_private_bytes(b"f" * 32)
GIVEN: Final = b64encode(public(KEY)).decode()
MODELS: Final = "data/models.csv"
USES: Final = "data/uses.csv"
Change = Callable[[Members], Members]


def with_byte(name: str, old: bytes, new: bytes) -> Change:
    """One byte of a member is another one; nothing else is."""

    def change(members: Members) -> Members:
        assert old in members[name]
        return members | {name: members[name].replace(old, new, 1)}

    return change


def without(name: str) -> Change:
    """A member is missing."""
    return lambda members: {n: data for n, data in members.items() if n != name}


def renamed(members: Members) -> Members:
    """A file has another name."""
    return with_member("data/usages.csv", members[USES])(without(USES)(members))


def swapped(members: Members) -> Members:
    """Two rows changed places, and every digest says so; nobody could sign that."""
    head, one, other, _ = members[MODELS].split(b"\r\n", 3)
    data = b"\r\n".join((head, other, one, b""))
    changed = digested(members | {MODELS: data}, key=KEY)
    return changed | {SIGNATURE: members[SIGNATURE]}


def repeated(members: Members) -> Members:
    """A row stands there twice, and whoever made it counted and signed it so."""
    head, use, _ = members[USES].split(b"\r\n", 2)
    return digested(members | {USES: b"\r\n".join((head, use, use, b""))}, key=KEY)


def counted(name: str, value: Any) -> Change:
    """A count is another one, and the right key signed it."""

    def change(members: Members) -> Members:
        document = json.loads(members[MANIFEST]) | {name: value}
        return signed(members | {MANIFEST: written(document)}, key=KEY)

    return change


def resigned(name: str, old: bytes, new: bytes) -> Change:
    """A member is another one, and every digest and the signature say so."""

    def change(members: Members) -> Members:
        return digested(with_byte(name, old, new)(members), key=KEY)

    return change


def newer(members: Members) -> Members:
    """A later release made it, with members of which this one knows nothing."""
    document = json.loads(members[MANIFEST]) | {"format": 2, "seal": "wax"}
    return members | {MANIFEST: written(document)}


CHANGES: Final[Mapping[str, tuple[Change, str]]] = {  # what is done → what is found first
    "a byte of a data file": (with_byte(MODELS, b"LOW", b"LOX"), "digest_differs"),
    "a byte of the manifest": (with_byte(MANIFEST, b"rita", b"rite"), "signature_wrong"),
    "a space of the manifest": (with_byte(MANIFEST, b'": 1', b'":  1'), "manifest_form"),
    "a byte of the signature": (
        lambda members: members | {SIGNATURE: bytes([members[SIGNATURE][0] ^ 1])
                                   + members[SIGNATURE][1:]},
        "signature_wrong",
    ),
    "a byte of the data package": (with_byte(PACKAGE, b"string", b"strinG"), "digest_differs"),
    "a byte of the rows as JSON": (
        with_byte("data/models.jsonl", b"0001", b"0003"), "digest_differs"
    ),
    "a file removed": (without(USES), "file_missing"),
    "a file added": (with_member("data/zebra.csv"), "file_extra"),
    "a file renamed": (renamed, "file_missing"),
    "the signature removed": (without(SIGNATURE), "signature_missing"),
    "the manifest removed": (without(MANIFEST), "manifest_missing"),
    "the manifest no JSON": (lambda members: members | {MANIFEST: b"{"}, "manifest_unreadable"),
    "the manifest of something else": (
        lambda members: members | {MANIFEST: written({"format": 1})}, "manifest_unreadable"
    ),
    "signed by another key": (lambda members: signed(members, key=FOREIGN), "key_unknown"),
    "signed by nobody": (lambda members: signed(members, key=None), "unsigned"),
    "signed, and says it is not": (
        lambda members: signed(members, key=None) | {SIGNATURE: b"s" * 64}, "signature_unexpected"
    ),
    "a newer format": (newer, "format_newer"),
    "two rows swapped, digests too": (swapped, "signature_wrong"),
    "a row twice": (repeated, "key_repeated"),
    "exported counted wrongly": (counted("exported", 3), "counts_differ"),
    "unknown cells counted wrongly": (counted("unknown_cells", {}), "counts_differ"),
    "neutralised cells counted wrongly": (counted("neutralised_cells", 0), "counts_differ"),
    "withheld cells counted wrongly": (counted("withheld_cells", 0), "counts_differ"),
    "cut cells counted wrongly": (counted("cut_cells", 5), "counts_differ"),
    "the mask of other columns": (
        counted("mask", {"namespaces": None, "notes": None, "columns": {}}), "counts_differ"
    ),
    "excluded do not add up": (counted("excluded", {"filtered": 1}), "counts_differ"),
    "another content digest": (
        counted("content_digest", f"sha256:{'1' * 64}"), "content_digest_differs"
    ),
    "a line of JSON too many": (
        resigned("data/models.jsonl", b"}\n", b"}\n{}\n"), "counts_differ"
    ),
    "a byte order mark": (
        lambda members: digested(members | {MODELS: b"\xef\xbb\xbf" + members[MODELS]}, key=KEY),
        "bom_unexpected",
    ),
    "a field without quotes": (resigned(USES, b'"to score"', b"to score"), "csv_malformed"),
    "a quote not doubled": (resigned(USES, b"to score", b'to "score'), "csv_malformed"),
    "line ends of Unix": (
        lambda members: digested(
            members | {USES: members[USES].replace(b"\r\n", b"\n")}, key=KEY
        ),
        "csv_malformed",
    ),
    "a field too many": (resigned(USES, b'"to score"', b'"to score",""'), "csv_malformed"),
    "no UTF-8": (resigned(USES, b"to score", b"to sc\xffre"), "not_utf8"),
    "a column renamed": (resigned(USES, b'"purpose"', b'"meaning"'), "columns_differ"),
    "a moment of its own": (resigned(USES, b"2026-11-20T12", b"2026-11-20T13"), "as_of_differs"),
    "a column described differently": (
        resigned(PACKAGE, b'"name": "purpose"', b'"name": "meaning"'), "package_differs"
    ),
    "a key described differently": (
        resigned(PACKAGE, b'"primaryKey": [\n     "model_id",\n     "use"\n    ]',
                 b'"primaryKey": [\n     "model_id"\n    ]'),
        "package_differs",
    ),
}  # fmt: skip


@pytest.fixture
def verified(command: Command, tmp_path: Path) -> Callable[..., Ran]:
    """Verifies what a file holds, with the right key."""

    def run(data: bytes, *options: str, **variables: str) -> Ran:
        path = tmp_path / "bundle.zip"
        path.write_bytes(data)
        return command("verify", str(path), *options, **variables)

    return run


def found(ran: Ran) -> list[str]:
    """The codes that were found, in order."""
    return [one["code"] for one in json.loads(ran.out)["findings"]]


@pytest.mark.parametrize("dialect", ["plain", "excel", "raw"])
def test_verify_whole(verified: Callable[..., Ran], dialect: str) -> None:
    """What nobody touched is 0, and says what it is and who signed it."""
    data = packed(signed_bundle(dialect=dialect))
    ran, told = verified(data, "--key", GIVEN), verified(data, "--key", GIVEN, "--json")

    assert (ran.code, ran.err) == (0, "The bundle is what its manifest says.\n")
    said = json.loads(told.out)
    assert {name: said[name] for name in ("ok", "signature", "records", "files", "findings")} == {
        "ok": True, "signature": "good", "records": 5, "files": 14, "findings": [],
    }  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_verify_changed(verified: Callable[..., Ran], what: str) -> None:
    """Whatever was changed is 1, and found by its code, first where it says what was done."""
    change, code = CHANGES[what]
    ran = verified(packed(change(signed_bundle())), "--key", GIVEN, "--json")

    assert ran.code == 1
    assert found(ran)[0] == code
    assert json.loads(ran.out)["ok"] is False


def test_verify_every_byte(verified: Callable[..., Ran]) -> None:
    """No byte of any member can be another one: verify finds each (here: one in sixty)."""
    members = signed_bundle()
    for name, data in members.items():
        for place in range(0, len(data), 61 if len(data) < 4_000 else 2_003):
            other = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
            ran = verified(packed(members | {name: other}), "--key", GIVEN)
            assert ran.code == 1, (name, place)


def test_verify_places(verified: Callable[..., Ran]) -> None:
    """A finding says file, line and column; a person reads the first of them at the end."""
    text = b"2026-11-20T12:00:00Z"
    members = resigned("data/findings.csv", text, b"2026-11-20T13:00:00Z")(signed_bundle())
    ran, told = (verified(packed(members), "--key", GIVEN, *more) for more in ((), ("--json",)))

    [one] = json.loads(told.out)["findings"]
    assert one == {
        "code": "as_of_differs", "file": "data/findings.csv", "line": 2, "column": "as_of",
        "message": "says 2026-11-20T13:00:00Z, the manifest 2026-11-20T12:00:00Z",
        "fix": FIXES["as_of_differs"],
    }  # fmt: skip
    assert ran.err.startswith("data/findings.csv, line 2, column as_of: says 2026-11-20T13")


def test_verify_keys(verified: Callable[..., Ran], tmp_path: Path) -> None:
    """A key is base64, a PEM file, a verifier key, or stands in the environment; else it is 2."""
    data, pem = packed(signed_bundle()), tmp_path / "key.pem"
    pem.write_bytes(public_pem(FOREIGN.public_key()) + public_pem(KEY.public_key()))
    private = tmp_path / "private.pem"
    private.write_bytes(private_pem(KEY))
    note = verifier_key("catalog.example/ledger", public(KEY))
    good = [("--key", GIVEN), ("--key", str(pem)), ("--key", note)]
    wrong = ["nothing", note.replace("example", "elsewhere"), str(private), GIVEN[:-8]]

    assert [verified(data, *given).code for given in good] == [0, 0, 0]
    assert verified(data, EXPORT_KEYS=f"{note}, {pem}").code == 0
    assert [verified(data, "--key", given).code for given in wrong] == [2, 2, 2, 2]
    unchecked = verified(data, "--json")
    assert (unchecked.code, found(unchecked)) == (1, ["signature_not_checked"])


def test_verify_unsigned(verified: Callable[..., Ran]) -> None:
    """A bundle that says that nobody signed it is accepted only by who says so."""
    data = packed(signed(signed_bundle(), key=None))

    assert found(verified(data, "--json")) == ["unsigned"]
    assert verified(data, "--unsigned").code == 0


def test_verify_many(verified: Callable[..., Ran]) -> None:
    """A thousand wrong rows do not hide one wrong file: of each kind some are listed."""
    rows = {
        "models": [model_row(f"00000000-0000-7000-8000-{n:012}") for n in range(300)],
        "findings": [row(finding="f1")],
    }
    members = make_bundle(rows, key=KEY)
    members[MODELS] = members[MODELS].replace(b'"2026-11-20T12', b'"2026-11-20T13')
    members["data/findings.csv"] = members["data/findings.csv"].replace(b"f1", b"f2")
    ran = verified(packed(digested(members, key=KEY)), "--key", GIVEN, "--json")

    said = json.loads(ran.out)
    assert (len(said["findings"]), said["more"]) == (10, 290)


def test_verify_parts(verified: Callable[..., Ran]) -> None:
    """Of a table in parts each has a header; order and counts go on from one to the next."""
    whole = in_parts(signed_bundle(dialect="excel"), "models", "findings")
    first, second = (whole[f"data/models-000{n}.csv"] for n in (1, 2))
    turned = whole | {"data/models-0001.csv": second, "data/models-0002.csv": first}
    ran = verified(packed(digested(turned, key=KEY)), "--key", GIVEN, "--json")

    assert verified(packed(whole), "--key", GIVEN).code == 0
    assert found(ran) == ["rows_unsorted"]


def test_verify_elsewhere(command: Command, tmp_path: Path) -> None:
    """No such file is 3, a folder 2, and no answer 6 where the catalog is asked."""
    path = str(save(tmp_path, signed_bundle()))
    away = {"URL": "http://127.0.0.1:1", "TOKEN": "mcat_x"}

    assert command("verify", str(tmp_path / "none.zip")).code == 3
    assert command("verify", str(tmp_path)).code == 2
    assert command("verify", path, "--key", GIVEN, "--server", **away).code == 6
    assert command("verify", path, **away).code == 1


def test_verify_imports_little(tmp_path: Path) -> None:
    """Whoever only verifies needs no service: none of its weight is loaded."""
    path = str(save(tmp_path, signed_bundle()))
    heavy = ["fastapi", "sqlalchemy", "sqlmodel", "mlflow", "psycopg", "httptools", "uvicorn"]
    script = (
        "import sys\n"
        f"sys.argv = ['model-catalog', 'verify', {path!r}, '--key', {GIVEN!r}]\n"
        "from cli.main import main\n"
        "try:\n    main()\n"
        "except SystemExit as left:\n"
        f"    print(left.code, sorted(set({heavy!r}) & sys.modules.keys()), file=sys.stderr)\n"
    )
    done = subprocess.run(  # noqa: S603  # our own words
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stderr.splitlines()[-1] == "0 []"


def test_verify_codes_documented() -> None:
    """docs/verify.md lists every code that can be found, in the order of the look."""
    assert documented(section("verify.md", "Findings")) == list(FIXES)
