"""Learns what the ledger tells of the time between two bundles: from the newer one, or asked."""

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from cli.bundles.asking import made_by, same_order
from cli.bundles.findings import Findings
from cli.bundles.opening import Bundle, opened
from cli.bundles.records import read_records, without_bom
from cli.bundles.store import Store, Told
from cli.client import Client
from cli.exits import Exit, Stop
from schemas.bundles import DATA, Manifest
from schemas.strict import instant_text

CHANGES: Final = re.compile(rf"{DATA}changes_since(-\d+)?\.csv")  # or parts of it
COLUMNS: Final = ("model_id", "entry_kind", "field", "change", "at", "entry", "old", "new",
                  "cause_kind", "cause", "evidence")  # fmt: skip
AT: Final = COLUMNS.index("at")
PAGE: Final = "1000"
PEOPLE: Final = frozenset({"person", "machine", "operator"})
JOINING: Final = frozenset({"merge", "unmerge", "replace", "proposed", "claim"})
BY_RULES: Final = frozenset({"policy", "precedence", "refold", "revaluation", "activation"})


class Learning(NamedTuple):
    """Between which bundles, and which models only one of them has."""

    old: Manifest
    new: Manifest
    lone: AbstractSet[str]


@contextmanager
def learn(store: Store, newer: Bundle, *, between: Learning, server: bool) -> Iterator[str]:
    """Keep every change of the time; answers why none is told of, where that is so."""
    since, begin = between.new.since, between.old.as_of
    enough = since is not None and since <= begin
    if enough:
        store.add_changes(_told(newer, since=begin))
    elif server:
        _ask(store, between)
    if server and between.lone:
        _ask_lone(store, between)
    if enough or server:
        yield ""
        return
    said = "nothing of changes" if since is None else f"of changes since {instant_text(since)}"
    yield (
        f"B tells {said}, and A is of {instant_text(begin)}: ask for it with `since`, or use "
        "--server"
    )


def _told(bundle: Bundle, *, since: datetime) -> Iterator[Told]:
    """The changes that a bundle tells, from a moment on."""
    begin = f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    for name in sorted(filter(CHANGES.fullmatch, bundle.members)):
        records = read_records(without_bom(bundle.chunks(name))[1])
        head = next(records).cells
        places = [head.index(column) for column in COLUMNS]
        for record in records:
            values = [record.cells[place] for place in places]
            if values[AT] >= begin:
                model, kind, field, change, *rest = values
                yield Told(model, kind, field, int(change), *rest)


def _ask(store: Store, between: Learning) -> None:
    """The same bundle, which tells of more."""
    client = Client.from_environment()
    with (
        made_by(client, same_order(between.new, since=between.old.as_of)) as path,
        opened(path, Findings()) as bundle,
    ):
        if bundle is None:
            message = "What the catalog sent is no bundle that this release reads: update it."
            raise Stop(message, Exit.UNAVAILABLE)
        store.add_changes(_told(bundle, since=between.old.as_of))


def _ask_lone(store: Store, between: Learning) -> None:
    """What happened to models that are not in B, or were not in A: B may not tell of them."""
    client = Client.from_environment()
    asked = {"since": instant_text(between.old.as_of), "kind": "model", "page_size": PAGE}
    end = instant_text(between.new.as_of)
    while True:
        page = client.get("/api/v1/changes", **asked)
        found = [one for one in page["items"] if one["recorded_at"] <= end]
        store.add_changes(
            _as_told(one)
            for one in found
            if one["entry"] in between.lone and store.newest(one["entry"], "model") is None
        )
        if len(page["items"]) < int(PAGE):
            return
        asked["since"] = page["next"]


def _as_told(one: Mapping[str, Any]) -> Told:
    """A change of the feed as a bundle would tell it."""
    actor = one["actor"] or {}
    begins = one["op"] in {"create", "describe"}
    cause = one["source"] or actor.get("id") or ""
    field = "" if begins else one["field"] or ""
    old, new = ("" if value is None or begins else str(value) for value in (one["old"], one["new"]))
    by = cause if not one["harvest"] else f"{cause} {one['harvest']}"
    return Told(
        model_id=one["entry"], kind=one["kind"], field=field, id=one["id"], at=one["recorded_at"],
        entry=one["entry"], old=old, new=new, cause_kind=_cause_kind(one, actor), cause=by,
        evidence="",
    )  # fmt: skip


def _cause_kind(one: Mapping[str, Any], actor: Mapping[str, Any]) -> str:
    if one["op"] in JOINING:
        return "merge"
    if actor.get("kind") in PEOPLE:
        return "person"
    if actor.get("kind") == "software" and actor.get("id") in BY_RULES:
        return "policy"
    return "harvest" if one["source"] or actor.get("kind") == "source" else "clock"
