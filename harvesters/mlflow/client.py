"""One workspace of an MLflow server, read page by page: a thin layer over `MlflowClient`."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, Final

from harvesters.errors import SourceRefused
from harvesters.mlflow.failures import NotAllowed, NotThere, translated
from harvesters.mlflow.references import References
from harvesters.mlflow.rows import Absent, ModelRow, RunRow, VersionRow

DEFAULT_WORKSPACE: Final = "default"
MODELS_A_PAGE: Final = 1_000  # the most that servers take
VERSIONS_A_PAGE: Final = 10_000
EXPERIMENTS_A_PAGE: Final = 1_000
RUNS_A_PAGE: Final = 500  # with all that was logged to each: the next page is made meanwhile
RUNS_BY_NAME: Final = 500  # servers do not parse a list of 5,000
LOGGED_MODELS_BY_NAME: Final = 200


class Registry:
    """Models and versions of one workspace, as the server answers them.

    Every method raises `SourceUnavailable` or `SourceRefused` and nothing else. The environment
    must be prepared before the first call, which imports the client.
    """

    def __init__(self, uri: str, *, workspace: str, secrets: Sequence[str] = ()) -> None:
        """Read the workspace of a server; `secrets` never stand in an error."""
        self.uri, self.workspace, self.secrets = uri, workspace, secrets
        self.references = References()  # of the versions that were listed

    def workspaces(self) -> list[str]:
        """Names of all workspaces that the credential may see."""
        return sorted(str(found.name) for found in self._call("list_workspaces"))

    def probe(self) -> bool:
        """Does the tracking side answer; are there experiments? A new server has one."""
        from mlflow.entities import ViewType  # noqa: PLC0415

        return bool(self._call("search_experiments", view_type=ViewType.ALL, max_results=1))

    def models(self) -> Iterator[tuple[ModelRow, ...]]:
        """All registered models but prompts, with their aliases, by name."""
        self.references.first_names.clear()
        for page in self._walk(
            "search_registered_models", max_results=MODELS_A_PAGE, order_by=["name ASC"]
        ):
            for row in page:
                self.references.is_first(row.name)  # from now on
            yield page

    def versions(self) -> Iterator[tuple[VersionRow, ...]]:
        """All versions, by model and number; what they refer to is remembered."""
        order = ["name ASC", "version_number ASC"]
        self.references.clear()
        for page in self._walk(
            "search_model_versions", max_results=VERSIONS_A_PAGE, order_by=order
        ):
            self.references.add(page)
            yield page
        self.references.complete = True

    def new_versions(self) -> Iterator[tuple[VersionRow, ...]]:
        """Versions, the newest first: whoever reads them stops where they are known."""
        order = ["creation_timestamp DESC", "name ASC", "version_number ASC"]
        return self._walk("search_model_versions", max_results=MODELS_A_PAGE, order_by=order)

    def versions_named(self, model: str) -> Iterator[tuple[VersionRow, ...]]:
        """All versions of one model; no quote may be in its name."""
        where, order = f"name = '{model}'", ["version_number ASC"]
        return self._walk(
            "search_model_versions",
            max_results=VERSIONS_A_PAGE,
            filter_string=where,
            order_by=order,
        )

    def versions_of(self, run_ids: Sequence[str]) -> Iterator[tuple[VersionRow, ...]]:
        """Versions that refer to one of some training runs."""
        where = f"run_id IN ({quoted(run_ids)})"
        return self._walk("search_model_versions", max_results=VERSIONS_A_PAGE, filter_string=where)

    def experiments(self) -> list[str]:
        """Ids of all experiments, deleted ones among them: without them no run is found."""
        from mlflow.entities import ViewType  # noqa: PLC0415

        pages = self._walk(
            "search_experiments", view_type=ViewType.ALL, max_results=EXPERIMENTS_A_PAGE
        )
        return [str(found.experiment_id) for page in pages for found in page]

    def runs(
        self,
        experiments: Sequence[str],
        where: str,
        *,
        order: Sequence[str] = (),
        token: str | None = None,
    ) -> tuple[tuple[RunRow, ...], str | None]:
        """One page of training runs, deleted ones among them, and the token of the next."""
        from mlflow.entities import ViewType  # noqa: PLC0415

        page = self._call(
            "search_runs",
            experiments,
            filter_string=where,
            run_view_type=ViewType.ALL,
            max_results=RUNS_A_PAGE,
            order_by=list(order),
            page_token=token,
        )
        if not all(row.info.run_id for row in page):
            raise SourceRefused("search_runs: the server lists a training run without an id")
        return tuple(page), page.token or None

    def find_run(self, run_id: str) -> RunRow | Absent:
        """Ask for a training run by its id."""
        found: RunRow | Absent = self._find(
            "get_run", run_id, is_it=lambda row: row.info.run_id == run_id
        )
        return found

    def source_runs(
        self, experiments: Sequence[str], model_ids: Sequence[str]
    ) -> Iterator[tuple[str, str]]:
        """(logged model, the training run that made it), of those that are found."""
        where = f"model_id IN ({quoted(model_ids)})"
        for page in self._walk(
            "search_logged_models",
            experiment_ids=list(experiments),
            filter_string=where,
            max_results=LOGGED_MODELS_BY_NAME,
        ):
            for model in page:
                if model.source_run_id:
                    yield str(model.model_id), str(model.source_run_id)

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

    def _call(self, method: str, *names: Any, **options: Any) -> Any:
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


def quoted(names: Sequence[str]) -> str:
    """Ids as a filter lists them; they hold no quotes."""
    return ",".join(f"'{name}'" for name in names)
