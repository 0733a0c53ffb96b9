"""What is wrong with what a build was asked to push: all of it is said, and nothing is sent."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from pydantic import ValidationError

from cli.exits import Exit, Stop
from harvesters.errors import shown
from harvesters.manifests.formats.found import FileRefused

MOST: int = 50


class Faults:
    """Collects what is wrong, and notes that do no harm."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.wrong: list[str] = []
        self.notes: list[str] = []

    def add(self, where: str, what: object) -> None:
        """Something is wrong there."""
        self.wrong.append(shown(f"{where}: {what}"))

    def note(self, where: str, what: object) -> None:
        """Something was left out, and whoever pushes should know."""
        self.notes.append(shown(f"{where}: {what}"))

    @contextmanager
    def told(self, where: str) -> Iterator[None]:
        """Take down why something there cannot be used."""
        try:
            yield
        except ValidationError as error:
            for place in places_of(error):
                self.add(f"{where}{place.pointer}", place.message)
        except (FileRefused, ValueError) as error:
            self.add(where, error)

    def stop(self) -> None:
        """Raises `Stop` if anything is wrong."""
        if self.wrong:
            lines = self.wrong[:MOST]
            if more := len(self.wrong) - len(lines):
                lines.append(f"and {more:,} more")
            raise Stop("\n".join([*lines, "Nothing was sent."]), Exit.WRONG_USE)


class Place(NamedTuple):
    """A place in a document, and what is wrong there."""

    pointer: str
    message: str


def places_of(error: ValidationError) -> Iterable[Place]:
    """Each thing that is wrong, by its place; never what stood there."""
    for one in error.errors(include_url=False, include_input=False, include_context=False):
        yield Place(pointer(one["loc"]), one["msg"].removeprefix("Value error, "))


def pointer(steps: Sequence[str | int]) -> str:
    """A JSON Pointer."""
    return "".join(f"/{str(one).replace('~', '~0').replace('/', '~1')}" for one in steps)
