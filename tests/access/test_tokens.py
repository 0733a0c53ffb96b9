"""Tokens: their form, their life, what they may do, and where they may stand."""

import json
import re
import string
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from service.access import tokens
from service.access.policy import ROLES, SCOPES, capabilities
from service.db import Database
from service.tables import METADATA
from tests.conftest import Statements
from tests.support.catalog import OPERATOR, changes, make_source, rows
from tests.support.http import Service, logged, make_token

PUBLISHED = re.compile(r"\bmcat[prs]_[0-9A-Za-z]{46}\b")
BASE62 = string.digits + string.ascii_letters


@given(st.sampled_from("prs"), st.integers(0, 51), st.sampled_from(BASE62 + "_-\n é"))
def test_token_one_wrong_character(kind: str, place: int, other: str) -> None:
    """TOK-01, TOK-02: the documented form; any other character anywhere is refused by the CRC."""
    text, parts = tokens.make_token(kind)
    wrong = text[:place] + other + text[place + 1 :]

    assert PUBLISHED.fullmatch(text)
    assert tokens.read_token(text) == parts
    assert tokens.holds_token(f"/x/{text}?") is True
    assert tokens.read_token(wrong) == (parts if wrong == text else None)
    assert {tokens.read_token(odd) for odd in (text + "\n", text[:-1], f" {text}", "")} == {None}


def test_token_wrong_form_costs_no_query(service: Service, statements: Statements) -> None:
    """TOK-02: a typing error is 401 from the checksum alone."""
    last = service.reader[-1]
    wrong = service.reader[:-1] + ("a" if last != "a" else "b")
    with statements() as said:
        assert service.ask("GET", "models", wrong).status_code == 401

    assert said == []


def test_token_unknown_like_wrong(service: Service) -> None:
    """AUTH-13: unknown, wrong secret, other kind, ended, revoked: one and the same answer."""
    made = make_parts("p")
    unknown, wrong = make_parts("p"), make_parts("p", public_id=made[1].public_id)
    other_kind = make_parts("r", public_id=made[1].public_id, secret=made[1].secret)
    ended, revoked = service.token(), service.token()
    with service.database.writing() as session:
        for text, column in ((ended, "expires_at"), (revoked, "revoked_at")):
            session.execute(
                sa.update(tokens.token)
                .where(tokens.token.c.public_id == text[6:14])
                .values({column: sa.func.now() - timedelta(seconds=1)})
            )
    answers = [
        service.ask("GET", "models", text)
        for text in (unknown[0], wrong[0], other_kind[0], ended, revoked)
    ]

    assert [answer.status_code for answer in answers] == [401] * 5
    bodies = [answer.json() | {"trace_id": ""} for answer in answers]
    assert all(body == bodies[0] for body in bodies)
    shown = [dict(a.headers) | {"x-trace-id": "", "date": ""} for a in answers]
    assert all(headers == shown[0] for headers in shown)


def make_parts(
    kind: str, *, public_id: str | None = None, secret: str | None = None
) -> tuple[str, tokens.Presented]:
    """A well-formed token with parts of another's."""
    _, parts = tokens.make_token(kind)
    body = f"mcat{kind}_{public_id or parts.public_id}{secret or parts.secret}"
    return body + tokens._check(body), parts  # noqa: SLF001  # no one else makes such a token


def test_token_revoked_at_next_request(service: Service) -> None:
    """P-18: a token that is revoked is refused at the very next request; twice is not found."""
    admin, reader = service.token("admin"), service.token()
    assert service.ask("GET", "models", reader).status_code == 200
    path = f"tokens/{reader[6:14]}"

    assert service.ask("DELETE", path, admin).status_code == 204
    assert service.ask("GET", "models", reader).status_code == 401
    assert service.ask("DELETE", path, admin).json()["code"] == "token_not_found"
    revoked = [c for c in changes(service.database) if c["op"] == "revoke"]
    assert [(c["old"], c["actor"]["token"]) for c in revoked] == [
        ({"public_id": reader[6:14]}, admin[6:14])
    ]


