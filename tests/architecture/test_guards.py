"""The guards hold in the repository, and each finds what it is there for."""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Final

import pytest

from tests.architecture import hazards, imports, shape
from tests.architecture.source import Module, read_modules

Guard = Callable[[Module], Iterator[str]]
LONG_BODY: Final = "    a = 1\n" * 40
ROUTE: Final = '@router.get("/models")\ndef list_models():\n    """List."""\n'

BROKEN: Final[tuple[tuple[Guard, str, str], ...]] = (
    (imports.refuse_wrong_direction, "service/app.py", "from harvesters import runner"),
    (imports.refuse_wrong_direction, "harvesters/sink.py", "import service.errors"),
    (imports.refuse_wrong_direction, "schemas/facts.py", "def f():\n    import outbound.client"),
    (imports.refuse_foreign_distribution, "schemas/facts.py", "import structlog"),
    (imports.refuse_foreign_distribution, "outbound/client.py", "from stamina import retry"),
    (imports.refuse_foreign_distribution, "schemas/manifest.py", "import yaml"),
    (imports.refuse_impure_core, "service/reconcile.py", "from service.db import Table"),
    (imports.refuse_impure_core, "service/risk/tiering.py", "import pydantic"),
    (
        imports.refuse_impure_core,
        "service/risk/tiers/floors.py",
        "from service.risk.tiers.facts import x",
    ),
    (imports.refuse_mlflow_elsewhere, "service/app.py", "def f():\n    import mlflow"),
    (imports.refuse_mlflow_elsewhere, "harvesters/mlflow/client.py", "from mlflow import client"),
    (imports.refuse_upward_in_service, "service/db.py", "from service.catalog import write"),
    (imports.refuse_upward_in_service, "service/risk/tables.py", "import service.risk.tiers.facts"),
    (imports.refuse_upward_in_service, "service/risk/tiers/facts.py", "import service.risk.api"),
    (imports.refuse_upward_in_service, "service/ingest/sources_api.py", "import service.app"),
    (imports.refuse_sideways_in_service, "service/catalog/rows.py", "import service.exports.csv"),
    (
        imports.refuse_sideways_in_service,
        "service/risk/tiers/facts.py",
        "from service.ingest import x",
    ),
    (shape.refuse_long_module, "schemas/facts.py", "\n" * 401),
    (shape.refuse_long_function, "schemas/facts.py", f"def f():\n{LONG_BODY}"),
    (shape.refuse_long_route, "service/risk/api.py", ROUTE + "    a = 1\n" * 7),
    (shape.refuse_empty_name, "service/csv_utils.py", ""),
    (shape.refuse_empty_name, "service/common/csv.py", ""),
    (shape.refuse_empty_name, "service/db.py", "class SessionManager: ..."),
    (hazards.refuse_commit, "service/ingest/record.py", "session.commit()"),
    (hazards.refuse_built_sql, "cli/db.py", 'session.execute(sa.text(f"DROP TABLE {name}"))'),
    (hazards.refuse_built_sql, "service/db.py", 'session.execute(text("SELECT " + name))'),
    (hazards.refuse_yaml_load, "cli/source.py", "yaml.safe_load(raw)"),
    (hazards.refuse_any_in_schemas, "schemas/facts.py", "from typing import Any\nx: Any = 1"),
    (hazards.refuse_any_in_schemas, "schemas/facts.py", "import typing\nx: list[typing.Any]"),
)

SOUND: Final[tuple[tuple[Guard, str, str], ...]] = (
    (imports.refuse_wrong_direction, "cli/demo/__init__.py", "import service.app, harvesters.sink"),
    (imports.refuse_wrong_direction, "harvesters/sink.py", "from outbound import client"),
    (imports.refuse_foreign_distribution, "schemas/facts.py", "import json, pydantic"),
    (imports.refuse_foreign_distribution, "service/app.py", "import fastapi"),
    (imports.refuse_foreign_distribution, "schemas/yaml_walk.py", "import yaml"),
    (imports.refuse_impure_core, "service/reconcile.py", "from schemas.facts import Merge"),
    (
        imports.refuse_impure_core,
        "service/risk/tiers/rating.py",
        "from service.risk.tiers.floors import TRUE",
    ),
    (imports.refuse_mlflow_elsewhere, "harvesters/mlflow/client.py", "def f():\n    import mlflow"),
    (imports.refuse_upward_in_service, "service/app.py", "from service.risk import api"),
    (imports.refuse_upward_in_service, "service/risk/api.py", "from service.risk import facts"),
    (imports.refuse_upward_in_service, "service/risk/tiers/facts.py", "import service.risk.tables"),
    (imports.refuse_sideways_in_service, "service/catalog/api.py", "import service.exports.csv"),
    (
        imports.refuse_sideways_in_service,
        "service/catalog/detail.py",
        "import service.ingest.tables",
    ),
    (shape.refuse_long_module, "schemas/facts.py", "\n" * 400),
    (shape.refuse_long_function, "schemas/facts.py", f"def f():\n{LONG_BODY[:-10]}"),
    (shape.refuse_long_function, "schemas/facts.py", f'def f():\n    """{LONG_BODY}"""'),
    (shape.refuse_long_route, "service/risk/api.py", ROUTE + "    a = 1\n" * 6),
    (shape.refuse_empty_name, "service/commonplace.py", "class Managerial: ..."),
    (hazards.refuse_commit, "service/db.py", "session.commit()"),
    (hazards.refuse_built_sql, "service/db.py", "session.execute(sa.text(STATEMENT), given)"),
    (hazards.refuse_yaml_load, "cli/source.py", "yaml.parse(raw)"),
    (hazards.refuse_any_in_schemas, "service/db.py", "from typing import Any\nx: Any = 1"),
)

GUARDS: Final = tuple(dict.fromkeys(guard for guard, _, _ in BROKEN))


@pytest.fixture(scope="module")
def modules() -> tuple[Module, ...]:
    """Every module of the repository."""
    return read_modules()


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.__name__)
def test_guard_repository(guard: Guard, modules: tuple[Module, ...]) -> None:
    """No module breaks the rule; each message says what to do instead."""
    found = sorted(set(chain.from_iterable(map(guard, modules))))

    assert not found, "\n".join(found)


@pytest.mark.parametrize(("guard", "path", "text"), BROKEN)
def test_guard_broken_rule(guard: Guard, path: str, text: str) -> None:
    """The guard finds the break, names the file and carries a remedy after the colon."""
    found = list(guard(Module(path, text)))

    assert found
    assert all(message.startswith(path) and ": " in message for message in found)


@pytest.mark.parametrize(("guard", "path", "text"), SOUND)
def test_guard_sound_code(guard: Guard, path: str, text: str) -> None:
    """The guard leaves alone what the rule allows."""
    assert list(guard(Module(path, text))) == []


def test_read_modules_reach(modules: tuple[Module, ...]) -> None:
    """The guards see the whole product: an empty walk would hold for ever."""
    names = {module.name for module in modules}

    assert {"service.reconcile", "schemas.facts", "cli.main", "outbound.addresses"} <= names
