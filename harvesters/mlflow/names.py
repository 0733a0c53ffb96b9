"""What the things of a tracking server are called in the catalog."""

from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import quote

from harvesters.mlflow.client import DEFAULT_WORKSPACE
from schemas.identifiers import Identifier, Kind, decode_segment, encode_segment
from schemas.observation import Evidence

LONGEST_URL: Final = 1_024
NAMES_IN: Final = {Kind.MODEL: 1, Kind.VERSION: 2}


class Place(NamedTuple):
    """A workspace of a source; without a namespace it cannot be harvested."""

    source: str
    workspace: str
    namespace: str | None
    uri: str

    def model(self, name: str) -> Identifier:
        """A model. Raises `ValueError` for names that no identifier can hold."""
        return _model(self, name)

    def version(self, name: str, number: str) -> Identifier:
        """A version of a model. Raises `ValueError` like `model`."""
        return self._identifier(Kind.VERSION, name, number)

    def training_run(self, run_id: str) -> Identifier:
        """A training run. Raises `ValueError` like `model`."""
        return self._identifier(Kind.TRAINING_RUN, run_id)

    def trained_version(self, name: str, number: str) -> Identifier:
        """A version as far as its training run tells of it. Raises `ValueError` like `model`."""
        return self._identifier(Kind.VERSION, name, number, scheme="mlflow-training")

    def dataset(self, experiment: str, name: str, *, digest: str) -> Identifier:
        """A dataset that has no address of its own. Raises `ValueError` like `model`."""
        return self._identifier(Kind.DATASET, experiment, name, digest)

    def logged_model(self, model_id: str) -> str:
        """A logged model, which only looks up."""
        return f"{self.source}/{encode_segment(self.workspace)}/{encode_segment(model_id)}"

    def names_in(self, subject: Identifier) -> tuple[str, ...] | None:
        """(model,) or (model, number) of a subject, None when it is no subject of this place."""
        if subject.scheme != "mlflow" or subject.kind not in NAMES_IN:
            return None
        source, workspace, *names = (decode_segment(part) for part in subject.value.split("/"))
        here = (source, workspace) == (self.source, self.workspace)
        return tuple(names) if here and len(names) == NAMES_IN[subject.kind] else None

    def run_in(self, subject: Identifier) -> str | None:
        """The id of a training run of this place."""
        if (subject.kind, subject.scheme) != (Kind.TRAINING_RUN, "mlflow"):
            return None
        *here, run_id = (decode_segment(part) for part in subject.value.split("/"))
        return run_id if here == [self.source, self.workspace] else None

    def evidence(self, name: str, number: str | None = None) -> Evidence | None:
        """The page where a person can see it; files and databases have none."""
        below = f"/versions/{quote(number, safe='')}" if number is not None else ""
        return self._page(f"models/{quote(name, safe='')}{below}")

    def run_evidence(self, experiment: str, run_id: str) -> Evidence | None:
        """The page of a training run, likewise."""
        return self._page(f"experiments/{quote(experiment, safe='')}/runs/{quote(run_id, safe='')}")

    def _page(self, below: str) -> Evidence | None:
        if not self.uri.startswith("http"):
            return None
        space = "" if self.workspace == DEFAULT_WORKSPACE else f"?workspace={quote(self.workspace)}"
        url = f"{self.uri}/#/{below}{space}"
        return Evidence(url=url) if len(url) <= LONGEST_URL else None

    def _identifier(self, kind: Kind, *names: str, scheme: str = "mlflow") -> Identifier:
        if not all(names):
            raise ValueError("must not be empty")
        segments = (encode_segment(name) for name in (self.workspace, *names))
        return identifier(kind, scheme, value="/".join((self.source, *segments)))


@lru_cache(maxsize=1_024)
def _model(place: Place, name: str) -> Identifier:
    """Versions come by model: each names the one before it once more."""
    return place._identifier(Kind.MODEL, name)  # noqa: SLF001  # its method, remembered


def identifier(kind: Kind, scheme: str, *, value: str) -> Identifier:
    """An identifier in canonical form: its constructor keeps the value as it was written.

    Raises `ValueError`.
    """
    return Identifier.model_validate({"kind": kind, "scheme": scheme, "value": value})