def test_token_scopes_within_role(service: Service) -> None:
    """TOK-05, TOK-06: what a token may is its scopes, as far as the role still has them."""
    listing = service.token(scopes=["entries:read", "access:admin"])
    reduced = service.token("admin")
    with service.database.writing() as session:
        session.execute(
            sa.update(tokens.token)
            .where(tokens.token.c.public_id == reduced[6:14])
            .values(role="reader")
        )
    answered = {
        path: [service.ask("GET", path, token).status_code for token in (listing, reduced)]
        for path in ("models", "models.csv", "tokens", "sources")
    }

    assert answered == {
        "models": [200, 200], "models.csv": [403, 200], "tokens": [403, 200], "sources": [403, 403],
    }  # fmt: skip
    refused = service.ask("GET", "tokens", listing).json()
    assert (refused["code"], refused["status"]) == ("insufficient_scope", 403)


def test_role_scopes_known() -> None:
    """Every role's scopes stand in the one table; a role that nobody knows may nothing."""
    assert {scope for scopes in ROLES.values() for scope in scopes} <= set(SCOPES)
    assert capabilities("owner", frozenset(SCOPES)) == {"public", "self:read"}


def test_token_asked_for(service: Service) -> None:
    """TOK-07, AUTHZ-08: a token ends, and not too late; what nobody may choose is refused."""
    make_source(service.database)
    admin = service.token("admin")
    prod = {"role": "source", "source": "mlflow-prod"}
    reader = {"role": "reader"}
    cases: list[tuple[Any, int]] = [
        (reader | {"days": 365}, 201),
        (reader | {"days": 366}, 422),
        (reader | {"days": 0}, 422),
        (reader | {"days": "30"}, 422),
        (reader | {"days": True}, 422),
        (prod | {"days": 90}, 201),
        (prod | {"days": 91}, 422),
        (prod | {"source": "nobody"}, 404),
        ({"role": "source"}, 422),
        (reader | {"source": "mlflow-prod"}, 422),
        ({"role": "bootstrap"}, 422),
        (reader | {"namespaces": ["retail"]}, 201),
        (reader | {"namespaces": []}, 422),
        (reader | {"namespaces": ["Retail"]}, 422),
        ({"role": "admin", "namespaces": ["retail"]}, 422),
        (prod | {"namespaces": ["retail"]}, 422),
        (reader | {"scopes": ["access:admin"]}, 422),
        (reader | {"public_id": "chosen00", "created_by": "me"}, 422),
        ({}, 422),
    ]
    for asked, status in cases:
        assert service.ask("POST", "tokens", admin, json=asked).status_code == status, asked


def test_token_shown_once(service: Service) -> None:
    """TOK-03, TOK-04: a secret is in the answer to its making, and nowhere else, also no dump."""
    admin = service.token("admin")
    made = service.ask("POST", "tokens", admin, json={"role": "reader"}).json()["token"]
    service.get("models", made)
    listed = service.ask("GET", "tokens", admin)
    with service.database.reading() as session:
        dump = [
            str(row)
            for table in METADATA.sorted_tables
            for row in session.execute(sa.select(table)).all()
        ]

    shown = next(one for one in listed.json() if one["public_id"] == made[6:14])
    assert {name: shown[name] for name in ("kind", "role", "scopes", "namespaces", "source")} == {
        "kind": "p", "role": "reader", "scopes": sorted(ROLES["reader"]), "namespaces": None,
        "source": None,
    }  # fmt: skip
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", shown["last_used_on"])
    secret = made[14:46]
    assert secret not in listed.text
    assert not any(secret in row for row in dump)
    assert any(made[6:14] in row for row in dump)


def test_token_bootstrap_one_use(service: Service) -> None:
    """AUTH-02: nothing can log in to a fresh database but the one-use token, which makes one."""
    database = service.database
    first, ends = database.transact(lambda s: tokens.bootstrap(s, actor=OPERATOR, recover=False))
    refused = [
        service.ask(*asked, first, json={}).status_code
        for asked in (
            ("GET", "tokens"),
            ("GET", "sources"),
            ("PUT", "sources/x"),
            ("GET", "models"),
        )
    ]

    assert refused == [403] * 4
    invalid = service.ask("POST", "tokens", first, json={"role": "source"})
    assert invalid.status_code == 422  # spent only with what it makes
    assert service.ask("POST", "tokens", first, json={"role": "admin"}).status_code == 201
    assert service.ask("POST", "tokens", first, json={"role": "admin"}).status_code == 401
    with pytest.raises(tokens.AlreadyBootstrapped):
        database.transact(lambda s: tokens.bootstrap(s, actor=OPERATOR, recover=False))
    database.transact(lambda s: tokens.bootstrap(s, actor=OPERATOR, recover=True))
    made = [(c["op"], c["new"]["role"]) for c in changes(database) if c["kind"] == "token"]
    assert made == [
        ("grant", "reader"), ("bootstrap", "bootstrap"), ("grant", "admin"),
        ("recover", "bootstrap"),
    ]  # fmt: skip
    assert rows(database, "SELECT name, kind FROM account WHERE kind = 'person'") == [
        ("admin", "person")
    ]
    lives = rows(database, "SELECT expires_at - created_at < interval '61 min' FROM token "
                           "WHERE role = 'bootstrap'")  # fmt: skip
    assert lives == [(True,), (True,)]
    assert ends.tzinfo is not None


