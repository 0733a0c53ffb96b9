"""Mending: only what is proposed, all of it, and never half a file or another one."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from cli.checking.mend import Mended, NotWritten, difference, mend, replace_file
from harvesters.manifests.problems import RESAVE, Edit, Problem, text_of

TEXT: Final = b"# kept  \nlicence: MIT   # why\n\n\nowner: x\n"


def misspelt(raw: bytes) -> Sequence[Problem]:
    """A reader that knows better names for two keys."""
    better = {"licence": "license", "owner": "owners"}
    found = []
    for number, line in enumerate((text_of(raw) or "").splitlines(), start=1):
        if (word := re.match(r"\w+(?=:)", line)) and word[0] in better:
            edit = Edit(number, 1, number, 1 + len(word[0]), better[word[0]])
            found.append(Problem("unknown_key", number, 1, word[0], "Rename it", edit=edit))
    return found


def test_mend_only_that() -> None:
    """Every edit is made; comments, blank lines and spaces stay byte for byte."""
    mended = mend(TEXT, misspelt)

    assert mended.after == b"# kept  \nlicense: MIT   # why\n\n\nowners: x\n"
    assert [one.message for one in mended.done] == ["licence", "owner"]
    assert mended.changed


def test_mend_again() -> None:
    """What is mended is not mended again, and nothing to mend is no change."""
    once = mend(TEXT, misspelt)

    again = mend(once.after, misspelt)

    assert (again.after, again.done, again.changed) == (once.after, (), False)


def test_mend_until_nothing_is_left() -> None:
    """Edits that overlap, or that others bring to light, are made in later rounds."""

    def read(raw: bytes) -> Sequence[Problem]:
        length = len(raw)
        edit = Edit(1, 1, 1, 2, "")
        return [Problem("tab", 1, 1, str(length), "", edit=edit)] * 2 if length > 1 else []

    mended = mend(b"aaaaa", read)

    assert (mended.after, len(mended.done)) == (b"a", 4)


def test_mend_ends() -> None:
    """A reader that is never content does not keep the check from ending."""
    turned = {b"a": "b", b"b": "a"}

    mended = mend(b"a", lambda raw: [
        Problem("tab", 1, 1, "turn", "", edit=Edit(1, 1, 1, 2, turned[raw]))
    ])  # fmt: skip

    assert mended.after in turned


def test_mend_encoding() -> None:
    """A file of another encoding is saved as UTF-8, its text unchanged."""
    raw = "name: Zürich\r\n".encode("utf-16")

    mended = mend(raw, lambda now: [
        Problem("encoding", 1, 1, "", "", edit=RESAVE)] if now.startswith(b"\xff\xfe") else []
    )  # fmt: skip

    assert mended.after.decode() == "name: Zürich\n"


def test_replace_keeps_rights(tmp_path: Path) -> None:
    """The file has its rights as before, and nothing is left beside it."""
    file = tmp_path / "model.yaml"
    file.write_bytes(b"old")
    file.chmod(0o640)

    replace_file(file, Mended(b"old", b"new", ()))

    assert file.read_bytes() == b"new"
    assert file.stat().st_mode & 0o7777 == 0o640
    assert list(tmp_path.iterdir()) == [file]


def test_replace_no_link(tmp_path: Path) -> None:
    """Neither a link nor what it leads to is written."""
    real, link = tmp_path / "real", tmp_path / "model.yaml"
    real.write_bytes(b"old")
    link.symlink_to(real)

    with pytest.raises(NotWritten, match="symbolic link"):
        replace_file(link, Mended(b"old", b"new", ()))

    assert (real.read_bytes(), link.is_symlink()) == (b"old", True)


def test_replace_changed_meanwhile(tmp_path: Path) -> None:
    """What somebody saved while the check ran is not lost."""
    file = tmp_path / "model.yaml"
    file.write_bytes(b"theirs")

    with pytest.raises(NotWritten, match="changed meanwhile"):
        replace_file(file, Mended(b"old", b"new", ()))

    assert file.read_bytes() == b"theirs"


def test_replace_disk_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When it cannot be written whole, the old file stays, and nothing beside it."""
    file = tmp_path / "model.yaml"
    file.write_bytes(b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(NotWritten, match="No space left on device"):
        replace_file(file, Mended(b"old", b"new", ()))

    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_difference() -> None:
    """As `diff -u` shows it; what no eye would see is said in words."""
    assert difference("a/model.yaml", mend(b"licence: MIT", misspelt)) == (
        "--- a/a/model.yaml\n+++ b/a/model.yaml\n@@ -1 +1 @@\n"
        "-licence: MIT\n\\ No newline at end of file\n"
        "+license: MIT\n\\ No newline at end of file\n"
    )
    assert "(line ends and encoding only)" in difference("x", Mended(b"a\r\n", b"a\n", ()))
