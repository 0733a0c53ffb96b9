"""MLflow's client as a reader: complete walks, and errors as what they really are."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from harvesters.errors import SourceRefused, SourceUnavailable, shown

MODELS_PAGE: Final = 1_000
VERSIONS_PAGE: Final = 10_000
MISSING: Final = {"RESOURCE_DOES_NOT_EXIST"}
REFUSED: Final = {"UNAUTHENTICATED", "FEATURE_DISABLED", "ENDPOINT_NOT_FOUND"}
STATUS: Final = re.compile(r"error code (\d{3})|status code (\d{3})|HTTP (\d{3})|(\d{3}) Client Error")
Found = TypeVar("Found")


class NotReadable(Exception):  # noqa: N818  # reads as a sentence
    """The source will not show this thing to our account: neither there nor gone."""


class Missing(Exception):  # noqa: N818  # reads as a sentence
    """Asked by name, the source says that it is not there."""


class Registry:
    """One tracking server's registry."""

    def __init__(self, uri: str) -> None:
        """Name both stores: else another variable would redirect the registry in silence."""
        from mlflow import MlflowClient  # noqa: PLC0415  # two seconds and 164 MB

        self.client = MlflowClient(tracking_uri=uri, registry_uri=uri)

    def enter(self, workspace: str) -> None:
        """Read one workspace from now on; `default` is what a server without them has."""
        import mlflow  # noqa: PLC0415

        if hasattr(mlflow, "set_workspace"):
            with truthful():
                mlflow.set_workspace(None if workspace == "default" else workspace)

    def workspaces(self) -> list[str]:
        """Every workspace that our account may see."""
        with truthful():
            return [workspace.name for workspace in self.client.list_workspaces()]

    def probe(self) -> None:
        """Ask something that every tracking server can answer, before a listing is believed."""
        from mlflow.entities import ViewType  # noqa: PLC0415

        with truthful():
            found = self.client.search_experiments(view_type=ViewType.ALL, max_results=1)
        if not found:
            raise SourceRefused(
                "the server lists no experiment, not even a deleted one: it is not MLflow, or our "
                "account may see nothing"
            )

    def models(self) -> Iterator[list[Any]]:
        """Every registered model, by name."""
        return walk(
            lambda token: self.client.search_registered_models(
                max_results=MODELS_PAGE, order_by=["name ASC"], page_token=token
            )
        )

    def versions(self) -> Iterator[list[Any]]:
        """Every version, by model and number."""
        return walk(
            lambda token: self.client.search_model_versions(
                max_results=VERSIONS_PAGE,
                order_by=["name ASC", "version_number ASC"],
                page_token=token,
            )
        )

    def model(self, name: str) -> Any:
        """One model by name. Raises `Missing`, `NotReadable`."""
        with truthful():
            return self.client.get_registered_model(name)

    def version(self, name: str, number: str) -> Any:
        """One version by name and number. Raises `Missing`, `NotReadable`."""
        with truthful():
            return self.client.get_model_version(name, number)


def walk(page: Callable[[str | None], Any]) -> Iterator[list[Any]]:
    """All pages. A repeated token would never end; an empty page with a token is not the end."""
    seen: set[str] = set()
    token: str | None = None
    while True:
        with truthful():
            found = page(token)
        yield list(found)
        token = found.token
        if not token:
            return
        if token in seen:
            raise SourceRefused("the server answers the same page token twice")
        seen.add(token)


@contextmanager
def truthful() -> Iterator[None]:
    """What the client's errors mean: it reports most of them as internal errors of code 500."""
    from google.protobuf.json_format import ParseError  # noqa: PLC0415
    from mlflow.exceptions import MlflowException  # noqa: PLC0415
    from requests.exceptions import RequestException  # noqa: PLC0415

    try:
        yield
    except MlflowException as error:
        raise _meaning(error, RequestException) from None
    except ParseError as error:
        message = f"the server's answer has a field of the wrong type: {shown(error)}"
        raise SourceRefused(message) from None
    except (RequestException, OSError) as error:
        raise SourceUnavailable(shown(error)) from None


def _meaning(error: Any, transport: type[Exception]) -> Exception:
    text, code = shown(error), str(getattr(error, "error_code", ""))
    cause = error.__cause__ or error.__context__
    if code in MISSING:
        return Missing(text)
    if code == "PERMISSION_DENIED":
        return NotReadable(text)
    if code in REFUSED or "not in a valid JSON format" in text:
        return SourceRefused(text)
    found = STATUS.search(text)
    status = int(next(group for group in found.groups() if group)) if found else 0
    if status == 403:  # noqa: PLR2004  # forbidden
        return NotReadable(text)
    if 300 <= status < 500 and status not in {408, 429}:  # noqa: PLR2004  # will not change by itself
        return SourceRefused(text)
    if isinstance(cause, transport) or status or code == "INTERNAL_ERROR":
        return SourceUnavailable(text)
    return SourceRefused(text)
