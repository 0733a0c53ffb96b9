"""The import names belong to us, and the folder `alembic/` never becomes a package."""

from importlib.metadata import packages_distributions
from pathlib import Path
from tomllib import loads

import alembic
import pytest

from tests.architecture.source import PRODUCT, ROOT

OWN = "model-catalog"


def test_alembic_real_package() -> None:
    """`import alembic` finds the installed package, not our folder of migrations."""
    found = Path(str(alembic.__file__))
    installed = "site-packages" in found.parts or not found.is_relative_to(ROOT)

    assert installed, "remove alembic/__init__.py: it shadows the package that runs migrations"


@pytest.mark.parametrize("folder", ["alembic", "alembic/versions"])
def test_alembic_folder_no_package(folder: str) -> None:
    """The folder of migrations has no `__init__.py`, whatever a linter asks for."""
    path = ROOT / folder / "__init__.py"

    assert not path.exists(), f"remove {folder}/__init__.py: it shadows the real package"


@pytest.mark.parametrize("name", [*PRODUCT, "tests"])
def test_import_name_ours(name: str) -> None:
    """No other distribution installs a package of this name: one of the two would win silently."""
    others = {owner for owner in packages_distributions().get(name, []) if owner != OWN}

    assert not others, (
        f"uninstall {', '.join(sorted(others))}, or give it an environment of its own"
    )


def test_wheel_named_packages() -> None:
    """The wheel holds our packages by name: found by search, alembic/ would be one of them."""
    project = loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    named = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

    assert tuple(named) == PRODUCT, "name exactly the packages of the product in pyproject.toml"
