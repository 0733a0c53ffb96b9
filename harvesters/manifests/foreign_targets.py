"""Which model a file in a foreign format is about: that of a manifest, or one that it creates."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from harvesters.manifests.formats.found import Format, Found
from harvesters.manifests.place import Place, folder_of, is_below, nearest
from schemas.identifiers import Identifier, Kind, encode_segment, fold_name
from schemas.manifest import Manifest

MLFLOW: Final = "mlflow"
Why = Literal["foreign_ambiguous", "foreign_without_model"]


class Target(NamedTuple):
    """A model that files may be about. `path`: of its manifest, or of the file that creates it."""

    model: Identifier
    path: str
    name: str
    runs_in: tuple[str, str] | None = None  # source and workspace of its MLflow registry
    readable: bool = True  # a faulty manifest is nobody's model, and takes what stands by it

    @property
    def folder(self) -> str:
        """Where it stands."""
        return folder_of(self.path)

    def run(self, run_id: str) -> Identifier | None:
        """A training run of the server that the model is registered at."""
        if self.runs_in is None:
            return None
        source, workspace = self.runs_in
        value = f"{source}/{encode_segment(workspace)}/{encode_segment(run_id)}"
        return Identifier(kind=Kind.TRAINING_RUN, scheme=MLFLOW, value=value)


class Aimed(NamedTuple):
    """What of a file belongs to which model."""

    path: str
    target: Target
    found: Sequence[Found]


def targets_of(
    root: Place, manifests: Mapping[str, Manifest], *, unread: Collection[str]
) -> dict[str, Target]:
    """By the path of the manifest."""
    targets = {
        path: Target(root.beside(path).manifest, path, manifest.metadata.name, _runs_in(manifest))
        for path, manifest in manifests.items()
    }
    faulty = (
        Target(root.beside(path).manifest, path, "", readable=False)
        for path in unread
        if path not in targets
    )
    return targets | {one.path: one for one in faulty}


def _runs_in(manifest: Manifest) -> tuple[str, str] | None:
    """Where its training runs are, if it is registered at one MLflow server only."""
    places = {
        (one.source, one.workspace) for one in manifest.spec.registered_as if one.source is not None
    }
    return next(iter(places)) if len(places) == 1 else None


def around(path: str, *, reach: str, targets: Mapping[str, Target]) -> list[Target]:
    """The models that a file stands by: one, or for some formats all below its folder."""
    folder = folder_of(path)
    if reach == "below":
        return [one for one in targets.values() if is_below(one.folder, folder)]
    return [targets[one] for one in nearest(folder, targets)]


def distance(path: str, target: Target) -> int:
    """How many folders lie between a file and the manifest."""
    return abs(path.count("/") - target.path.count("/"))


class Sorted(NamedTuple):
    """What of a file has a target, and what has none, and why."""

    aimed: Sequence[Aimed]
    without: Sequence[tuple[Found, Why]]


def aim(
    path: str, found: Sequence[Found], *, format_: Format, targets: Mapping[str, Target]
) -> Sorted:
    """Share out what a file says: models by name first, then to the only model around.

    Datasets, versions and servers go with the models of their file.
    """
    near = around(path, reach=format_.reach, targets=targets)
    if format_.reach == "below":
        why: Why = "foreign_without_model"
        return Sorted(
            [Aimed(path, target, found) for target in near],
            () if near else [(one, why) for one in found],
        )
    return _Sharing(path, near, targets=targets).share(found)


class _Sharing:
    """Shares out what one file says."""

    def __init__(self, path: str, near: Sequence[Target], *, targets: Mapping[str, Target]) -> None:
        self.path, self.near, self.targets = path, near, targets
        self.why: Why = "foreign_ambiguous" if near else "foreign_without_model"
        self.shares: dict[str, list[Found]] = {}  # by the target's path
        self.called: dict[str, str] = {}  # what the file calls a model → its target's path

    def share(self, found: Sequence[Found]) -> Sorted:
        models = [one for one in found if one.kind is Kind.MODEL]
        without: list[tuple[Found, Why]] = []
        for model in models:
            target = self._named(model.name or "")
            if target is None and len(models) == 1 and len(self.near) == 1:
                target = self.near[0]
            if target is None or target.path in self.shares:
                without.append((model, self.why))
                continue
            self.shares[target.path] = [model]
            self.called[model.name or ""] = target.path
        own = list(self.shares)
        for one in found:
            if one.kind is not Kind.MODEL:
                paths = self._paths(one, own, alone=not models)
                for place in paths:
                    self.shares.setdefault(place, []).append(one)
                if not paths and not models:
                    without.append((one, self.why))
        aimed = [Aimed(self.path, self.targets[place], said) for place, said in self.shares.items()]
        return Sorted(aimed, without)

    def _paths(self, found: Found, own: list[str], *, alone: bool) -> list[str]:
        """Those that it names; else all that the file describes, or the only one around."""
        if found.of:
            named = [self.called.get(name) or self._path(name) for name in found.of]
            return list(dict.fromkeys(path for path in named if path is not None))
        if not alone:
            return own
        return [self.near[0].path] if len(self.near) == 1 else []

    def _path(self, name: str) -> str | None:
        target = self._named(name)
        return None if target is None else target.path

    def _named(self, name: str) -> Target | None:
        """The only model in or below the file's folder that is called so."""
        folder = folder_of(self.path)
        same = [
            one
            for one in self.targets.values()
            if name and fold_name(one.name) == fold_name(name) and is_below(one.folder, folder)
        ]
        return same[0] if len(same) == 1 else None
