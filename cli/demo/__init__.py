"""The demo: everything on this machine, filled from a real MLflow server through the real route."""

import fcntl
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from cli.demo.children import Children, free_port, wait_for
from cli.demo.route import Catalog, declare, prepare_database
from cli.exits import Exit, Stop

app = typer.Typer(help="Everything on this machine.")
SOURCE = "mlflow-demo"
MARK = ".model-catalog-demo"  # what lies beside it may be thrown away
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # seven processes that nobody needs here
}


@app.command()
def demo(
    *,
    once: Annotated[bool, typer.Option(help="End after the harvest and a CSV export.")] = False,
    port: Annotated[int, typer.Option(help="Port of the catalog; 0 takes a free one.")] = 8010,
    folder: Annotated[Path, typer.Option(help="Where its data lies.")] = Path("demo-data"),
) -> None:
    """Run the catalog with a private PostgreSQL and a real MLflow server of five models."""
    folder = folder.resolve()
    with _cleared(folder), Children() as children:
        uri = _start_mlflow(children, folder)
        url, token = _start_catalog(children, folder, port=port or free_port())
        wait_for(f"{uri}/health", children, log=folder / "mlflow.log")
        _fill(uri)
        _say(f"MLflow with five models runs at {uri}")
        wait_for(f"{url}/readyz", children, log=folder / "catalog.log")
        catalog = Catalog(url, bootstrap=token)
        _say(f"The catalog runs at {url}")
        declare(catalog, source=SOURCE, uri=uri)
        catalog.harvest(SOURCE)
        rows = catalog.export(folder / "models.csv")
        catalog.export(folder / "versions.csv", versions=True)
        _agree(catalog, rows)
        _show(catalog, folder)
        if not once:
            _say("Ctrl-C ends it.")
            children.wait()


@contextmanager
def _cleared(folder: Path) -> Iterator[None]:
    """Ours alone meanwhile, and empty: what is in it, an earlier demo left there."""
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / MARK
    if not mark.exists() and any(folder.iterdir()):
        message = f"{folder} is not empty and no demo's: name another with --folder."
        raise Stop(message, Exit.WRONG_USE)
    with mark.open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"Another demo runs in {folder}: end it, or name another with --folder."
            raise Stop(message, Exit.CONFLICT) from None
        for left in (one for one in folder.iterdir() if one != mark):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        yield


def _start_mlflow(children: Children, folder: Path) -> str:
    """Begins at once and takes a while: its database is made by sixty migrations."""
    port = free_port()
    store = folder / "mlflow"
    store.mkdir()
    children.start(
        [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
         "--workers", "1", "--backend-store-uri", f"sqlite:///{store}/mlflow.db",
         "--artifacts-destination", str(store / "artifacts")],
        log=folder / "mlflow.log",
        environment=os.environ | QUIET,
    )  # fmt: skip
    return f"http://127.0.0.1:{port}"


def _fill(uri: str) -> None:
    """In a process of its own: MLflow's client is told to keep quiet and to itself."""
    environment = os.environ | QUIET
    command = [sys.executable, "-m", "cli.demo.company", uri]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise Stop(done.stderr, Exit.UNAVAILABLE)


def _start_catalog(children: Children, folder: Path, *, port: int) -> tuple[str, str]:
    """Answers its address and the first token."""
    database, token = prepare_database(folder / "postgresql")
    url = f"http://127.0.0.1:{port}"
    environment = os.environ | {
        "MODEL_CATALOG_DATABASE_URL": database,
        "MODEL_CATALOG_SECRET_KEY": secrets.token_urlsafe(48),
        "MODEL_CATALOG_BASE_URL": url,
    }
    children.start(
        [sys.executable, "-m", "cli.main", "serve", "--port", str(port)],
        log=folder / "catalog.log",
        environment=environment,
    )
    return url, token


def _agree(catalog: Catalog, rows: int) -> None:
    listed = len(catalog.models())
    if listed != rows or not rows:
        message = f"the list has {listed} models, the CSV {rows}; see the logs in demo-data"
        raise Stop(message, Exit.FINDINGS)


def _show(catalog: Catalog, folder: Path) -> None:
    for model in catalog.models():
        columns = (
            model["name"],
            model["newest_version"] or "-",
            model["facts"].get("description") or "",
        )
        typer.echo("\t".join(columns))
    _say(f"\nThe same as CSV: {folder / 'models.csv'} and versions.csv")
    _say(f"A token for reading, for a day:\n\n  export TOKEN={catalog.reader}\n")
    header = '-H "Authorization: Bearer $TOKEN"'
    for path in ("/models", "/models/retail/churn?provenance=true", "/versions.csv"):
        _say(f"  curl -s {header} '{catalog.url}/api/v1{path}'")


def _say(text: str) -> None:
    typer.echo(text, err=True)
