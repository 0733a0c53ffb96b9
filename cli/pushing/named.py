"""What model, version and training run a build speaks of, as the catalog calls them."""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from cli.pushing.asked import Asked
from cli.pushing.faults import Faults
from schemas.canonical import encode_segment, natural_name
from schemas.identifiers import Identifier, Kind
from schemas.masking import drop_userinfo

MODEL_URI: Final = re.compile(
    r"models:/{1,3}(?P<name>[^/@\s]+)(?:/(?P<number>[^/@\s]+))?(?:@\S+)?/?"
)
SOURCE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)
RUN: Final = re.compile(r"[0-9A-Za-z_-]{1,64}", re.ASCII)
DEFAULT: Final = "default"


class Named(NamedTuple):
    """`claimed` is what people call the model; `model` and `version` are what refers to them."""

    claimed: str | None = None
    number: str | None = None
    model: Identifier | None = None
    version: Identifier | None = None
    run: Identifier | None = None
    uris: tuple[str, ...] = ()


def name(asked: Asked, faults: Faults) -> Named:
    """By options; a version of a registry is called by the registry's number alone.

    Numbers of two registries never mean one version: with `--mlflow` it is that registry's.
    """
    found = MODEL_URI.fullmatch(asked.model_uri) if asked.model_uri else None
    number = asked.version or (found["number"] if found else None)
    if found and found["number"] and asked.version not in {None, found["number"]}:
        faults.add("--version", "is another one than --model-uri says")
    uris = [drop_userinfo(one) for one in (asked.model_uri, _run_uri(asked, faults)) if one]
    named = Named(asked.model, number, uris=tuple(uris))
    if asked.model:
        named = named._replace(model=_model(asked.model, faults))
    if asked.mlflow:
        registered = found["name"] if found else (asked.model or "").partition("/")[2]
        return _registered(named, asked, registered=registered, faults=faults)
    if asked.model and number:
        named = named._replace(version=_version(asked.model, number, faults=faults))
    if asked.version and not asked.model:
        faults.add("--version", "needs --model NAMESPACE/NAME, or --mlflow with --model-uri")
    return named


def _run_uri(asked: Asked, faults: Faults) -> str | None:
    """What a build knows of its run where no source of it is named."""
    if asked.mlflow_run is None:
        return None
    if not RUN.fullmatch(asked.mlflow_run):
        faults.add("--mlflow-run", "must be the id of a run, such as 0f3c…")
        return None
    return None if asked.mlflow else f"runs:/{asked.mlflow_run}"


def _model(written: str, faults: Faults) -> Identifier | None:
    namespace, _, rest = written.partition("/")
    return _made(
        Kind.MODEL, "name", value=lambda: natural_name(namespace, rest), faults=faults, of="--model"
    )


def _version(written: str, number: str, *, faults: Faults) -> Identifier | None:
    namespace, _, rest = written.partition("/")
    if "@" in number:
        faults.add("--version", "must not hold @, which marks another registry's numbers")
        return None
    return _made(
        Kind.VERSION, "number",
        value=lambda: f"{natural_name(namespace, rest)}/{encode_segment(number)}",
        faults=faults, of="--version",
    )  # fmt: skip


def _registered(named: Named, asked: Asked, *, registered: str, faults: Faults) -> Named:
    """As a registry calls them; the model is called as whoever pushes does, if he does."""
    source, _, workspace = (asked.mlflow or "").partition("/")
    if not SOURCE.fullmatch(source):
        faults.add("--mlflow", "must be SOURCE or SOURCE/WORKSPACE, the source's name")
        return named
    within = f"{source}/{encode_segment(workspace or DEFAULT)}"
    model = version = run = None
    if registered:
        called = f"{within}/{encode_segment(registered)}"
        model = _made(Kind.MODEL, "mlflow", value=lambda: called, faults=faults, of="--mlflow")
        if named.number:
            below = f"{called}/{encode_segment(named.number)}"
            version = _made(
                Kind.VERSION, "mlflow", value=lambda: below, faults=faults, of="--version"
            )
    elif named.number:
        faults.add("--version", "needs --model NAMESPACE/NAME or --model-uri models:/NAME/NUMBER")
    if asked.mlflow_run:
        called = f"{within}/{asked.mlflow_run}"
        run = _made(
            Kind.TRAINING_RUN, "mlflow", value=lambda: called, faults=faults, of="--mlflow-run"
        )
    return named._replace(model=model or named.model, version=version, run=run)


def _made(
    kind: Kind, scheme: str, *, value: Callable[[], str], faults: Faults, of: str
) -> Identifier | None:
    with faults.told(of):
        return Identifier(kind=kind, scheme=scheme, value=value())
    return None
