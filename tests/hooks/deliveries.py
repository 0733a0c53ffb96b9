"""Deliveries without HTTP, and what became of them."""

from typing import Any

import sqlalchemy as sa

from service.db import Database
from service.hooks.admission import Admission
from service.hooks.arrive import take_delivery
from service.hooks.proofs import Delivery
from tests.hooks.senders import GITHUB, GITLAB, github_headers, token_headers, written
from tests.support.catalog import rows


def deliver(database: Database, payload: Any, event: str = "push", source: str = GITHUB) -> int:
    """Store a delivery that is proved; answers its number."""
    body = written(payload)
    headers = token_headers() if source == GITLAB else github_headers(body, event)
    given = Delivery({name.lower(): text for name, text in headers.items()}, body)
    taken = take_delivery(database, given, name=source, admission=Admission(1_000, 1_000))
    assert taken == "stored"
    ((number,),) = rows(database, "SELECT max(id) FROM hook_delivery")
    return int(number)


def push(number: int) -> dict[str, Any]:
    """A push to one of many repositories."""
    url = f"https://github.com/acme/r{number}"
    return {"ref": "refs/heads/main", "repository": {"id": number, "html_url": url}}


def change(owner: Database, statement: str, **values: Any) -> None:
    """Change something behind the catalog's back."""
    with owner.writing() as session:
        session.execute(sa.text(statement), values)


def states(database: Database) -> list[Any]:
    """Each delivery: its state, tries, hints, and whether its body is there."""
    return rows(
        database, "SELECT state, tries, hints, body IS NOT NULL FROM hook_delivery ORDER BY id"
    )


def hints(database: Database) -> list[Any]:
    """Each hint: what about, of which event, repository and address."""
    return rows(database, "SELECT about, event, value, url FROM hint ORDER BY id")
