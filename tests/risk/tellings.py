"""What sources say of models that risk is followed with, and what the catalog made of it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa

from service.db import Database
from service.ingest.sources import SourceFacts
from service.risk.settle import SOFTWARE, settle
from tests.support.catalog import NOON, make_source, model, post, rows, version

LATER, LATEST = "2026-11-21T12:00:00Z", "2026-11-22T12:00:00Z"
HARMLESS: Final[Mapping[str, Any]] = {  # a use of a model that is harmless is FIRM LOW
    "decision_role": "informational", "people_affected_per_year": 0,
    "financial_exposure_per_year": 0, "regulatory_use": "none", "harm_reversibility": "trivial",
    "regulated_purposes": [], "profiling": False,
    "purpose": "Sorts the dishes of the canteen by their price.",
}  # fmt: skip
PLAIN: Final[Mapping[str, Any]] = {
    "update_mode": "static", "explainability": "intrinsic", "exposure": "offline_batch",
    "downstream_dependents": 0,
}  # fmt: skip
COMPARED: Final = (  # everything but ids and times
    "SELECT e.natural_key, a.tier, a.computed_tier, a.status, a.tier_low, a.tier_high, a.own_low,"
    " a.own_high, a.workflow_tier, a.blocked, a.floors::text, a.floors_undecided::text,"
    " a.facts::text, a.outside::text, a.grace_end IS NULL, coalesce(u.natural_key, '-')"
    " FROM assessment a JOIN entry e ON e.id = a.model_id"
    " LEFT JOIN entry u ON u.id = a.use_id AND u.kind = 'use' ORDER BY 1, u.natural_key"
)
CHECKED: Final = (
    "SELECT e.natural_key, c.control, c.severity, c.result, jsonb_array_length(c.items),"
    " c.missing::text, regexp_replace(c.message, '[0-9a-f-]{36}', 'id', 'g'), c.pack_defect"
    " FROM control_result c JOIN entry e ON e.id = c.model_id ORDER BY 1, 2"
)
STANDING: Final = (
    "SELECT e.natural_key, r.tier, r.status, r.tier_low, r.tier_high, r.workflow_tier, r.uses,"
    " r.in_production, r.production_since IS NULL, r.review_state, r.blocked FROM model_risk r"
    " JOIN entry e ON e.id = r.model_id ORDER BY 1"
)
WRITTEN: Final = (
    "assessment", "model_risk", "control_result", "review", "finding", "waiver", "risk_clock",
    "event", "change", "tier_override", "exemption", "risk_exception",
)  # fmt: skip


def named(name: str) -> dict[str, str]:
    """A model as others refer to it."""
    return {"kind": "model", "scheme": "mlflow", "value": f"mlflow-prod/default/{name}"}


def plain(name: str = "churn", at: str = NOON, **facts: Any) -> Any:
    """A model of which everything is said."""
    return model(name, at=at, **{**PLAIN, **facts})


def made(number: int = 1, name: str = "churn", at: str = NOON, **facts: Any) -> Any:
    """A version, made of data that is harmless unless it says of which."""
    said = {"model_class": "rules_or_linear", "origin": "in_house", "datasets": [of("a")]}
    return version(number, name, at=at, **{**said, **facts})


def of(name: str) -> dict[str, Any]:
    """What a version was made of."""
    value = {"kind": "dataset", "scheme": "uri", "value": f"s3://lake/{name}"}
    return {"dataset": value, "role": "training"}


def data(name: str = "a", at: str = NOON, **facts: Any) -> Any:
    """What is said of a dataset."""
    return {"subject": of(name)["dataset"], "observed_at": at, "facts": facts}


def use(name: str = "offers", *, of_model: str = "churn", at: str = NOON, **facts: Any) -> Any:
    """A use that somebody declared, harmless unless it says otherwise."""
    value = f"retail/{of_model}/{name}"
    return {
        "subject": {"kind": "use", "scheme": "name", "value": value},
        "observed_at": at,
        "facts": {"model": named(of_model), "name": name, **HARMLESS, **facts},
    }


def runs(name: str = "pod", number: int = 1, of_model: str = "churn", at: str = NOON,
         **facts: Any) -> Any:  # fmt: skip
    """Something that serves a version in production."""
    value = f"mlflow-prod/default/{of_model}/{number}"
    served = {"kind": "version", "scheme": "mlflow", "value": value}
    said = {"environment_class": "production", "platform": "kserve", "version": served}
    subject = {"kind": "deployment", "scheme": "kserve", "value": f"cluster/serving/{name}"}
    return {"subject": subject, "observed_at": at, "facts": said | facts}


def harmless(name: str = "churn", at: str = NOON, **facts: Any) -> tuple[Any, ...]:
    """Everything about a model that is FIRM LOW."""
    return (
        plain(name, at=at, **facts),
        made(1, name, at=at),
        data(at=at, data_sensitivity="internal"),
        use(of_model=name, at=at),
    )


class Told:
    """A catalog that a registry and a cluster tell of their models."""

    def __init__(self, database: Database) -> None:
        """Declare the sources."""
        self.database = database
        self.registry = make_source(database, may_grant_ownership=True)
        self.cluster = make_source(database, "cluster", kind="kubernetes")

    def say(self, *documents: Any, source: SourceFacts | None = None) -> None:
        """The registry says these, in one batch."""
        assert post(self.database, source or self.registry, *documents).refused == ()

    def serve(self, *documents: Any) -> None:
        """The cluster says these."""
        self.say(*documents, source=self.cluster)

    def tiers(self) -> dict[str, tuple[str, str]]:
        """Tier and status by model."""
        found = rows(
            self.database,
            "SELECT natural_key, tier, status FROM model_risk JOIN entry ON id = model_id",
        )
        return {name: (tier, status) for name, tier, status in found}

    def uses(self) -> dict[str, str]:
        """Tiers by use; the one that nobody declared is called by its model."""
        found = rows(
            self.database, "SELECT natural_key, tier FROM assessment JOIN entry ON id = use_id"
        )
        return dict(found)

    def facts(self, key: str = "retail/churn/offers") -> Any:
        """The facts of a use."""
        ((found,),) = rows(
            self.database,
            "SELECT facts FROM assessment JOIN entry ON id = use_id WHERE natural_key = :key",
            key=key,
        )
        return found

    def results(self, key: str = "retail/churn") -> dict[str, str]:
        """Results by control."""
        found = rows(
            self.database,
            "SELECT control, result FROM control_result JOIN entry ON id = model_id"
            " WHERE natural_key = :key",
            key=key,
        )
        return dict(found)

    def all(self) -> list[list[Any]]:
        """Assessments, results and where models stand, without ids and times."""
        return [rows(self.database, query) for query in (COMPARED, CHECKED, STANDING)]

    def clocks(self) -> dict[str, tuple[Any, Any]]:
        """Since when each use is provisional, and until when that may be."""
        found = rows(
            self.database,
            "SELECT natural_key, provisional_since, grace_end FROM assessment"
            " JOIN entry ON id = use_id",
        )
        return {name: (since, end) for name, since, end in found}

    def age(self, days: int) -> None:
        """Let every clock have begun so many days earlier."""
        past = {"past": timedelta(days=days)}
        self.run(
            "UPDATE assessment SET provisional_since = provisional_since - :past,"
            " grace_end = grace_end - :past", **past,
        )  # fmt: skip

    def run(self, statement: str, **values: Any) -> None:
        """Change something behind the service's back."""
        self.database.transact(lambda session: session.execute(sa.text(statement), values))

    def settle(self) -> None:
        """Evaluate every model."""
        models = [one for (one,) in rows(self.database, "SELECT model_id FROM risk_clock")]
        self.database.transact(lambda session: settle(session, models, cause=SOFTWARE))

    def counts(self) -> dict[str, int]:
        """How many rows there are of everything that an evaluation writes, history included."""
        tables = rows(
            self.database,
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",  # noqa: E501
        )
        chosen = [name for (name,) in tables if name.removesuffix("_history") in WRITTEN]
        return {
            name: rows(self.database, f"SELECT count(*) FROM {name}")[0][0]  # noqa: S608  # ours
            for name in chosen
        }
