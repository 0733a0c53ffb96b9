"""Full text with tolerance for typing errors: the words of a search, as the catalog spells them."""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import fold_name
from schemas.problem import FieldProblem
from service.catalog.cards import PUNCTUATION
from service.catalog.view import View
from service.errors import Invalid

MOST_WORDS: Final = 10
MOST_NEAR: Final = 8  # spellings that a word may stand for
SOME, BEST = 2_000, 200  # cards that are compared with one word; whose words are
SIMILAR: Final = "0.3"  # of the trigrams; the distance decides
SPACED: Final = str.maketrans(dict.fromkeys(PUNCTUATION, " "))


class Search(NamedTuple):
    """A search as PostgreSQL reads it; the same text always finds the same rows."""

    text: str

    def matches(self, view: View) -> sa.ColumnElement[bool]:
        """Every word, or one that begins with it, stands on the card."""
        found: sa.ColumnElement[bool] = _card(view).c.words.op("@@")(self.query)
        return found

    def rank(self, view: View) -> sa.ColumnElement[Any]:
        """How well a card matches: names count most, whole words more than beginnings."""
        return sa.cast(sa.func.ts_rank(_card(view).c.words, self.query), sa.Double)

    @property
    def query(self) -> sa.ColumnElement[Any]:
        """The condition on words."""
        return sa.func.to_tsquery(sa.literal_column("'simple'"), self.text)


def read_search(session: Session, view: View, *, asked: str) -> Search:
    """Read a search text: words that nothing visible has are replaced by those nearest to them.

    Only cards that the caller may see are asked, so that no answer tells of others.
    """
    written = unicodedata.normalize("NFC", asked).lower()  # as everything is stored
    words = list(dict.fromkeys(written.translate(SPACED).split()))[:MOST_WORDS]
    if not words:
        problem = FieldProblem(
            pointer="?q", message="holds no word", fix="Search for letters or digits."
        )
        raise Invalid(problem)
    there = [sa.exists(_having(view, word)).label(f"w{n}") for n, word in enumerate(words)]
    present = session.execute(sa.select(*there)).one()
    missing = [word for word, found in zip(words, present, strict=True) if not found]
    near = _near(session, view, words=missing) if missing else {}
    return Search(" & ".join(_term(word, near.get(word, ())) for word in words))


def _having(view: View, word: str) -> sa.Select[Any]:
    return (
        sa.select(1).select_from(view.rows).where(*view.here(), Search(_term(word)).matches(view))
    )


def _term(word: str, near: Sequence[str] = ()) -> str:
    """A word, and what begins with it; or the words that it may have been meant as.

    Names are stored folded (`straße` as `strasse`), texts as they are written.
    """
    if near:
        return f"({' | '.join(_quoted(one) for one in near)})"
    forms = dict.fromkeys((word, fold_name(word)))
    return f"({' | '.join(f'{_quoted(one)} | {_quoted(one)}:*' for one in forms)})"


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def _near(session: Session, view: View, *, words: Sequence[str]) -> dict[str, list[str]]:
    """For each word those nearest to it on visible cards."""
    threshold = sa.func.set_config("pg_trgm.word_similarity_threshold", SIMILAR, True)  # noqa: FBT003
    session.execute(sa.select(threshold))
    parts = [_alike(view, word) for word in words]
    found: dict[str, list[str]] = {}
    for word, held in session.execute(sa.union_all(*parts)):
        found.setdefault(word, []).append(held)
    return {word: nearest(word, held) for word, held in found.items()}


def _alike(view: View, word: str) -> sa.Select[Any]:
    """The words of the cards that are most like one, of so many as can be looked through."""
    names, words = (_card(view).c[name] for name in ("names", "words"))
    alike = names.op("%>")(word)
    some = sa.select(names, words).select_from(view.rows).where(*view.here(), alike).limit(SOME)
    drawn = some.subquery("some")
    similar = sa.func.word_similarity(word, drawn.c.names)
    best = sa.select(drawn.c.words).order_by(similar.desc()).limit(BEST).subquery("best")
    held = sa.func.unnest(sa.func.tsvector_to_array(best.c.words))
    return sa.select(sa.literal(word).label("word"), held.label("held")).distinct()


def nearest(word: str, among: Iterable[str]) -> list[str]:
    """The words that one may have been meant as: the fewest typing errors away, if few enough."""
    allowed = 0 if len(word) < 3 else 1 if len(word) < 6 else 2  # noqa: PLR2004  # letters
    letters = set(word)
    far = {
        other: _errors(word, other, allowed=allowed)
        for other in among
        # Each error can account for one letter: of thousands of words hardly any is left.
        if len(other) >= len(word) - allowed and len(letters.difference(other)) <= allowed
    }
    least = min(far.values(), default=allowed + 1)
    if least > allowed:
        return []
    return sorted(other for other, errors in far.items() if errors == least)[:MOST_NEAR]


def _errors(word: str, other: str, *, allowed: int) -> int:
    """How far a word is from another, or from what this one begins with."""
    begun = distance(word, other[: len(word)])
    if 0 < len(other) - len(word) <= allowed:
        return min(begun, distance(word, other))
    return begun


def distance(one: str, other: str) -> int:
    """How many letters are missing, added, wrong or swapped with their neighbour."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        earlier, before, row = before, row, [i]
        for j, b in enumerate(other, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _card(view: View) -> sa.FromClause:
    assert view.card is not None  # noqa: S101  # `q` with `as_of` is refused before
    return view.card