def test_token_bootstrap_twice(service: Service) -> None:
    """AUTH-02: made twice before the first is used, the second makes no other admin later."""
    first, second = (
        service.database.transact(lambda s: tokens.bootstrap(s, actor=OPERATOR, recover=False))[0]
        for _ in range(2)
    )
    assert service.ask("POST", "tokens", first, json={"role": "admin"}).status_code == 201
    late = service.ask("POST", "tokens", second, json={"role": "admin", "account": "mallory"})

    assert late.status_code == 401
    assert rows(service.database, "SELECT name FROM account WHERE kind = 'person'") == [("admin",)]


def test_token_bootstrap_race(service: Service) -> None:
    """AUTH-02: of many who use the one-use token at once, one gets an admin's token."""
    first, _ = service.database.transact(
        lambda s: tokens.bootstrap(s, actor=OPERATOR, recover=False)
    )

    def make(_number: int) -> int:
        return service.ask("POST", "tokens", first, json={"role": "admin"}).status_code

    with ThreadPoolExecutor(8) as pool:
        answered = sorted(pool.map(make, range(8)))

    assert answered[0] == 201
    assert set(answered[1:]) <= {401, 403}
    assert rows(service.database, "SELECT count(*) FROM token WHERE role = 'admin'") == [(1,)]


def test_token_in_address(service: Service) -> None:
    """A token in a query or a path is refused before anything else, and no log ever holds it."""
    text = service.reader
    odd = "%6d" + text[1:]
    with logged() as said:
        for path in (
            f"models?token={text}", f"models?q={odd}", f"models/retail/{text}", f"nothing/{text}",
            f"/livez?{text}", f"/{odd}", f"models?x={text}&y=1",
        ):  # fmt: skip
            answer = service.ask("GET", path, text)

            assert (answer.status_code, answer.json()["code"]) == (400, "bad_request"), path
            assert text not in answer.text
    assert [event["code"] for event in said if event["event"] == "refused"] == ["bad_request"] * 7
    assert text[14:46] not in json.dumps(said)
    assert service.ask("GET", f"models?name={text[:-1]}", text).status_code == 200


def test_token_use_noted(service: Service, statements: Statements) -> None:
    """TOK-11: a use is noted at most once a minute, in a transaction of its own."""
    token = service.token()
    with statements() as said:
        for _ in range(5):
            service.get("models", token)

    assert len([one for one in said if one.startswith("UPDATE token")]) == 1
    noted = "SELECT last_used_at > now() - interval '1 min' FROM token WHERE public_id = :id"
    assert rows(service.database, noted, id=token[6:14]) == [(True,)]


def test_token_use_cannot_be_noted(service: Service, owner_database: Database) -> None:
    """P-15: a database that takes no write is read all the same, and nobody waits for a lock."""
    locked, refused = service.token(), service.token()
    with owner_database.writing() as session:
        session.execute(sa.select(tokens.token).with_for_update())

        assert service.ask("GET", "models", locked).status_code == 200
    with owner_database.writing() as session:
        session.execute(sa.text("REVOKE UPDATE ON token FROM catalog_app"))

    assert service.ask("GET", "models", refused).status_code == 200


@pytest.mark.parametrize("kind", tokens.LONGEST)
def test_token_of_any_kind(database: Database, kind: str) -> None:
    """Each kind has its longest life; no token lives without an end."""
    longest = tokens.LONGEST[kind]
    for lasts in (longest + timedelta(seconds=1), timedelta(), -longest):
        with pytest.raises(tokens.TokenExpiry):
            make_token(database, kind=kind, lasts=lasts)
