"""A bundle of 1,000,000 models: the memory of whoever builds it, against a hundredth of them.

Measured: the highest resident memory of a process of its own that builds the whole bundle from the
database into a file. Baseline: the same process for a catalog of one per cent of the size. Memory
is flat when both need the same.
"""

import json
import subprocess
import sys
from contextlib import closing
from typing import Final, NamedTuple

import psycopg

from bench.cluster import run_cluster
from bench.csv_models import fill
from bench.result import Form, Result, Stage

TARGET: Final = 1.5
MODELS, FEW_MODELS = 1_000_000, 2_000
SHARE: Final = 100
ALLOWED: Final = 200  # MB
BUILD: Final = """
import json, resource, sys, tempfile, time
from uuid_utils.compat import uuid7
from service.catalog.view import everyone
from service.catalog.moments import latest_settled
from service.db import Database
from service.exports.bundle import Made, Order, build_bundle
from service.exports.review.reading import Moments
from service.ledger.notes import Keys

database = Database(sys.argv[1], pool=2)
with database.reading() as session:
    as_of = latest_settled(session)
begun = time.monotonic()
with tempfile.TemporaryFile() as file:
    made = build_bundle(
        database, Order("models", "plain", {}, Moments(as_of, as_of)), caller=everyone(),
        made=Made(uuid7(), "bench", Keys()), to=file, advance=lambda _file, _records: None,
    )
    size = file.tell()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000
print(json.dumps([peak, time.monotonic() - begun, made.exported, size / 1_000_000]))
"""


RATED: Final = {  # each model with what an evaluation leaves: one of 500 profiles, three controls
    "assessment": """
INSERT INTO assessment (use_id, model_id, policy_id, facts, facts_digest, outside, tier,
  computed_tier, status, tier_low, tier_high, own_low, own_high, workflow_tier, blocked,
  materiality_low, materiality_high, inherent_low, inherent_high, floors, floors_undecided,
  evaluated_at, valid_from)
SELECT id, id, (SELECT id FROM policy WHERE state = 'ACTIVE'),
       jsonb_build_object('model_class', 'tree_or_ensemble', 'people_affected_per_year',
         (ARRAY['none', 'lt_1k', '1k_50k', '50k_500k'])[1 + abs(hashtext(natural_key)) % 4]),
       md5(right(natural_key, 2)), '{}', 'HIGH', 'HIGH', 'PROVISIONAL', 'LOW', 'HIGH', 'LOW',
       'HIGH', 'MEDIUM', false, 0, 85, 12, 67, '[]', '["F1", "F2", "F5"]', now(), now()
  FROM entry WHERE kind = 'model'""",
    "model_risk": """
INSERT INTO model_risk (model_id, tier, computed_tier, status, tier_low, tier_high, workflow_tier,
  deciding_use, blocked, uses, live, in_production, facts_digest, review_state, evaluated_at,
  valid_from)
SELECT id, 'HIGH', 'HIGH', 'PROVISIONAL', 'LOW', 'HIGH', 'MEDIUM', id, false, 0, '[]', true,
       md5(right(natural_key, 2)), 'IN_USE_UNREVIEWED', now(), now()
  FROM entry WHERE kind = 'model'""",
    "control_result": """
INSERT INTO control_result (model_id, control, pack_id, severity, result, items, missing, message,
  fix, since, evaluated_at, valid_from)
SELECT entry.id, control, (SELECT id FROM control_pack WHERE state = 'ACTIVE'), 'medium', result,
       '[]', '[{"path": "model.versions", "who": "source"}]', 'Nobody says which.', 'Say it.',
       now(), now(), now()
  FROM entry, (VALUES ('INV-01', 'UNKNOWN'), ('LIN-01', 'FAIL'), ('OWN-01', 'PASS'))
       AS found (control, result)
 WHERE kind = 'model'""",
}


class Built(NamedTuple):
    """What building it needed: memory in MB, seconds; how many models; its size in MB."""

    peak: float
    seconds: float
    models: int
    size: float


def measure(stage: Stage) -> Result:
    """Build a small one and a large one, each in a process of its own."""
    models = FEW_MODELS if stage.small else MODELS
    with run_cluster() as cluster:
        few, all_ = (
            _build(cluster.fresh(name), models=count)
            for name, count in (("few", models // SHARE), ("all", models))
        )
    return Result(
        "bundle",
        all_.peak / few.peak,
        Form.TIME,
        f"the memory for {few.models:,} models",
        TARGET,
        tuple(
            f"{one.models:,} models: {one.peak:.0f} MB at most, {ALLOWED} allowed; "
            f"{one.seconds:.0f} s, a ZIP of {one.size:,.0f} MB"
            for one in (all_, few)
        ),
        flaw=f"{all_.peak:.0f} MB were resident" if all_.peak > ALLOWED else "",
    )


def _build(database: str, *, models: int) -> Built:
    fill(database, models=models)
    with closing(psycopg.connect(database, autocommit=True)) as connection:
        for table, statement in RATED.items():
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            connection.execute(statement)
            connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        connection.execute("VACUUM ANALYZE")
    done = subprocess.run(  # noqa: S603  # the text above
        [sys.executable, "-c", BUILD, database], capture_output=True, text=True, check=True
    )
    return Built(*json.loads(done.stdout))
