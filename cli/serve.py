"""The command that runs the API."""

import gc
import signal
import socket
import sys
from typing import Annotated, Any

import typer

from cli.exits import Exit, Stop
from cli.output import say

app = typer.Typer(help="The API.")
BACKLOG = 2048
MOST_CONNECTIONS = 900  # below the usual 1,024 open files; idle ones count, so it is no other limit


@app.command()
def serve(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 takes a free one.")
    ] = 8010,
) -> None:
    """Run the API until stopped; refuses to start with unsafe settings."""
    from service.settings import SettingsRefused, read_settings

    try:
        settings = read_settings()
    except SettingsRefused as refused:
        message = f"{refused}\nThe service does not start; docs/settings.md has all settings."
        raise Stop(message, Exit.WRONG_USE) from None
    from cli.database import explained, signing_keys, started_url
    from service.app import create_app
    from service.db import Database
    from service.logs import set_up_logs

    signing_keys(settings.export_signing_key_file)  # refused before anything listens
    set_up_logs(form=settings.log_format, level=settings.log_level)
    signal.signal(signal.SIGTERM, _leave)  # orderly: a private database is stopped on the way out
    with listening(host, port) as listener, explained():
        database = Database(started_url(settings.database_url.get_secret_value()))
        proxies = settings.trusted_proxies
        application = create_app(settings, database, seals=True)
        run_server(application, listener=listener, proxies=proxies)


def run_server(application: Any, *, listener: socket.socket, proxies: str) -> None:
    """Answer on a socket until a signal comes; requests under way are finished."""
    import uvicorn

    address, port = listener.getsockname()[:2]
    say(f"The catalog answers on http://{f'[{address}]' if ':' in address else address}:{port}")
    configured = uvicorn.Config(
        application,
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies or None,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=10,
    )
    # What is loaded stays, and a batch makes many objects but no cycles: looked through every 700
    # objects, as is usual, collecting takes a third of all time.
    gc.freeze()
    gc.set_threshold(200_000, 50, 50)
    uvicorn.Server(configured).run(sockets=[listener])


def listening(host: str, port: int) -> socket.socket:
    """A listening socket, before anything else starts: a taken port is then no half start."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=BACKLOG)
        # asyncio sets it on sockets of its own making only; without it a client that keeps its
        # connection waits 40 ms for every answer (Nagle's algorithm and delayed acknowledgements).
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        why = str(error.strerror).partition(" (")[0]
        message = f"{host}:{port} cannot be listened on ({why}): choose another --host or --port."
        raise Stop(message, Exit.UNAVAILABLE) from None
    return listener


def _leave(_signal: int, _frame: Any) -> None:
    sys.exit(Exit.DONE)
