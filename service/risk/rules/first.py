"""The policy and the pack of controls that a new catalog begins with."""

from collections.abc import Iterator
from importlib.resources import files
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from schemas.policies import policy_digest
from service.risk.controls.packs import default_pack, load_pack, pack_json
from service.risk.rules.policy_text import policy_json, read_policy_text

POLICY: Final = "policies/tiering-policy-v1.yaml"  # a part of the package, as the pack is
AUTHOR: Final = "model-catalog"  # nobody's account: it ships with the software

COLUMNS: Final = (  # as they are when the tables are made
    "name", "version", "digest", "document", "state", "author", "created_at", "activated_by",
    "activated_at", "effective_from",
)  # fmt: skip


class FirstRules(NamedTuple):
    """What a table of rules begins with."""

    table: str
    name: str
    version: str
    digest: str
    document: dict[str, Any]


def first_policy() -> FirstRules:
    """The policy that ships with the software."""
    document = read_policy_text(files("service.risk").joinpath(POLICY).read_bytes())
    digest = policy_digest(document)
    return FirstRules("policy", document.policy, document.version, digest, policy_json(document))


def first_pack() -> FirstRules:
    """The pack of controls that ships with the software; every example of it has come out."""
    document = default_pack()
    digest = load_pack(document).digest
    return FirstRules("control_pack", document.pack, document.version, digest, pack_json(document))


def first_rules() -> Iterator[sa.Insert]:
    """Statements that put the first rules in force."""
    for first in (first_policy(), first_pack()):
        columns = [sa.column(name, JSONB if name == "document" else None) for name in COLUMNS]
        told = first._asdict() | {"state": "ACTIVE", "author": AUTHOR, "activated_by": "software"}
        told |= dict.fromkeys(("created_at", "activated_at", "effective_from"), sa.func.now())
        into = sa.table(str(told.pop("table")), *columns)
        yield sa.insert(into).values(told)
