"""Goes through the sealed order, one change after the other, and notes what is wrong; pure."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from service.ledger.notes import Keys, Note, NoteUnreadable, check, read_note
from service.ledger.tree import WIDTH, Tile, Tree, hash_leaf, split

LONGEST: Final = timedelta(hours=1)  # that a transaction, or waiting to be sealed, is believed
MOST: Final = 20  # faults that are told one by one


class Row(NamedTuple):
    """A leaf with its change; without the change `canon` and what follows are None."""

    seq: int
    change: int
    leaf: bytes
    canon: str | None
    kind: str | None
    entry: UUID | None
    field: str | None
    recorded_at: datetime | None


class Checkpoint(NamedTuple):
    """A stored checkpoint."""

    size: int
    root: bytes
    made_at: datetime
    note: str


class Fault(NamedTuple):
    """One thing that is wrong: of which kind, at which place of the order, in which change."""

    kind: str
    seq: int | None
    change: int | None
    said: str


class Walk:
    """What was found so far. It begins with the tree of some size, and goes on leaf by leaf."""

    def __init__(self, tree: Tree, *, keys: Keys, kept: Note | None = None) -> None:
        """`kept` is a checkpoint that was kept elsewhere, and that lies ahead."""
        self.tree, self.keys, self.kept = tree, keys, kept
        self.read, self.checkpoints, self.signed = 0, 0, 0
        self.faults: list[Fault] = []
        self.suspects: list[Fault] = []  # places where tile and leaves differ: one of both is wrong
        self.rootless = False  # a checkpoint's root was not that of the leaves
        self.origin: str | None = None
        self.before: datetime | None = None  # when the checkpoint before this place was made
        self.strays: dict[int, bytes] = {}  # place → the leaf that the change there would have
        self.ever_signed = kept is not None and bool(kept.signatures)

    def fault(
        self, kind: str, said: str, *, seq: int | None = None, change: int | None = None
    ) -> None:
        """Note what is wrong; of many the first ones."""
        if len(self.faults) < MOST:
            self.faults.append(Fault(kind, seq, change, said))

    def follows(self, row: Row) -> bool:
        """Is it the next one? Where one is missing the tree cannot be built any further."""
        if row.seq != self.tree.size + 1:
            self.fault("gap", "a leaf is missing here", seq=self.tree.size + 1)
            return False
        return True

    def add(self, row: Row, upcoming: Checkpoint | None) -> list[Tile]:
        """The next change, and the checkpoint that is to seal it; answers the tiles now full."""
        self.read += 1
        if row.canon is None:
            self.fault(
                "deleted", "the change is not there any more", seq=row.seq, change=row.change
            )
        elif (hashed := hash_leaf(row.canon)) != row.leaf:
            self.fault("edited", "its text is not what was sealed", seq=row.seq, change=row.change)
            if len(self.strays) < MOST:
                self.strays[row.seq] = hashed
        else:
            self._columns(row)
            self._time(row, upcoming)
        return self.tree.add(row.leaf)

    def compare(self, built: Sequence[Tile], stored: Mapping[tuple[int, int], bytes]) -> None:
        """Tiles as they must be, with those that are stored."""
        for tile in built:
            found = stored.get((tile.level, tile.number))
            if found == tile.hashes:
                continue
            place = tile.number * WIDTH ** (tile.level + 1) + 1
            if found is not None:
                pairs = zip(split(tile.hashes), split(found), strict=True)
                differing = next(n for n, (ours, theirs) in enumerate(pairs) if ours != theirs)
                place += differing * WIDTH**tile.level
            same = found is not None and sorted(split(found)) == sorted(split(tile.hashes))
            kind = "reordered" if same and not tile.level else "edited"
            said = f"the leaf is not the one in tile {tile.level}/{tile.number}"
            self.suspects.append(Fault(kind, place, None, said))

    def pass_checkpoint(self, stored: Checkpoint, *, newest: bool, full: bool) -> None:
        """The tree has come to a checkpoint."""
        self.checkpoints += 1
        self.before = stored.made_at
        try:
            note = read_note(stored.note)
        except NoteUnreadable as error:
            self.fault("checkpoint", f"it cannot be read: {error}", seq=stored.size)
            return
        self.origin = self.origin or note.origin
        if (note.origin, note.size, note.root) != (self.origin, stored.size, stored.root):
            self.fault("checkpoint", "its text is not what its row says", seq=stored.size)
        if stored.root != self.tree.root():
            self._rootless("the leaves give another root than its own", stored.size)
        if newest or full:
            self._signature(note, newest=newest)
        self.ever_signed |= bool(note.signatures)

    def meet(self) -> None:
        """Has the tree come to the checkpoint that was kept elsewhere?"""
        if self.kept is not None and self.kept.size == self.tree.size:
            if self.kept.root != self.tree.root():
                self._rootless("the checkpoint that was given has another root", self.kept.size)
            self.kept = None

    def end(self, upcoming: Checkpoint | None) -> None:
        """The last leaf was read: nothing may be left."""
        size = max([one.size for one in (upcoming, self.kept) if one is not None], default=0)
        if size > self.tree.size:
            said = f"the ledger ends before this; a checkpoint has {size} changes"
            self.fault("gap", said, seq=self.tree.size + 1)

    def found(self, elsewhere: Collection[bytes] = ()) -> tuple[Fault, ...]:
        """All faults in the order of their places.

        A change whose leaf is the one of another place was moved. Where tile and leaves differ,
        the root says which of them is as it was sealed.
        """
        moved = {seq for seq, hashed in self.strays.items() if hashed in elsewhere}
        said = "it was sealed in another place"
        faults = [
            one._replace(kind="reordered", said=said) if one.seq in moved else one
            for one in self.faults
        ]
        told = {fault.seq for fault in faults}
        suspects = [
            one
            if self.rootless
            else one._replace(kind="tile", said="the tile is not of the leaves")
            for one in self.suspects
            if one.seq not in told
        ]
        placed = [*faults, *suspects]
        return tuple(sorted(placed, key=lambda fault: (fault.seq is None, fault.seq or 0))[:MOST])

    def _rootless(self, said: str, size: int) -> None:
        if not self.rootless:  # all that follow differ too
            self.fault("checkpoint", said, seq=size)
        self.rootless = True

    def _columns(self, row: Row) -> None:
        """The columns that queries use say the same as the text."""
        try:
            written = json.loads(row.canon or "")
            said = tuple(written.get(name) for name in ("kind", "entry", "field"))
        except (ValueError, AttributeError):
            said = (None, None, None)
        if said != (row.kind, str(row.entry) if row.entry else None, row.field):
            what = "kind, entry_id or field is not what its text says"
            self.fault("columns", what, seq=row.seq, change=row.change)

    def _time(self, row: Row, upcoming: Checkpoint | None) -> None:
        """A change was recorded after the checkpoint that lacks it, before the one that has it."""
        at = row.recorded_at
        early = at and self.before and at < self.before - LONGEST
        late = at and upcoming and at > upcoming.made_at + LONGEST
        if early or late:
            said = "recorded_at does not lie between the checkpoints around it: inserted or edited"
            self.fault("time", said, seq=row.seq, change=row.change)

    def _signature(self, note: Note, *, newest: bool) -> None:
        signed = check(note, self.keys.public)
        self.signed += signed.good > 0
        if signed.bad:
            self.fault("signature", "its signature does not hold", seq=note.size)
        elif self.keys.public and signed.unknown and not signed.good:
            said = "it is signed with a key that is not in the file of keys"
            self.fault("signature", said, seq=note.size)
        elif newest and self.keys.public and self.ever_signed and not note.signatures:
            self.fault("signature", "it is not signed, and earlier ones are", seq=note.size)
