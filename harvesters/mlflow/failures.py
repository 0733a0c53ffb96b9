"""What an exception of the MLflow client means: nearly all are one class with status 500."""

import base64
from collections.abc import Iterator, Sequence
from typing import Final

from harvesters.errors import SourceRefused, SourceUnavailable, shown

LATER: Final = {
    "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED",
}  # fmt: skip


class NotThere(SourceRefused):
    """The server says that it has no such thing."""


class NotAllowed(SourceRefused):
    """The server does not let this credential see it; it says so of what never existed, too."""


def translated(error: Exception, *, asked: str, secrets: Sequence[str]) -> Exception:
    """The exception to raise instead; its text names the call and holds no credential.

    The truth of a transport failure stands somewhere behind it, where it comes from `requests`.
    """
    from mlflow.exceptions import MlflowException  # noqa: PLC0415  # slow, prepared
    from requests import RequestException  # noqa: PLC0415

    failed = next((one for one in _behind(error) if isinstance(one, RequestException)), error)
    message = f"{asked}: {type(failed).__name__}: {scrubbed(str(failed), secrets)}"
    if isinstance(failed, RequestException):
        return SourceUnavailable(message)
    if not isinstance(error, MlflowException):
        return SourceRefused(message)
    if error.error_code == "RESOURCE_DOES_NOT_EXIST":  # a page that is not JSON has another code
        return NotThere(message)
    if error.error_code == "PERMISSION_DENIED":
        return NotAllowed(message)
    return (SourceUnavailable if error.error_code in LATER else SourceRefused)(message)


def _behind(error: BaseException) -> Iterator[BaseException]:
    """An exception and those that it was raised from, or while handling."""
    behind: BaseException | None = error
    while behind is not None:
        yield behind
        behind = behind.__cause__ or behind.__context__


def scrubbed(text: str, secrets: Sequence[str]) -> str:
    """A text without the credential, as it was given and as it travels."""
    for secret in secrets:
        for form in (secret, base64.b64encode(secret.encode()).decode(), secret.partition(":")[2]):
            if form:
                text = text.replace(form, "[credential]")
    return shown(text)
