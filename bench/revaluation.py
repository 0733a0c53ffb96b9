"""A new tiering policy rates every use again: a million models within a minute.

Measured: the job that a policy's coming into force starts, to its end, with its ledger rows and
history: once for a policy that moves the limits of the bands, so that some tiers change, and once
for one that moves the points of a factor, so that most rows do. Its baseline in the same run, on
the same durable server, is one bare UPDATE of every assessment, which rates nothing. Both keep
history. The preview, which comes before, is shown beside them.

`python -m bench.revaluation --models 1000000` takes as many models as it is told.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from copy import deepcopy
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from bench.cluster import Cluster, run_cluster
from bench.fleet import FEW_PROFILES, PROFILES, fill_fleet
from bench.result import Form, Result
from bench.result import Stage as Asked
from schemas.rule_sets import ActivateRules
from service.access.policy import Caller, capabilities
from service.db import Database
from service.risk.rules.activation import activate
from service.risk.rules.first import first_policy
from service.risk.rules.previews import continue_previews, preview_policy
from service.risk.rules.revaluation import continue_revaluations
from service.risk.rules.rule_sets import POLICIES, By, store_rules

MODELS, FEW_MODELS = 100_000, 2_000
ALLOWED: Final = 60.0  # seconds for a million models
MILLION: Final = 1_000_000
SCOPES: Final = frozenset({"entries:read", "decisions:write"})
BARE: Final = sa.text("UPDATE assessment SET evaluated_at = now()")
LONGER: Final = sa.text("SET LOCAL statement_timeout = 0")
OPEN: Final = sa.text("SELECT count(*) FROM revaluation WHERE done_at IS NULL")


class Measured(NamedTuple):
    """One policy that came into force: seconds, uses, and rows that changed."""

    previewed: float
    spent: float
    worked: float  # by a processor for this process; the database's time is not in it
    uses: int
    changed: int

    def line(self, what: str) -> str:
        """As a detail."""
        return (
            f"{what}: {self.spent:.2f} s ({self.worked:.2f} s of a processor here), "
            f"{self.uses / self.spent:,.0f} uses a second, {self.changed:,} of {self.uses:,} rows "
            f"changed; the preview took {self.previewed:.2f} s"
        )


def measure(asked: Asked) -> Result:
    """Fill, put two policies in force one after the other, then write everything barely."""
    return run(FEW_MODELS if asked.small else MODELS, FEW_PROFILES if asked.small else PROFILES)


def run(models: int, profiles: int) -> Result:
    """Measure with so many models that share so many profiles."""
    with run_cluster() as cluster:
        database = _filled(cluster, models, profiles=profiles)
        limits = _put_in_force(database, "2.0.0", change=_limits)
        points = _put_in_force(database, "3.0.0", change=_points)
        bare = _bare(database)
        database.dispose()
    worst = max(limits.spent, points.spent)
    return Result(
        "revaluation", worst / models * MILLION / ALLOWED, Form.TIME,
        f"the {ALLOWED:.0f} s that a million models may take", 1.0,
        (
            f"{models:,} models, {profiles:,} profiles of facts",
            limits.line("other limits of the bands"),
            points.line("other points of factors that most uses have"),
            f"a bare UPDATE of all {limits.uses:,} rows: {bare:.2f} s, {bare / worst:.0%} of that",
        ),
    )  # fmt: skip


def _filled(cluster: Cluster, models: int, *, profiles: int) -> Database:
    url = cluster.fresh("revaluation")
    owner = Database(url, role=None, pool=2)
    fill_fleet(owner, models=models, profiles=profiles)
    owner.dispose()
    cluster.settle()
    return Database(url, pool=2)


def _put_in_force(
    database: Database, version: str, *, change: Callable[[dict[str, Any]], None]
) -> Measured:
    document = deepcopy(dict(first_policy().document)) | {"version": version}
    change(document)
    sent = POLICIES.read(json.dumps(document).encode(), False)  # noqa: FBT003  # JSON
    author, approver = _by("rita", "reviewer"), _by("abel", "approver")
    database.transact(lambda session: store_rules(session, POLICIES, sent=sent, by=author)[1])
    begun = time.perf_counter()
    database.transact(lambda session: preview_policy(session, given=version, by=author))
    continue_previews(database, advance=_advance("previewed"))
    previewed = time.perf_counter() - begun
    asked = ActivateRules(reason="bench")
    database.transact(
        lambda session: (
            activate(
                session, POLICIES, given=version, asked=asked, by=approver, match=["*"]
            ).version
        )
    )
    begun, worked = time.perf_counter(), time.process_time()
    uses = 0
    advance = _advance("rated")
    while _is_open(database):
        uses += continue_revaluations(database, advance=advance)
    spent, worked = time.perf_counter() - begun, time.process_time() - worked
    with database.reading() as session:
        query = sa.text("SELECT changed FROM revaluation ORDER BY id DESC LIMIT 1")
        changed = int(session.execute(query).scalar_one())
    return Measured(previewed, spent, worked, uses, changed)


def _is_open(database: Database) -> bool:
    with database.reading() as session:
        return bool(session.execute(OPEN).scalar_one())


def _bare(database: Database) -> float:
    begun = time.perf_counter()
    with database.writing() as session:
        session.execute(LONGER)
        session.execute(BARE)
    return time.perf_counter() - begun


def _by(name: str, role: str) -> By:
    caller = Caller("person", name, f"token:{name}", role, capabilities(role, SCOPES), None)
    return By(caller, "bench")


def _limits(document: dict[str, Any]) -> None:
    """Other limits of the bands."""
    document["bands"] = {"MEDIUM": 26, "HIGH": 50}


def _points(document: dict[str, Any]) -> None:
    """Other points of factors that most uses have."""
    _limits(document)
    document["axes"]["materiality"]["decision_role"]["automated"] = 33
    document["axes"]["inherent"]["model_class"]["agentic"] = 29


def _advance(word: str) -> Callable[[int], None]:
    done = 0

    def advance(more: int) -> None:
        nonlocal done
        done += more
        if sys.stderr.isatty():
            print(f"\r{done:,} {word}", end="", file=sys.stderr, flush=True)

    return advance


def main() -> None:
    """Run this bench alone, with as many models as asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.revaluation", description=__doc__)
    parser.add_argument("--models", type=int, default=MODELS)
    parser.add_argument("--profiles", type=int, default=PROFILES)
    asked = parser.parse_args()
    print(*run(asked.models, asked.profiles).lines(), sep="\n")


if __name__ == "__main__":
    main()
