"""The command that harvests what is due, seals the ledger, builds bundles, until stopped."""

import signal
from subprocess import DEVNULL
from threading import Event
from typing import Annotated, Any

import typer

app = typer.Typer(help="Harvest what is due, until stopped.")
SideBySide = Annotated[
    int, typer.Option(min=1, max=64, metavar="N", help="Sources that are read at the same time.")
]
TimeLimit = Annotated[
    int, typer.Option(min=1, max=604_800, metavar="SECONDS", help="The most a harvest may take.")
]


@app.command()
def worker(*, side_by_side: SideBySide = 2, time_limit: TimeLimit = 14_400) -> None:
    """Harvest each source when it is due; seal; send events; build bundles; do periodic jobs."""
    import structlog

    from cli.client import service_url
    from cli.crew import Crew, Plan, installed_kinds
    from cli.database import operated, signing_keys, worker_settings
    from cli.receiver import courier
    from service.db import APP_ROLE
    from service.exports.jobs.builder import Bundler
    from service.ledger.sealer import Sealer
    from service.logs import set_up_logs

    stopping = stopped_by_signal()
    told = worker_settings()
    keys = signing_keys(told.export_signing_key_file)
    plan = Plan(service_url(), installed_kinds(), side_by_side, time_limit, told.training_run_days)
    with operated(APP_ROLE) as database:
        set_up_logs(form=told.log_format, level=told.log_level)
        log = structlog.get_logger()

        def tell(source: str, said: str) -> None:
            log.info("harvest_says", source=source, said=said)

        bundler = Bundler(database, keys, days=told.export_days)
        with Sealer(database, keys), courier(database, told), bundler:
            Crew(database, plan, tell=tell, onto=DEVNULL).work(stopping)


def stopped_by_signal() -> Event:
    """Is set by SIGTERM and by Ctrl-C: harvests are then ended in order."""
    stopping = Event()

    def stop(_signal: int, _frame: Any) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    return stopping
