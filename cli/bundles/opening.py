"""Opens a bundle without trusting it: a ZIP that is exactly its members, each bounded and plain."""

import re
import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from cli.bundles.findings import Findings
from cli.exits import Exit, Stop
from schemas.bundles import DATA, MANIFEST, PACKAGE, SIGNATURE

DATED: Final = (1980, 1, 1, 0, 0, 0)
MOST_MEMBERS: Final = 2_000
LARGEST: Final = 2**36  # bytes of all members together
LARGEST_READ: Final = 2**25  # of one that is read whole
LARGEST_DIRECTORY: Final = 2**22
PLAIN_SIZE: Final = 2**20  # below it nothing is called a bomb
RATIO: Final = 400  # times that a member may grow; rows of nothing but repeated words: 120
BLOCK: Final = 2**20
NAME: Final = re.compile(rf"{DATA}[a-z0-9][a-z0-9_-]*\.(csv|jsonl)|[a-z0-9][a-z0-9_-]*\.[a-z]+")
LAST: Final = (MANIFEST, SIGNATURE)  # in this order, behind all that are sorted
ENCRYPTED: Final = 0x2041
DESCRIBED: Final = 0x0008  # sizes stand behind the data
DESCRIPTIONS: Final = {12, 16, 20, 24}  # bytes
ZIP64: Final = 1
LOCAL, END, LOCATOR, END64 = (
    struct.Struct(form) for form in ("<4s5H3L2H", "<4s4H2LH", "<4sLQL", "<4sQ2H2L4Q")
)
HARMLESS: Final = {"member_date", "member_form"}  # what is read all the same


class Broken(Exception):
    """A member's bytes cannot be read."""


class Bundle(NamedTuple):
    """An open bundle whose members are safe to read."""

    path: Path
    zip: ZipFile
    members: dict[str, ZipInfo]

    def chunks(self, name: str) -> Iterator[bytes]:
        """A member's bytes, piece by piece. Raises `Broken`."""
        try:
            with self.zip.open(self.members[name]) as file:
                while chunk := file.read(BLOCK):
                    yield chunk
        except (BadZipFile, zlib.error, EOFError, OSError) as error:
            raise Broken(str(error) or "it ends too early") from None

    def read(self, name: str) -> bytes:
        """A small member whole. Raises `Broken`."""
        if self.members[name].file_size > LARGEST_READ:
            message = f"is larger than {LARGEST_READ} bytes"
            raise Broken(message)
        return b"".join(self.chunks(name))


@contextmanager
def opened(path: Path, findings: Findings) -> Iterator[Bundle | None]:
    """The bundle for the length of a block; None where it is not safe to read.

    Raises `Stop` where there is no such file.
    """
    with _file(path) as file:
        if not _ends_well(file, findings):
            yield None
            return
        try:
            archive = ZipFile(file)
        except (BadZipFile, NotImplementedError, ValueError, struct.error, OSError) as error:
            findings.add("not_whole", "", said=f"cannot be read: {error}")
            yield None
            return
        with archive:
            _check_members(archive, findings)
            _check_places(file, archive, findings=findings)
            safe = not findings.codes - HARMLESS
            members = {one.filename: one for one in archive.infolist()}
            yield Bundle(path, archive, members) if safe else None


@contextmanager
def _file(path: Path) -> Iterator[IO[bytes]]:
    if not path.is_file():
        what = "is no file" if path.exists() else "is not there"
        message = f"{path} {what}: name the ZIP of a bundle."
        raise Stop(message, Exit.WRONG_USE if path.exists() else Exit.NOT_FOUND)
    with path.open("rb") as file:
        yield file


def _ends_well(file: IO[bytes], findings: Findings) -> bool:
    """Is it a ZIP from its first byte to its last, with a list that is not too long?"""
    size = file.seek(0, 2)
    file.seek(max(0, size - 2**16 - END.size))
    tail = file.read()
    place = tail.rfind(b"PK\5\6")
    if place < 0 or len(tail) - place < END.size:
        findings.add("not_whole", "", said="does not end as a ZIP does: it is none, or was cut off")
        return False
    *_, count, length, _, comment = END.unpack_from(tail, place)
    if comment or place + END.size != len(tail):
        findings.add("bytes_after", "", said=f"{len(tail) - place - END.size} bytes follow its end")
        return False
    file.seek(0)
    if file.read(4) != b"PK\3\4":
        findings.add("bytes_before", "", said="does not begin with its first member")
        return False
    if count > MOST_MEMBERS or length > LARGEST_DIRECTORY:
        findings.add("too_many_members", "", said=f"holds more than {MOST_MEMBERS} members")
        return False
    return True


