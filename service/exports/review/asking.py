"""What to ask next about a use: the facts whose answers move its tier most."""

import json
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from service.exports.review.reading import Reading
from service.exports.statement import EMPTY, Text, as_text, constant
from service.risk.rules.active import as_policy
from service.risk.tables import PolicyRow
from service.risk.tiering import Policy, ask_next

POLICY: Final = PolicyRow.__table__
COMPILED: Final = "review.policies"  # compiled ones of a session, by id: what is rated by them
PROVISIONAL: Final = "PROVISIONAL"


def asked_of(assessment: sa.FromClause) -> Text:
    """What `write_questions` needs of a row of `assessment`: nothing but of a PROVISIONAL one."""
    known = sa.func.jsonb_build_object(
        constant("policy"), assessment.c.policy_id, constant("facts"), assessment.c.facts,
        type_=JSONB,
    )  # fmt: skip
    return sa.case((assessment.c.status == PROVISIONAL, as_text(known)), else_=EMPTY)


def write_questions(reading: Reading, text: str) -> str:
    """The cell of `ask_next`: names of facts, the one that moves the tier most first."""
    if not text.startswith("{"):
        return text
    said: dict[str, Any] = json.loads(text)
    policy = _compiled(reading, said["policy"])
    return "; ".join(one.fact for one in ask_next(policy, said["facts"]))


def _compiled(reading: Reading, given: int) -> Policy:
    """A policy that something is rated by: it was activated, so its document never changes."""
    known: dict[int, Policy] = reading.session.info.setdefault(COMPILED, {})
    if given not in known:
        columns = POLICY.c["id", "name", "version", "digest", "document"]
        found = reading.session.execute(sa.select(*columns).where(POLICY.c.id == given)).one()
        known[given] = as_policy(found).compiled
    return known[given]
