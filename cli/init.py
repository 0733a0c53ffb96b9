"""The command that writes a first manifest from what a repository shows."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cli.exits import Exit, Stop
from cli.output import Json, print_json, say

if TYPE_CHECKING:
    from cli.init_draft import Draft

app = typer.Typer(help="Write a first manifest.")
FILE: Final = "model.yaml"
MOST_PASSED_OVER: Final = 20


@app.command()
def init(  # noqa: PLR0913  # options of one command
    path: Annotated[
        Path, typer.Argument(metavar="[PATH]", help="A folder, or the file to write.")
    ] = Path(),
    *,
    name: Annotated[str | None, typer.Option("--name", help="The model's name.")] = None,
    namespace: Annotated[
        str | None, typer.Option("--namespace", help="The namespace that it belongs to.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the file, and whether it could be written.")
    ] = False,
    stdout: Annotated[bool, typer.Option("--stdout", help="Print the file, write none.")] = False,
    server: Annotated[
        str | None,
        typer.Option("--server", metavar="URL", help="Ask this catalog for its sources."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a first model.yaml from what the repository shows; ask for what only a person knows."""
    from cli.init_text import write_manifest

    folder, file = _place(path)
    if file.exists() and not (force or stdout):
        message = f"{file} is there already. --force replaces it, --stdout prints a new one."
        raise Stop(message, Exit.CONFLICT)
    draft = _drafted(folder, file, called=(name, namespace), server=server)
    text = write_manifest(draft)
    written = not (dry_run or stdout)
    if written:
        _write(file, text, force=force)
    _tell(file, draft, text=text, written=written, as_json=as_json)


def _drafted(
    folder: Path, file: Path, *, called: tuple[str | None, str | None], server: str | None
) -> "Draft":
    """What can be said of the model; `called` are the name and namespace that were given."""
    from cli.init_draft import draft_of
    from cli.init_folder import in_namespace, read_folder

    name, namespace = called
    found = read_folder(folder, manifest=file.name)
    named = found.named._replace(name=_called(name, "name"))
    if namespace is not None:
        given = _called(namespace, "namespace") or ""
        named = in_namespace(named, given, told="given as --namespace")
    draft = draft_of(named, found.files, owners=found.owners)
    if found.tracking is not None:
        _register(draft, found.tracking, server=server)
    if "metadata.namespace" not in draft.fields:
        message = "Nothing here says which namespace the model belongs to: add --namespace NAME."
        raise Stop(message, Exit.WRONG_USE)
    if "metadata.name" not in draft.fields:
        raise Stop("Nothing here says what the model is called: add --name NAME.", Exit.WRONG_USE)
    draft.elsewhere.update(found.elsewhere)
    draft.notes += [f"Not read: {why}" for why in found.passed_over[:MOST_PASSED_OVER]]
    return draft


def _place(path: Path) -> tuple[Path, Path]:
    """The folder that is looked at, and the file that is written."""
    from harvesters.manifests.wanted import is_manifest

    if path.is_dir():
        return path, path / FILE
    if not path.parent.is_dir():
        message = f"{path.parent} is no folder: make it first, or name another."
        raise Stop(message, Exit.NOT_FOUND)
    if not is_manifest(path.name):
        message = f"{path}: manifests are called model.yaml or something.model.yaml."
        raise Stop(message, Exit.WRONG_USE)
    return path.parent, path


def _called(given: str | None, what: str) -> str | None:
    from cli.init_draft import holds

    if given is None or holds("metadata", {what: given}):
        return given
    raise Stop(
        f"--{what} must be lower-case letters, digits, - and _, with a letter or digit at both "
        "ends, such as churn.",
        Exit.WRONG_USE,
    )


def _register(draft: "Draft", tracking: str, *, server: str | None) -> None:
    """Which registry the model is in: only the catalog knows what it calls an MLflow server."""
    from cli.init_draft import Said
    from cli.init_folder import EXPERIMENT, TRACKING

    about = f"{TRACKING} is {tracking}"
    if experiment := os.environ.get(EXPERIMENT):
        about += f", {EXPERIMENT} is {experiment}"
    if server is None:
        draft.registered = Said(None, f"{about}; --server tells what the catalog calls it")
        return
    from cli.client import Client
    from cli.init_server import find_registry

    os.environ["MODEL_CATALOG_URL"] = server
    name = draft.fields.get("metadata.name", [Said("", "")])[0].value
    found = find_registry(Client.from_environment(), tracking, name=name)
    if isinstance(found, str):
        draft.registered = Said(None, f"{about}: {found}")
    elif not found.knows:
        told = f"{about}: source {found.source}, which has shown no model called {name}"
        draft.registered = Said(None, told)
    else:
        value = {"source": found.source, "name": name}
        draft.registered = Said(value, f"from {TRACKING} and the catalog")


def _write(file: Path, text: str, *, force: bool) -> None:
    """All of it or nothing; what came there meanwhile is left alone."""
    if not force:
        with file.open("x", encoding="utf-8", newline="\n") as new:
            new.write(text)
        return
    part = file.with_name(f".{file.name}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def _tell(file: Path, draft: "Draft", *, text: str, written: bool, as_json: bool) -> None:
    from cli.init_questions import open_questions
    from cli.init_text import note

    asked = open_questions(draft)
    if as_json:
        stated = [
            {"field": place, "value": said[0].value, "from": said[0].told}
            for place, said in sorted(draft.fields.items())
        ]
        print_json({"file": str(file), "written": written, "stated": stated,
                    "asked": {name.rpartition(" ")[2]: names for name, names in asked.items()},
                    "elsewhere": sorted(draft.elsewhere),
                    "notes": [note(one) for one in draft.notes], "text": text})  # fmt: skip
    elif written:
        typer.echo(str(file))
    else:
        typer.echo(text, nl=False)
    for folder, name in draft.elsewhere.items():
        say(f"{note(folder)} holds what looks like a model ({note(name)}): run init there for it.")
    say("Only a person can say")
    for about, names in asked.items():
        say(f"  {about}: {', '.join(names)}")
    done = "Then run" if written else "Nothing was written. Afterwards run"
    say(f"These lines stand in the file as comments. {done} `model-catalog check {file}`.")
