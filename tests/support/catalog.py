"""A catalog without HTTP: posts documents as a source and looks at what became of them."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session
from uuid_utils.compat import uuid7

from schemas.harvest import CloseHarvest, Coverage, HarvestReport, OpenHarvest, Outcome
from schemas.identifiers import Identifier
from schemas.observation import Receipt, Sighting, parse_observation
from schemas.sources import SourceSettings
from service.access.policy import Caller, capabilities
from service.db import Database
from service.ingest import close, harvests, sightings
from service.ingest.declare import declare_source
from service.ingest.dryrun import record_harvested
from service.ingest.ingest import record_batch
from service.ingest.sources import SourceFacts, get_source
from service.ledger.change import RISK, Actor, Cause
from service.tables import METADATA

OPERATOR = Actor("operator", "tests")
NOON = "2026-11-20T12:00:00Z"
WRITTEN_TABLES = (
    "subject", "observation", "sighting", "absence", "gone", "entry", "entry_namespace", "link",
    "change", "model", "version", "training_run", "dataset", "owner", "repository", "build",
    "deployment", "use", "identity_decision",
)  # fmt: skip
Done = TypeVar("Done")


def make_reader(namespaces: frozenset[str] | None = None) -> Caller:
    """Someone who may read."""
    held = capabilities("reader", frozenset({"entries:read", "exports:read"}))
    return Caller("person", "token:reader", "reader", "reader", held, namespaces)


def make_source(database: Database, name: str = "mlflow-prod", **settings: Any) -> SourceFacts:
    """Declare a source of namespace `retail`."""
    asked = SourceSettings.model_validate(
        {"name": name, "kind": "mlflow", "namespace": "retail"} | settings
    )
    database.transact(lambda session: declare_source(session, asked, actor=OPERATOR, request=None))
    return database.transact(lambda session: get_source(session, name))


def model(name: str = "churn", source: str = "mlflow-prod", at: str = NOON, **facts: Any) -> Any:
    """An observation of a registered model."""
    return {
        "subject": {"kind": "model", "scheme": "mlflow", "value": f"{source}/default/{name}"},
        "observed_at": at,
        "facts": {"namespace": "retail", "name": name} | facts,
    }


def version(
    number: int, name: str = "churn", source: str = "mlflow-prod", at: str = NOON, **facts: Any
) -> Any:
    """An observation of a registered version."""
    of_model = {"kind": "model", "scheme": "mlflow", "value": f"{source}/default/{name}"}
    value = f"{source}/default/{name}/{number}"
    return {
        "subject": {"kind": "version", "scheme": "mlflow", "value": value},
        "observed_at": at,
        "facts": {"model": of_model, "number": str(number)} | facts,
    }


def gone(observation: Any, at: str) -> Any:
    """The source says that the subject of an observation is not there."""
    return {"subject": observation["subject"], "observed_at": at, "gone": True}


def post(database: Database, source: SourceFacts, *documents: Any) -> Receipt:
    """Push one batch."""
    cause = Cause(Actor("source", source.name), source.name)
    return database.transact(
        lambda session: record_batch(session, documents, source=source, cause=cause).receipt
    )


class Sweep:
    """One harvest, step by step."""

    def __init__(
        self,
        database: Database,
        source: SourceFacts,
        *,
        scope: str = "registry/default",
        coverage: Coverage = Coverage.FULL,
        dry_run: bool = False,
        follows: Any = None,
    ) -> None:
        """Open it."""
        self.database, self.source, self.id = database, source, uuid7()
        asked = OpenHarvest(
            harvest=self.id, scope=scope, coverage=coverage, harvester_version="tests",
            follows=follows,
        )  # fmt: skip
        self.opened = database.transact(
            lambda session: harvests.open_harvest(session, source, asked=asked, dry_run=dry_run)
        )

    def step(self, work: Callable[[Session, harvests.OpenedHarvest], Done]) -> Done:
        """Do one request of it."""
        return self.database.transact(
            lambda session: work(
                session, harvests.lock_harvest(session, self.source, harvest_id=self.id)
            )
        )

    def sight(self, *documents: Any) -> list[int]:
        """Say what was seen; answers the indices that are wanted."""
        seen = [parse_observation(document) for document in documents]
        said = [Sighting(subject=one.subject, digest=one.digest()) for one in seen]
        return list(
            self.step(
                lambda session, opened: sightings.record_sightings(session, opened, sightings=said)
            ).wanted
        )

    def send(self, *documents: Any) -> Receipt:
        """Send observations."""
        cause = Cause(Actor("source", self.source.name), self.source.name, self.id)

        return self.step(partial(record_harvested, documents=documents, cause=cause))

    def sweep(self, *documents: Any) -> int:
        """Sight everything, send what is wanted; answers how many that were."""
        wanted = self.sight(*documents) if documents else []
        if wanted:
            self.send(*(documents[index] for index in wanted))
        return len(wanted)

    def unseen(self) -> list[Identifier]:
        """What the scope holds that was not seen."""
        page = self.step(lambda session, opened: sightings.unseen_page(session, opened, after=0))
        return [known.subject for known in page.subjects]

    def close(self, outcome: Outcome = Outcome.COMPLETE, **asked: Any) -> HarvestReport:
        """End it."""
        cause = Cause(Actor("source", self.source.name), self.source.name, self.id)
        return self.database.transact(
            lambda session: close.close_harvest(
                session,
                self.source,
                harvest_id=self.id,
                asked=CloseHarvest(outcome=outcome, **asked),
                cause=cause,
            )
        )


def rows(database: Database, statement: str, **values: Any) -> list[Any]:
    """What a query answers, as plain tuples."""
    with database.reading() as session:
        return [tuple(row) for row in session.execute(sa.text(statement), values)]


def entries(database: Database, about: str = "") -> dict[str, Any]:
    """Everything that readers could see, without ids and recorded times: order changes none.

    Only of things whose identifier holds a text, if one is given; never of what was merged away.
    """
    named = dict(
        rows(
            database,
            "SELECT entry_id::text, min(kind || ':' || scheme || ':' || value) FROM subject "
            "WHERE entry_id IS NOT NULL AND value LIKE '%' || :about || '%' GROUP BY entry_id",
            about=about,
        )
    )
    chosen = sa.text("SELECT * FROM entry WHERE id = ANY(CAST(:ids AS uuid[]))")
    with database.reading() as session:
        return {
            named[str(row["id"])]: _shown(session, row, named)
            for row in session.execute(chosen, {"ids": list(named)}).mappings()
            if row["merged_into"] is None
        }


def _shown(session: Session, row: sa.RowMapping, names: Mapping[str, str]) -> dict[str, Any]:
    """One entry: parent row, typed row, links, and through which namespaces it is seen."""
    typed = METADATA.tables[row["kind"]]
    apart: dict[str, sa.Executable] = {
        "facts": sa.select(typed).where(typed.c.id == row["id"]),
        "links": sa.text(
            "SELECT field, key, target_id, role, digest, attributes FROM link "
            "WHERE entry_id = :id ORDER BY field, key"
        ),
        "seen_through": sa.text(
            "SELECT namespace, granted_by FROM entry_namespace WHERE entry_id = :id"
        ),
    }
    found = {
        part: sorted(
            (_plain(one, names) for one in session.execute(query, {"id": row["id"]}).mappings()),
            key=str,
        )
        for part, query in apart.items()
    }
    return _plain(row, names) | found


TIMES = {"first_seen_at", "last_changed_at", "valid_from", "id"}


KEYS = {"offered", "sought"}  # some of them hold ids


def _plain(row: sa.RowMapping, names: Mapping[str, str]) -> dict[str, Any]:
    return {name: _named(name, value, names) for name, value in row.items() if name not in TIMES}


def _named(name: str, value: Any, names: Mapping[str, str]) -> Any:
    if name in KEYS and value:
        split = (key.partition(":") for key in value)
        return sorted(f"{word}:{names.get(rest, rest)}" for word, _, rest in split)
    return names.get(str(value), value) if isinstance(value, UUID) else value


def written(database: Database) -> dict[str, tuple[int, int, int]]:
    """Inserts, updates and deletes so far, by table (`pg_stat_user_tables`)."""
    with database.writing() as session:
        session.execute(sa.text("SELECT pg_stat_force_next_flush()"))
    with database.reading() as session:
        session.execute(sa.text("SELECT pg_stat_clear_snapshot()"))
        found = session.execute(
            sa.text("SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables")
        )
        return {
            name: (ins, upd, dele)
            for name, ins, upd, dele in found
            if name in WRITTEN_TABLES or name.endswith("_history")
        }


def contents(database: Database) -> dict[str, str]:
    """A digest of every row, by table: also equal when rows were written and taken back."""
    return {
        name: rows(
            database,
            f"SELECT md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '')) FROM \"{name}\" t",  # noqa: S608, E501
        )[0][0]
        for name in METADATA.tables
        if name in WRITTEN_TABLES or name.endswith("_history")
    }


def all_changes(database: Database, after: int = 0) -> list[Any]:
    """Ledger rows as documents."""
    found = rows(database, "SELECT canon FROM change WHERE id > :after ORDER BY id", after=after)
    return [json.loads(canon) for (canon,) in found]


def changes(database: Database, after: int = 0) -> list[Any]:
    """The same without what follows for the risk of models: tiers, controls, reviews, findings."""
    return [one for one in all_changes(database, after) if one["kind"] not in RISK]


def last_change(database: Database) -> int:
    """The newest ledger row's id."""
    return int(rows(database, "SELECT coalesce(max(id), 0) FROM change")[0][0])
