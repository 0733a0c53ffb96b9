"""`verify --server` and `diff --server`: what the catalog itself says of two bundles."""

import io
import json
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from service.db import Database
from service.exports.jobs.builder import Bundler
from service.ledger.sealing import as_sealer, seal
from tests.cli.conftest import Command, Ran
from tests.support.accounts import make_person
from tests.support.bundles import digested, packed
from tests.support.catalog import make_source, model, post, version
from tests.support.http import Service, opened
from tests.support.keys import private_pem
from tests.support.making_bundles import KEYS, PRIVATE, Bundle, make_bundle, settled_now

LATER = "2026-11-21T12:00:00Z"


class Asked:
    """A served catalog that builds bundles, and an auditor who asks it."""

    def __init__(self, service: Service, command: Command, folder: Path) -> None:
        """Two models in production; the auditor sees all, a reader only one of two namespaces."""
        self.service, self.command, self.folder = service, command, folder
        self.database = service.database
        self.source = make_source(self.database)
        self.say(model("churn", lifecycle="production"), model("risk", lifecycle="production"),
                 version(1))  # fmt: skip
        make_person(self.database, "auditor", ("auditor", None))
        make_person(self.database, "reader", ("reader", "retail"))

    def say(self, *observations: Any) -> None:
        """What the registry says."""
        assert post(self.database, self.source, *observations).refused == ()

    def bundle(self, name: str, **asked: Any) -> tuple[Path, Bundle]:
        """A bundle of now, as a file."""
        made = make_bundle(self.database, settled_now(self.database), **asked)
        path = self.folder / name
        path.write_bytes(made.data)
        return path, made

    def run(self, *arguments: str, who: str = "auditor") -> Ran:
        """A command of somebody."""
        url = f"http://127.0.0.1:{self.service.port}"
        return self.command(*arguments, URL=url, TOKEN=self.service.token_of(who))


def documents(ran: Ran) -> list[Any]:
    """What was printed as JSON; the service beside writes its log to the same place."""
    return [json.loads(line) for line in ran.lines if line.startswith("{")]


@pytest.fixture
def asked(database: Database, command: Command, tmp_path: Path) -> Iterator[Asked]:
    """All of it, for one test."""
    key = tmp_path / "key.pem"
    key.write_bytes(private_pem(PRIVATE))
    with (
        opened(database, export_signing_key_file=str(key)) as service,
        Bundler(database, KEYS, days=1),
    ):
        yield Asked(service, command, tmp_path)


def members(path: Path) -> dict[str, bytes]:
    """What a bundle holds."""
    with ZipFile(io.BytesIO(path.read_bytes())) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_verify_server_same(asked: Asked) -> None:
    """Asked for again after more has happened, it is the same; the key is the catalog's."""
    path, _ = asked.bundle("a.zip")
    asked.say(model("churn", at=LATER, lifecycle="suspended"), model("new", at=LATER))
    ran = asked.run("verify", str(path), "--server", "--json")
    offline = asked.run("verify", str(path), "--json")

    [said], [alone] = documents(ran), documents(offline)
    assert (ran.code, said["server"], said["signature"]) == (0, "same", "good")
    assert (offline.code, alone["server"], alone["signature"]) == (0, None, "good")


def test_verify_server_differs(asked: Asked) -> None:
    """A cell that whoever has the key changed is found by asking again: file, line and column."""
    path, _ = asked.bundle("a.zip")
    forged = members(path)
    name = "data/models.csv"
    forged[name] = forged[name].replace(b'"production"', b'"development"', 1)
    path.write_bytes(packed(digested(forged, key=PRIVATE)))
    offline = asked.run("verify", str(path))
    ran = asked.run("verify", str(path), "--server", "--json")

    assert offline.code == 0, offline.err
    [one] = documents(ran)[0]["findings"]
    assert ran.code == 1
    assert (one["code"], one["file"], one["line"], one["column"]) == (
        "server_differs", name, 2, "lifecycle",
    )  # fmt: skip
    assert one["message"] == "says 'development' here, the catalog says 'production'"


def test_verify_server_mask(asked: Asked) -> None:
    """For who may see less it differs, and that is said as the reason."""
    other = make_source(asked.database, "mlflow-other", namespace="wholesale")
    post(asked.database, other, {
        "subject": {"kind": "model", "scheme": "mlflow", "value": "mlflow-other/default/credit"},
        "observed_at": LATER, "facts": {"namespace": "wholesale", "name": "credit"},
    })  # fmt: skip
    path, _ = asked.bundle("a.zip")
    ran = asked.run("verify", str(path), "--server", "--json", who="reader")

    [one] = documents(ran)[0]["findings"]
    assert (ran.code, one["code"]) == (1, "server_differs")
    assert "may see something else (mask)" in one["message"]


def test_diff_server(asked: Asked) -> None:
    """What B does not tell of is asked for; of what left the scope, the feed tells."""
    filters: Mapping[str, str] = {"lifecycle": "production"}
    a, _ = asked.bundle("a.zip", filters=filters)
    asked.say(model("churn", at=LATER, lifecycle="production", description="new"),
              model("risk", at=LATER, lifecycle="suspended"))  # fmt: skip
    b, _ = asked.bundle("b.zip", filters=filters)
    sealer = as_sealer(asked.database)
    seal(sealer, keys=KEYS)
    sealer.dispose()
    alone, ran = (
        asked.run("diff", str(a), str(b), "--json", *more) for more in ((), ("--server",))
    )

    def told(ran: Ran) -> dict[tuple[str, str], tuple[str, str | None]]:
        return {
            (one["model"], one["column"] or one["what"]): (one["cause_kind"], one["field"])
            for one in documents(ran)
            if one["file"] == "models"
        }

    assert (alone.code, ran.code) == (0, 0), ran.err
    assert told(alone)["retail/churn", "description"] == ("unknown", None)
    assert told(ran)["retail/churn", "description"] == ("harvest", "description")
    assert told(ran)["retail/risk", "gone"] == ("harvest", "lifecycle")
    assert "ask for it with `since`" in alone.err


def test_verify_real(asked: Asked) -> None:
    """Bundles of every profile and dialect are what they say, and the same as themselves."""
    asked.say(model("churn", at=LATER, description="=1+1", lifecycle="production"))
    for profile, dialect in product(("models", "osfi-e23", "omb-2025"), ("plain", "excel", "raw")):
        path, made = asked.bundle("a.zip", profile=profile, dialect=dialect)
        ran = asked.run("verify", str(path), "--json")

        assert ran.code == 0, ran.out
        assert documents(ran)[0]["records"] == sum(
            one.records or 0 for one in made.manifest.files if one.name.endswith(".csv")
        )
        assert asked.run("diff", str(path), str(path)).err.endswith("Nothing differs.\n")
