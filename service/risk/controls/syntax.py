"""Reads what an expression of a control names, before anything is evaluated.

Compiling notices no unknown name, so the names are found here. What cannot be told apart without
evaluating (indexes, members of computed values, macros over lists) is no part of the language. The
order of operators does not matter for names: the compiler knows it.
"""

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST: Final = 2_000  # characters
DEEPEST: Final = 24  # nested brackets, lists, calls
MOST_PARTS: Final = 400  # names, literals, operators
MOST_SUMS: Final = 8  # additions: nothing else makes values larger
MOST_PATTERNS: Final = 2
LONGEST_PATTERN: Final = 200
MOST_CLASSES: Final = 4  # \w and its like stand for thousands of characters each

MACROS: Final = frozenset({"all", "exists", "exists_one", "existsOne", "map", "filter", "bind"})
FUNCTIONS: Final = {"size": 1, "days": 1, "hours": 1}  # name → arguments
METHODS: Final = {"size": 0, "contains": 1, "startsWith": 1, "endsWith": 1, "matches": 1}
SPLIT: Final = "split the control into several"
LITERALS: Final = frozenset({"true", "false", "null"})
OPERATORS: Final = frozenset("|| && == != <= >= < > + - * / % in".split())  # noqa: SIM905  # one look
TOKEN: Final = re.compile(
    r"""\s*(?:
    (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
    |(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<sign>\|\||&&|==|!=|<=|>=|[-+*/%<>!?:.,()\[\]])
    |(?P<end>\Z)
    )""",
    re.VERBOSE | re.ASCII,
)
CLASSES: Final = re.compile(r"\\[wWdDsSbBpP]")
COUNTED: Final = re.compile(r"(?<!\\)\{")

Path = tuple[str, ...]


class SyntaxRefused(ValueError):  # reads as a sentence
    """An expression is not of the language of controls; the message says where and why."""

    def __init__(self, reason: str, fix: str) -> None:
        """Keep how to mend it apart."""
        super().__init__(reason)
        self.fix = fix


class Syntax(NamedTuple):
    """What an expression names."""

    reads: frozenset[Path]  # read as they are: absent is an error
    checks: frozenset[Path]  # asked for by has()
    patterns: tuple[str, ...]  # literals given to matches(), as written
    parts: int  # names, literals and operators: what evaluating costs


def read_syntax(text: str) -> Syntax:
    """What an expression names. Raises `SyntaxRefused`."""
    if len(text) > LONGEST:
        raise SyntaxRefused(f"is longer than {LONGEST} characters", SPLIT)
    return _Reader(_tokens(text)).read()


class _Token(NamedTuple):
    kind: str  # number, text, name, sign, end
    text: str
    at: int  # counts from 1


def _tokens(text: str) -> list[_Token]:
    tokens, at = [], 0
    while True:
        found = TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            place = at + len(text[at:]) - len(text[at:].lstrip())
            raise SyntaxRefused(
                f"cannot be read from character {place + 1} on: {text[place : place + 12]!r}",
                "write operators, names, numbers and texts in quotes",
            )
        kind = found.lastgroup
        tokens.append(_Token(kind, found[kind], found.start(kind) + 1))
        at = found.end()
        if kind == "end":
            return tokens
        if len(tokens) > MOST_PARTS:
            raise SyntaxRefused(f"has more than {MOST_PARTS} parts", SPLIT)


