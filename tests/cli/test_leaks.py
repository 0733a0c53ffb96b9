"""Canaries in every input: none comes out, in a log, a table, an export or an answer."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
import sqlalchemy as sa
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from cli.client import Client
from service.access.tokens import bootstrap
from service.db import Database
from service.ledger.change import Actor
from tests.cli.conftest import KEY, PROGRAM, environment, serving
from tests.conftest import ROOT
from tests.harvesters.mlflow.conftest import FakeServer

CANARY: Final = "c4naryXy7"
KEYS: Final = {  # what looks like a key, put together here so that no scanner finds one
    "github": "ghp_" + CANARY + "A" * 40,
    "aws": "AKIA" + "CANARYCANARY4444",
    "url": f"https://user:{CANARY}@git.example/repo",
    "private": f"-----BEGIN RSA PRIVATE KEY-----\n{CANARY}\n-----END RSA PRIVATE KEY-----",
}
PLANTED: Final = (CANARY, "CANARYCANARY", KEY)


@pytest.fixture
def source(httpserver: HTTPServer) -> FakeServer:
    """An MLflow whose tags hold keys, and which repeats the credential when it refuses."""
    fake = FakeServer(httpserver)
    tags = [{"key": name, "value": text} for name, text in KEYS.items()]
    model = fake.models[0] | {"tags": tags, "description": f"see {KEYS['url']}"}
    fake.answers["registered-models/search"] = lambda _: {"registered_models": [model]}
    version = fake.versions[0] | {"source": KEYS["url"], "tags": tags}
    fake.answers["model-versions/search"] = lambda _: {"model_versions": [version]}

    def refuse(request: Request) -> Response:
        if request.headers.get("X-MLFLOW-WORKSPACE") != "closed":
            asked = request.args or request.get_json(silent=True) or {}
            answer = fake.answers["registered-models/search"](asked)
            return Response(json.dumps(answer), content_type="application/json")
        said = {
            "error_code": "PERMISSION_DENIED",
            "message": f"no: {dict(request.headers)} {CANARY}",
        }
        return Response(json.dumps(said), 403, content_type="application/json")

    fake.lies["registered-models/search"] = refuse
    return fake


def test_leaks(database_url: str, source: FakeServer, tmp_path: Path) -> None:
    """LEAK-01: source secret, tokens, DSN password, headers, URL users and keys never come out.

    The most talkative level; the service and a harvest as processes of their own.
    """
    log = tmp_path / "log"
    dsn = database_url.replace("postgres@", f"postgres:{CANARY}@", 1)
    planted = {*PLANTED}
    with serving(log, DATABASE_URL=dsn, LOG_LEVEL="debug") as (url, _):
        first = first_token(database_url)
        admin = Client(url, first).post("/api/v1/tokens", {"role": "admin", "days": 1})["token"]
        token = declare(Client(url, admin), source.uri)
        planted |= {first, admin, token}
        harvested = harvest(url, token)
        assert '"outcome":"complete"' in harvested.stdout, harvested.stderr
        answers = [*misuse(url, admin, token), *read(url, admin)]
    tables = list(rows(database_url))

    assert harvested.returncode == 6  # the workspace `closed`
    assert "retail/churn" in "".join(answers)
    texts = {"log": log.read_text(), "out": harvested.stdout, "err": harvested.stderr}
    texts |= {f"answer {n}": text for n, text in enumerate(answers)}
    texts |= {f"row {n}": text for n, text in enumerate(tables)}
    leaks = [(place, found(text, secret)) for place, text in texts.items()
             for secret in planted if secret in text]  # fmt: skip
    assert leaks == []


def found(text: str, secret: str) -> str:
    """A secret with what stands around it."""
    at = text.index(secret)
    return text[max(0, at - 120) : at + 60]


def first_token(database_url: str) -> str:
    """The token of a fresh database."""
    database = Database(database_url, role=None, pool=1)
    actor = Actor("operator", "tests")
    text, _ = database.transact(lambda session: bootstrap(session, actor=actor, recover=False))
    database.dispose()
    return text


def declare(admin: Client, uri: str) -> str:
    """Declare the source; answers its token."""
    body = {
        "name": "leaky", "kind": "mlflow", "namespace": "retail", "credential": "LEAKY",
        "namespaces": {"closed": "wholesale"},
        "settings": {"uri": uri, "workspaces": ["default", "closed"]},
    }  # fmt: skip
    admin.put("/api/v1/sources/leaky", body)
    made = admin.post("/api/v1/tokens", {"role": "source", "source": "leaky", "days": 1})
    return str(made["token"])


def harvest(url: str, token: str) -> subprocess.CompletedProcess[str]:
    """The command that cron runs."""
    variables = environment(
        URL=url, TOKEN=token, SECRET_LEAKY=f"robot:{CANARY}", SECRET_LEAKY_HOST="localhost",  # noqa: S106  # its host
        OUTBOUND_ALLOW="127.0.0.0/8",
    )  # fmt: skip
    return subprocess.run(  # noqa: S603  # our own command
        [*PROGRAM, "harvest", "leaky"], env=variables, cwd=ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def misuse(url: str, admin: str, token: str) -> Iterator[str]:
    """Refused requests, each with a canary where a careless service would repeat it."""
    bearer, own = {"Authorization": f"Bearer {admin}"}, {"Authorization": f"Bearer {token}"}
    push = f"{url}/api/v1/sources/leaky/observations"
    subject = {"kind": "model", "scheme": "mlflow", "value": "leaky/default/broken"}
    bad = {"subject": subject, "observed_at": KEYS["aws"], "facts": {"nmae": KEYS["github"]}}
    with httpx2.Client(trust_env=False) as http:
        yield http.get(f"{url}/api/v1/models", headers={"Authorization": f"Basic {CANARY}"}).text
        yield http.get(f"{url}/api/v1/models", headers=bearer | {"Cookie": f"mcat={CANARY}"}).text
        yield http.get(f"{url}/api/v1/models?token={admin}").text
        yield http.get(f"{url}/api/v1/models?password={CANARY}", headers=bearer).text
        yield http.get(f"{url}/api/v1/models/retail/{admin}", headers=bearer).text
        yield http.post(f"{url}/api/v1/tokens", json={"api_token": CANARY}, headers=bearer).text
        yield http.post(f"{url}/api/v1/tokens", content=CANARY, headers=bearer).text
        yield http.post(push, json={"observations": [bad]}, headers=own).text
        yield http.post(push, content=f'{{"token": "{CANARY}"', headers=own).text


def read(url: str, admin: str) -> Iterator[str]:
    """Everything that readers and admins can ask for."""
    with httpx2.Client(
        headers={"Authorization": f"Bearer {admin}"}, trust_env=False, timeout=60
    ) as http:
        for path in (
            "models", "versions", "models.csv", "versions.csv", "sources", "sources/leaky",
            "models/retail/churn?provenance=true", "models/retail/churn/versions/1?provenance=true",
            "sources/leaky/harvests", "quarantine", "changes", "tokens", "openapi.json",
        ):  # fmt: skip
            answer = http.get(f"{url}/api/v1/{path}")
            assert answer.status_code == 200, path
            yield answer.text
        yield http.get(f"{url}/readyz").text
        yield http.get(f"{url}/version").text


def rows(database_url: str) -> Iterator[Any]:
    """Every row of every table, as text."""
    engine = sa.create_engine(sa.make_url(database_url).set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        for table in sa.inspect(engine).get_table_names():
            row: sa.ColumnClause[Any] = sa.column(table)
            whole = sa.select(sa.cast(row, sa.Text)).select_from(sa.table(table))
            for (text,) in connection.execute(whole):
                yield f"{table}: {text}"
    engine.dispose()
