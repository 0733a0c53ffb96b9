"""`model-catalog doctor`: each thing that can be wrong is found, and says what to do."""

import json
import tempfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa

from schemas.harvest import Outcome
from service.db import Database
from service.ledger.notes import Keys, read_keys
from service.ledger.sealing import as_sealer, seal
from tests.cli.conftest import KEY, Command, Ran, Served
from tests.support.catalog import Sweep, make_source, model
from tests.support.forging import forge_ledger
from tests.support.http import make_token
from tests.support.keys import private_pem

Found = dict[str, tuple[str, str, str]]
Look = Callable[..., tuple[Ran, Found]]
NOWHERE: Final = "http://127.0.0.1:1"


@pytest.fixture
def look(command: Command, database_url: str) -> Look:
    """Runs it on the test's database; answers what was found, by what."""

    def looked(*options: str, **variables: str) -> tuple[Ran, Found]:
        given = {"DATABASE_URL": database_url, "SECRET_KEY": KEY} | variables
        ran = command("doctor", "--json", *options, **given)
        rows = [json.loads(line) for line in ran.lines]
        return ran, {row["what"]: (row["state"], row["said"], row["fix"]) for row in rows}

    return looked


@pytest.fixture
def harvested(database: Database) -> Database:
    """A catalog with a source that was just read completely."""
    sweep = Sweep(database, make_source(database, settings={"uri": NOWHERE}))
    sweep.send(model())
    sweep.close()
    return database


def change(owner: Database, statement: str, **values: Any) -> None:
    """Change something behind the catalog's back."""
    with owner.writing() as session:
        session.execute(sa.text(statement), values)


def test_doctor_well(look: Look, harvested: Database) -> None:
    """Where all is well it says so line by line, and ends with 0."""
    del harvested

    ran, found = look("--offline")

    assert {what: state for what, (state, _, _) in found.items()} == dict.fromkeys(
        ("settings", "server", "extension pg_trgm", "clock", "schema", "roles",
         "source mlflow-prod", "tokens", "quarantine", "ledger", "checkpoints"), "ok",
    )  # fmt: skip
    assert (ran.code, ran.err) == (0, "Everything is as it should be.\n")


def test_doctor_sources(look: Look, harvested: Database, owner_database: Database) -> None:
    """A source that was never read, one that is late, one that fails: each is named."""
    make_source(harvested, "mlflow-new")
    make_source(harvested, "mlflow-off", enabled=False)
    change(owner_database, "UPDATE scope SET full_closed_at = now() - interval '3 hours'")

    ran, found = look("--offline")

    assert ran.code == 1
    assert found["source mlflow-new"][:2] == ("fail", "never read completely")
    late = found["source mlflow-prod"]
    assert late[:2] == ("fail", "read completely 3 h ago")
    assert late[2] == "It is expected every 60 min: `model-catalog harvest mlflow-prod` says why."
    assert "source mlflow-off" not in found


def test_doctor_failing_scope(look: Look, harvested: Database, owner_database: Database) -> None:
    """One scope that fails is named although another of its source was just read completely."""
    source = make_source(harvested, settings={"uri": NOWHERE})
    Sweep(harvested, source, scope="training_runs/default").close(Outcome.FAILED, error="no")

    ran, found = look("--offline")

    failing = found["scope training_runs/default of mlflow-prod"]
    assert (ran.code, failing) == (
        1, ("warn", "its last harvest failed", "`model-catalog harvest mlflow-prod` says why."),
    )  # fmt: skip
    change(owner_database, "UPDATE harvest SET opened_at = opened_at - interval '8 days'")
    assert "scope training_runs/default of mlflow-prod" not in look("--offline")[1]


def test_doctor_way(look: Look, harvested: Database) -> None:
    """A credential that is not set, an address that does not answer or may not be reached."""
    settings = {"uri": "https://mlflow.acme.example"}
    make_source(harvested, "mlflow-two", credential="MLFLOW_TWO", settings=settings)

    _, found = look(OUTBOUND_ALLOW="127.0.0.0/8")
    _, unset = look()

    assert found["way to mlflow-prod"][0] == "fail"
    assert found["way to mlflow-prod"][1] == f"{NOWHERE} does not answer (ConnectError)"
    assert "MODEL_CATALOG_OUTBOUND_ALLOW=127.0.0.1" in unset["way to mlflow-prod"][2]
    state, said, fix = found["way to mlflow-two"]
    assert (state, said) == ("warn", "no credential here")
    assert "MODEL_CATALOG_SECRET_MLFLOW_TWO_HOST" in fix


def test_doctor_window(look: Look, harvested: Database) -> None:
    """A source that reads training runs which are let go of would bring them back each time."""
    uri = {"uri": NOWHERE}
    make_source(harvested, "mlflow-long", settings=uri | {"training_run_days": 400})
    make_source(harvested, "mlflow-same", settings=uri | {"training_run_days": 365})
    make_source(harvested, "mlflow-some", settings=uri | {"training_runs": "referenced"})

    _, kept = look("--offline")
    _, found = look("--offline", TRAINING_RUN_DAYS="365")

    assert not [what for what in kept if what.startswith("window")]
    windows = {what: said for what, (_, said, _) in found.items() if what.startswith("window")}
    assert windows == {
        "window of mlflow-prod": "reads training runs of all days, 365 are kept",
        "window of mlflow-long": "reads training runs of 400 days, 365 are kept",
    }