class _Reader:
    """Goes through the tokens once."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens, self.next, self.depth, self.sums = tokens, 0, 0, 0
        self.reads: set[Path] = set()
        self.checks: set[Path] = set()
        self.patterns: list[str] = []

    def read(self) -> Syntax:
        """All of it."""
        self._expression()
        if self._here().kind != "end":
            raise self._unexpected()
        return Syntax(
            frozenset(self.reads), frozenset(self.checks), tuple(self.patterns), self.next
        )

    def _expression(self) -> None:
        self._operand()
        while self._here().text in OPERATORS and self._here().kind != "text":
            self._count(self._take())
            self._operand()
        if self._took("?"):
            self._expression()
            self._expect(":")
            self._expression()

    def _operand(self) -> None:
        while self._here().text in {"!", "-"} and self._here().kind == "sign":
            self._take()
        token = self._take()
        if token.kind == "name" and token.text not in LITERALS | OPERATORS:
            self._name(token)
        elif token.kind in {"name", "number", "text"} and token.text != "in":
            self._methods()
        elif token.text == "(" and token.kind == "sign":
            self._nested(self._expression)
            self._expect(")")
            self._methods()
        elif token.text == "[" and token.kind == "sign":
            self._nested(lambda: self._listed("]"))
            self._methods()
        else:
            raise self._unexpected(token)

    def _name(self, token: _Token) -> None:
        """A path, or a call; the last name before a bracket is the function's."""
        path = [token.text]
        if self._took("("):
            self._function(token)
            return
        while self._took("."):
            member = self._word()
            if self._took("("):
                self.reads.add(tuple(path))
                self._method(member)
                return
            path.append(member.text)
        self.reads.add(tuple(path))
        self._no_index()

    def _function(self, token: _Token) -> None:
        if token.text == "has":
            self._check()
        elif token.text in FUNCTIONS:
            self._arguments(token, FUNCTIONS[token.text])
        else:
            raise _no_function(token)
        self._methods()

    def _check(self) -> None:
        path = [self._word().text]
        while self._took("."):
            path.append(self._word().text)
        self._expect(")")
        self.checks.add(tuple(path))

    def _methods(self) -> None:
        """Calls on a value; its members are out of sight."""
        if self._took("."):
            member = self._word()
            if not self._took("("):
                raise SyntaxRefused(
                    f"reads {member.text} of a computed value at character {member.at}",
                    "write the whole path, such as model.name",
                )
            self._method(member)
        self._no_index()

    def _method(self, token: _Token) -> None:
        if token.text not in METHODS:
            raise _no_function(token)
        given = self._here()
        self._arguments(token, METHODS[token.text])
        if token.text == "matches":
            self._pattern(given)
        self._methods()

    def _pattern(self, given: _Token) -> None:
        """Only a literal: its cost is known when the pack is loaded."""
        alone = self.tokens[self.next - 2] is given
        if given.kind != "text" or not alone:
            raise SyntaxRefused(
                f"gives matches() no plain text at character {given.at}",
                "write the pattern out, in quotes",
            )
        self.patterns.append(given.text)
        costly = len(given.text) > LONGEST_PATTERN or COUNTED.search(given.text)
        if costly or len(CLASSES.findall(given.text)) > MOST_CLASSES:
            raise SyntaxRefused(
                f"has a costly pattern at character {given.at}",
                f"use at most {LONGEST_PATTERN} characters and {MOST_CLASSES} classes such as "
                r"\w, and no counts such as {3}",
            )
        if len(self.patterns) > MOST_PATTERNS:
            raise SyntaxRefused(
                f"has more than {MOST_PATTERNS} patterns", "put them into one, with |"
            )

    def _arguments(self, token: _Token, wanted: int) -> None:
        given = self._nested(lambda: self._listed(")"))
        if given != wanted:
            raise SyntaxRefused(
                f"gives {token.text}() {given} arguments at character {token.at}",
                f"give it {wanted}",
            )

    def _listed(self, end: str) -> int:
        """Expressions up to a bracket; how many."""
        if self._took(end):
            return 0
        count = 1
        self._expression()
        while self._took(","):
            self._expression()
            count += 1
        self._expect(end)
        return count

    def _nested(self, read: "Callable[[], int | None]") -> int:
        self.depth += 1
        if self.depth > DEEPEST:
            raise SyntaxRefused(f"is nested more than {DEEPEST} levels deep", SPLIT)
        count = read()
        self.depth -= 1
        return count or 0

    def _count(self, token: _Token) -> None:
        self.sums += token.text == "+"
        if self.sums > MOST_SUMS:
            raise SyntaxRefused(f"adds more than {MOST_SUMS} times", "compare the parts instead")

    def _here(self) -> _Token:
        return self.tokens[self.next]

    def _take(self) -> _Token:
        token = self._here()
        if token.kind == "end":
            raise SyntaxRefused("ends too early", "write the part that is missing")
        self.next += 1
        return token

    def _took(self, sign: str) -> bool:
        found = self._here().kind == "sign" and self._here().text == sign
        self.next += found
        return found

    def _expect(self, sign: str) -> None:
        if not self._took(sign):
            raise self._unexpected()

    def _word(self) -> _Token:
        token = self._take()
        if token.kind != "name" or token.text in LITERALS | OPERATORS:
            raise self._unexpected(token)
        return token

    def _no_index(self) -> None:
        if self._here().kind == "sign" and self._here().text in {"[", "."}:
            raise SyntaxRefused(
                f"picks a member at character {self._here().at}",
                "name a path, or let the control run over the items of the list",
            )

    def _unexpected(self, token: _Token | None = None) -> SyntaxRefused:
        found = token or self._here()
        what = repr(found.text) if found.text else "its end"
        return SyntaxRefused(
            f"has {what} at character {found.at}, where it means nothing",
            "write operators between values, and close what is opened",
        )


def _no_function(token: _Token) -> SyntaxRefused:
    if token.text in MACROS:
        return SyntaxRefused(
            f"runs {token.text}() over a list at character {token.at}: that depends on its order",
            "name the list under over, and say for one item what has to hold",
        )
    known = ", ".join(sorted({*FUNCTIONS, *METHODS, "has"}))
    reason = f"calls {token.text}() at character {token.at}, which is none of {known}"
    return SyntaxRefused(reason, "use one of these, or compare with an operator")
