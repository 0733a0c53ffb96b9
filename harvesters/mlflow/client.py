"""One workspace of an MLflow registry, read page by page: a thin layer over `MlflowClient`."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, Final

from harvesters.errors import SourceRefused
from harvesters.mlflow.failures import NotAllowed, NotThere, translated
from harvesters.mlflow.rows import Absent, ModelRow, VersionRow

DEFAULT_WORKSPACE: Final = "default"
MODELS_A_PAGE: Final = 1_000  # the most that servers take
VERSIONS_A_PAGE: Final = 10_000


class Registry:
    """Models and versions of one workspace, as the server answers them.

    Every method raises `SourceUnavailable` or `SourceRefused` and nothing else. The environment
    must be prepared before the first call, which imports the client.
    """

    def __init__(self, uri: str, *, workspace: str, secrets: Sequence[str] = ()) -> None:
        """Read the workspace of a server; `secrets` never stand in an error."""
        self.uri, self.workspace, self.secrets = uri, workspace, secrets

    def workspaces(self) -> list[str]:
        """Names of all workspaces that the credential may see."""
        return sorted(str(found.name) for found in self._call("list_workspaces"))

    def probe(self) -> bool:
        """Does the tracking side answer; are there experiments? A new server has one."""
        from mlflow.entities import ViewType  # noqa: PLC0415

        return bool(self._call("search_experiments", view_type=ViewType.ALL, max_results=1))

    def models(self) -> Iterator[tuple[ModelRow, ...]]:
        """All registered models but prompts, with their aliases, by name."""
        return self._walk(
            "search_registered_models", max_results=MODELS_A_PAGE, order_by=["name ASC"]
        )

    def versions(self) -> Iterator[tuple[VersionRow, ...]]:
        """All versions, by model and number."""
        order = ["name ASC", "version_number ASC"]
        return self._walk("search_model_versions", max_results=VERSIONS_A_PAGE, order_by=order)

    def find_model(self, name: str) -> ModelRow | Absent:
        """Ask for a model by its name."""
        found: ModelRow | Absent = self._find(
            "get_registered_model", name, is_it=lambda row: row.name == name
        )
        return found

    def find_version(self, name: str, number: str) -> VersionRow | Absent:
        """Ask for a version by its model's name and its number."""
        found: VersionRow | Absent = self._find(
            "get_model_version",
            name,
            number,
            is_it=lambda row: row.name == name and str(row.version) == number,
        )
        return found

    @cached_property
    def _client(self) -> Any:
        """Both addresses are given: else the environment could redirect the registry."""
        from mlflow import MlflowClient  # noqa: PLC0415

        return MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    def _walk(self, method: str, **options: Any) -> Iterator[tuple[Any, ...]]:
        """Pages until there is no token; an empty page with a token is not the end.

        Tokens are offsets: one that comes twice would never end.
        """
        token: str | None = None
        tokens: set[str] = set()
        while True:
            page = self._call(method, page_token=token, **options)
            yield tuple(page)
            token = page.token
            if not token:
                return
            if token in tokens:
                message = f"{method}: a page token came twice, the listing never ends"
                raise SourceRefused(message)
            tokens.add(token)

    def _find(self, method: str, *names: str, is_it: Callable[[Any], bool]) -> Any:
        try:
            row = self._call(method, *names)
        except NotThere:
            return Absent.MISSING
        except NotAllowed:
            return Absent.NOT_READABLE
        if not is_it(row):  # `{}` with status 200 leaves the client as a nameless thing
            message = f"{method}: the server answered with another thing than it was asked for"
            raise SourceRefused(message)
        return row

    def _call(self, method: str, *names: str, **options: Any) -> Any:
        """One call, in this workspace: it is stored by thread and process, so it is set anew.

        Without one the server means `default`; one that has no workspaces refuses any name.
        """
        import mlflow  # noqa: PLC0415

        named = None if self.workspace == DEFAULT_WORKSPACE else self.workspace
        try:
            mlflow.set_workspace(named)
            return getattr(self._client, method)(*names, **options)
        except Exception as error:  # noqa: BLE001  # raised again, as what it means
            raise translated(error, asked=method, secrets=self.secrets) from None
