"""Walks from an entry along the edges, level by level, within a depth and a number of nodes.

Upstream and downstream are two walks: what a dataset led to is asked forward alone, or everything
would be kin to everything. Each level costs one statement a walk; a cycle ends where it began, for
no entry is looked at twice in one walk.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import Kind
from schemas.lineage import Direction, LineageEdge, LineageGraph, LineageNode, LineageQuery
from service.access.policy import Caller
from service.catalog.detail import find_model, find_version
from service.catalog.entries import entry_address, find_entry
from service.catalog.moments import begin_at
from service.catalog.view import View
from service.lineage.edges import edges_at, models_of, neighbour, reader, versions_of, with_label

EDGES_A_NODE: Final = 5  # that one level may bring, times the nodes that may be shown
WALKS: Final = {Direction.UPSTREAM: (True,), Direction.DOWNSTREAM: (False,),
                Direction.BOTH: (True, False)}  # fmt: skip


def lineage_of_model(
    session: Session, name: tuple[str, str], *, caller: Caller, asked: LineageQuery
) -> LineageGraph:
    """Of a model and all its versions. Raises `ModelNotFound`."""
    begin_at(session, asked.as_of)
    row = find_model(session, name[0], name=name[1], caller=caller, as_of=asked.as_of)
    return _lineage(session, row["id"], caller=caller, asked=asked)


def lineage_of_version(
    session: Session, name: tuple[str, str], *, label: str, caller: Caller, asked: LineageQuery
) -> LineageGraph:
    """Of one version, by number or `@alias`. Raises `ModelNotFound`, `VersionNotFound`."""
    begin_at(session, asked.as_of)
    row = find_version(session, name, label=label, caller=caller, as_of=asked.as_of)
    return _lineage(session, row["id"], caller=caller, asked=asked)


def lineage_of_entry(
    session: Session, kind: Kind, *, given: str, caller: Caller, asked: LineageQuery
) -> LineageGraph:
    """Of anything else, by its id or an identifier. Raises `EntryNotFound`."""
    begin_at(session, asked.as_of)
    found = find_entry(session, kind, given=given, caller=caller, as_of=asked.as_of)
    return _lineage(session, found, caller=caller, asked=asked)


def _lineage(session: Session, root: UUID, *, caller: Caller, asked: LineageQuery) -> LineageGraph:
    """The graph around an entry that the caller may see."""
    walk = Walk(session, reader(caller, asked.as_of), most=int(asked.nodes))
    seeds = walk.begin(root)
    fronts = dict.fromkeys(WALKS[asked.direction], seeds)
    for distance in range(1, int(asked.depth) + 1):
        for up, front in fronts.items():  # in turn: neither walk takes the other's room
            fronts[up] = walk.step(front, up=up, distance=distance)
    walk.add_models()
    return LineageGraph(
        root=root,
        direction=asked.direction,
        depth=int(asked.depth),
        as_of=asked.as_of,
        nodes=tuple(walk.nodes.values()),
        edges=tuple(walk.edges.values()),
        truncated=walk.truncated,
        stopped_at=tuple(sorted(walk.stopped)),
    )


class Walk:
    """What was found so far."""

    def __init__(self, session: Session, view: View, *, most: int) -> None:
        """Nothing yet."""
        self.session, self.view, self.most = session, view, most
        self.nodes: dict[UUID, LineageNode] = {}
        self.edges: dict[tuple[Any, ...], LineageEdge] = {}
        self.truncated, self.stopped = False, set[UUID]()
        self.seen: dict[bool, set[UUID]] = {True: set(), False: set()}

    def begin(self, root: UUID) -> list[UUID]:
        """Where the walks begin: at an entry, and at the versions of a model, which are the model.

        These take at most half of the room.
        """
        entry = self.view.entry
        known = sa.select(*neighbour(entry)).where(entry.c.id == root).subquery("known")
        row = dict(self.session.execute(with_label(self.view, known)).mappings().one())
        self._add(row, distance=0)
        begun = [root]
        if row["kind"] == Kind.MODEL:
            room = max(1, self.most // 2)
            found = self._ask(versions_of(self.view), [root], most=room + 1)
            for one in found[:room]:
                if self._add(one, distance=0):
                    self._connect(one, relation="model")
                    begun.append(one["entry"])
                else:
                    self._stop(root)
            if len(found) > room:
                self._stop(root)
        for seen in self.seen.values():
            seen |= set(begun)
        return begun

    def step(self, front: Collection[UUID], *, up: bool, distance: int) -> list[UUID]:
        """One level further; answers where the next one begins."""
        if not front:
            return []
        most = self.most * EDGES_A_NODE
        rows = self._ask(edges_at(self.view, up=up), front, most=most + 1)
        if len(rows) > most:  # which of them have more is not known
            for one in front:
                self._stop(one)
        further: list[UUID] = []
        for row in rows[:most]:
            there = row["entry"]
            if there not in self.nodes and not self._add(row, distance=distance):
                self._stop(row["here"])
                continue
            self._connect(row)
            if there not in self.seen[up]:
                self.seen[up].add(there)
                further.append(there)
        return further

    def add_models(self) -> None:
        """The models of the versions that were found: to them they belong, whatever the way."""
        versions = [one.entry for one in self.nodes.values() if one.kind is Kind.VERSION]
        for row in self._ask(models_of(self.view), versions, most=self.most):
            distance = self.nodes[row["end"]].distance
            if row["entry"] in self.nodes or self._add(row, distance=distance):
                self._connect(row, relation="model")
            else:
                self._stop(row["end"])

    def _ask(
        self, statement: sa.Select[Any], at: Collection[UUID], *, most: int
    ) -> list[Mapping[str, Any]]:
        if not at:
            return []
        bound = {"at": list(at), "most": most}
        return [dict(row) for row in self.session.execute(statement, bound).mappings()]

    def _add(self, row: Mapping[str, Any], *, distance: int) -> bool:
        """A node, if there is room for it."""
        if len(self.nodes) >= self.most:
            return False
        kind, name, entry = Kind(row["kind"]), row["natural_key"], row["entry"]
        self.nodes[entry] = LineageNode(
            entry=entry, kind=kind, name=name or row["label"],
            url=entry_address(kind, name, entry_id=entry), distance=distance,
            stub=row["stub"], gone=row["gone"],
        )  # fmt: skip
        return True

    def _connect(self, told: Mapping[str, Any], *, relation: str | None = None) -> None:
        said = {name: told.get(name) for name in ("role", "digest")}
        said |= {"from": told["start"], "to": told["end"]}
        said |= {"relation": relation or told["relation"], "by": told.get("by") or "stated"}
        key = tuple(said[name] for name in ("from", "to", "relation", "role", "digest"))
        if key not in self.edges or said["by"] == "stated":
            self.edges[key] = LineageEdge.model_validate(said)

    def _stop(self, at: UUID) -> None:
        self.truncated = True
        self.stopped.add(at)
