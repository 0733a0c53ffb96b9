"""Get, list, search and facets over HTTP at 100,000 models, against MLflow's own registry.

Measured: the median of requests of one client to the real service, by one connection: a model's
detail, the first page of 100, a search with a word that few have, and facets over five fields.
Baseline: the same three questions to a real MLflow server that holds the same models, by its
registry's REST API; it has no facets. The ratio is that of the slowest of the three.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from statistics import median
from typing import Any, Final, NamedTuple

import httpx2
import psycopg

from bench.catalog import SOURCE, run_catalog
from bench.cluster import run_cluster
from bench.registry import API, TIMEOUT, Size, run_registry
from bench.result import Form, Result, Stage, timed
from service.db import Database
from tests.support.http import bearer, make_token

TARGET: Final = 0.1  # ten times as fast
SIZE, SMALL_SIZE = Size(100_000, 1), Size(200, 1)
ROUNDS, FEW_ROUNDS = 60, 3
MOST: Final = {"get": 0.010, "list": 0.010, "search": 0.010, "facets": 0.050}  # seconds
NAME: Final = "reads"
OWNERS: Final = 300
STEP: Final = 1_000  # cards at a time

ID: Final = "('01900000-0000-7000-{}-' || lpad(to_hex(n), 12, '0'))::uuid"
MODEL, VERSION, OWNER = ID.format("8000"), ID.format("9000"), ID.format("a000")
OWNED: Final = OWNER.replace("to_hex(n)", f"to_hex(n %% {OWNERS})")
KEY: Final = "'retail/model-' || lpad(n::text, 5, '0')"
PEOPLE: Final = f"generate_series(0, {OWNERS - 1}) AS n"
MODELS: Final = "generate_series(0, %(models)s - 1) AS n"
ENTRY: Final = """
INSERT INTO entry (id, kind, namespace, natural_key, stub, by_time, first_seen_at, last_changed_at,
                   valid_from) SELECT """
SAID: Final = f"""jsonb_build_array(jsonb_build_object('source', '{SOURCE}', 'subject',
  'mlflow:{SOURCE}/default/model-' || n, 'observed_at', '2026-11-20T12:00:00.000000Z'))"""
STATEMENTS: Final = (  # what a harvest of the same MLflow server writes, and owners beside it
    f"{ENTRY} {OWNER}, 'owner', NULL, NULL, false, false, now(), now(), now() FROM {PEOPLE}",
    f"{ENTRY} {MODEL}, 'model', 'retail', {KEY}, false, false, now(), now(), now() FROM {MODELS}",
    f"""{ENTRY} {VERSION}, 'version', 'retail', {KEY} || '/1', false, false, now(), now(), now()
          FROM {MODELS}""",
    f"""INSERT INTO subject (kind, scheme, value, entry_id)
        SELECT 'owner', 'email', 'owner-' || n || '@acme.example', {OWNER} FROM {PEOPLE}""",  # noqa: S608
    f"""INSERT INTO subject (kind, scheme, value, entry_id)
        SELECT 'model', 'mlflow', '{SOURCE}/default/model-' || lpad(n::text, 5, '0'), {MODEL}
          FROM {MODELS}""",  # noqa: S608
    f"""INSERT INTO owner (id, email, statements, provenance, narrowed, conflicts, valid_from)
        SELECT {OWNER}, 'owner-' || n || '@acme.example', '[]', '{{"email": [0]}}', '{{}}', '[]',
               now() FROM {PEOPLE}""",  # noqa: S608
    f"""INSERT INTO model (id, namespace, name, description, lifecycle, task, tags, created_at,
                           statements, provenance, narrowed, conflicts, valid_from)
        SELECT {MODEL}, 'retail', 'model-' || lpad(n::text, 5, '0'),
               CASE n %% 2 WHEN 0 THEN 'model-' || lpad(n::text, 5, '0')
                 || ': how likely a customer leaves, by contract and month.' END,
               (ARRAY['development', 'validation', 'pilot', 'production'])[1 + n %% 7],
               (ARRAY['classification', 'regression', 'ranking'])[1 + n %% 3],
               jsonb_build_array('domain=domain of model-' || n, 'team=team of model-' || n), now(),
               {SAID}, '{{"namespace": [0], "name": [0], "description": [0], "lifecycle": [0],
                 "task": [0], "tags": [0], "created_at": [0], "owners": [0]}}', '{{}}', '[]', now()
          FROM {MODELS}""",  # noqa: S608
    f"""INSERT INTO version (id, model_id, number, number_key, status, source_uri, created_by,
                             statements, provenance, narrowed, conflicts, valid_from)
        SELECT {VERSION}, {MODEL}, '1', '11', 'READY', 'mlflow-artifacts:/0/' || md5(n::text),
               'trainer', {SAID}, '{{"model": [0], "number": [0], "status": [0],
                 "source_uri": [0], "created_by": [0]}}', '{{}}', '[]', now() FROM {MODELS}""",  # noqa: S608
    f"""INSERT INTO link (entry_id, field, key, target_id, role, attributes, valid_from)
        SELECT {MODEL}, 'owners', md5(n::text), {OWNED}, 'accountable',
               jsonb_build_object('role', 'accountable', 'owner', jsonb_build_object('kind',
                 'owner', 'scheme', 'email', 'value', 'owner-' || n %% {OWNERS}
                 || '@acme.example')), now() FROM {MODELS}""",  # noqa: S608
)  # fmt: skip
CARDS: Final = """
SELECT count(refresh_cards(ids)) FROM (
  SELECT array_agg(id) AS ids FROM (
    SELECT id, row_number() OVER (ORDER BY id) / %(step)s AS step FROM entry
  ) AS numbered GROUP BY step
) AS steps
"""


