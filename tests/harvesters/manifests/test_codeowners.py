"""CODEOWNERS as GitHub and as GitLab read them."""

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvesters.manifests.codeowners import MOST_RULES, CodeownersRefused, read_codeowners

GITLAB = """\
* @general

[Documentation][2] @docs-team
docs/
README.md @writer

^[Database] @dba one@example.com
model/db/
model/db/setup.md @docs-team

[DOCUMENTATION]
*.txt
!docs/internal/

[Roles]
/config/ @@maintainer @alice
[Broken
secret.key
"""


def owners(text: str, path: str, dialect: str = "github") -> tuple[str, ...]:
    """Whom a file names for a path."""
    return read_codeowners(text.encode(), dialect=dialect).owners_of(path)


def test_corpus_patterns(corpora: Path) -> None:
    """All 30 recorded cases of GitHub's patterns."""
    folder = corpora / "codeowners" / "hmarr__codeowners" / "testdata"
    cases = json.loads((folder / "patterns.json").read_text())

    wrong = [
        (case["name"], path)
        for case in cases
        for path, matches in case["paths"].items()
        if (owners(f"{case['pattern']} @a", path) == ("@a",)) is not matches
    ]
    assert (len(cases), wrong) == (30, [])


def test_corpus_files(corpora: Path) -> None:
    """So many rules and owners stand in the recorded files."""
    counts: Counter[str] = Counter()
    for path in sorted((corpora / "codeowners").rglob("CODEOWNERS")):
        read = read_codeowners(path.read_bytes(), dialect="github")
        counts["files"] += 1
        counts["rules"] += len(read.rules)
        counts["bad_lines"] += read.bad_lines
        counts["without"] += sum(not rule.owners for rule in read.rules)
        for owner in (owner for rule in read.rules for owner in rule.owners):
            account = "teams" if "/" in owner else "accounts"
            counts[account if owner.startswith("@") else "addresses"] += 1

    assert counts == {
        "files": 16, "rules": 75, "without": 5, "teams": 99, "accounts": 91, "addresses": 3,
        "bad_lines": 0,
    }  # fmt: skip


def test_last_match() -> None:
    """The last one that matches counts; without owners it clears what stood before."""
    text = "* @all\n/models/ @acme/ml a@example.com # inline\n/models/free/\n"

    assert owners(text, "README.md") == ("@all",)
    assert owners(text, "models/churn/model.yaml") == ("@acme/ml", "a@example.com")
    assert owners(text, "models/free/model.yaml") == ()
    assert owners("", "README.md") == ()


@pytest.mark.parametrize(
    "line",
    [
        "!docs/ @a", "\\#x @a", "docs/ @a not-an-owner", "docs/ @@maintainer", "docs/ @",
        "docs/ a@b@c", "a***b @a", "/ @a", "docs/ @a,", f"docs/ {'@a ' * 2_000}",
    ],
)  # fmt: skip
def test_bad_lines_github(line: str) -> None:
    """GitHub passes over the whole line; it is counted."""
    read = read_codeowners(f"* @all\n{line}\n".encode(), dialect="github")

    assert (read.owners_of("docs/a"), read.bad_lines) == (("@all",), 1)


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff* @a", "* @a\r\n", "\r\n\r\n*\t@a\r", "# x\n   *   @a   \n", "*  @a#b @a\n* @a",
    ],
)  # fmt: skip
def test_written_oddly(text: str) -> None:
    """A mark, other ends of lines, tabs and space change nothing."""
    assert owners(text, "model.yaml") == ("@a",)


