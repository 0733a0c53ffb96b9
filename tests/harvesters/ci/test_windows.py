"""Windows of time, cursors, and what is of interest."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvesters.ci.cursor import (
    MOST_ASKED,
    MOST_BEHIND,
    MOST_OPEN,
    BuildCursor,
    mark_of,
)
from harvesters.ci.deployment_sweep import MOST_MEMOS, MOST_MISSING, Known
from harvesters.ci.github.deployments import claims_of, number_in
from harvesters.ci.wanted import Wanted
from harvesters.ci.windows import Listed, in_windows
from harvesters.manifests.host import RepositoryUnreadable
from schemas.commits import NamedCommit
from schemas.harvest import LONGEST_CURSOR
from schemas.identifiers import Identifier, Kind

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
COMMIT = "c0ffee" * 6 + "c0ff"


@given(st.lists(st.integers(0, 5_000), max_size=120), st.integers(1, 40))
def test_windows(seconds: list[int], most: int) -> None:
    """Whatever the listing takes at once, everything is told once, but what shares a second."""
    rows = [NOON + timedelta(seconds=one) for one in seconds]
    lost: list[None] = []

    def ask(first: datetime, last: datetime) -> Listed:
        found = [one for one in rows if first <= one <= last]
        return Listed(found[:most], len(found) <= most)

    windows = in_windows(
        NOON, NOON + timedelta(seconds=5_000), ask=ask, beyond=lambda: lost.append(None)
    )
    told = [one for window in windows for one in window]

    together = {one for one in rows if rows.count(one) > most}
    assert [one for one in sorted(told) if one not in together] == [
        one for one in sorted(rows) if one not in together
    ]
    assert len(lost) == len(together)


def test_windows_without_end() -> None:
    """A listing that is never whole is given up, and says so."""
    windows = in_windows(
        NOON - timedelta(days=30), NOON, ask=lambda _first, _last: Listed((), whole=False)
    )
    with pytest.raises(RepositoryUnreadable, match="do not end"):
        list(windows)


def test_cursor_size() -> None:
    """However much there is to remember, a cursor fits, and reads as what it was."""
    random = Random(7)  # noqa: S311  # nothing secret

    def number() -> str:
        return str(random.randint(10**12, 10**13))

    full = BuildCursor(
        NOON, NOON, NOON,
        tuple((number(), str(10**12 + one)) for one in range(2 * MOST_OPEN)),
        {number(): NOON for _ in range(MOST_BEHIND)},
        tuple(mark_of(number(), COMMIT) for _ in range(2 * MOST_ASKED)),
    )  # fmt: skip
    written = full.text()
    assert len(written.encode()) < LONGEST_CURSOR
    again = BuildCursor.read(written)
    assert again.open == full.open[-MOST_OPEN:]
    assert BuildCursor.read(full._replace(open=full.open[::-1]).text()).open == again.open
    assert again.asked == full.asked[-MOST_ASKED:]
    assert (again.until, again.behind) == (NOON, full.behind)

    memos = {number(): "01234567 2026-11-27T12:00:00.000000+00:00" for _ in range(2 * MOST_MEMOS)}
    behind = {number(): NOON for _ in range(MOST_BEHIND)}
    missing = {number(): 1 for _ in range(2 * MOST_MISSING)}
    known = Known(NOON, NOON, NOON, memos, behind, missing)
    assert len(known.text().encode()) < LONGEST_CURSOR
    assert Known.read(known.text()).until == NOON


@pytest.mark.parametrize(
    "text", [None, "", "x", "[]", "7", '{"format": 2}', '{"format": 1, "open": 7, "behind": []}',
             '{"format": 1, "until": "soon", "asked": 3, "open": ["a/b", 5], "memos": 1}'],
)  # fmt: skip
def test_cursor_unknown(text: str | None) -> None:
    """What cannot be read is none."""
    assert BuildCursor.read(text) == BuildCursor()
    assert Known.read(text) == Known()


def identity(number: int, host: str = "github.com") -> Identifier:
    """A repository by its number."""
    return Identifier(kind=Kind.REPOSITORY, scheme="github", value=f"{host}/{number}")


def test_wanted() -> None:
    """A number outdoes an address; without one the address is good enough."""
    url = Identifier(kind=Kind.REPOSITORY, scheme="url", value="https://github.com/acme/churn")
    wanted = Wanted("github", "github.com")
    assert not wanted.anything
    wanted.add([NamedCommit(commit=COMMIT, repositories=(identity(1), url))])

    assert wanted.anything
    assert wanted.names(identity(1), "https://github.com/acme/attrition")
    assert not wanted.names(identity(2), url.value)
    assert wanted.unbuilt(identity(1), "") == [COMMIT]

    wanted.add([NamedCommit(commit="5" * 40, repositories=(identity(9, "ghe.example"), url))])
    assert wanted.names(identity(2), url.value)
    assert wanted.unbuilt(identity(2), url.value) == ["5" * 40]


@pytest.mark.parametrize(
    ("node", "number"),
    [
        ("MDEwOlJlcG9zaXRvcnkzMzU3MDkwNzg=", 335_709_078), ("R_kgDOFAKDlg", 335_709_078),
        ("DE_kwDOFAKDls7k2xiG", 335_709_078), ("R_kgDO", None), ("", None), (None, None),
        ("MDQ6VXNlcjc0OTYyNzg=", None), ("R_!!", None), (7, None),
    ],
)  # fmt: skip
def test_number_in(node: object, number: int | None) -> None:
    """Ids of GraphQL hold the number of the repository, in both of their forms."""
    assert number_in(node) == number


@given(st.recursive(st.none() | st.booleans() | st.text() | st.integers(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_claims_of(payload: object) -> None:
    """No payload breaks anything."""
    assert all(isinstance(one, str) for one in claims_of(payload).values())
