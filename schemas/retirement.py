"""Retiring a source: what it shows ends with it."""

from schemas.strict import Closed, Count, Flag, Word


class Retirement(Closed):
    """How far retiring a source is: ask again until nothing is `left`.

    `ended` subjects are no longer shown by it, `retired` entries are gone with them: no other
    source keeps these alive.
    """

    source: Word
    dry_run: Flag
    ended: Count
    retired: Count
    left: Count
