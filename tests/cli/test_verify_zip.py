"""`model-catalog verify`: a ZIP that is not exactly its members is never unpacked."""

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from zipfile import ZIP_STORED, ZipFile

import pytest

from tests.cli.conftest import Command
from tests.support.bundles import KEY, Members, packed, public, save, signed_bundle, with_member

GIVEN: Final = b64encode(public(KEY)).decode()
MODELS: Final = "data/models.csv"
USES: Final = "data/uses.csv"
MakeZip = Callable[[Members], bytes]


def stored_bomb(members: Members) -> bytes:
    """A member grows a thousandfold."""
    return packed(members | {MODELS: b'"' + b"0" * 10_000_000})


def duplicate(members: Members) -> bytes:
    """Programs that read the first, and programs that read the last, would see different rows."""
    pairs = [pair for name, data in members.items()
             for pair in ([(name, data)] * (2 if name == USES else 1))]  # fmt: skip
    with pytest.warns(UserWarning, match="Duplicate name"):
        return packed(pairs)


def traversal(name: str) -> MakeZip:
    """A member would be unpacked elsewhere."""
    return lambda members: packed(with_member(name)(members))


def encrypted(members: Members) -> bytes:
    """The flag is set, here and there."""
    data = bytearray(packed(members))
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    return bytes(data)


def dated(members: Members) -> bytes:
    """Packed again at another time."""
    data = bytearray(packed(members))
    data[data.index(b"PK\1\2") + 14] = 0x22
    return bytes(data)


def linked(members: Members) -> bytes:
    """A link instead of a file."""
    data = bytearray(packed(members))
    place = data.index(b"PK\1\2") + 38
    data[place : place + 4] = (0o120777 << 16).to_bytes(4, "little")
    return bytes(data)


def hidden(members: Members) -> bytes:
    """Bytes stand between two members, where nobody looks."""
    whole = packed(members)
    begin = whole.index(b"PK\1\2")
    end = bytearray(whole[begin:])
    place = len(end) - 22 + 16
    end[place : place + 4] = (begin + 7).to_bytes(4, "little")
    return whole[:begin] + b"secrets" + bytes(end)


def broken(members: Members) -> bytes:
    """A byte of what is packed is another one."""
    data = bytearray(packed(members))
    place = data.index(MODELS.encode()) + len(MODELS) + 40
    data[place] ^= 0xFF
    return bytes(data)


ZIPS: Final[Mapping[str, tuple[MakeZip, str]]] = {
    "cut off": (lambda members: packed(members)[:-30], "not_whole"),
    "cut off at its end": (lambda members: packed(members)[:-1], "not_whole"),
    "empty": (lambda _: b"", "not_whole"),
    "something else": (lambda _: b"no ZIP" * 100, "not_whole"),
    "bytes behind": (lambda members: packed(members) + b"x", "bytes_after"),
    "bytes before": (lambda members: b"#!/bin/sh\n" + packed(members), "bytes_before"),
    "bytes between": (hidden, "bytes_between"),
    "a member twice": (duplicate, "member_duplicate"),
    "a bomb": (stored_bomb, "too_large"),
    "a path upward": (traversal("data/../../evil.csv"), "path_unsafe"),
    "a path from the root": (traversal("/etc/cron.d/evil"), "path_unsafe"),
    "a path of Windows": (traversal("data\\evil.csv"), "path_unsafe"),
    "a folder": (traversal("data/evil/"), "path_unsafe"),
    "a link": (linked, "path_unsafe"),
    "encrypted": (encrypted, "member_encrypted"),
    "another date": (dated, "member_date"),
    "damaged": (broken, "member_broken"),
    "another order": (
        lambda members: packed(dict(sorted(members.items(), reverse=True))), "member_form"
    ),
    "too many members": (
        lambda members: packed([*members.items(), *((f"data/a{n}.csv", b"") for n in range(2000))]),
        "too_many_members",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", ZIPS)
def test_verify_zip(command: Command, tmp_path: Path, what: str) -> None:
    """A file that is not exactly its members is never unpacked: 1, by its code."""
    make, code = ZIPS[what]
    path = tmp_path / "bundle.zip"
    path.write_bytes(make(signed_bundle()))
    ran = command("verify", str(path), "--key", GIVEN, "--json")

    assert ran.code == 1
    assert json.loads(ran.out)["findings"][0]["code"] == code


def test_verify_stored(tmp_path: Path, command: Command) -> None:
    """Members need not be packed small: what counts is what they hold."""
    path = tmp_path / "stored.zip"
    source = save(tmp_path, signed_bundle())
    with ZipFile(source) as old, ZipFile(path, "w", ZIP_STORED) as new:
        for info in old.infolist():
            data = old.read(info)
            info.compress_type = ZIP_STORED
            new.writestr(info, data)

    assert command("verify", str(path), "--key", GIVEN).code == 0
