"""A ZIP whose bytes depend on its members alone; what is written is hashed on the way."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from schemas.bundles import DATA, PACKAGE, MemberFile

DATED: Final = (1980, 1, 1, 0, 0, 0)
MODE: Final = 0o644 << 16
UNIX: Final = 3
LEVEL: Final = 6


class Archive:
    """A ZIP that is being written, and what is known of its members."""

    def __init__(self, to: IO[bytes]) -> None:
        """Begin it."""
        self.zip = ZipFile(to, "w", ZIP_DEFLATED, compresslevel=LEVEL)
        self.files: list[MemberFile] = []

    @contextmanager
    def member(self, name: str) -> Iterator["Member"]:
        """One more member, written piece by piece."""
        info = ZipInfo(name, DATED)
        info.compress_type, info.external_attr, info.create_system = ZIP_DEFLATED, MODE, UNIX
        with self.zip.open(info, "w", force_zip64=True) as file:
            member = Member(file)
            yield member
        digest = f"sha256:{member.digest.hexdigest()}"
        self.files.append(
            MemberFile(name=name, records=member.records, bytes=member.size, sha256=digest)
        )

    @property
    def content_digest(self) -> str:
        """SHA-256 over the sorted lines of the files that depend on the order alone."""
        lines = sorted(
            f"{one.sha256.removeprefix('sha256:')}  {one.name}\n"
            for one in self.files
            if one.name.startswith(DATA) or one.name == PACKAGE
        )
        return f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"


class Member:
    """What is written into one member."""

    def __init__(self, file: IO[bytes]) -> None:
        """Nothing has been written yet."""
        self.file, self.digest, self.size = file, hashlib.sha256(), 0
        self.records: int | None = None

    def write(self, data: bytes) -> None:
        """Write some of it."""
        self.file.write(data)
        self.digest.update(data)
        self.size += len(data)
