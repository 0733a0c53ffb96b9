"""The command that runs the API."""

from typing import Annotated

import typer

from cli.database import database_url
from cli.exits import Exit, Stop

app = typer.Typer(help="The API.")


@app.command()
def serve(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on.")] = 8010,
) -> None:
    """Run the API until stopped; refuses to start with unsafe settings."""
    from service.settings import SettingsRefused, read_settings  # noqa: PLC0415

    try:
        settings = read_settings()
    except SettingsRefused as refused:
        raise Stop(str(refused), Exit.WRONG_USE) from None
    import uvicorn  # noqa: PLC0415

    from service.app import create_app  # noqa: PLC0415
    from service.db import Database  # noqa: PLC0415
    from service.logs import set_up_logs  # noqa: PLC0415

    set_up_logs(form=settings.log_format, level=settings.log_level)
    database = Database(database_url(settings.database_url.get_secret_value()))
    uvicorn.run(
        create_app(settings, database),
        host=host,
        port=port,
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        timeout_graceful_shutdown=10,
    )
