"""`model-catalog serve`: what it refuses to start with, and how it stands what is not there."""

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.cli.conftest import KEY, Command, serving

SAFE: Final = {"SECRET_KEY": KEY, "DATABASE_URL": "postgresql://catalog@127.0.0.1:1/catalog"}
REFUSED: Final = [
    ({"SECRET_KEY": ""}, "MODEL_CATALOG_SECRET_KEY is not set: make one with openssl"),
    ({"SECRET_KEY": "short"}, "MODEL_CATALOG_SECRET_KEY must have at least 32 bytes"),
    ({"SECRET_KEY": "change-me" * 5}, "MODEL_CATALOG_SECRET_KEY is a documented example"),
    ({"SECRET_KEY_FILE": "/nowhere"}, "MODEL_CATALOG_SECRET_KEY_FILE cannot be read: No such"),
    ({"DATABASE_URL": ""}, "MODEL_CATALOG_DATABASE_URL is not set: give a PostgreSQL URL"),
    ({"DATABASE_URL": ""}, "or embedded:DIR for a private server"),
    ({"DATABASE_URL": "oracle://h/db"}, "MODEL_CATALOG_DATABASE_URL is neither of the two forms"),
    ({"BASE_URL": "http://catalog.acme.example"}, "MODEL_CATALOG_BASE_URL may be plain http on"),
    ({"TRUSTED_PROXIES": "*"}, "MODEL_CATALOG_TRUSTED_PROXIES must list addresses"),
    ({"MAX_BODY_BYTES": "many"}, "MODEL_CATALOG_MAX_BODY_BYTES must be a number"),
    ({"LOG_LEVEL": "loud"}, "MODEL_CATALOG_LOG_LEVEL should be 'debug', 'info'"),
]


@pytest.fixture
def taken() -> Iterator[str]:
    """A port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield str(listener.getsockname()[1])


@pytest.mark.parametrize(("variables", "said"), REFUSED)
def test_serve_refuses(command: Command, taken: str, variables: dict[str, str], said: str) -> None:
    """AUTH-01: unsafe settings end it with 2 and the setting's name, before a listener opens.

    The port is taken: had it tried to listen, the answer were 6.
    """
    ran = command("serve", "--port", taken, **(SAFE | variables))

    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert "docs/settings.md" in ran.err


def test_serve_port_taken(command: Command, taken: str) -> None:
    """A port that is taken is 6 and says so: nothing is half started."""
    ran = command("serve", "--port", taken, **SAFE)

    assert (ran.code, ran.out) == (6, "")
    assert ran.err == (
        f"127.0.0.1:{taken} cannot be listened on (Address already in use): choose another --host "
        "or --port.\n"
    )


@pytest.mark.parametrize("schema", ["none", "unreachable"])
def test_serve_not_ready(tmp_path: Path, empty_url: str, schema: str) -> None:
    """P-15: it starts and lives; /readyz says 503 and the command, or that the database is away.

    SIGTERM ends it in order, so that a private database is stopped on the way out.
    """
    url = empty_url if schema == "none" else SAFE["DATABASE_URL"]
    log = tmp_path / "log"
    with serving(log, DATABASE_URL=url) as (address, process):
        with pytest.raises(HTTPError) as refused:
            urlopen(f"{address}/readyz", timeout=30)  # noqa: S310  # loopback
        with refused.value as answer:
            problem = json.loads(answer.read())
        process.send_signal(signal.SIGTERM)
        code = process.wait(20)

    assert (refused.value.code, code) == (503, 0)
    if schema == "none":
        assert problem["code"] == "schema_differs"
        assert "`model-catalog db upgrade`" in problem["detail"]
    else:
        assert problem["code"] == "database_unavailable"
    assert "Traceback" not in log.read_text()
