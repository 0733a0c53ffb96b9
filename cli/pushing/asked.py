"""The options of `push`, declared once: as the command takes them, and as they are handed on."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

import typer

ID_TOKEN: Final = "MODEL_CATALOG_ID_TOKEN"  # noqa: S105  # a variable's name
Status = Literal["queued", "running", "succeeded", "failed", "canceled", "skipped"]
State = Literal["pending", "ready", "failed", "stopped", "superseded", "unknown"]
Role = Literal["live", "canary", "shadow", "batch"]
Class = Literal["production", "staging", "development"]


def said(text: str, *names: str, metavar: str | None = None) -> Any:
    """An option."""
    return typer.Option(*names, help=text, metavar=metavar)


def a_file(text: str) -> Any:
    """An option that names a file."""
    return typer.Option(help=text, exists=True, dir_okay=False, metavar="FILE")


Text = str | None
File = Path | None
Many = list[str] | None


class Asked(NamedTuple):
    """What a build is asked to push: text as it was typed."""

    ci: Annotated[bool, said("Post the build that this runs in.", "--ci")] = False
    model: Annotated[Text, said("The model.", metavar="NAMESPACE/NAME")] = None
    version: Annotated[Text, said("Its version's number.", metavar="NUMBER")] = None
    mlflow: Annotated[
        Text, said("The source of its registry, as the catalog calls it.",
                   metavar="SOURCE[/WORKSPACE]"),
    ] = None  # fmt: skip
    mlflow_run: Annotated[Text, said("The training run's id.", metavar="ID")] = None
    model_uri: Annotated[Text, said("models:/churn/7, or another of MLflow's.", metavar="URI")] = (
        None
    )
    not_built_here: Annotated[
        bool, said("Another build made the version: state no build of it.", "--not-built-here")
    ] = False
    artifact: Annotated[
        Many, said("What was made; files are hashed. May be repeated.",
                        metavar="NAME[=FILE|sha256:…]"),
    ] = None  # fmt: skip
    metric: Annotated[Many, said("One value. May be repeated.", metavar="NAME=VALUE")] = None
    metrics: Annotated[File, a_file("JSON: {name: value}, or [{name, value, dataset, slice}].")] = (
        None
    )
    dataset: Annotated[Many, said("May be repeated.", metavar="URI[,role=training][,digest=…]")] = (
        None
    )
    datasets: Annotated[File, a_file("JSON: [{uri, role, digest, version}]; or a dvc.lock.")] = None
    model_card: Annotated[File, a_file("A model card with front matter.")] = None
    ml_bom: Annotated[File, a_file("CycloneDX with a model, JSON.")] = None
    provenance: Annotated[
        list[Path] | None,
        typer.Option(exists=True, dir_okay=False, metavar="FILE",
                     help="in-toto, DSSE, Sigstore bundles. May be repeated."),
    ] = None  # fmt: skip
    provenance_key: Annotated[
        File, a_file("Public keys in PEM: what they signed is stated as verified.")
    ] = None
    deployed: Annotated[Text, said("Where it was deployed.", metavar="ENVIRONMENT")] = None
    target: Annotated[
        Text, said("What serves it: a name, or as a serving source calls it.",
                   metavar="NAME|SCHEME:VALUE"),
    ] = None  # fmt: skip
    platform: Annotated[Text, said("What runs it, such as kserve.", metavar="NAME")] = None
    endpoint: Annotated[Text, said("Where it answers.", metavar="URL")] = None
    image: Annotated[Text, said("What it runs.", metavar="NAME@sha256:…")] = None
    digest: Annotated[Text, said("Of what was deployed.", metavar="sha256:…")] = None
    artifact_uri: Annotated[Text, said("The model it serves, by address.", metavar="URI")] = None
    traffic: Annotated[
        float | None, typer.Option(min=0, max=100, metavar="PERCENT", help="Its share.")
    ] = None
    role: Annotated[Role | None, said("What the deployment is for.")] = None
    environment_class: Annotated[Class | None, said("What the environment is for.")] = None
    state: Annotated[State, said("How the deployment stands.")] = "ready"
    blueprint: Annotated[Text, said("What it was set up from.", metavar="NAME@VERSION")] = None
    status: Annotated[Status | None, said("How the build stands.")] = None
    started_at: Annotated[Text, said("When the build began.", metavar="TIME")] = None
    finished_at: Annotated[Text, said("When it ended.", metavar="TIME")] = None
    build: Annotated[Text, said("The build's key, where no CI says it.", metavar="KEY")] = None
    repository: Annotated[Text, said("Instead of what the CI says.", metavar="URL")] = None
    commit: Annotated[Text, said("Instead of what the CI says.", metavar="SHA")] = None
    ref: Annotated[Text, said("Instead of what the CI says.", metavar="REF")] = None
    workflow: Annotated[Text, said("Instead of what the CI says.", metavar="NAME")] = None
    event: Annotated[Text, said("Instead of what the CI says.", metavar="NAME")] = None
    actor: Annotated[Text, said("Instead of what the CI says.", metavar="NAME")] = None
    build_url: Annotated[Text, said("Instead of what the CI says.", metavar="URL")] = None
    id_token_variable: Annotated[
        str, said("Where the CI puts its identity token.", metavar="NAME")
    ] = ID_TOKEN
    audience: Annotated[
        Text, said("The catalog's BASE_URL, where its address is another.", metavar="URL")
    ] = None
    no_identity: Annotated[bool, said("Use the token, not the CI's identity.", "--no-identity")] = (
        False
    )
    best_effort: Annotated[
        bool, said("If the catalog does not take it, warn and end with 0.", "--best-effort")
    ] = False

    def says_more(self) -> bool:
        """Is anything asked for that only a build says?"""
        return any(
            getattr(self, name) != default
            for name, default in self._field_defaults.items()
            if name not in {"best_effort", "audience", "no_identity", "id_token_variable"}
        )


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take all of them, behind its own; they come as keywords."""
    own = inspect.signature(command)
    kept = [one for one in own.parameters.values() if one.kind is not one.VAR_KEYWORD]
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)
        for (name, default), hint in zip(
            Asked._field_defaults.items(), inspect.get_annotations(Asked).values(), strict=True
        )
    ]
    command.__signature__ = own.replace(parameters=[*kept, *more])  # type: ignore[attr-defined]  # Typer reads it
    command.__annotations__ |= inspect.get_annotations(Asked)
    return command
