"""The documents name exactly what the product has: both ways, so that nothing lingers."""

import re
from collections.abc import Iterator
from importlib import import_module
from inspect import cleandoc
from pkgutil import walk_packages
from typing import Any, Final

import pytest
import typer

import service
from cli.exits import Exit
from cli.main import app
from harvesters.directory import DirectorySettings
from harvesters.inventory import InventorySettings
from harvesters.mlflow import MlflowSettings
from harvesters.registry import BUILT_IN
from schemas.columns import TABLES
from schemas.report_columns import REPORTS
from schemas.sources import SourceKind, SourceSettings
from service.errors import CatalogError
from service.settings import PREFIX, Settings
from tests.architecture.source import PRODUCT, ROOT, read_modules
from tests.docs.tables import ROW, documented, documented_pairs, preamble, section

VARIABLE: Final = re.compile(rf"\b{PREFIX}[A-Z_]+")


def test_settings_documented() -> None:
    """docs/settings.md lists the fields of Settings, in their order."""
    fields = [PREFIX + name.upper() for name in Settings.model_fields]

    assert documented(section("settings.md", "The service")) == fields


def test_variables_documented() -> None:
    """docs/settings.md names every environment variable that the product's code names."""
    text = preamble("settings.md") + "".join(
        section("settings.md", heading)
        for heading in ("The service", "The commands and the harvesters")
    )
    read = {
        name
        for module in read_modules()
        for name in VARIABLE.findall(module.text)
        if module.package in PRODUCT
    }

    assert read - set(VARIABLE.findall(text)) == set()


def test_test_variables_documented() -> None:
    """docs/settings.md lists the variables that the tests read."""
    source = (ROOT / "tests" / "conftest.py").read_text(encoding="utf-8")
    read = re.findall(r'environ\.get\("(TEST_\w+)"', source)

    assert sorted(documented(section("settings.md", "Tests"))) == sorted(read)


def test_commands_documented() -> None:
    """docs/commands.md lists the commands that exist, groups as `group command`."""
    root = typer.main.get_command(app)

    assert documented(preamble("commands.md")) == [name for name, _ in commands(root, prefix="")]


def commands(command: object, *, prefix: str) -> Iterator[tuple[str, Any]]:
    """All commands below a group, by name."""
    if not isinstance(command, typer.core.TyperGroup):
        yield prefix, command
        return
    context = typer.Context(command)
    for name in command.list_commands(context):
        _, found, _ = command.resolve_command(context, [name])  # as when it runs
        yield from commands(found, prefix=f"{prefix} {name}".strip())


def options(command: Any) -> set[str]:
    """The long options of a command, without those that every command has."""
    named = {name for option in command.params for name in option.opts if name.startswith("--")}
    return named - {"--help", "--token-file"}


def test_options_documented() -> None:
    """docs/commands.md names each command's options beside it, and what --json answers."""
    said = dict(ROW.findall(preamble("commands.md")))
    answered = set(re.findall(r"`([a-z][a-z -]*)`", " ".join(
        line.split("|")[1] for line in section("commands.md", "Output").splitlines()
        if line.startswith("| `")
    )))  # fmt: skip
    found = dict(commands(typer.main.get_command(app), prefix=""))
    missing = {
        name: unsaid
        for name, command in found.items()
        if (unsaid := {o for o in options(command) - {"--json"} if f"`{o}" not in said[name]})
    }

    assert missing == {}
    assert answered == {name for name, command in found.items() if "--json" in options(command)}


def test_exit_codes_documented() -> None:
    """docs/commands.md lists the exit codes."""
    listed = re.findall(r"^\| (\d+) \|", section("commands.md", "Exit codes"), re.MULTILINE)

    assert listed == [str(code.value) for code in Exit]


def test_source_fields_documented() -> None:
    """docs/sources.md lists the fields of a source, and the settings of each kind."""
    assert documented(section("sources.md", "Fields")) == list(SourceSettings.model_fields)
    assert documented(section("sources.md", "MLflow")) == list(MlflowSettings.model_fields)
    assert documented(section("sources.md", "Directory")) == list(DirectorySettings.model_fields)
    assert documented(section("sources.md", "Inventory")) == list(InventorySettings.model_fields)


def test_errors_documented() -> None:
    """docs/errors.md lists every error that the service can answer with, with its status."""
    answered = {(error.code(), str(error.status)) for error in errors()}

    assert documented_pairs(preamble("errors.md")) == answered


def errors() -> set[type[CatalogError]]:
    """The errors of the service, also those of modules that nobody imported yet."""
    for module in walk_packages(service.__path__, "service."):
        import_module(module.name)
    found, waiting = set[type[CatalogError]](), [CatalogError]
    while waiting:
        error = waiting.pop()
        found.add(error)
        waiting += error.__subclasses__()
    return {error for error in found if error.__module__.startswith("service.")}


def test_errors_two_paragraphs() -> None:
    """An error's docstring is its message: one sentence, then how to mend it."""
    silent = [e.__name__ for e in errors() if not cleandoc(e.__doc__ or "").partition("\n\n")[2]]

    assert silent == []


@pytest.mark.parametrize("table", TABLES)
def test_columns_documented(table: str) -> None:
    """docs/columns.md lists the columns of each export, in their order."""
    names = [column.name for column in TABLES[table]]

    assert documented(section("columns.md", table)) == names


@pytest.mark.parametrize("report", REPORTS)
def test_report_columns_documented(report: str) -> None:
    """docs/columns.md lists the columns of each report's file, in their order."""
    names = [column.name for column in REPORTS[report]]

    assert documented(section("columns.md", report)) == names


def test_source_kinds_documented() -> None:
    """docs/sources.md lists the kinds that can be declared, and so every kind with a harvester."""
    kinds = documented(preamble("sources.md"))

    assert kinds == [kind.value for kind in SourceKind]
    assert set(BUILT_IN) <= set(kinds)