def _check_members(archive: ZipFile, findings: Findings) -> None:
    """What its list of members says of each."""
    seen = set[str]()
    for one in archive.infolist():
        name = one.orig_filename
        if not NAME.fullmatch(name) or not _is_plain(one):
            findings.add(
                "path_unsafe", _shown(name), said="is no name, or no kind, of a bundle's file"
            )
        if name.casefold() in seen:
            findings.add("member_duplicate", _shown(name), said="stands in the bundle twice")
        seen.add(name.casefold())
        _check_packing(one, findings)
        if one.date_time != DATED:
            findings.add("member_date", _shown(name), said="is not dated 1980-01-01")
        if one.comment or _foreign(one.extra):
            findings.add("member_form", _shown(name), said="carries more than its bytes")
    total = sum(one.file_size for one in archive.infolist())
    if total > LARGEST:
        findings.add("too_large", "", said=f"would grow to {total} bytes")
    names = [one.orig_filename for one in archive.infolist()]
    rest = sorted(name for name in names if name not in LAST)
    if names != rest + [name for name in LAST if name in names]:
        findings.add("member_form", "", said="its members are not in order")


def _check_packing(one: ZipInfo, findings: Findings) -> None:
    """Can it be unpacked by anybody, and without harm?"""
    name = _shown(one.orig_filename)
    if one.flag_bits & ENCRYPTED:
        findings.add("member_encrypted", name, said="is encrypted")
    elif one.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
        findings.add("path_unsafe", name, said="is packed in a way that bundles never are")
    if one.file_size > PLAIN_SIZE and one.file_size > RATIO * one.compress_size:
        said = f"would grow from {one.compress_size} to {one.file_size} bytes"
        findings.add("too_large", name, said=said)


def _is_plain(one: ZipInfo) -> bool:
    """A file: no folder, no link."""
    mode = one.external_attr >> 16
    return not one.is_dir() and (stat.S_IFMT(mode) == 0 or stat.S_ISREG(mode))


def _foreign(extra: bytes) -> bool:
    """Does it hold anything but sizes?"""
    while extra:
        if len(extra) < 4:  # noqa: PLR2004  # a header
            return True
        kind, length = struct.unpack_from("<2H", extra)
        if kind != ZIP64:
            return True
        extra = extra[4 + length :]
    return False


def _check_places(file: IO[bytes], archive: ZipFile, *, findings: Findings) -> None:
    """Members stand one behind the other from the first byte on, and nothing between them."""
    members = archive.infolist()
    ends = [*(one.header_offset for one in members[1:]), archive.start_dir]
    if members and members[0].header_offset != 0:
        findings.add("bytes_before", "", said="does not begin with its first member")
        return
    for one, end in zip(members, ends, strict=True):
        file.seek(one.header_offset)
        head = file.read(LOCAL.size)
        if len(head) < LOCAL.size or not head.startswith(b"PK\3\4"):
            findings.add("not_whole", _shown(one.orig_filename), said="is not where the list says")
            return
        _, _, flags, method, *_, named, more = LOCAL.unpack(head)
        name, extra = file.read(named), file.read(more)
        gap = end - file.tell() - one.compress_size
        if gap and not (flags & DESCRIBED and gap in DESCRIPTIONS):
            findings.add("bytes_between", _shown(one.orig_filename), said=f"{gap} bytes follow it")
        if (name, method) != (one.orig_filename.encode(), one.compress_type) or _foreign(extra):
            said = "says something else than the list of members"
            findings.add("bytes_between", _shown(one.orig_filename), said=said)
    size = file.seek(0, 2)
    if (left := size - _end_size(file, size) - archive.start_dir - _listed(archive)) != 0:
        findings.add("bytes_between", "", said=f"{left} bytes stand before its end")


def _end_size(file: IO[bytes], size: int) -> int:
    """How many bytes its end takes: more for a very large one."""
    file.seek(max(0, size - END.size - LOCATOR.size))
    large = file.read(4) == b"PK\6\7"
    return END.size + (LOCATOR.size + END64.size if large else 0)


def _listed(archive: ZipFile) -> int:
    """How many bytes the list of members takes."""
    return sum(
        46 + len(one.orig_filename.encode()) + len(one.extra) + len(one.comment)
        for one in archive.infolist()
    )


def _shown(name: str) -> str:
    """A name on one line of a terminal."""
    return name if name.isascii() and name.isprintable() else ascii(name)[1:-1]


def is_content(name: str) -> bool:
    """Does the digest of the content cover it?"""
    return name.startswith(DATA) or name == PACKAGE
