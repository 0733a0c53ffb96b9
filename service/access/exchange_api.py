"""The route by which CI jobs get a token: public, and proved by what is sent."""

from asyncio import Semaphore
from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request

from schemas.identities import AskedExchange, Exchanged
from service.access.ci.errors import (
    IdentityNotProved,
    JobNotBound,
    KeysUnavailable,
    TooManyExchanges,
)
from service.access.ci.exchange import Exchanges, exchange
from service.access.policy import PUBLIC
from service.db import Store
from service.errors import problems
from service.routing import CatalogRoute, Trace, policy

router = APIRouter(prefix="/api/v1", tags=["access"], route_class=CatalogRoute)
BODY_BYTES: Final = 32 * 1024
LANES: Final = 3  # of twelve threads: a slow issuer takes no others
MOST_WAITING: Final = 100


class Admission:
    """How many exchanges run and wait at once. All in the event loop, so nothing is locked."""

    def __init__(self) -> None:
        """Nothing waits."""
        self.lane, self.inside = Semaphore(LANES), 0


async def _admitted(request: Request) -> AsyncIterator[Exchanges]:
    """What all exchanges share, once there is room. Raises `TooManyExchanges`."""
    exchanges: Exchanges = request.app.state.exchanges
    admission: Admission = request.app.state.exchange_admission
    exchanges.admit_address(request.client.host if request.client else "")
    if admission.inside >= LANES + MOST_WAITING:
        raise TooManyExchanges(waiting=admission.inside)
    admission.inside += 1
    try:
        async with admission.lane:
            yield exchanges
    finally:
        admission.inside -= 1


Admitted = Annotated[Exchanges, Depends(_admitted, scope="function")]


@router.post(
    "/tokens:exchange",
    responses=problems(IdentityNotProved, JobNotBound, TooManyExchanges, KeysUnavailable),
)
@policy(PUBLIC, max_body=BODY_BYTES)
def exchange_identity(
    asked: AskedExchange, admitted: Admitted, database: Store, trace: Trace
) -> Exchanged:
    """Exchange a CI job's own identity token for a token of a source, for 15 minutes.

    It pushes observations, and only about what the identity token proved: its repository, commit
    and build. Each identity token is good for one exchange.
    """
    return exchange(database, admitted, asked=asked, trace=trace)
