"""A catalog with models of a tier in production, and what becomes of a sample of them."""

import json
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from uuid_utils.compat import uuid7

from service.ledger.change import Actor, Change, record_changes
from service.risk.samples.cycles import run_samples
from tests.support.catalog import NOON, gone, make_source, model, post, rows, version
from tests.support.http import Service, wait_for_feed

NOTHING = json.dumps(  # of what was shown when it was decided
    {"model": {}, "use": {}, "version": {}, "dataset": {}, "deployment": {}, "stated": []}
)
LATER = "2026-11-21T12:00:00Z"


class Chance:
    """Models, all in production; the tier is what a test says, whatever their facts are."""

    def __init__(self, service: Service) -> None:
        """One source of namespace `retail`."""
        self.service, self.database = service, service.database
        self.source = make_source(self.database)

    def add(self, number: int, *, tier: str = "LOW", prefix: str = "m") -> list[str]:
        """So many models with a version each; answers their ids."""
        names = [f"{prefix}{one:03}" for one in range(number)]
        said = [
            one for name in names for one in (model(name, lifecycle="production"), version(1, name))
        ]
        post(self.database, self.source, *said)
        keys = [f"retail/{name}" for name in names]
        found = rows(
            self.database,
            "SELECT id FROM entry WHERE kind = 'model' AND natural_key = ANY(:keys)", keys=keys,
        )  # fmt: skip
        ids = [str(one) for (one,) in found]
        self.rate(ids, tier=tier)
        self.older()
        return ids

    def rate(self, ids: list[str], *, tier: str) -> None:
        """Let these be of a tier, as if their facts said so."""
        self.change(
            "UPDATE model_risk SET workflow_tier = :tier"
            " WHERE model_id = ANY(CAST(:ids AS uuid[]))",
            ids=ids, tier=tier,
        )  # fmt: skip

    def older(self) -> None:
        """The catalog is no longer new."""
        self.change("UPDATE entry SET first_seen_at = first_seen_at - interval '2 days'")

    def leave(self, *ids: str) -> None:
        """Their registry says that these are gone."""
        keys = rows(
            self.database, "SELECT natural_key FROM entry WHERE id = ANY(CAST(:ids AS uuid[]))",
            ids=list(ids),
        )  # fmt: skip
        said = [gone(model(key.partition("/")[2], at=NOON), LATER) for (key,) in keys]
        post(self.database, self.source, *said)

    def run(self) -> int:
        """What the periodic job does."""
        return self.database.transact(run_samples)

    def sealed(self) -> int:
        """The same once the ledger is sealed."""
        wait_for_feed(self.database)
        return self.run()

    def change(self, statement: str, **values: Any) -> None:
        """Change something behind the catalog's back."""
        with self.database.writing() as session:
            session.execute(sa.text(statement), values)

    def draws(self) -> list[Any]:
        """Every draw: rank, model, state, its review and that one's state."""
        return rows(
            self.database,
            "SELECT rank, sample_draw.model_id::text, sample_draw.state, review_id, review.state"
            " FROM sample_draw LEFT JOIN review ON review.id = review_id ORDER BY rank",
        )

    def decide(self, review: UUID, *, confirmed: bool = True) -> None:
        """Somebody decides a review."""
        with self.database.writing() as session:
            told = Change("decide", "decision", Actor("person", "rita"))
            [change] = record_changes(session, [told])
            session.execute(sa.text(DECIDED), {"review": review})
            values = {"id": uuid7(), "review": review, "confirmed": confirmed, "change": change,
                      "content": NOTHING}  # fmt: skip
            session.execute(sa.text(DECISION), values)

    def sample(self, **asked: Any) -> Any:
        """The one sample that there is, as it is read."""
        [found] = self.service.get("samples", **asked)["items"]
        return found

    def ledger(self) -> list[Any]:
        """What the ledger says of samples, in order."""
        found = rows(self.database, "SELECT canon FROM change WHERE kind = 'sample' ORDER BY id")
        return [json.loads(canon) for (canon,) in found]


DECIDED = """
UPDATE review SET state = 'DECIDED', reviewer = 'rita', independence = 'PASS', closed_at = now()
 WHERE id = :review
"""
DECISION = """
INSERT INTO decision (id, review_id, model_id, version_id, outcome, reviewer, decider_kind,
                      independence, builders, content_digest, content, workflow_tier, tier,
                      tier_confirmed, comment, conditions, evidence, decided_at, change_id)
SELECT :id, id, model_id, version_id, 'REVIEWED', 'rita', 'person', 'PASS', '[]', 'x',
       CAST(:content AS jsonb), 'LOW', 'LOW', :confirmed, 'as it should be', 0, '[]',
       clock_timestamp(), :change
  FROM review WHERE id = :review
"""
