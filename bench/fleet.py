"""Fills a catalog with rated models, as many as asked for, straight into its tables.

Their facts are made up as a company's are: some thousand profiles that most models share, much of
them not stated; some in production, some with two uses, some that consume others and are not HIGH.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb
from sqlalchemy import make_url
from uuid_utils.compat import uuid7

from service.db import Database
from service.risk.picture import UNDECLARED
from service.risk.rules.active import ActivePolicy, read_policy
from service.risk.rules.rater import FEEDS, Rater, Said, StoredUse, facts_digest
from service.risk.tiers.assess import CLOCK, Terms, assess_model

PROFILES, FEW_PROFILES = 6_000, 60
STATED: Final = 0.45  # of the facts that a person or a source could state
WELL_KNOWN: Final = 0.3  # of the profiles: everything is stated
TWO_USES, CONSUMES, PRODUCTION = 0.1, 0.05, 0.4
AT_ONCE: Final = 20_000  # models that are held in memory
STATEMENTS: Final = Jsonb([])
NOTHING: Final = Jsonb({})
ENTRY: Final = (
    "id", "kind", "namespace", "natural_key", "stub", "by_time", "first_seen_at", "last_changed_at",
    "valid_from",
)  # fmt: skip
USE: Final = (
    "id", "model_id", "name", "statements", "provenance", "narrowed", "conflicts", "valid_from",
)  # fmt: skip
ASSESSMENT: Final = (
    "use_id", "model_id", "policy_id", "facts", "facts_digest", "outside", "tier", "computed_tier",
    "status", "tier_low", "tier_high", "own_low", "own_high", "workflow_tier", "blocked",
    "materiality_low", "materiality_high", "inherent_low", "inherent_high", "floors",
    "floors_undecided", *CLOCK, "evaluated_at",
)  # fmt: skip
RISK: Final = (
    "model_id", "tier", "computed_tier", "status", "tier_low", "tier_high", "workflow_tier",
    "deciding_use", "blocked", "uses", "in_production", "grace_end", "facts_digest", "evaluated_at",
)  # fmt: skip
LINK: Final = ("entry_id", "field", "key", "target_id", "attributes", "valid_from")
Row = tuple[Any, ...]


class Filled(NamedTuple):
    """What was made."""

    models: int
    uses: int
    profiles: int


def fill_fleet(database: Database, *, models: int, profiles: int, seed: int = 7) -> Filled:
    """Rated models by the policy in force. Needs a login that may do anything.

    Foreign keys and index cards are not kept meanwhile: that would take an hour.
    """
    with database.reading() as session:
        policy = read_policy(session)
    fleet = Fleet(policy, profiles=profiles, seed=seed)
    uses = 0
    url = make_url(database.url).set(drivername="postgresql")
    with closing(psycopg.connect(url.render_as_string(hide_password=False))) as connection:
        connection.execute("SET session_replication_role = replica")
        for table in ("entry", "use", "link"):
            connection.execute(f'ALTER TABLE "{table}" DISABLE TRIGGER USER')
        for start in range(0, models, AT_ONCE):
            rows = fleet.rows(start, min(AT_ONCE, models - start))
            for table, (columns, made) in rows.items():
                _copy(connection, table, columns=columns, rows=made)
            uses += len(rows["assessment"][1])
        for table in ("entry", "use", "link"):
            connection.execute(f'ALTER TABLE "{table}" ENABLE TRIGGER USER')
        connection.commit()
        connection.autocommit = True
        for table in ("entry", "link", "assessment", "model_risk", "risk_clock"):
            connection.execute(f'VACUUM (ANALYZE, FREEZE) "{table}"')
    return Filled(models, uses, len(fleet.profiles))


class Fleet:
    """Makes rows, the same for the same seed but for ids and times."""

    def __init__(self, policy: ActivePolicy, *, profiles: int, seed: int) -> None:
        """Profiles first: the first ones are shared by most."""
        self.random, self.policy = random.Random(seed), policy  # noqa: S311  # made up
        self.now = datetime.now(UTC)
        self.rater = Rater(Terms(policy.compiled, policy.document, self.now))
        made = [self._facts() for _ in range(profiles)]
        self.profiles = {facts_digest(facts): Said(facts, {}) for facts in made}
        self.names = list(self.profiles)
        self.weights = [1 / (rank + 10) for rank in range(len(self.names))]
        self.earlier: list[UUID] = []

    def rows(self, start: int, count: int) -> Mapping[str, tuple[Sequence[str], list[Row]]]:
        """Rows of some models, by table, targets of references first."""
        made: dict[str, tuple[Sequence[str], list[Row]]] = {
            "entry": (ENTRY, []), "use": (USE, []), "assessment": (ASSESSMENT, []),
            "model_risk": (RISK, []), "risk_clock": (("model_id", "evaluated_at"), []),
            "link": (LINK, []),
        }  # fmt: skip
        chosen = iter(self.random.choices(self.names, self.weights, k=2 * count))
        for number in range(start, start + count):
            self._model(number, chosen, made={name: rows for name, (_, rows) in made.items()})
        return made

    def _model(self, number: int, chosen: Iterator[str], *, made: Mapping[str, list[Row]]) -> None:
        model, key = uuid7(), f"team-{number % 40}/model-{number:07}"
        made["entry"].append(self._entry(model, "model", key=key))
        produces = self.random.random() < PRODUCTION
        several = self.random.random() < TWO_USES
        rated = {}
        for place, profile in enumerate(islice(chosen, 1 + several)):
            name, use_id = UNDECLARED, model
            if several:
                name, use_id = f"use-{place}", uuid7()
                made["entry"].append(self._entry(use_id, "use", key=f"{key}/{name}"))
                told = (STATEMENTS, NOTHING, NOTHING, STATEMENTS, self.now)
                made["use"].append((use_id, model, name, *told))
            rated[name] = self._use(use_id, model, profile=profile, produces=produces)
            made["assessment"].append(self._assessment(*rated[name][:2], model=model))
        rolled = assess_model({name: (row, settled) for name, (row, _, settled) in rated.items()})
        rolled |= {
            "model_id": model, "uses": 2 if several else 0, "in_production": produces,
            "facts_digest": facts_digest({n: said.facts for n, (_, said, _) in rated.items()}),
            "evaluated_at": self.now,
        }  # fmt: skip
        made["model_risk"].append(tuple(rolled[name] for name in RISK))
        made["risk_clock"].append((model, self.now))
        harmless = all(row["own_high"] != "HIGH" for row, _, _ in rated.values())
        if self.earlier and harmless and self.random.random() < CONSUMES:
            supplier = self.random.choice(self.earlier)
            of_link = (model, "depends_on", f"sha256:{number}", supplier, NOTHING, self.now)
            made["link"].append(of_link)
        if number % 100 == 0:
            self.earlier.append(model)

    def _entry(self, entry: UUID, kind: str, *, key: str) -> Row:
        namespace = key.partition("/")[0]
        return (entry, kind, namespace, key, False, False, self.now, self.now, self.now)

    def _use(self, use_id: UUID, model: UUID, *, profile: str, produces: bool) -> Any:
        since = self.now - timedelta(days=self.random.randint(0, 20))
        use = StoredUse(
            use_id, model, profile, override=None, raises=False, exempt=False,
            provisional_since=None, provisional_ended=None, grace_end=None, in_production=produces,
        )  # fmt: skip
        outcome, clock = self.rater.rate(use, profiles=self.profiles)
        begun, _, ends = clock
        if begun is not None and ends is not None:  # PROVISIONAL in production, for a while now
            use = use._replace(provisional_since=since, grace_end=since + (ends - begun))
            outcome, clock = self.rater.rate(use, profiles=self.profiles)
        row = {**outcome.row, **dict(zip(CLOCK, clock, strict=True)), "use_id": use_id}
        return row, self.profiles[profile], outcome.settled

    def _assessment(self, row: Mapping[str, Any], said: Said, *, model: UUID) -> Row:
        whole = {
            **row, "model_id": model, "policy_id": self.policy.id, "facts": Jsonb(said.facts),
            "facts_digest": facts_digest(said.facts), "outside": NOTHING, "evaluated_at": self.now,
            "floors": Jsonb(row["floors"]), "floors_undecided": Jsonb(row["floors_undecided"]),
        }  # fmt: skip
        return tuple(whole[name] for name in ASSESSMENT)

    def _facts(self) -> dict[str, Any]:
        document, chance = self.policy.document, self.random
        stated = 1.0 if chance.random() < WELL_KNOWN else STATED
        facts: dict[str, Any] = {"red_signal_open": chance.random() < 0.01, FEEDS: False}  # noqa: PLR2004
        for name, points in {**document.axes.materiality, **document.axes.inherent}.items():
            if chance.random() < stated:
                values = sorted(points, key=points.__getitem__)
                place = min(int(chance.expovariate(1.2)), len(values) - 1)
                facts[name] = values[place]
        for name, rule in document.facts.items():
            if rule.ask != "catalog" and chance.random() < stated:
                facts[name] = chance.choice(rule.possible)
        if chance.random() < stated:
            named = {name: chance.random() < 0.02 for name in document.purposes}  # noqa: PLR2004
            facts["regulated_purposes"] = named
        return facts


def _copy(
    connection: psycopg.Connection[Any], table: str, *, columns: Sequence[str], rows: Sequence[Row]
) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
