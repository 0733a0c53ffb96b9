"""The errors that the catalog answers with: a docstring is the message and how to mend it."""

import re
from collections.abc import Iterator
from inspect import cleandoc
from typing import Any, ClassVar

from schemas.problem import FieldProblem, Problem

PROBLEM_JSON = "application/problem+json"
CODES = "x-codes"  # of the errors that stand behind a status


class CatalogError(Exception):
    """The catalog could not do this.

    Nothing was changed. The trace id finds the cause in the log.
    """

    status: ClassVar[int] = 500
    headers: ClassVar[dict[str, str]] = {}

    def __init__(self, *errors: FieldProblem, detail: str | None = None, **facts: object) -> None:
        """Say where; `facts` are for the log and the traceback, `detail` is shown."""
        self.title, self.fix = self.said()
        self.errors, self.detail, self.facts = errors, detail, facts
        super().__init__(f"{self.title} {facts}")

    @classmethod
    def said(cls) -> tuple[str, str]:
        """What happened, and how to mend it: the two parts of its docstring."""
        title, _, fix = cleandoc(cls.__doc__ or "").partition("\n\n")
        return title, " ".join(fix.split())

    @classmethod
    def code(cls) -> str:
        """The error's name in documents and answers: `model_not_found`."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()


def as_problem(error: CatalogError, *, trace_id: str) -> Problem:
    """An error as RFC 9457 says; the input is never echoed."""
    problem = explained(type(error), trace_id=trace_id, errors=error.errors)
    if not error.detail:
        return problem
    return problem.model_copy(update={"detail": f"{error.detail} {problem.detail}"})


def explained(
    error: type[CatalogError], *, trace_id: str = "", errors: tuple[FieldProblem, ...] = ()
) -> Problem:
    """What an error always says, without an occasion."""
    (title, fix), code = error.said(), error.code()
    return Problem(
        type=f"/errors/{code}",
        title=title,
        status=error.status,
        detail=fix,
        code=code,
        errors=errors,
        trace_id=trace_id,
    )


def known_errors(root: type[CatalogError] = CatalogError) -> Iterator[type[CatalogError]]:
    """An error and everything more precise than it."""
    yield root
    for error in root.__subclasses__():
        yield from known_errors(error)


def find_error(code: str) -> type[CatalogError]:
    """The error of a code. Raises `NotFound`."""
    found = next((error for error in known_errors() if error.code() == code), None)
    if found is None:
        raise NotFound
    return found


def problems(*errors: type[CatalogError]) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, for the OpenAPI document, which is completed from their codes."""
    answers: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        answer = answers.setdefault(error.status, {"model": Problem, CODES: []})
        answer[CODES].append(error.code())
        answer["description"], _ = error.said()
    return answers


class Invalid(CatalogError):
    """The request is not valid.

    `errors` says where and how to mend it.
    """

    status = 422


class BadRequest(CatalogError):
    """The request cannot be read.

    `detail` says why. Send UTF-8 JSON, each key once, numbers that a computer can hold.
    """

    status = 400


class NotAuthenticated(CatalogError):
    """A valid token is needed.

    Send `Authorization: Bearer mcat…`; `model-catalog token create` makes one. Expired and revoked
    tokens are refused like unknown ones.
    """

    status = 401
    headers: ClassVar[dict[str, str]] = {"WWW-Authenticate": 'Bearer realm="model-catalog"'}


class InsufficientScope(CatalogError):
    """The token may not do this.

    Ask an admin for a token whose scopes include it.
    """

    status = 403


class ForeignSource(CatalogError):
    """The token speaks for another source.

    Each source has tokens of its own; the service takes the source from the token.
    """

    status = 403


class NotFound(CatalogError):
    """There is nothing here that you may see.

    The address may be wrong, or the thing lies in a namespace that your token cannot read.
    """

    status = 404


class MethodNotAllowed(CatalogError):
    """This address does not know the method.

    `Allow` lists those it knows.
    """

    status = 405


class RequestTimedOut(CatalogError):
    """The request's body did not arrive in time.

    Send it within 30 seconds, in smaller batches if the line is slow.
    """

    status = 408


class Conflict(CatalogError):
    """Something else is in the way.

    Read the current state and decide again.
    """

    status = 409


class TooLarge(CatalogError):
    """The request is too large.

    Send at most 1 MiB; batches at most 8 MiB and 1,000 observations or 5,000 sightings.
    """

    status = 413


class UnsupportedMedia(CatalogError):
    """The body is of a type that is not read here.

    Send it with its `Content-Type` and without `Content-Encoding`.
    """

    status = 415


class HeadersTooLarge(CatalogError):
    """The request has too many or too long headers.

    At most 100 headers of 32 KiB in all are read.
    """

    status = 431


class Unavailable(CatalogError):
    """The service cannot do this at the moment.

    Try again in a few seconds; nothing was changed.
    """

    status = 503
    headers: ClassVar[dict[str, str]] = {"Retry-After": "5"}