def test_doctor_ledger(
    look: Look, harvested: Database, owner_database: Database, tmp_path: Path
) -> None:
    """It says when nobody seals, and what is lost as long as checkpoints are not signed."""
    forge_ledger(owner_database, "UPDATE change SET recorded_at = recorded_at - interval '2 h'")
    _, waiting = look("--offline")
    sealer = as_sealer(harvested)
    seal(sealer, keys=Keys())
    _, unsigned = look("--offline")
    (tmp_path / "key.pem").write_bytes(private_pem())
    make_source(harvested, "another")
    seal(sealer, keys=read_keys(str(tmp_path / "key.pem")), every=timedelta(0))
    _, signed = look("--offline")
    sealer.dispose()

    state, said, fix = waiting["ledger"]
    assert state == "fail"
    assert "changes wait to be sealed, the oldest for 120 min" in said
    assert "catalog_sealer" in fix
    assert unsigned["ledger"][0] == "ok"
    assert unsigned["checkpoints"][:2] == ("warn", "not signed")
    assert "MODEL_CATALOG_EXPORT_SIGNING_KEY_FILE" in unsigned["checkpoints"][2]
    assert signed["checkpoints"] == ("ok", "signed", "")


@pytest.mark.parametrize(
    ("statement", "what", "said"),
    [
        ("ALTER TABLE model ADD COLUMN by_hand text", "tables", "by_hand"),
        ("GRANT UPDATE ON observation TO catalog_app", "tables", "may change observation"),
        ("ALTER TABLE change DISABLE TRIGGER refuse_rows", "tables", "change refuse_rows is"),
        ("ALTER TABLE observation OWNER TO catalog_app", "roles", "single-role mode"),
        ("REVOKE SELECT ON model FROM catalog_app", "tables", "may not read model"),
        ("GRANT INSERT ON ledger_leaf TO catalog_app", "tables", "may write ledger_leaf"),
        ("REVOKE INSERT ON ledger_leaf FROM catalog_sealer", "tables", "lacks INSERT on"),
        ("GRANT DELETE ON ledger_tile TO catalog_sealer", "tables", "may DELETE on ledger_tile"),
        ("ALTER TABLE ledger_leaf DISABLE TRIGGER refuse_rows", "tables", "ledger_leaf refuse"),
        ("DELETE FROM alembic_version", "schema", "none, needed is"),
        ("UPDATE alembic_version SET version_num = '9999'", "schema", "of a newer release"),
    ],
)  # fmt: skip
def test_doctor_schema(
    look: Look, owner_database: Database, statement: str, what: str, said: str
) -> None:
    """Whatever was changed by other means than migrations and `db roles` is found."""
    change(owner_database, statement)

    ran, found = look("--offline")

    assert ran.code == 1
    assert found[what][0] in {"fail", "warn"}
    assert said in found[what][1]
    assert found[what][2]


def test_doctor_tokens(look: Look, harvested: Database, owner_database: Database) -> None:
    """A token that is in use and ends soon is named; one that nobody uses is not."""
    for _ in range(2):
        make_token(harvested, "source", source_name="mlflow-prod")
    change(
        owner_database,
        "UPDATE token SET created_at = now() - interval '88 days', last_used_at = now(), "
        "expires_at = now() + interval '2 days' "
        "WHERE public_id = (SELECT min(public_id) FROM token)",
    )

    ran, found = look("--offline")

    ((what, (state, said, _)),) = [one for one in found.items() if one[0].startswith("token ")]
    assert (ran.code, state, len(what)) == (1, "warn", len("token 12345678"))
    assert said.startswith("of source mlflow-prod ends ")


@pytest.mark.parametrize(
    ("variables", "what", "said"),
    [
        ({"DATABASE_URL": "postgresql://x@127.0.0.1:1/x"}, "server", "cannot be reached"),
        ({"DATABASE_URL": ""}, "database", "MODEL_CATALOG_DATABASE_URL is not set"),
        ({"SECRET_KEY": "short"}, "settings", "must have at least 32 bytes"),
    ],
)
def test_doctor_settings(look: Look, variables: dict[str, str], what: str, said: str) -> None:
    """Settings that the service would refuse, and a database that is away."""
    ran, found = look("--offline", **variables)

    assert ran.code == 1
    assert said in found[what][1]


def test_doctor_service(catalog: Served, command: Command) -> None:
    """It asks the service too; for a person it prints a table."""
    url = {"DATABASE_URL": catalog.database_url, "SECRET_KEY": KEY}

    there, away = (command("doctor", URL=found, **url) for found in (catalog.url, NOWHERE))

    assert f"ok\tservice\t{catalog.url} is ready\t-" in there.lines
    assert any(line.startswith(f"FAIL\tservice\t{NOWHERE} does not answer") for line in away.lines)
    assert away.code == 1


def test_doctor_private_server(command: Command, embedded_folder: str) -> None:
    """With a private server it looks at the disk as well."""
    ran = command("doctor", "--offline", DATABASE_URL=f"embedded:{embedded_folder}", SECRET_KEY=KEY)

    assert any(line.startswith("ok\tdisk\t") for line in ran.lines)
    assert any(line.startswith("FAIL\tschema\tnone, needed is ") for line in ran.lines)


@pytest.fixture
def embedded_folder() -> Iterator[str]:
    """A folder for a private server, which root's server account can enter."""
    with tempfile.TemporaryDirectory(prefix="catalog-", ignore_cleanup_errors=True) as folder:
        yield f"{folder}/new/data"  # neither is there yet
