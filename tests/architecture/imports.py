"""Guards of the direction in which imports point."""

import sys
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from tests.architecture.source import PRODUCT, Imported, Module

STANDARD: Final = sys.stdlib_module_names
MAY_USE: Final = {  # package → packages of ours
    "schemas": {"schemas"},
    "outbound": {"outbound"},
    "harvesters": {"harvesters", "schemas", "outbound"},
    "service": {"service", "schemas", "outbound"},
    "cli": set(PRODUCT),
}
MAY_INSTALL: Final = {  # package → distributions beside the standard library; others may use any
    "schemas": {"pydantic", "pydantic_core"},
    "outbound": {"httpx2", "httpcore2"},
}
PARSER: Final = ("schemas/yaml_walk.py", "yaml")  # all packages read YAML; no contract imports it
PURE: Final = (  # they may use each other
    "service/reconcile.py",
    "service/risk/tiers/compiled.py",
    "service/risk/tiers/floors.py",
    "service/risk/tiers/grace.py",
    "service/risk/tiers/override_rules.py",
    "service/risk/tiers/profiles.py",
    "service/risk/tiers/questions.py",
    "service/risk/tiers/rating.py",
    "service/risk/tiers/reasons.py",
    "service/risk/tiers/rollup.py",
    "service/risk/samples/drawing.py",
    "service/risk/findings/machine.py",
    "service/risk/concessions/machine.py",
    "service/risk/reviews/machine.py",
    "service/risk/reviews/state.py",
    "service/risk/reviews/independence.py",
    "service/risk/tiering.py",
)
EVERYONE: Final = {"access", "ledger"}  # who asks, and what is written down: every slice needs both
SLICES: Final = {  # slice → slices whose logic its own logic may use
    "access": set[str](),
    "ledger": set[str](),
    "catalog": set[str](),
    "outgoing": set[str](),
    "risk": {"catalog", "outgoing"},
    "ingest": {"catalog", "risk"},
    "exports": {"catalog", "risk"},
    "hooks": {"ingest"},
    "people": {"catalog", "exports", "ingest"},
    "deployments": {"catalog", "ingest", "outgoing", "people"},
    "lineage": {"catalog", "exports", "ingest"},
}


def refuse_wrong_direction(module: Module) -> Iterator[str]:
    """From cli to service and harvesters, from those to schemas and outbound."""
    allowed = MAY_USE.get(module.package)
    for imported in module.imports:
        if allowed is not None and imported.top in PRODUCT and imported.top not in allowed:
            yield (
                f"{_where(module, imported)} {module.package} may use only {_listed(allowed)}: "
                "move what both need into schemas, or let cli bring the two together"
            )


def refuse_foreign_distribution(module: Module) -> Iterator[str]:
    """The packages schemas and outbound are used everywhere, so they must weigh nothing."""
    allowed = MAY_INSTALL.get(module.package)
    for imported in module.imports:
        if (module.path.as_posix(), imported.top) == PARSER:
            continue
        if allowed is not None and imported.top not in STANDARD | allowed | set(PRODUCT):
            yield (
                f"{_where(module, imported)} {module.package} stands on the standard library and "
                f"{_listed(allowed)} alone: do this in the package that needs it"
            )


def refuse_impure_core(module: Module) -> Iterator[str]:
    """What decides is pure: the same input gives the same answer, with no database to start."""
    for imported in module.imports:
        if module.path.as_posix() not in PURE or _is_pure(imported.name):
            continue
        if imported.top not in STANDARD | {"schemas"}:
            yield (
                f"{_where(module, imported)} this file is pure, schemas and standard library only: "
                "pass the value in as an argument"
            )


def _is_pure(name: str) -> bool:
    """Is it one of the pure modules, or a name in one?"""
    path = name.replace(".", "/")
    return any(path == one[:-3] or path.startswith(f"{one[:-3]}/") for one in PURE)


def refuse_mlflow_elsewhere(module: Module) -> Iterator[str]:
    """Importing mlflow takes two seconds and 164 MB, and must follow a prepared environment."""
    inside = module.path.is_relative_to("harvesters/mlflow")
    for imported in module.imports:
        if imported.top != "mlflow" or module.package not in PRODUCT:
            continue
        if not inside and not module.path.is_relative_to("cli/demo"):
            yield f"{_where(module, imported)} only harvesters/mlflow may: ask it for what you need"
        elif not imported.lazy:
            yield f"{_where(module, imported)} import it inside the function that needs it"


def refuse_upward_in_service(module: Module) -> Iterator[str]:
    """Inside service: app → api → logic → tables, db."""
    own = _layer(module.name)
    for imported in module.imports:
        theirs = _layer(imported.name)
        if own is None or theirs is None or theirs <= own:
            continue
        yield (
            f"{_where(module, imported)} it lies above this module (app → api → logic → tables, "
            "db): move what both need down, or pass it in"
        )


def refuse_sideways_in_service(module: Module) -> Iterator[str]:
    """Slices use each other one way; all may read tables, and an api may join slices."""
    own = _slice(module.name)
    if own not in SLICES or _layer(module.name) != LOGIC:
        return
    allowed = SLICES[own] | EVERYONE | {own}
    for imported in module.imports:
        theirs = _slice(imported.name)
        if theirs in SLICES and theirs not in allowed and _layer(imported.name) == LOGIC:
            yield (
                f"{_where(module, imported)} {own} may use the logic of {_listed(allowed)}: "
                "move it there, or bring the two together in an api module"
            )


FOUNDATION, LOGIC, API, APP = range(4)
FOUNDATIONS: Final = {"db", "endings", "errors", "history", "settings", "tables", "typed"}


def _layer(name: str) -> int | None:
    """How high a module of service stands; None for anything else."""
    parts = PurePosixPath(name.replace(".", "/")).parts
    if parts[0] != "service" or len(parts) == 1 or (len(parts) == 2 and parts[1] in SLICES):
        return None
    deepest = {_layer_of_part(part) for part in parts[1:]}
    return max(deepest - {LOGIC}, default=LOGIC)


def _layer_of_part(part: str) -> int:
    if part == "app":
        return APP
    if part == "api" or part.endswith("_api"):
        return API
    is_table = part.endswith("_tables")
    return FOUNDATION if is_table or part in FOUNDATIONS else LOGIC


def _slice(name: str) -> str:
    """The slice of a module of service."""
    top, _, rest = name.partition(".")
    return rest.partition(".")[0] if top == "service" else ""


def _where(module: Module, imported: Imported) -> str:
    return f"{module.path}:{imported.line} imports {imported.name}:"


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