class Asked(NamedTuple):
    """One question, as it is asked of each server."""

    path: str
    params: Mapping[str, Any]


OURS: Final[Mapping[str, Callable[[int], Asked]]] = {
    "get": lambda n: Asked(f"/api/v1/models/retail/model-{n:05}", {}),
    "list": lambda n: Asked("/api/v1/models", {"page_size": "100"}),  # noqa: ARG005
    "search": lambda n: Asked("/api/v1/models", {"q": f"{n:05}"}),
    "facets": lambda n: Asked(  # noqa: ARG005
        "/api/v1/models", {"facet": "owner,lifecycle,task,source,stub", "page_size": "1"}
    ),
}
THEIRS: Final[Mapping[str, Callable[[int], Asked]]] = {
    "get": lambda n: Asked(f"{API}/registered-models/get", {"name": f"model-{n:05}"}),
    "list": lambda n: Asked(  # noqa: ARG005
        f"{API}/registered-models/search", {"max_results": 100, "order_by": "name ASC"}
    ),
    "search": lambda n: Asked(
        f"{API}/registered-models/search", {"filter": f"name ILIKE '%{n:05}%'"}
    ),
}


def measure(stage: Stage) -> Result:
    """Fill both with the same models, and ask both."""
    size = SMALL_SIZE if stage.small else SIZE
    rounds = FEW_ROUNDS if stage.small else ROUNDS
    with run_registry(stage, size) as uri, run_cluster() as cluster:
        database = cluster.fresh(NAME)
        fill(database, models=size.models)
        cluster.settle()
        with run_catalog(database, uri=uri) as catalog:
            token = reader(database)
            ours, theirs = ask(
                (catalog.url, OURS, bearer(token)), (uri, THEIRS, {}), rounds=rounds, size=size
            )
    ratios = {what: median(ours[what]) / median(theirs[what]) for what in theirs}
    late = [
        f"{what} took {median(took) * 1_000:.1f} ms, more than {MOST[what] * 1_000:.0f}"
        for what, took in ours.items()
        if median(took) > MOST[what] and not stage.small
    ]
    return Result(
        NAME,
        max(ratios.values()),
        Form.TIME,
        "MLflow's registry REST, the slowest of get, list and search",
        TARGET,
        (
            str(size),
            *(f"{what}: {ratio:.3f} x MLflow's" for what, ratio in ratios.items()),
            *(timed(f"ours, {what}", took) for what, took in ours.items()),
            *(timed(f"MLflow's, {what}", took) for what, took in theirs.items()),
        ),
        flaw="; ".join(late),
    )


def fill(database: str, *, models: int) -> None:
    """Write what a harvest would, straight into the tables; then the cards, as triggers would."""
    with closing(psycopg.connect(database, autocommit=True)) as connection:
        connection.execute("SET session_replication_role = replica")  # no ordinary triggers
        for statement in STATEMENTS:
            connection.execute(statement, {"models": models})
        connection.execute(CARDS, {"step": STEP})
        connection.execute("VACUUM ANALYZE")


def reader(database: str) -> str:
    """The token of somebody who reads everything."""
    opened = Database(database, pool=1)
    token = make_token(opened)
    opened.dispose()
    return token


Side = tuple[str, Mapping[str, Callable[[int], Asked]], Mapping[str, str]]
Times = dict[str, list[float]]


def ask(*sides: Side, rounds: int, size: Size) -> list[Times]:
    """Ask all sides the same in turn, so that a busy machine slows them alike."""
    clients = [
        httpx2.Client(base_url=url, headers=dict(headers), trust_env=False, timeout=TIMEOUT)
        for url, _, headers in sides
    ]
    times: list[Times] = [{what: [] for what in asked} for _, asked, _ in sides]
    try:
        for turn in range(rounds + FEW_ROUNDS):
            for client, (_, asked, _), taken in zip(clients, sides, times, strict=True):
                for what, question in asked.items():
                    path, params = question(turn * 7_919 % size.models)
                    begun = time.perf_counter()
                    client.get(path, params=params).raise_for_status().read()
                    if turn >= FEW_ROUNDS:  # the first ones fill caches
                        taken[what].append(time.perf_counter() - begun)
    finally:
        for client in clients:
            client.close()
    return times
