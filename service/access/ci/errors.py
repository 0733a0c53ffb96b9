"""Why an exchange is refused: to strangers one answer, to jobs that are bound what to mend."""

from typing import ClassVar

from service.errors import CatalogError, Unavailable


class IdentityNotProved(CatalogError):
    """The identity token lets nobody speak for this source.

    Source, issuer, signature, audience, times and the job itself must all fit; each token is good
    for one exchange. docs/ci-identity.md goes through it; the service's log says what did not fit.
    """

    status = 401
    headers: ClassVar[dict[str, str]] = {"WWW-Authenticate": 'Bearer realm="model-catalog"'}


class JobNotBound(CatalogError):
    """The identity is genuine, and this job may not speak for the source.

    Let the job run as the source's `identities` say, or let an admin add a binding for it.
    """

    status = 403


class KeysUnavailable(Unavailable):
    """The issuer's keys cannot be read at the moment.

    Try again in a minute with the same identity token, or with a new one. If it lasts, the
    service's log says why: docs/ci-identity.md.
    """


class TooManyExchanges(CatalogError):
    """More identity tokens are sent than are exchanged.

    Wait as long as `Retry-After` says. A token lasts for 15 minutes: one exchange a job is enough.
    An operator can set another limit: `MODEL_CATALOG_EXCHANGES_PER_SECOND`.
    """

    status = 429
    headers: ClassVar[dict[str, str]] = {"Retry-After": "5"}
