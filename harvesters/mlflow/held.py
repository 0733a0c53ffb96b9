"""Facts of what can be held: a value that no fact can hold is dropped alone, and says so."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from harvesters.dropped import Dropped, warnings_of
from schemas.facts import ModelFacts, VersionFacts

NAMES: Final = {"namespace", "name", "model", "number"}  # without them there is no entry
Held = TypeVar("Held", ModelFacts, VersionFacts)


def hold(
    facts: type[Held], stated: Mapping[str, Any], *, dropped: Sequence[Dropped]
) -> tuple[Held, tuple[Dropped, ...]]:
    """Facts with their warnings, and all that was dropped. Raises `ValueError` for a bad name."""
    try:
        return facts(**stated, warnings=warnings_of(dropped)), tuple(dropped)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        wrong = {str(one["loc"][0]): one["msg"].removeprefix("Value error, ") for one in details}
        if NAMES & wrong.keys():
            raise
    kept = {name: value for name, value in stated.items() if name not in wrong}
    more: list[Dropped] = [
        Dropped("value_dropped", f"{name}: {message}") for name, message in wrong.items()
    ]
    return facts(**kept, warnings=warnings_of([*dropped, *more])), (*dropped, *more)
