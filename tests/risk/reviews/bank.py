"""A bank whose models are reviewed: sources, people of every role, reviews in every state."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Session
from uuid_utils.compat import uuid7

from service.db import Database
from service.ledger.change import Actor, Cause
from service.risk.settle import settle
from tests.support.accounts import make_person, map_owner, owned_by
from tests.support.catalog import make_source, model, post, rows, version
from tests.support.http import Service

PEOPLE: Final[Mapping[str, tuple[tuple[str, str | None], ...]]] = {
    "reader": (("reader", None),),
    "owner": (("reader", None),),
    "reviewer": (("reviewer", None),),
    "other": (("reviewer", None),),
    "approver": (("approver", None),),
    "both": (("reviewer", None), ("approver", None)),
    "elsewhere": (("reviewer", "wholesale"),),
    "auditor": (("auditor", None),),
    "admin": (("admin", None),),
}
DIGEST: Final = f"sha256:{'a' * 64}"
OTHER: Final = f"sha256:{'b' * 64}"
LOW: Final[dict[str, Any]] = {
    "decision_role": "informational", "people_affected_per_year": "none",
    "financial_exposure_per_year": "lt_100k", "regulatory_use": "none",
    "harm_reversibility": "trivial", "exposure": "offline_batch", "regulated_purposes": [],
    "profiling": False, "writes_system_of_record": False,
}  # fmt: skip
MEDIUM: Final[dict[str, Any]] = LOW | {  # materiality MEDIUM, whatever the inherent risk
    "decision_role": "automated",
    "regulatory_use": "internal_control_or_reporting",
}
STATED: Final[dict[str, Any]] = {  # of the model, by its registry
    "owners": [owned_by("retention")], "data_sensitivity": "internal",
    "model_class": "tree_or_ensemble",
}  # fmt: skip
CAUSE: Final = Cause(Actor("software", "tests"))
KUBERNETES: Final = {"environment_class": "production", "platform": "kserve"}


class Bank:
    """One model, `retail/churn`, that team retention owns; its tier is what a test says."""

    def __init__(self, service: Service) -> None:
        """Everybody has an account; a machine has one too."""
        self.service, self.database = service, service.database
        self.registry = make_source(self.database, may_grant_ownership=True)
        self.cluster = make_source(self.database, "cluster", kind="kubernetes")
        for name, roles in PEOPLE.items():
            make_person(self.database, name, *roles)
        make_person(self.database, "robot", ("reader", None), kind="machine")
        map_owner(self.database, "handle:retention", "owner")
        self.tokens = {name: service.token_of(name) for name in (*PEOPLE, "robot")}
        self.say_model()
        self.say_version(1)

    def say_model(self, at: str = "2026-11-20T12:00:00Z", **facts: Any) -> None:
        """What the registry says of the model."""
        receipt = post(self.database, self.registry, model(at=at, **(STATED | facts)))
        assert receipt.refused == ()

    def say_version(self, number: int, at: str = "2026-11-20T12:00:00Z", **facts: Any) -> None:
        """What it says of a version; whoever registered it is mapped to nobody unless told."""
        said = {"digests": [DIGEST], "created_by": "retention"} | facts
        receipt = post(self.database, self.registry, version(number, at=at, **said))
        assert receipt.refused == ()

    def deploy(self, number: int, at: str = "2026-11-20T12:00:00Z", name: str = "churn",
               **facts: Any) -> None:  # fmt: skip
        """A cluster serves a version."""
        value = f"mlflow-prod/default/churn/{number}"
        served = {"version": {"kind": "version", "scheme": "mlflow", "value": value}}
        subject = {"kind": "deployment", "scheme": "kserve", "value": f"cluster/serving/{name}"}
        said: dict[str, Any] = {"subject": subject, "observed_at": at,
                                "facts": KUBERNETES | served | facts}  # fmt: skip
        assert post(self.database, self.cluster, said).refused == ()

    def id_of(self, key: str = "retail/churn/1") -> UUID:
        """The id of what bears a name."""
        [(found,)] = rows(
            self.database,
            "SELECT id FROM entry WHERE natural_key = :key AND merged_into IS NULL", key=key,
        )  # fmt: skip
        return UUID(str(found))

    def say_use(self, name: str = "scoring", at: str = "2026-11-20T12:00:00Z",
                **facts: Any) -> None:  # fmt: skip
        """What the registry says that the model is used for."""
        subject = {"kind": "use", "scheme": "name", "value": f"retail/churn/{name}"}
        of_model = {"kind": "model", "scheme": "mlflow", "value": "mlflow-prod/default/churn"}
        said = {"subject": subject, "observed_at": at,
                "facts": {"model": of_model, "name": name} | facts}  # fmt: skip
        assert post(self.database, self.registry, said).refused == ()

    def rate(self, tier: str, at: str = "2026-11-20T12:00:00Z") -> None:
        """Let the model's facts make its rules those of a tier."""
        high, low = {"regulated_purposes": ["creditworthiness"]}, LOW
        facts: dict[str, Any] = {"HIGH": high, "MEDIUM": MEDIUM, "LOW": low}[tier]
        self.say_use(at=at, **facts)
        [(found,)] = rows(self.database, "SELECT workflow_tier FROM model_risk")
        assert found == tier

    def run(self, statement: str, **values: Any) -> None:
        """Change something behind the service's back, with the rights that it has."""
        self.database.transact(lambda session: session.execute(sa.text(statement), values))

    def review(self, state: str = "REQUIRED", *, kind: str = "POST", of: str = "retail/churn/1",
               **columns: Any) -> UUID:  # fmt: skip
        """A review as if people had brought it so far."""
        at, now = uuid7(), datetime.now(UTC)
        reviewer = None if state == "REQUIRED" else "reviewer"
        row = {
            "id": at, "model_id": self.id_of("retail/churn"), "version_id": self.id_of(of),
            "kind": kind, "state": state, "cause": "tests", "opened_at": now,
            "opened_by": "somebody", "due_at": now + timedelta(days=30),
            "workflow_tier": "MEDIUM", "identified": {}, "on_hold": False, "reminded": 0,
            "reviewer": reviewer, "valid_from": now,
        } | columns  # fmt: skip
        self.insert("review", row)
        return at

    def insert(self, table: str, row: Mapping[str, Any]) -> None:
        """One row, as it is."""
        given = {n: sa.bindparam(n, v, JSONB if isinstance(v, dict | list) else None)
                 for n, v in row.items()}  # fmt: skip
        names = ", ".join(row)
        places = ", ".join(f":{name}" for name in row)
        text = sa.text(f"INSERT INTO {table} ({names}) VALUES ({places})")  # noqa: S608  # ours
        self.database.transact(lambda session: session.execute(text.bindparams(*given.values())))

    def get(self, review: UUID, who: str = "auditor") -> Any:
        """A review as somebody sees it."""
        return self.service.get(f"/api/v1/reviews/{review}", self.tokens[who])

    def tag(self, review: UUID) -> str:
        """What its next step needs."""
        answer = self.service.ask("GET", f"reviews/{review}", self.tokens["auditor"])
        return str(answer.headers["ETag"])

    def ask(self, review: UUID, action: str, who: str, *, match: str = "*",
            dry_run: bool = False, **body: Any) -> Any:  # fmt: skip
        """The answer to a step."""
        path = f"reviews/{review}:{action}{'?dry_run=true' if dry_run else ''}"
        sent = {} if action == "start" else {"json": body}
        return self.service.ask("POST", path, self.tokens[who], headers={"If-Match": match}, **sent)

    def act(self, review: UUID, action: str, who: str, **body: Any) -> Any:
        """A step that succeeds."""
        answer = self.ask(review, action, who, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def decision(self, review: UUID, outcome: str = "REVIEWED", **more: Any) -> dict[str, Any]:
        """What to send to decide about what is shown now."""
        now = self.get(review)["now"]
        return {"outcome": outcome, "tier_confirmed": True, "comment": "none, because it is small",
                **now, **more}  # fmt: skip

    def settle(self) -> None:
        """Evaluate the model now."""

        def work(session: Session) -> None:
            settle(session, [self.id_of("retail/churn")], cause=CAUSE)

        self.database.transact(work)

    def reviews(self, database: Database | None = None) -> list[Any]:
        """Every review: kind, version, state, who opened it."""
        return rows(
            database or self.database,
            "SELECT r.kind, v.number, r.state, r.due_at FROM review r "
            "JOIN version v ON v.id = r.version_id ORDER BY r.opened_at, r.kind, v.number",
        )

    def state(self) -> str | None:
        """What is said of the model's reviews."""
        [(found,)] = rows(self.database, "SELECT review_state FROM model_risk")
        return None if found is None else str(found)
