"""What a snapshot of a model holds, version 1: what controls may read, and who could state it.

A member that is always there decides. One that may be absent is not stated while it is. Null is a
statement: there is none. Inside lists, each item has the members of the list.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

Path = tuple[str, ...]

VERSION: Final = 1
ITEMS: Final = "[]"  # in a path: the items of the list before it
NAMES: Final = ("name", "number", "id")  # by which an item is called, the first that it has


class Kind(StrEnum):
    """What a member's value is."""

    TEXT = "a text"
    TEXTS = "a list of texts"
    FLAG = "true or false"
    WHOLE = "a whole number"
    MOMENT = "a time"
    PART = "an object"
    ITEMS = "a list of objects"


class Member(NamedTuple):
    """One place of a snapshot. `who` could state it when it may be absent."""

    kind: Kind
    may_lack: bool = False
    nullable: bool = False
    who: str = ""
    members: Mapping[str, "Member"] | None = None  # of a part or of items; None: nothing to read


def _maybe(
    kind: Kind,
    who: str,
    *,
    nullable: bool = False,
    members: Mapping[str, Member] | None = None,
) -> Member:
    return Member(kind, may_lack=True, nullable=nullable, who=who, members=members)


TEXT: Final = Member(Kind.TEXT)
TEXTS: Final = Member(Kind.TEXTS)
FLAG: Final = Member(Kind.FLAG)
WHOLE: Final = Member(Kind.WHOLE)
MOMENT: Final = Member(Kind.MOMENT)
TEXT_OR_NONE: Final = Member(Kind.TEXT, nullable=True)
MOMENT_OR_NONE: Final = Member(Kind.MOMENT, nullable=True)

OWNER_SAYS: Final = "the owner, in model.yaml or on the model's page"
SERVING: Final = "a serving platform, once all of them were read completely"
REGISTRY: Final = "a registry, once all of them were read completely"
TRAINING: Final = "the training run, or the owner in model.yaml"
CI: Final = "the CI system, once all of them were read completely"
CODE_HOST: Final = "the code host, or the build that CI posts"
PEOPLE: Final = "the directory of people, or an admin who maps identities"
REVIEWERS: Final = "a reviewer, who says who the people behind unknown identities are"
MAPPED: Final = "the serving platform, or an admin who maps its environments"

OWNER: Final[Mapping[str, Member]] = {
    "name": TEXT,
    "kind": _maybe(Kind.TEXT, PEOPLE),
    "role": TEXT,
    "active": _maybe(Kind.FLAG, PEOPLE),
}
USE: Final[Mapping[str, Member]] = {
    "name": TEXT,
    "implicit": FLAG,
    "purpose": _maybe(Kind.TEXT, OWNER_SAYS, nullable=True),
}
LIVE_VERSION: Final[Mapping[str, Member]] = {
    "number": TEXT,
    "digest": _maybe(Kind.TEXT, REGISTRY, nullable=True),
    "training_datasets": _maybe(Kind.TEXTS, TRAINING),
    "build": _maybe(Kind.PART, CI, nullable=True),
    "source_commit": _maybe(Kind.TEXT, TRAINING, nullable=True),
    "source_dirty": _maybe(Kind.FLAG, TRAINING),
    "on_protected_branch": _maybe(Kind.FLAG, CODE_HOST),
    "covered_by": TEXT,
    "material_changes": _maybe(Kind.TEXTS, "what the reviewed version states, or a reviewer"),
}
DEPLOYMENT: Final[Mapping[str, Member]] = {
    "name": TEXT,
    "environment_class": _maybe(Kind.TEXT, MAPPED),
    "version": _maybe(Kind.TEXT, "the serving platform, or the owner who names the version"),
    "digest": _maybe(Kind.TEXT, "the serving platform"),
    "version_digest": _maybe(Kind.TEXT, "the registry of the version"),
}
DATASET: Final[Mapping[str, Member]] = {
    "version": TEXT,
    "name": TEXT,
    "role": _maybe(Kind.TEXT, TRAINING),
    "digest": _maybe(Kind.TEXT, TRAINING, nullable=True),
    "dataset_version": _maybe(Kind.TEXT, TRAINING, nullable=True),
}
SOURCE: Final[Mapping[str, Member]] = {
    "name": TEXT,
    "last_complete_at": _maybe(Kind.MOMENT, "its first complete harvest"),
    "interval_hours": WHOLE,
    "consecutive_failures": WHOLE,
}
OVERRIDE: Final[Mapping[str, Member]] = {
    "direction": TEXT,
    "requested_by": TEXT,
    "approved_by": TEXT,
    "approver_is_second_line": _maybe(Kind.FLAG, PEOPLE),
    "reason": TEXT,
    "granted_at": MOMENT,
    "expires_at": MOMENT,
}
REVIEW: Final[Mapping[str, Member]] = {
    "id": TEXT,
    "kind": TEXT,
    "decided": FLAG,
    "due_at": MOMENT_OR_NONE,
    "independent": _maybe(Kind.FLAG, REVIEWERS),
    "reviewer": TEXT_OR_NONE,
    "approver": TEXT_OR_NONE,
    "decider_kind": TEXT_OR_NONE,
}
FINDING: Final[Mapping[str, Member]] = {
    "id": TEXT,
    "closed": FLAG,
    "due_at": MOMENT,
    "extensions": WHOLE,
}
WAIVER: Final[Mapping[str, Member]] = {
    "id": TEXT,
    "control": TEXT,
    "item": _maybe(Kind.TEXT, "", nullable=True),  # absent or null: for all items of the control
    "state": TEXT,
    "requested_by": TEXT,
    "approved_by": TEXT_OR_NONE,
    "expires_at": MOMENT_OR_NONE,
    "renewals": WHOLE,
}
MODEL: Final[Mapping[str, Member]] = {
    "name": TEXT,
    "asset_kind": _maybe(Kind.TEXT, OWNER_SAYS),
    "lifecycle": _maybe(Kind.TEXT, OWNER_SAYS),
    "in_production": _maybe(Kind.FLAG, SERVING),
    "last_seen_at": _maybe(Kind.MOMENT, SERVING, nullable=True),
    "accounted_for_by": _maybe(
        Kind.TEXTS, "registries, repositories and CI, once all were read completely"
    ),
    "missing_required": TEXTS,
    "twins": _maybe(Kind.TEXTS, REGISTRY),
    "owners": _maybe(
        Kind.ITEMS, "the owner, in model.yaml, CODEOWNERS or on the model's page", members=OWNER
    ),
    "uses": Member(Kind.ITEMS, members=USE),
    "versions": _maybe(Kind.ITEMS, REGISTRY, members=LIVE_VERSION),
    "deployments": _maybe(Kind.ITEMS, SERVING, members=DEPLOYMENT),
    "datasets": _maybe(Kind.ITEMS, TRAINING, members=DATASET),
    "sources": Member(Kind.ITEMS, members=SOURCE),
}
RISK: Final[Mapping[str, Member]] = {
    "tier": TEXT,
    "status": TEXT,
    "tier_low": TEXT,
    "tier_high": TEXT,
    "workflow_tier": TEXT,
    "grace_end": MOMENT_OR_NONE,
    "facts_digest": TEXT,
    "confirmed_facts_digest": TEXT_OR_NONE,
    "override": Member(Kind.PART, nullable=True, members=OVERRIDE),
    "reviewed": FLAG,
    "next_review_due": MOMENT_OR_NONE,
    "review_grace_end": MOMENT_OR_NONE,
    "reviews": Member(Kind.ITEMS, members=REVIEW),
    "findings": Member(Kind.ITEMS, members=FINDING),
    "waivers": Member(Kind.ITEMS, members=WAIVER),
}
SNAPSHOT: Final[Mapping[str, Member]] = {
    "now": MOMENT,
    "model": Member(Kind.PART, members=MODEL),
    "risk": Member(Kind.PART, members=RISK),
}


