"""The private server: shared while used, stopped by the last, and never in anybody's way."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from service.embedded import EmbeddedRefused, embedded


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every account may reach."""
    made = Path(tempfile.mkdtemp(prefix="catalog-"))
    yield made
    shutil.rmtree(made)


def ask(url: str, question: str) -> object:
    """One value."""
    with psycopg.connect(url) as connection:
        row = connection.execute(question).fetchone()
        assert row is not None
        return row[0]


def test_embedded_shared(folder: Path) -> None:
    """Who leaves does not stop the server under another; the last one does."""
    with embedded(folder, durable=False) as url:
        with embedded(folder, durable=False) as same:
            assert same == url
        assert ask(url, "SELECT 1") == 1

    with pytest.raises(psycopg.OperationalError):
        ask(url, "SELECT 1")


def test_embedded_error(folder: Path) -> None:
    """An error of its user does not leave the server behind."""
    with pytest.raises(KeyError), embedded(folder, durable=False) as url:
        raise KeyError

    with pytest.raises(psycopg.OperationalError):
        ask(url, "SELECT 1")


def test_embedded_closed_to_others(folder: Path) -> None:
    """It listens on a socket alone, in a folder that only its account may enter."""
    with embedded(folder, durable=False) as url:
        assert ask(url, "SHOW listen_addresses") == ""
        assert folder.stat().st_mode & 0o077 == 0


def test_embedded_durable(folder: Path) -> None:
    """Haste is never stored: a folder that a test began is durable in real use."""
    with embedded(folder, durable=False) as url:
        hasty = ask(url, "SHOW fsync")
    with embedded(folder) as url:
        assert (hasty, ask(url, "SHOW fsync")) == ("off", "on")


@pytest.mark.parametrize("left", ["{alive}\n{folder}\n", "", "4194304\n{folder}\n"])
def test_embedded_stale_record(folder: Path, left: str) -> None:
    """A record left by a killed server does not stop the next, even if its number lives on."""
    with embedded(folder, durable=False):
        pass
    (folder / "postmaster.pid").write_text(left.format(folder=folder, alive=os.getpid()))

    with embedded(folder, durable=False) as url:
        assert ask(url, "SELECT 1") == 1


def test_embedded_letters(folder: Path) -> None:
    """Letters of every language have their small and capital forms."""
    with embedded(folder, durable=False) as url:
        assert ask(url, "SELECT lower('ÉΩЖ')") == "éωж"


def test_embedded_path_too_long(tmp_path: Path) -> None:
    """A path that is too long for a socket is refused before anything is made."""
    long = tmp_path / ("x" * 120)

    with pytest.raises(EmbeddedRefused, match="choose a shorter one"), embedded(long):
        pass
    assert not long.exists()


@pytest.fixture
def closed() -> Iterator[Path]:
    """A folder that we alone may enter, with a path that is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="c-") as made:
        yield Path(made)


def test_embedded_private_parents(closed: Path) -> None:
    """Below folders that only we may enter it runs all the same, for root too; they stay closed."""
    for _ in range(2):
        with embedded(closed / "pg", durable=False) as url:
            assert ask(url, "SELECT 1") == 1
    assert closed.stat().st_mode & 0o777 == 0o700


def test_embedded_unreachable(closed: Path) -> None:
    """A folder that its owner's account cannot use is refused; no parent folder is opened."""
    if os.geteuid() == 0:
        (closed / "pg").mkdir()
        os.chown(closed / "pg", 65534, 65534)
    else:
        closed.chmod(0o500)

    with pytest.raises(EmbeddedRefused, match="cannot"), embedded(closed / "pg"):
        pass
    assert closed.stat().st_mode & 0o077 == 0
    closed.chmod(0o700)
