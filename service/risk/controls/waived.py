"""Which waiver covers what a control found."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

IN_FORCE: Final = "IN_FORCE"
WHOLE: Final = (None,)  # no item is named


class Waived(NamedTuple):
    """The waiver that ends first of those without which something would be open; and when."""

    until: datetime
    id: str


class _Waiver(NamedTuple):
    until: datetime
    id: str
    item: str | None


def find_waiver(
    control: str, *, items: Sequence[str], waivers: object, now: datetime
) -> Waived | None:
    """What covers every item, or the whole where no item is named; None if something stays open.

    Each item counts with the waiver that covers it longest.
    """
    in_force = list(_in_force(waivers, control=control, now=now))
    covering = [
        max((one for one in in_force if one.item in {None, name}), default=None, key=_end)
        for name in items or WHOLE
    ]
    if None in covering:
        return None
    first = min(filter(None, covering), key=_end)
    return Waived(first.until, first.id)


def _end(waiver: _Waiver) -> tuple[datetime, str]:
    return waiver.until, waiver.id


def _in_force(waivers: object, *, control: str, now: datetime) -> Iterable[_Waiver]:
    for waiver in waivers if isinstance(waivers, list | tuple) else ():
        if not isinstance(waiver, Mapping):
            continue
        until, called, item = waiver.get("expires_at"), waiver.get("id"), waiver.get("item")
        if waiver.get("control") != control or waiver.get("state") != IN_FORCE:
            continue
        if not isinstance(until, datetime) or until.tzinfo is None or until <= now:
            continue
        if isinstance(called, str) and (item is None or isinstance(item, str)):
            yield _Waiver(until, called, item)
