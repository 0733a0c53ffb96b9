"""A model with everybody who has a say in it, and steps of what is decided about it over HTTP."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import sqlalchemy as sa

from schemas.access import MakeGrant
from service.access.grants import make_grant
from tests.support.accounts import DEED, make_owner, make_person, owned_by
from tests.support.catalog import NOON, make_source, model, post, rows, version
from tests.support.http import Service

ROLES: Final = (
    "reader", "owner", "reviewer", "approver", "admin", "auditor", "machine", "elsewhere",
)  # fmt: skip
CHURN: Final = "retail/churn"
MENU: Final = "retail/menu"
LUNCH: Final = f"models/{MENU}/uses/lunch"
LOW: Final[dict[str, Any]] = {  # answers that make a use FIRM LOW
    "decision_role": "informational", "people_affected_per_year": 0,
    "financial_exposure_per_year": 0, "regulatory_use": "none", "harm_reversibility": "trivial",
    "regulated_purposes": [], "profiling": False, "purpose": "Sorts the dishes of the canteen.",
}  # fmt: skip
MEDIUM: Final[dict[str, Any]] = {  # answers that make it FIRM MEDIUM
    "decision_role": "automated", "people_affected_per_year": 600_000,
    "financial_exposure_per_year": 200_000_000,
}  # fmt: skip


def in_days(days: float) -> str:
    """A time from now on."""
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


class Parties:
    """A registry with one model of namespace `retail`, and a token for each role."""

    def __init__(self, service: Service) -> None:
        """Make them."""
        self.service, self.database = service, service.database
        self.registry = make_source(self.database, may_grant_ownership=True)
        self.say(model(owners=[owned_by("anna")]), version(7))
        self.tokens = {"owner": make_owner(service, "anna", "handle:anna", namespace="retail")}
        for role in ("reader", "reviewer", "approver", "admin", "auditor"):
            where = "retail" if role in {"reader", "reviewer", "approver"} else None
            make_person(self.database, role, (role, where))
            self.tokens[role] = service.token_of(role)
        make_person(self.database, "machine", ("reviewer", "retail"), ("approver", "retail"),
                    kind="machine")  # fmt: skip
        make_person(self.database, "elsewhere", ("reviewer", "wholesale"),
                    ("approver", "wholesale"))  # fmt: skip
        self.tokens |= {one: service.token_of(one) for one in ("machine", "elsewhere")}

    def say(self, *documents: Any) -> None:
        """Push; all of it is recorded."""
        assert post(self.database, self.registry, *documents).refused == ()

    def declare(self, at: str = NOON, **answers: Any) -> None:
        """The model `retail/menu` with one use, `lunch`: FIRM LOW unless answered otherwise."""
        named = {"kind": "model", "scheme": "mlflow", "value": "mlflow-prod/default/menu"}
        use = {
            "subject": {"kind": "use", "scheme": "name", "value": f"{MENU}/lunch"},
            "observed_at": at,
            "facts": {"model": named, "name": "lunch"} | LOW | answers,
        }
        known: dict[str, Any] = {"update_mode": "static", "explainability": "intrinsic",
                 "data_sensitivity": "internal", "exposure": "offline_batch",
                 "downstream_dependents": 0}  # fmt: skip
        made = {"model_class": "rules_or_linear", "origin": "in_house"}
        self.say(model("menu", at=at, owners=[owned_by("anna")], **known),
                 version(1, "menu", at=at, **made), use)  # fmt: skip

    def tier(self, name: str = MENU) -> tuple[str, str]:
        """Tier and status of a model."""
        ((tier, status),) = rows(
            self.database,
            "SELECT tier, status FROM model_risk JOIN entry ON id = model_id"
            " WHERE natural_key = :name",
            name=name,
        )
        return tier, status

    def person(self, name: str, *roles: str) -> str:
        """Another person with these roles in namespace `retail`."""
        make_person(self.database, name, *((role, "retail") for role in roles))
        self.tokens[name] = self.service.token_of(name)
        return self.tokens[name]

    def grant(self, name: str, role: str) -> None:
        """Let an account have another role in namespace `retail`."""
        wanted = MakeGrant.model_validate(
            {"account": name, "role": role, "namespace": "retail", "reason": "tests"}
        )
        self.database.transact(partial(make_grant, asked=wanted, deed=DEED))

    def ask(self, role: str, method: str, path: str, **options: Any) -> Any:
        """What a role is answered."""
        return self.service.ask(method, path, self.tokens[role], **options)

    def tag(self, path: str) -> str:
        """The present tag of a thing."""
        answer = self.ask("auditor", "GET", path)
        assert answer.status_code == 200, answer.text
        return str(answer.headers["ETag"])

    def step(self, role: str, path: str, action: str, **body: Any) -> Any:
        """A step with the present tag."""
        headers = {"If-Match": self.tag(path)}
        return self.ask(role, "POST", f"{path}:{action}", json=body, headers=headers)

    def any_state(self, role: str, path: str, action: str, **body: Any) -> Any:
        """A step of a thing in whatever state it is."""
        headers = {"If-Match": "*"}
        return self.ask(role, "POST", f"{path}:{action}", json=body, headers=headers)

    def done(self, role: str, path: str, action: str, **body: Any) -> Any:
        """The same, done; the thing as it is then."""
        answer = self.step(role, path, action, **body)
        assert answer.status_code in {200, 201}, (role, action, answer.text)
        return answer.json()

    def write(self, statement: str, **values: Any) -> None:
        """Change what no route changes, as the database's owner might."""
        with self.database.engine.begin() as connection:
            connection.execute(sa.text(statement), values)

    def id_of(self, kind: str = "model") -> Any:
        """The id of the one entry of a kind."""
        ((found,),) = rows(self.database, "SELECT id FROM entry WHERE kind = :kind", kind=kind)
        return found

    def count(self, table: str) -> int:
        """How many rows a table has."""
        ((found,),) = rows(self.database, f"SELECT count(*) FROM {table}")  # noqa: S608  # ours
        return int(found)

    def results(self) -> dict[str, str]:
        """The results of controls, by control."""
        found = rows(self.database, "SELECT control, result FROM control_result")
        return dict(found)
