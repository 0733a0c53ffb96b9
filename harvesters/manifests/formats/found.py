"""What a file in a format of others says, before it is known which model it stands by."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from schemas.identifiers import Identifier, Kind


class FileRefused(ValueError):  # reads as a sentence
    """A file is not read; code and reason go into the report."""

    def __init__(self, code: str, message: str) -> None:
        """For the report."""
        super().__init__(message)
        self.code, self.message = code, message


class Found(NamedTuple):
    """One thing that a file states something about.

    `facts` as JSON, by the names of the kind's facts; those in `inferred` were concluded. Facts
    of a model belong to the model that the file stands by, others to the file itself. `name` is
    what the file calls it, `same_as` how others do; `dropped` says what of it no fact can hold, and
    why.

    `links`: of a dataset, how a model used it: role, digest, version, description, once each way.
    `of`: the names of those models of the same file that it belongs to; empty: of every one.
    `run_id`: of a version, the training run of some MLflow server. `entity`: of a model, what
    Backstage calls it.
    """

    kind: Kind
    facts: Mapping[str, Any]
    inferred: tuple[str, ...] = ()
    name: str | None = None
    same_as: tuple[Identifier, ...] = ()
    dropped: tuple[str, ...] = ()
    links: tuple[Mapping[str, Any], ...] = ()
    of: tuple[str, ...] = ()
    run_id: str | None = None
    entity: str | None = None


class Format(NamedTuple):
    """A kind of file that others write.

    `reach`: its facts are about the model of its `folder`, or about all below it (`below`).
    `read` raises `FileRefused`; a file that says nothing about models answers nothing.
    """

    name: str
    matches: Callable[[str], bool]  # of a path
    read: Callable[[bytes, str], Sequence[Found]]  # contents and path
    reach: Literal["folder", "below"] = "folder"
