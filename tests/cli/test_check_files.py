"""Which files the check looks at: those that a harvest would read, and never through a link."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from cli.checking import files
from cli.checking.files import Unreadable, Wanted, find_files, read_file
from cli.checking.finding import Finding
from cli.exits import Exit
from harvesters.manifests.wanted import LARGEST_MANIFEST
from tests.cli.conftest import Command
from tests.cli.test_check import AZURE, GOOD


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(*names: str) -> None:
    """Write files that say nothing, with their folders."""
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x: 1\n")


def manifests(*paths: str) -> list[str]:
    """What is found, as it is shown."""
    return [one.shown for one in wanted(find_files(map(Path, paths))) if one.sort == "manifest"]


def wanted(found: Iterable[Wanted | Finding]) -> list[Wanted]:
    """The files among what is found."""
    return [one for one in found if isinstance(one, Wanted)]


def findings(*paths: str) -> list[tuple[str, str]]:
    """File and code of what could not be looked at."""
    found = find_files(map(Path, paths))
    return [(one.file, one.problem.code) for one in found if isinstance(one, Finding)]


def passed_over(path: str) -> str | None:
    """The code that says why a harvest leaves out the only file that is found."""
    (one,) = wanted(find_files([Path(path)]))
    return one.passed_over.code if one.passed_over else None


def test_find_by_name() -> None:
    """The names that a harvest reads, shallow ones first; others are none of its business."""
    write("b/churn.model.yaml", "a/model.yml", "model.yaml", "models.yaml", "Model.yaml", "x.yaml")

    assert manifests(".") == ["model.yaml", "a/model.yml", "b/churn.model.yaml"]


def test_find_left_out() -> None:
    """Version control, packages and environments hold nobody's manifests."""
    write(
        ".git/model.yaml", "node_modules/x/model.yaml", "env/model.yaml", "env/pyvenv.cfg",
        "conda/model.yaml", "conda/conda-meta/history", ".tox/model.yaml", "a/model.yaml",
    )  # fmt: skip

    assert manifests(".") == ["a/model.yaml"]


def test_find_repository_within() -> None:
    """A repository within another one is not harvested with it; beside each other both are."""
    write(".git/HEAD", "model.yaml", "sub/.git", "sub/model.yaml")
    write("desk/a/.git/HEAD", "desk/a/model.yaml", "desk/b/.git/HEAD", "desk/b/model.yaml")

    assert manifests(".") == ["model.yaml"]
    Path(".git/HEAD").unlink()
    Path(".git").rmdir()
    assert manifests("desk") == ["desk/a/model.yaml", "desk/b/model.yaml"]


def test_find_each_once() -> None:
    """Paths that overlap name a file once, in the order in which they were given."""
    write("a/model.yaml", "b/model.yaml")

    assert manifests("b/model.yaml", ".", "a") == ["b/model.yaml", "a/model.yaml"]


def test_find_no_links(tmp_path: Path) -> None:
    """A link to a folder is not entered, one to a file is not read, whoever names it."""
    write("real/model.yaml", "secret.txt")
    Path("linked").symlink_to("real")
    Path("model.yaml").symlink_to("secret.txt")
    Path("loop").symlink_to(tmp_path)

    assert manifests(".") == ["model.yaml", "real/model.yaml"]
    (link, _) = wanted(find_files([Path()]))
    with pytest.raises(Unreadable, match="is a symbolic link"):
        read_file(link)


def test_find_no_pipe() -> None:
    """A pipe with the name of a manifest is refused at once, nobody waits for a writer."""
    os.mkfifo("model.yaml")
    (pipe,) = wanted(find_files([Path()]))

    with pytest.raises(Unreadable, match="is no plain file"):
        read_file(pipe)


def test_read_no_more_than_needed() -> None:
    """Of a file of two gigabytes one byte more is read than a manifest may have."""
    with Path("model.yaml").open("wb") as file:
        file.truncate(2 << 30)
    (huge,) = wanted(find_files([Path()]))

    assert len(read_file(huge)) == LARGEST_MANIFEST + 1


def test_find_as_a_harvest_sees_it() -> None:
    """Depth counts from the repository's root, whatever folder the check begins in."""
    write(".git/HEAD")
    deep = "/".join("abcdefghi")
    write(f"{deep}/model.yaml")

    assert passed_over(".") == "too_deep"
    assert passed_over("a/b/c") == "too_deep"
    assert passed_over(f"{deep}/model.yaml") == "too_deep"


@pytest.mark.parametrize("name", ["x" * 200, "a\nb"])
def test_find_unnameable(name: str) -> None:
    """A path that no identifier can hold is spoken of, where the file lies."""
    write(f"{name}/{name}/model.yaml")

    assert passed_over(".") == "path_unnameable"


def test_find_by_word() -> None:
    """A file that is named is taken for a manifest, and its name is spoken of."""
    write("churn.yaml", "model.yaml")

    assert passed_over("churn.yaml") == "name_not_read"
    assert passed_over("model.yaml") is None


def test_find_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """A harvest reads the first five hundred; the check says so of every other one."""
    monkeypatch.setitem(files.MOST, "manifest", 2)
    write("a/model.yaml", "b/model.yaml", "c/model.yaml")

    found = wanted(find_files([Path()]))

    assert [one.passed_over and one.passed_over.code for one in found] == [
        None, None, "too_many_files",
    ]  # fmt: skip


def test_find_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without end is not walked without end, and nobody is told that all is well."""
    monkeypatch.setattr(files, "MOST_ENTRIES", 3)
    write("a/model.yaml", "b/1", "b/2", "b/3", "c/model.yaml")

    assert findings(".") == [(".", "too_many_entries")]


def test_find_no_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that may not be read is said to be so; the others are looked at."""
    write("a/model.yaml", "b/model.yaml")
    really = os.scandir

    def scandir(folder: Path) -> object:  # root, who may run this, may read everything
        if folder.name == "a":
            raise PermissionError(13, "Permission denied")
        return really(folder)

    monkeypatch.setattr(os, "scandir", scandir)

    assert findings(".") == [("a", "unreadable")]
    assert manifests(".") == ["b/model.yaml"]


def test_shown() -> None:
    """Files are shown as one would type them; a name that is no text does not end the check."""
    write("a/model.yaml")
    Path(os.fsdecode(b"\xff")).mkdir()
    write(os.fsdecode(b"\xff/model.yaml"))

    assert manifests("./a/../a/model.yaml") == ["a/model.yaml"]
    assert manifests(".") == ["a/model.yaml", "\\udcff/model.yaml"]
    os.chdir("a")
    assert manifests("../a/model.yaml") == ["model.yaml"]


@pytest.mark.parametrize(
    "name", ["Model.yaml", "models.yaml", "model.yaml.txt", "churn.Model.YML", "model.YAML"]
)
def test_check_nearly_named(command: Command, name: str) -> None:
    """A manifest under a name that is nearly right would be passed over in silence."""
    Path(name).write_text(GOOD)
    Path("a").mkdir()
    Path("a", name).write_text(AZURE)

    ran = command("check")

    assert (ran.code, ran.lines[0]) == (
        Exit.DONE,
        f"{name}:1:1: warning name_not_read: a harvest does not read files of this name.",
    )
    assert "call it model.yaml, or let its name end in .model.yaml." in ran.out.lower()
    assert ran.out.count("name_not_read") == 1
    assert "No manifest was found" in ran.err
