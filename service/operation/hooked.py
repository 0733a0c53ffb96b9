"""Whether webhooks come: their secrets, when the last one came, which could not be read."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from schemas.hooks import WebhookState
from service.db import Database
from service.hooks.receivers import RECEIVERS
from service.hooks.secrets import PREFIX, hook_secrets
from service.ingest.hinted import webhook_states
from service.ingest.tables import SourceRow
from service.operation.checks import Finding

QUIET: Final = timedelta(days=7)
HOW: Final = "docs/webhooks.md says how to set them up, and what may stop them."

source = SourceRow.__table__


def check_webhooks(database: Database, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Of each enabled source that names a secret."""
    query = sa.select(*source.c["id", "name", "kind", "webhook_secret"], sa.func.now().label("now"))
    named = query.where(source.c.enabled, source.c.webhook_secret.is_not(None))
    with database.reading() as session:
        rows = session.execute(named.order_by(source.c.name)).all()
        states = webhook_states(session, [row.id for row in rows])
    for row in rows:
        what = f"webhooks of {row.name}"
        if row.kind not in RECEIVERS:
            known = ", ".join(sorted(RECEIVERS))
            yield Finding("warn", what, f"a source of kind {row.kind} takes none",
                          f"Take its `webhook_secret` away; {known} send webhooks.")  # fmt: skip
        elif not hook_secrets(row.webhook_secret, environ):
            variable = f"{PREFIX}{row.webhook_secret}"
            fix = f"Where the service runs, set {variable}, of 16 characters or more."
            yield Finding("warn", what, "no secret here", fix)
        else:
            yield _came(what, states[row.id], source=row.name, now=row.now)


def _came(what: str, state: WebhookState, *, source: str, now: datetime) -> Finding:
    if state.parked:
        parked = f"`GET /api/v1/sources/{source}/deliveries?state=parked`"
        said = f"{state.parked} could not be read"
        return Finding("warn", what, said, f"{parked} says why.")
    if state.last_delivery_at is None:
        return Finding("warn", what, "no delivery has ever come", HOW)
    day = f"{state.last_delivery_at:%Y-%m-%d %H:%M} UTC"
    if now - state.last_delivery_at > QUIET:
        return Finding("warn", what, f"no delivery since {day}", HOW)
    return Finding("ok", what, f"the last delivery came {day}")
