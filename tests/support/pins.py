"""Somebody who pins, as the API's clients do."""

from typing import Any, Final

from service.db import Database
from service.ingest.rebuild import reconcile_all
from tests.support.catalog import OPERATOR
from tests.support.http import Service

CHURN: Final = "models/retail/churn"
ANN: Final = {"kind": "owner", "scheme": "handle", "value": "user:ann"}
OWNED: Final = [{"owner": ANN, "role": "accountable"}]
LATER: Final = "2026-11-21T00:00:00Z"


class Owner:
    """Somebody who owns the model, and pins."""

    def __init__(self, service: Service, token: str) -> None:
        """Ask with this token."""
        self.service, self.token = service, token

    def read(self, field: str, place: str = CHURN) -> Any:
        """A field as it stands, with its tag."""
        answer = self.service.ask("GET", f"{place}/pins/{field}", self.token)
        assert answer.status_code == 200, answer.text
        return answer

    def put(self, field: str, place: str = CHURN, *, tag: str | None = None, **body: Any) -> Any:
        """Pin a field, as it was read before."""
        params = {"dry_run": "true"} if body.pop("dry_run", False) else {}
        match = self.read(field, place).headers["ETag"] if tag is None else tag
        return self.service.ask(
            "PUT", f"{place}/pins/{field}", self.token, json={"reason": "I know"} | body,
            headers={"If-Match": match} if match else {}, params=params,
        )  # fmt: skip

    def drop(self, field: str, place: str = CHURN) -> Any:
        """Release a pin."""
        match = {"If-Match": self.read(field, place).headers["ETag"]}
        return self.service.ask("DELETE", f"{place}/pins/{field}", self.token, headers=match)


def problem(answer: Any) -> tuple[int, str, list[tuple[str, str]]]:
    """What was refused, by code and place."""
    said = answer.json()
    return answer.status_code, said["code"], [(e["pointer"], e["fix"]) for e in said["errors"]]


def differences(database: Database) -> list[Any]:
    """What rebuilding finds."""
    return list(reconcile_all(database, actor=OPERATOR, dry_run=True))