def test_spaces_and_brackets() -> None:
    """A space after a backslash belongs to the path; brackets mean themselves."""
    assert owners("my\\ models/ @a", "my models/model.yaml") == ("@a",)
    assert owners("[a-z]/ @a", "b/model.yaml") == ()
    assert owners("[a-z]/ @a", "[a-z]/model.yaml") == ("@a",)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("main.py", ("@general",)),
        ("docs/a.md", ("@general", "@docs-team")),
        ("a/docs/b/c.md", ("@general", "@docs-team")),
        ("README.md", ("@general", "@writer")),
        ("sub/README.md", ("@general", "@writer")),
        ("model/db/a", ("@general", "@dba", "one@example.com")),
        ("x/model/db/setup.md", ("@general", "@docs-team")),
        ("docs/internal/a.txt", ("@general",)),
        ("a.txt", ("@general",)),
        ("config/a", ("@general", "@@maintainer", "@alice")),
        ("x/config/a", ("@general",)),
    ],
)
def test_gitlab_sections(path: str, expected: tuple[str, ...]) -> None:
    """Each section counts for itself; one heading twice is one section, with its own default."""
    assert owners(GITLAB, path, "gitlab") == expected


def test_gitlab_lines() -> None:
    """A heading that cannot be read is a path; a line that names nobody is counted."""
    read = read_codeowners(GITLAB.encode(), dialect="gitlab")
    assert [rule.line for rule in read.rules if not rule.owners] == [12, 13, 17, 18]
    assert read_codeowners(b"a/ nobody\n/ @a\n", dialect="gitlab").bad_lines == 2


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("foo", "foo", True), ("foo", "a/foo", True), ("foo", "foo/a", False),
        ("/foo", "a/foo", False), ("foo/bar", "a/foo/bar", True), ("foo/*", "foo/a/b", False),
        ("/foo/**/*.md", "foo/a/b/c.md", True), ("/foo/**/*.md", "foo/c.md", True),
        ("**/a?c", "x/abc", True), ("/foo/", "foo/a/b", True), ("\\#a", "#a", True),
        ("*.rb", "a/.b.rb", True), ("/a/**", "a/b", True), ("/a/**", "a/b/c", False),
    ],
)  # fmt: skip
def test_gitlab_patterns(pattern: str, path: str, matches: bool) -> None:  # noqa: FBT001
    """Only `/` at the beginning binds to the root, and only one at the end means all below."""
    assert (owners(f"{pattern} @a", path, "gitlab") == ("@a",)) is matches


def test_refused() -> None:
    """What is not text, or endless, is refused."""
    for raw in (b"\xff\xfe*\x00", b"* @a\xe9", b"a @a\n" * (MOST_RULES + 1)):
        with pytest.raises(CodeownersRefused):
            read_codeowners(raw, dialect="github")


@pytest.mark.parametrize("dialect", ["github", "gitlab"])
def test_hostile_patterns(dialect: str) -> None:
    """Stars in a row cost no more than their number: the test would not end otherwise."""
    stars = "*a" * 200 + "b"
    folders = "/".join(["**", "a"] * 200) + "/b"
    path = "/".join(["a" * 400] * 8)

    assert owners(f"{stars} @a\n{folders} @a\n", path, dialect) == ()


@pytest.mark.parametrize("dialect", ["github", "gitlab"])
def test_hostile_file(dialect: str) -> None:
    """Nor does a file that is full of patterns that nearly match: it is asked for each manifest."""
    nearly = "".join(f"*{'?' * 100}{number}*a @a\n" for number in range(MOST_RULES))

    assert owners(nearly, "a" * 380 + "/model.yaml", dialect) == ()


SEGMENTS = st.lists(st.text("ab*?[].-\\", min_size=1, max_size=6), min_size=1, max_size=5)


@given(SEGMENTS, st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=5))
def test_any_pattern(pattern: list[str], path: list[str]) -> None:
    """A pattern that is the path itself matches it, and everything else is answered too."""
    owners("/".join(pattern) + " @a", "/".join(path))
    written = "/".join(path)
    for dialect in ("github", "gitlab"):
        assert owners(f"/{written} @a", written, dialect) == ("@a",)
        assert owners("* @a", written, dialect) == ("@a",)


@given(st.binary(max_size=300))
def test_any_bytes(raw: bytes) -> None:
    """Whatever stands in the file, it is read or refused."""
    for dialect in ("github", "gitlab"):
        try:
            read = read_codeowners(raw, dialect=dialect)
        except CodeownersRefused:
            continue
        assert read.owners_of("models/churn/model.yaml") is not None
