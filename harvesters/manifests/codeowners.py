"""CODEOWNERS: who is asked about a path, by the rules of GitHub and of GitLab. Pure."""

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Final, NamedTuple

from harvesters.manifests.globs import Glob, github_glob, gitlab_glob

MOST_RULES: Final = 5_000
LONGEST_LINE: Final = 4_096
COMMENT: Final = "#"
WORDS: Final = re.compile(r"(?:\\.|[^\s\\])+|\\")  # a space after \ belongs to the path
HEADING: Final = re.compile(r"\^?\[(?P<name>[^\]]*)\](?:\[\d{1,3}\])?(?:\s+(?P<owners>.*))?")
EMAIL: Final = re.compile(r"[^@\s]{1,256}@[^@\s]{1,256}")
NAME: Final = re.compile(r"@[\w.-]{1,256}(?:/[\w.-]{1,256})*(?:\[bot\])?", re.ASCII)
ROLE: Final = re.compile(r"@@[a-z_]{1,64}", re.ASCII)


class CodeownersRefused(ValueError):  # reads as a sentence
    """The file is no CODEOWNERS file as hosts read it."""


class Rule(NamedTuple):
    """A line: which paths, and whom it names. Without owners it clears what lines before say."""

    glob: Glob
    owners: tuple[str, ...]
    section: str = ""  # GitLab: in each one the last match counts
    excludes: bool = False  # GitLab: no line of its section names anybody for these paths
    line: int = 0


class Codeowners:
    """The rules of a file, and how many of its lines its host would pass over."""

    def __init__(self, rules: Iterable[Rule], *, bad_lines: int = 0) -> None:
        """Rules in the order of the file."""
        self.rules, self.bad_lines = tuple(rules), bad_lines

    def owners_of(self, path: str) -> tuple[str, ...]:
        """Whom the last matching rule of each section names, as it is written there."""
        segments = path.strip("/").split("/")
        named: dict[str, None] = {}
        for rules in self._sections.values():
            named |= dict.fromkeys(_last_match(rules, segments))
        return tuple(named)

    @cached_property
    def _sections(self) -> dict[str, list[Rule]]:
        found: dict[str, list[Rule]] = {}
        for rule in self.rules:
            found.setdefault(rule.section, []).append(rule)
        return found


def read_codeowners(raw: bytes, *, dialect: str) -> Codeowners:
    """Read a file as its host does. Raises `CodeownersRefused`; bad lines are only counted."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CodeownersRefused("the file is not UTF-8; save it as UTF-8") from None
    reader = _Reader(gitlab=dialect == "gitlab")
    rules: list[Rule] = []
    for rule in reader.rules(re.split(r"\r\n|\n|\r", text)):
        if len(rules) == MOST_RULES:
            message = f"the file holds more than {MOST_RULES:,} rules"
            raise CodeownersRefused(message)
        rules.append(rule)
    return Codeowners(rules, bad_lines=reader.bad_lines)


class _Reader:
    """Goes through the lines; in GitLab's files a heading begins a section."""

    def __init__(self, *, gitlab: bool) -> None:
        self.gitlab = gitlab
        self.bad_lines = 0
        self.section = ""
        self.default: tuple[str, ...] = ()

    def rules(self, lines: Iterable[str]) -> Iterator[Rule]:
        for number, written in enumerate(lines, start=1):
            line = written.strip()
            if not line or line.startswith(COMMENT) or self._is_heading(line):
                continue
            rule = self._rule(line, number) if len(line) <= LONGEST_LINE else None
            if rule is None:
                self.bad_lines += 1
            else:
                yield rule

    def _is_heading(self, line: str) -> bool:
        """GitLab takes a heading that it cannot read for a path."""
        found = HEADING.fullmatch(line) if self.gitlab and len(line) <= LONGEST_LINE else None
        if found is None or not found["name"].strip():
            return False
        self.section = found["name"].strip().casefold()
        self.default = tuple(filter(self._is_owner, (found["owners"] or "").split()))
        return True

    def _rule(self, line: str, number: int) -> Rule | None:
        pattern, *words = WORDS.findall(line)
        excludes = pattern.startswith("!")
        if excludes and not self.gitlab:
            return None
        make = gitlab_glob if self.gitlab else github_glob
        glob = make(pattern.removeprefix("!") if excludes else pattern)
        if glob is None:
            return None
        if self.gitlab:  # it passes over what names nobody, and has no comments inside a line
            owners = tuple(word for word in words if self._is_owner(word))
            if words and not owners:
                self.bad_lines += 1
            return Rule(glob, owners or self.default, self.section, excludes, number)
        beside = _before_comment(words)
        if not all(self._is_owner(word) for word in beside):
            return None  # it passes over the whole line
        return Rule(glob, tuple(beside), line=number)

    def _is_owner(self, word: str) -> bool:
        named = NAME.fullmatch(word) or EMAIL.fullmatch(word)
        return bool(named or (self.gitlab and ROLE.fullmatch(word)))


def _before_comment(words: list[str]) -> list[str]:
    commented = (place for place, word in enumerate(words) if word.startswith(COMMENT))
    return words[: next(commented, len(words))]


def _last_match(rules: Iterable[Rule], segments: list[str]) -> tuple[str, ...]:
    owners: tuple[str, ...] = ()
    for rule in reversed(tuple(rules)):
        if rule.glob.matches(segments):
            owners = rule.owners
            break
    if owners and any(rule.excludes and rule.glob.matches(segments) for rule in rules):
        return ()
    return owners
