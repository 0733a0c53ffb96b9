"""Pins: a person's statement about one field, with reason and expiry, and what it stands on."""

from typing import Self
from uuid import UUID

from pydantic import JsonValue, model_validator

from schemas.harvest import PlannedChange
from schemas.identifiers import Kind
from schemas.imports import Reason
from schemas.strict import Closed, Flag, Instant, Json, Line, Text


class AskedPin(Closed):
    """What a field is pinned to: a value, or that all who speak of it are right (`joined`).

    `value` is written as observations write the fact: a reference as an identifier, owners as a
    list; null or an empty list states it empty.
    """

    value: Json = None
    joined: Flag = False
    reason: Reason
    expires_at: Instant | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.joined == ("value" in self.model_fields_set):
            raise ValueError("state either a value, or that it is joined")
        return self


class Beneath(Closed):
    """What a field is without its pin; not stated at all, or stated with a value."""

    stated: Flag
    value: JsonValue = None


class Pin(Closed):
    """A pin as it stands. `beneath` is what sources said when it was made.

    `differs_since`: from when on they say something else; null while they do not. `made_on` is the
    entry that it was made on, which may have merged into another one since.
    """

    value: JsonValue
    joined: Flag
    reason: Text
    pinned_by: Line
    pinned_at: Instant
    expires_at: Instant | None
    made_on: UUID
    beneath: Beneath
    differs_since: Instant | None = None


class PinnedField(Closed):
    """One field of an entry: what holds, the pin if there is one, and what sources say beneath it.

    `changes` lists what the request changed, or would change, field by field.
    """

    entry: UUID
    kind: Kind
    name: Line | None
    url: Line | None
    field: Line
    stated: Flag
    value: JsonValue
    conflict: Flag
    pin: Pin | None
    beneath: Beneath
    changes: tuple[PlannedChange, ...] = ()


class Pins(Closed):
    """All fields of an entry that are pinned, by name."""

    items: tuple[PinnedField, ...]


class PinQuery(Closed):
    """How a pin is set or released."""

    dry_run: bool = False


class ReleaseQuery(PinQuery):
    """Why a pin is released."""

    reason: Reason | None = None