def find_member(path: Path, within: Mapping[str, Member] = SNAPSHOT) -> Member | None:
    """What stands at a path of parts; None if nothing can, or only inside a list's items."""
    found: Member | None = None
    members: Mapping[str, Member] = within
    for name in path:
        found = members.get(name)
        if found is None:
            return None
        inside = found.kind is Kind.PART and found.members is not None
        members = found.members or {} if inside else {}
    return found


def three_state(within: Mapping[str, Member] = SNAPSHOT, base: Path = ()) -> Iterator[Path]:
    """Paths of all that is not stated while it is absent; `[]`: the items of a list."""
    for name, member in within.items():
        path = (*base, name)
        if member.may_lack and member.who:
            yield path
        below = (*path, ITEMS) if member.kind is Kind.ITEMS else path
        yield from three_state(member.members or {}, below)


def read_at(document: object, path: Path) -> tuple[bool, object]:
    """Is it stated, and what? What stands below a null is not missed: there is none."""
    for name in path:
        if document is None:
            return True, None
        if not isinstance(document, Mapping) or name not in document:
            return False, None
        document = document[name]
    return True, document


def item_name(item: object) -> str:
    """What an item of a list is called in results, messages and waivers."""
    if isinstance(item, Mapping):
        for name in NAMES:
            if isinstance(called := item.get(name), str):
                return called
    return "(without a name)"


def faults_of(snapshot: object) -> Iterator[tuple[str, str]]:
    """Where a document is no snapshot, and why."""
    yield from _faults(snapshot, Member(Kind.PART, members=SNAPSHOT), path="")


def _faults(value: object, member: Member, *, path: str) -> Iterator[tuple[str, str]]:
    if value is None:
        if not member.nullable:
            yield path, f"is null, and must be {member.kind}"
    elif not _is_of(value, member.kind):
        yield path, f"must be {member.kind}"
    elif isinstance(value, list) and member.kind is Kind.ITEMS:
        for index, item in enumerate(value):
            yield from _of_members(item, member.members or {}, path=f"{path}[{index}]")
    elif member.members is not None:
        yield from _of_members(value, member.members, path=path)


def _of_members(
    value: object, members: Mapping[str, Member], *, path: str
) -> Iterator[tuple[str, str]]:
    if not isinstance(value, Mapping):
        yield path, f"must be {Kind.PART}"
        return
    for name, below in value.items():
        place = f"{path}.{name}".lstrip(".")
        if name not in members:
            yield place, "is no member of a snapshot"
        else:
            yield from _faults(below, members[name], path=place)
    for name, member in members.items():
        if name not in value and not member.may_lack:
            yield f"{path}.{name}".lstrip("."), "is missing, and is always there in a snapshot"


def _is_of(value: object, kind: Kind) -> bool:
    if kind is Kind.TEXT:
        return isinstance(value, str)
    if kind is Kind.TEXTS:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if kind is Kind.FLAG:
        return isinstance(value, bool)
    if kind is Kind.WHOLE:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is Kind.MOMENT:
        return isinstance(value, datetime) and value.tzinfo is not None
    return isinstance(value, Mapping if kind is Kind.PART else list)
