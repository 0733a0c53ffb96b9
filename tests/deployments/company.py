"""A company whose sources tell what is registered, what was deployed and what runs."""

from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa

from tests.support.accounts import make_person
from tests.support.catalog import NOON, Sweep, make_source, model, post, rows, version
from tests.support.http import Service

UNREGISTERED: Final = "unregistered-deployments"
DIGEST, OTHER = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
OWNER: Final = {"kind": "owner", "scheme": "handle", "value": "team:retention-ds"}
OWNED: Final[dict[str, Any]] = {"owners": [{"owner": OWNER}]}
BUILD: Final[dict[str, Any]] = {"kind": "build", "scheme": "ci", "value": "ci/21"}
NUMBER_7: Final = {"kind": "version", "scheme": "mlflow", "value": "mlflow-prod/default/churn/7"}


def runs(name: str = "churn", at: str = NOON, **facts: Any) -> Any:
    """An observation of a deployment in the cluster."""
    subject = {"kind": "deployment", "scheme": "kserve", "value": f"cluster/serving/{name}"}
    return {"subject": subject, "observed_at": at, "facts": {"platform": "kserve"} | facts}


def deployed(key: str = "churn", at: str = NOON, **facts: Any) -> Any:
    """A CI's record of a deployment."""
    subject = {"kind": "deployment", "scheme": "ci", "value": f"ci/{key}"}
    return {"subject": subject, "observed_at": at, "facts": {"status": "ready"} | facts}


def built(**facts: Any) -> Any:
    """A CI's record of a build."""
    return {"subject": BUILD, "observed_at": NOON, "facts": {"status": "succeeded"} | facts}


class Company:
    """Sources beside a running service; each says what it is told to say."""

    def __init__(self, service: Service) -> None:
        """All of one namespace, and another cluster of another one."""
        self.service, self.database = service, service.database
        self.registry = make_source(self.database)
        self.cluster = make_source(self.database, "cluster", kind="kubernetes")
        self.ci = make_source(self.database, "ci", kind="ci")

    def host(self) -> Any:
        """A code host."""
        return make_source(self.database, "github-acme", kind="github")

    def register(self, number: int = 7, **facts: Any) -> None:
        """An owned model with one version that a build made."""
        self.say(self.registry, model(**OWNED), version(number, **facts))

    def say(self, source: Any, *documents: Any) -> None:
        """Push; all of it is recorded."""
        receipt = post(self.database, source, *documents)
        assert receipt.refused == ()

    def run(self, *documents: Any, scope: str = "cluster") -> None:
        """One full harvest of the cluster."""
        sweep = Sweep(self.database, self.cluster, scope=scope)
        sweep.sweep(*documents)
        sweep.close()

    def person(self, role: str, namespace: str | None = "retail") -> str:
        """The token of a person with a role."""
        name = f"{role}-of-{namespace or 'all'}"
        if not rows(self.database, "SELECT 1 FROM account WHERE name = :name", name=name):
            make_person(self.database, name, (role, namespace))
        return self.service.token_of(name)

    def rows(self, token: str | None = None, **asked: str) -> list[Any]:
        """What is listed."""
        found: list[Any] = self.service.get(UNREGISTERED, token, **asked)["items"]
        return found

    def causes(self, token: str | None = None, **asked: str) -> dict[str, set[str]]:
        """The causes of each deployment that is listed, by the last part of its name."""
        return {
            row["name"].rpartition("/")[2]: {one["code"] for one in row["causes"]}
            for row in self.rows(token, **asked)
        }

    def resolve(self, row: Any, decision: str, token: str, **asked: Any) -> Any:
        """The answer to a decision."""
        body = {"decision": decision, "reason": "as agreed", **asked}
        return self.service.ask("POST", f"{UNREGISTERED}/{row['id']}:resolve", token, json=body)

    def ghosts(self, **asked: str) -> list[tuple[str, str, str | None]]:
        """What is listed as unseen: what, its name, and why it cannot be observed."""
        rows = self.service.get("ghosts", **asked)["items"]
        return [(row["what"], row["name"], row["reason"]) for row in rows]

    def later(self, hours: float) -> None:
        """Let everything that the catalog knows of time be so much earlier."""
        columns = {
            "scope": ("full_opened_at", "full_closed_at", "delta_closed_at"),
            "harvest": ("opened_at", "lease_until", "closed_at"),
            "sighting": ("observed_at", "effective_at", "first_seen"),
            "absence": ("unseen_since",),
            "entry": ("first_seen_at",),
            "deployment_decision": ("decided_at", "expires_at"),
        }
        with self.database.engine.begin() as connection:
            for table, names in columns.items():
                moved = ", ".join(f"{name} = {name} - :by" for name in names)
                statement = f"UPDATE {table} SET {moved}"  # noqa: S608  # constants
                connection.execute(sa.text(statement), {"by": timedelta(hours=hours)})
