"""How the columns of the files for risk reviews begin, and what their cells rest on."""

from typing import Final

from schemas.columns import Column

Rests = tuple[str, ...]
AS_OF: Final = Column("as_of", "the moment that the file tells of", holds="datetime")
BEGUN: Final = (
    AS_OF,
    Column("model_id", "the model's id, never used again", rests=("model",)),
    Column("model", "namespace/name", rests=("model.name", "model.namespace", "model")),
)
RATED: Final = ("assessment", "model", "use", "version", "dataset", "policy", "clock")
DECIDED: Final = ("decision", "review")
SEEN: Final = ("clock",)  # by harvests that confirm it: time passes


def resting(rests: Rests, holds: str = "string", **meanings: str) -> tuple[Column, ...]:
    """Columns that rest on the same."""
    return tuple(Column(name, text, "", holds, rests) for name, text in meanings.items())


def facts_of(kind: str, holds: str = "string", **meanings: str) -> tuple[Column, ...]:
    """Columns that show a fact of an entry of the file's own kind."""
    return tuple(
        Column(name, text, name, holds, (f"{kind}.{name}",)) for name, text in meanings.items()
    )


def said_of(kind: str, holds: str = "string", **meanings: str) -> tuple[Column, ...]:
    """Columns that show a fact of entries of another kind, which belong to the model."""
    return tuple(
        Column(name, text, "", holds, (f"{kind}.{name}", f"{kind}"))
        for name, text in meanings.items()
    )
