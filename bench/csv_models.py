"""Fills a catalog with made-up models, as many as asked for, straight into its tables."""

from collections.abc import Mapping
from contextlib import closing
from typing import Final

import psycopg

OWNERS: Final = 300
FILLED: Final = ("entry", "owner", "model", "version", "link")
ENTRY: Final = """
INSERT INTO entry (id, kind, namespace, natural_key, stub, by_time, first_seen_at, last_changed_at,
                   valid_from)
"""
STATEMENTS: Final[Mapping[str, str]] = {
    "owner entries": f"""{ENTRY}
SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'owner', NULL, NULL, false,
       false, now(), now(), now()
  FROM generate_series(0, {OWNERS - 1}) AS n""",  # noqa: S608  # constants
    "owners": """
INSERT INTO owner (id, handle, statements, provenance, narrowed, conflicts, valid_from)
SELECT id, 'team', '[]', '{"handle": [0]}', '{}', '[]', now() FROM entry WHERE kind = 'owner'""",
    "model entries": f"""{ENTRY}
SELECT (lpad(to_hex(n * 2654435761 %% 4294967296), 8, '0') || '-0000-7000-8000-'
        || lpad(to_hex(n), 12, '0'))::uuid,
       'model', 'team-' || n %% 40, 'team-' || n %% 40 || '/model-' || lpad(n::text, 7, '0'), false,
       false, '2026-01-01Z'::timestamptz + n * interval '7 s',
       '2026-06-01Z'::timestamptz + n * interval '3 s', now()
  FROM generate_series(1, %(models)s) AS n""",  # noqa: S608  # constants
    "models": """
INSERT INTO model (id, namespace, name, display_name, description, lifecycle, task, license, tags,
                   created_at, model_class, statements, provenance, narrowed, conflicts, valid_from)
SELECT id, namespace, split_part(natural_key, '/', 2),
       'Model ' || right(natural_key, 7),
       right(natural_key, 7) || ': how likely a customer leaves, by contract and month.',
       'production', 'classification', 'Apache-2.0',
       jsonb_build_array('domain=' || right(natural_key, 2), 'team=' || right(natural_key, 3)),
       first_seen_at, CASE right(natural_key, 1) WHEN '3' THEN NULL ELSE 'tree_or_ensemble' END,
       '[{"source": "mlflow-bench", "subject": 1, "observed_at": "2026-11-20T12:00:00Z"}]',
       '{"namespace": [0], "name": [0], "display_name": [0], "description": [0], "task": [0],
         "lifecycle": [0], "license": [0], "tags": [0], "owners": [0], "created_at": [0],
         "model_class": [0]}',
       CASE right(natural_key, 1) WHEN '3' THEN '{"model_class": ["agentic", "generative"]}'::jsonb
         ELSE '{}' END, '[]', now()
  FROM entry WHERE kind = 'model'""",
    "ownerships": f"""
INSERT INTO link (entry_id, field, key, target_id, role, attributes, valid_from)
SELECT id, 'owners', 'sha256:' || md5(natural_key),
       ('00000000-0000-7000-8000-' || lpad(to_hex(team), 12, '0'))::uuid, 'accountable',
       jsonb_build_object('role', 'accountable', 'owner', jsonb_build_object('kind', 'owner',
         'scheme', 'email', 'value', 'team-' || team || '@acme.example')), now()
  FROM entry, LATERAL (SELECT abs(hashtext(natural_key)) %% {OWNERS} AS team) AS of_team
 WHERE kind = 'model'""",  # noqa: S608  # constants
    "version entries": f"""{ENTRY}
SELECT (left(id::text, 8) || '-0000-7000-9000-' || right(id::text, 12))::uuid, 'version',
       namespace, natural_key || '/1', false, false, now(), now(), now()
  FROM entry WHERE kind = 'model' AND right(natural_key, 1) < '3'""",  # noqa: S608  # constants
    "versions": """
INSERT INTO version (id, model_id, number, number_key, statements, provenance, narrowed, conflicts,
                     offered, sought, matched, valid_from)
SELECT child.id, parent.id, '1', '011', '[]', '{"model": [0], "number": [0]}', '{}', '[]',
       '[]', '[]', '{}', now()
  FROM entry AS parent JOIN entry AS child ON child.natural_key = parent.natural_key || '/1'
 WHERE parent.kind = 'model' AND child.kind = 'version'""",
    "cards": """
INSERT INTO index_card (id, kind, namespace, sort_key, words, names)
SELECT id, kind, namespace, coalesce(natural_key, id::text), '', '' FROM entry""",
}


def fill(database: str, *, models: int) -> None:
    """Everything but history, ledger and search words, which no export reads.

    Triggers would make it an hour: they are off meanwhile.
    """
    with closing(psycopg.connect(database, autocommit=True)) as connection:
        for table in FILLED:
            connection.execute(f'ALTER TABLE "{table}" DISABLE TRIGGER USER')
        for statement in STATEMENTS.values():
            connection.execute(statement, {"models": models})
        for table in FILLED:
            connection.execute(f'ALTER TABLE "{table}" ENABLE TRIGGER USER')
        connection.execute("VACUUM ANALYZE")
