"""Rules for tests: the shipped ones with changes, uploaded and put in force without HTTP."""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from schemas.rule_sets import ActivateRules, RuleSetShown
from service.access.policy import Caller, capabilities
from service.db import Database
from service.risk.rules.activation import activate
from service.risk.rules.first import first_pack, first_policy
from service.risk.rules.pack_previews import preview_pack
from service.risk.rules.previews import preview_policy
from service.risk.rules.revaluation import continue_revaluations
from service.risk.rules.rule_sets import PACKS, POLICIES, By, Rules, show_rules, store_rules
from tests.support.catalog import rows

READING = frozenset({"entries:read", "exports:read", "decisions:write"})


def person(name: str, role: str) -> By:
    """Somebody of the second line."""
    caller = Caller("person", name, f"token:{name}", role, capabilities(role, READING), None)
    return By(caller, "tests")


AUTHOR, APPROVER = person("rita", "reviewer"), person("abel", "approver")


def written(first: Mapping[str, Any], version: str, change: Callable[[Any], object]) -> Any:
    """A shipped document in another version, changed."""
    document = deepcopy(dict(first))
    document["version"] = version
    change(document)
    return document


def policy_of(version: str = "2.0.0", *, change: Callable[[Any], object] = lambda _: None) -> Any:
    """The shipped policy, changed."""
    return written(first_policy().document, version, change)


def pack_of(version: str = "2.0.0", *, change: Callable[[Any], object] = lambda _: None) -> Any:
    """The shipped pack, changed."""
    return written(first_pack().document, version, change)


def stricter(document: Any) -> None:
    """Lower limits: more is HIGH."""
    document["bands"] = {"MEDIUM": 20, "HIGH": 40}


def upload(database: Database, rules: Rules, document: Any, *, by: By = AUTHOR) -> RuleSetShown:
    """Store it."""
    sent = rules.read(json.dumps(document).encode(), False)  # noqa: FBT003  # JSON
    return database.transact(lambda session: store_rules(session, rules, sent=sent, by=by)[0])


def preview(database: Database, rules: Rules, version: str) -> RuleSetShown:
    """Preview it, at once."""

    def work(session: Session) -> RuleSetShown:
        (preview_policy if rules is POLICIES else preview_pack)(session, given=version, by=AUTHOR)
        return show_rules(session, rules, given=version)

    return database.transact(work)


def put_in_force(
    database: Database,
    rules: Rules,
    version: str,
    *,
    by: By = APPROVER,
    effective_from: datetime | None = None,
) -> RuleSetShown:
    """Activate it."""
    asked = ActivateRules(reason="tests", effective_from=effective_from)
    return database.transact(
        lambda session: activate(session, rules, given=version, asked=asked, by=by, match=["*"])
    )


def in_force(database: Database, document: Any, *, rules: Rules = POLICIES) -> RuleSetShown:
    """Upload, preview, activate."""
    version = document["version"]
    upload(database, rules, document)
    preview(database, rules, version)
    return put_in_force(database, rules, version)


def revaluate(database: Database, **options: Any) -> int:
    """Evaluate all again, as often as others' transactions are in the way."""
    evaluated = 0
    while rows(database, "SELECT 1 FROM revaluation WHERE done_at IS NULL"):
        evaluated += continue_revaluations(database, **options)
    return evaluated


def standings(database: Database) -> Any:
    """Where every use and every model stands."""
    columns = "tier, status, tier_low, tier_high, workflow_tier, blocked, grace_end"
    return (
        rows(database, f"SELECT use_id, {columns}, materiality_low, materiality_high, inherent_low,"  # noqa: S608  # ours
                       " inherent_high, floors, facts FROM assessment ORDER BY 1"),
        rows(database, f"SELECT model_id, {columns} FROM model_risk ORDER BY 1"),  # noqa: S608  # ours
    )  # fmt: skip


def set_row(database: Database, table: str, **values: Any) -> None:
    """Change all rows of a table: clocks, mostly."""
    of: sa.Table = {"policy": POLICIES.table, "control_pack": PACKS.table,
                    "policy_preview": POLICIES.previews}[table]  # fmt: skip
    database.transact(lambda session: session.execute(sa.update(of).values(values)))
