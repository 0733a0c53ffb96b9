"""A job's identity token becomes a token of the source, once, and of that job alone."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from sqlmodel import Session

from schemas.identities import Proved
from service.access.ci.exchange import forget_assertions
from service.access.tables import TokenRow, UsedAssertionRow
from service.access.tokens import create_token, read_token
from service.db import Database
from tests.access.ci.conftest import SOURCE, bind, exchanged
from tests.support.catalog import OPERATOR, make_source
from tests.support.http import Service, logged, opened
from tests.support.identity_provider import (
    COMMIT,
    LOOPBACK,
    IdentityProvider,
    github_identity,
    gitlab_identity,
    provided,
)

used, tokens = UsedAssertionRow.__table__, TokenRow.__table__


def changes(database: Database) -> list[Any]:
    """The ledger's rows about tokens, the oldest first."""
    query = sa.text("SELECT canon::jsonb FROM change WHERE kind = 'token' ORDER BY id")
    with database.reading() as session:
        return list(session.execute(query).scalars())


def test_exchange_github(service: Service, provider: IdentityProvider) -> None:
    """A job of the bound repository gets a token for 15 minutes, with what was proved of it."""
    answer = exchanged(service, provider.github(environment="production", run_attempt="2"))
    said = answer.json()
    me = service.get("me", said["token"])

    assert answer.status_code == 200
    assert said.keys() == {
        "token", "expires_at", "source", "repository", "build", "commit", "environment",
    }  # fmt: skip
    lasts = datetime.fromisoformat(said["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=14) < lasts <= timedelta(minutes=15)
    assert said["source"] == SOURCE
    assert said["repository"] == {
        "kind": "repository", "scheme": "github", "value": f"{provider.host}/486325809",
    }  # fmt: skip
    assert said["build"]["value"] == f"{provider.host}/486325809/9001"
    assert (said["commit"], said["environment"]) == (COMMIT, "production")
    assert me["kind"] == "source"
    assert me["source"] == SOURCE
    assert [one["capability"] for one in me["may"]] == ["observations:push"]
    assert {name: me["proved"][name] for name in (
        "attempt", "ref", "full_ref", "workflow", "event", "actor", "on_protected_branch", "issuer",
    )} == {
        "attempt": 2, "ref": "main", "full_ref": "refs/heads/main", "event": "push", "actor": "ada",
        "workflow": ".github/workflows/train.yml", "on_protected_branch": None,
        "issuer": provider.issuer,
    }  # fmt: skip


def test_exchange_gitlab(service: Service, provider: IdentityProvider) -> None:
    """So does a job of a bound project; GitLab says whether its branch is protected."""
    bind(service.database, gitlab_identity(provider))

    said = exchanged(
        service, provider.gitlab(environment="prod/eu", deployment_tier="production")
    ).json()
    proved = service.get("me", said["token"])["proved"]

    assert said["build"] == {
        "kind": "build", "scheme": "gitlab", "value": f"{provider.host}/20/574",
    }  # fmt: skip
    assert (proved["on_protected_branch"], proved["ref"]) == (True, "main")
    assert (proved["environment"], proved["environment_class"]) == ("prod/eu", "production")
    assert proved["event"] == "push"


def test_exchange_jenkins(service: Service, provider: IdentityProvider) -> None:
    """Of any other issuer the subject is compared as a whole, and no build is proved."""
    subject = "https://jenkins.acme.example/job/churn/job/main/"
    bind(service.database, {"provider": "oidc", "issuer": provider.issuer, "subject": subject})
    header = {"typ": None, "x5t": None}
    token = provider.token({"sub": subject, "jti": None}, header=header)

    said = exchanged(service, token).json()

    assert (said["repository"], said["build"], said["commit"]) == (None, None, None)
    assert exchanged(service, token).status_code == 401  # without a `jti`, too
    assert exchanged(service, provider.jenkins(sub=subject + "x")).status_code == 401


def test_oidc_07_exchange_again(service: Service, provider: IdentityProvider) -> None:
    """OIDC-07: a token that was exchanged is refused, and the answer says why."""
    token = provider.github()

    first, second = exchanged(service, token), exchanged(service, token)

    assert (first.status_code, second.status_code) == (200, 401)
    assert "exchanged before" in second.json()["detail"]


def test_oidc_07_same_jti_in_another_token(service: Service, provider: IdentityProvider) -> None:
    """OIDC-07: the `jti` is used up, not the text that carries it."""
    first = exchanged(service, provider.github(jti="one", run_id="1"))
    second = exchanged(service, provider.github(jti="one", run_id="2"))

    assert (first.status_code, second.status_code) == (200, 401)


def test_oidc_07_fifty_at_once(service: Service, provider: IdentityProvider) -> None:
    """OIDC-07: of 50 parallel exchanges of one token exactly one succeeds."""
    token = provider.github()
    with ThreadPoolExecutor(50) as pool:
        answers = [
            one.status_code for one in pool.map(lambda _: exchanged(service, token), range(50))
        ]

    assert sorted(answers) == [200, *[401] * 49]
    with service.database.reading() as session:
        made = session.execute(
            sa.select(sa.func.count()).where(tokens.c.kind == "s").select_from(tokens)
        ).scalar_one()
    assert made == 1


def test_oidc_07_kept_long_enough(service: Service, provider: IdentityProvider) -> None:
    """OIDC-07: a used token is remembered beyond its end: for the leeway and a minute."""
    ends = int(datetime.now(UTC).timestamp()) + 200
    exchanged(service, provider.github(exp=ends))

    with service.database.reading() as session:
        [kept] = session.execute(sa.select(used.c.expires_at)).scalars()
    assert kept == datetime.fromtimestamp(ends + 90, tz=UTC)
    assert service.database.transact(forget_assertions) == 0
    over = sa.update(used).values(expires_at=sa.func.now() - timedelta(seconds=1))
    service.database.transact(lambda session: session.execute(over))
    assert service.database.transact(forget_assertions) == 1


def test_exchange_refused_uses_nothing_up(service: Service, provider: IdentityProvider) -> None:
    """A token that did not fit is still good once its binding is mended."""
    token = provider.github(ref="refs/heads/next", ref_protected="false")
    refused = exchanged(service, token)
    bind(service.database, github_identity(provider, ref="refs/heads/next"))

    assert (refused.status_code, exchanged(service, token).status_code) == (403, 200)


def test_exchange_in_ledger(service: Service, provider: IdentityProvider) -> None:
    """Each exchange has a ledger row: issuer, repository and run, and nobody's name."""
    exchanged(service, provider.github())

    row = changes(service.database)[-1]

    assert (row["op"], row["kind"]) == ("exchange", "token")
    assert (row["actor"]["kind"], row["actor"]["id"]) == ("source", SOURCE)
    assert row["new"]["proved"]["issuer"] == provider.issuer
    assert row["new"]["proved"]["repository"]["value"] == f"{provider.host}/486325809"
    assert row["new"]["proved"]["run"] == "9001"
    assert row["request"]
    assert "ada" not in str(row)


def test_exchange_refused_writes_nothing(service: Service, provider: IdentityProvider) -> None:
    """What is refused leaves no row."""
    before = changes(service.database)

    exchanged(service, provider.github(repository_id="1"))
    exchanged(service, provider.github(event_name="pull_request"))

    assert changes(service.database) == before


def test_tok_05_nothing_else(service: Service, provider: IdentityProvider) -> None:
    """TOK-05, TOK-12: such a token opens no harvest and reads nothing, of its source neither."""
    token = exchanged(service, provider.github()).json()["token"]
    opening = {
        "harvest": "0193a0f4-0000-7000-8000-000000000000", "scope": "x", "coverage": "delta",
        "harvester_version": "tests",
    }  # fmt: skip
    asked = [
        service.ask("POST", f"sources/{SOURCE}/harvests", token, json=opening),
        service.ask("GET", f"sources/{SOURCE}", token),
        service.ask("GET", f"sources/{SOURCE}/hints", token),
        service.ask("GET", "models", token),
        service.ask("GET", "tokens", token),
        service.ask("POST", "tokens", token, json={"role": "reader"}),
    ]

    assert [(one.status_code, one.json()["code"]) for one in asked] == (
        [(403, "insufficient_scope")] * len(asked)
    )


def test_tok_04_listed_and_revoked(service: Service, provider: IdentityProvider) -> None:
    """TOK-04: admins see it with its run, never its secret, and can end it."""
    admin, said = service.token("admin"), exchanged(service, provider.github()).json()
    parts = read_token(said["token"])
    assert parts is not None

    [listed] = [one for one in service.get("tokens", admin) if one["kind"] == "s"]
    ended = service.ask("DELETE", f"tokens/{parts.public_id}", admin)

    assert (listed["public_id"], listed["source"]) == (parts.public_id, SOURCE)
    assert listed["proved"]["run"] == "9001"
    assert parts.secret not in str(listed)
    assert ended.status_code == 204
    assert service.ask("GET", "me", said["token"]).status_code == 401


def test_tok_07_fifteen_minutes(service: Service, provider: IdentityProvider) -> None:
    """TOK-07: after its 15 minutes it is refused."""
    token = exchanged(service, provider.github()).json()["token"]
    over = sa.update(tokens).where(tokens.c.kind == "s").values(expires_at=sa.func.now())
    service.database.transact(lambda session: session.execute(over))

    assert service.ask("GET", "me", token).status_code == 401


def test_short_token_needs_proof(database: Database) -> None:
    """No short token exists without what was proved, whoever writes it."""
    make_source(database)

    def make(session: Session, kind: str, proved: Proved | None) -> None:
        create_token(
            session, kind=kind, role="ci", actor=OPERATOR, source_name="mlflow-prod", proved=proved
        )

    some = Proved(provider="oidc", issuer="https://x", subject="x", binding="x")
    for kind, proved in (("s", None), ("r", some)):
        with pytest.raises(Exception, match="proof_bound"):
            database.transact(lambda session, k=kind, p=proved: make(session, k, p))  # type: ignore[misc]


def test_exchange_disabled_source(service: Service, provider: IdentityProvider) -> None:
    """A source that is switched off gives no token; strangers cannot tell it from none."""
    bind(service.database, github_identity(provider), enabled=False)

    off = exchanged(service, provider.github())
    none = exchanged(service, provider.github(), source="nobody")
    unbound = exchanged(service, provider.github(repository_id="7"))

    told = [
        {k: v for k, v in one.json().items() if k != "trace_id"} for one in (off, none, unbound)
    ]
    assert [one.status_code for one in (off, none, unbound)] == [401, 401, 401]
    assert told[0] == told[1] == told[2]


def test_auth_11_source_without_bindings(service: Service, provider: IdentityProvider) -> None:
    """AUTH-11: what an admin takes away holds on this way in, too: no binding, no token."""
    bind(service.database)

    assert exchanged(service, provider.github()).status_code == 401


def test_exchange_address_limit(database: Database, provider: IdentityProvider) -> None:
    """Whoever tries too often is told to wait."""
    bind(database, github_identity(provider))
    limits = {"exchanges_per_second": 0.01, "exchanges_burst": 3}
    with opened(database, outbound_allow=LOOPBACK, **limits) as service:
        answers = [exchanged(service, "x.y.z") for _ in range(4)]

    assert [one.status_code for one in answers] == [401, 401, 401, 429]
    assert answers[-1].headers["Retry-After"] == "5"
    assert answers[-1].json()["code"] == "too_many_exchanges"


def test_exchange_source_limit(database: Database, provider: IdentityProvider) -> None:
    """A source's own jobs share its limit, wherever they run; strangers spend nothing of it."""
    bind(database, github_identity(provider))
    limits = {"exchanges_per_second": 0.01, "exchanges_burst": 2}
    with opened(database, outbound_allow=LOOPBACK, **limits) as service:

        def ask(address: str, **claims: Any) -> int:
            """From another address of this machine."""
            way = httpx2.HTTPTransport(local_address=address)
            body = {"source": SOURCE, "identity_token": provider.github(**claims)}
            with httpx2.Client(transport=way, trust_env=False) as client:
                url = f"http://127.0.0.1:{service.port}/api/v1/tokens:exchange"
                return client.post(url, json=body).status_code

        strangers = [ask("127.0.0.2", repository_id="7") for _ in range(2)]
        own = [ask("127.0.0.3") for _ in range(2)] + [ask("127.0.0.4")]

    assert (strangers, own) == ([401, 401], [200, 200, 429])


def test_exchange_ghes_path(database: Database) -> None:
    """An issuer with a path, as GitHub Enterprise Server has one, names its own host."""
    with provided(path="/_services/token") as provider:
        bind(database, github_identity(provider))
        with opened(database, outbound_allow=LOOPBACK) as service:
            said = exchanged(service, provider.github()).json()

    assert said["build"]["value"] == f"{provider.host}/486325809/9001"
    assert provider.asked[0] == "/_services/token/.well-known/openid-configuration"


def test_exchange_log(service: Service, provider: IdentityProvider) -> None:
    """The log says what did not fit, for whoever operates the service; never the token."""
    token = provider.github(repository_id="7")
    with logged() as events:
        exchanged(service, token)

    [refused] = [one for one in events if one.get("event") == "refused"]
    assert refused["facts"]["why"] == "not_bound"
    assert refused["facts"]["repository_id"] == "7"
    assert token not in str(events)


@pytest.mark.parametrize(
    "more", [{"extra": 1}, {"identity_token": 7}, {"source": ""}, {"source": None}]
)
def test_exchange_body(service: Service, more: Any) -> None:
    """What is no request for an exchange is told so, and not echoed."""
    body = {"source": SOURCE, "identity_token": "canary-4711"} | more

    answer = service.ask("POST", "tokens:exchange", json=body)

    assert answer.status_code == 422
    assert "canary" not in answer.text
