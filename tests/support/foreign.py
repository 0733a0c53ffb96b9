"""Files in formats of others, read alone or beside the manifests of a repository."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from hypothesis import strategies as st

from harvesters.errors import RecordUnreadable
from harvesters.manifests.foreign import NOTHING, Before, add_foreign
from harvesters.manifests.formats import FORMATS
from harvesters.manifests.formats.found import Found
from harvesters.manifests.markers import Marker
from harvesters.manifests.model_yaml import read_manifest
from harvesters.manifests.pages import File, Repository
from harvesters.manifests.place import Place
from harvesters.manifests.settings import RepositorySettings
from schemas.facts import FACTS
from schemas.identifiers import Identifier, Kind
from schemas.observation import Observation
from schemas.sources import SourceSettings
from tests.support.shelf import NOON

BY_NAME = {one.name: one for one in FORMATS}
SHA: Final = "0123456789abcdef" * 4
TOKEN: Final = "hf_" + "a1B2c3D4" * 5


def read(name: str, raw: bytes | str | Mapping[str, Any]) -> list[Found]:
    """What a file of a format says."""
    path = "manifest.json"
    if isinstance(raw, Mapping):
        raw = json.dumps(raw)
    elif name == "dbt":
        path = "models/exposures.yml"
    written = raw.encode() if isinstance(raw, str) else raw
    found = list(BY_NAME[name].read(written, path))
    for one in found:
        FACTS[one.kind].model_validate(dict(one.facts))
    return found


def email(address: str, role: str = "developer") -> dict[str, Any]:
    """An ownership."""
    return {"owner": {"kind": "owner", "scheme": "email", "value": address}, "role": role}


CARD: Final = "---\nlicense: mit\ndatasets: [acme/calls]\n---\n"
SOURCE: Final = SourceSettings.model_validate(
    {"name": "github-acme", "kind": "github", "namespace": "retail"}
)


def entity(name: str, type_: str = "ai-model", **spec: Any) -> str:
    """A document of Backstage."""
    kind = "Component" if type_ == "model-server" else "Resource"
    return json.dumps(
        {
            "apiVersion": "backstage.io/v1alpha1", "kind": kind,
            "metadata": {
                "name": name, "title": name.title(), "links": [{"url": f"https://{name}.example"}],
            },
            "spec": {"type": type_, "owner": "team-a", **spec},
        }
    )  # fmt: skip


class Told:
    """What files of one repository say."""

    def __init__(self, files: Mapping[str, str], before: Before = NOTHING, **foreign: str) -> None:
        """Manifests are those of its files that can be read."""
        identity = Identifier(kind=Kind.REPOSITORY, scheme="github", value="github.com/1")
        repository = Repository(identity, "https://github.com/acme/churn", "acme/churn")
        self.root = Place(SOURCE, repository, SHA, "", NOON, Marker("f", "origin"))
        self.counts: Counter[str] = Counter()
        read = {path: read_manifest(text.encode()).manifest for path, text in files.items()}
        manifests = {path: manifest for path, manifest in read.items() if manifest is not None}
        self.said = list(
            add_foreign(
                self.root,
                files=[File(path, "0", text.encode()) for path, text in files.items()],
                manifests=manifests,
                settings=RepositorySettings.model_validate({"foreign": foreign}),
                counts=self.counts,
                before=before,
            )
        )

    def observations(self, kind: Kind = Kind.MODEL) -> dict[str, Observation]:
        """Those of a kind, by the value of their subject, without the repository."""
        return {
            one.subject.value.removeprefix("github.com/1#"): one
            for one in self.said
            if isinstance(one, Observation) and one.subject.kind is kind
        }

    def refused(self) -> list[tuple[str, Identifier | None]]:
        """Codes of what could not be read, and what they excuse."""
        return [(one.code, one.subject) for one in self.said if isinstance(one, RecordUnreadable)]


def stated(one: Observation) -> dict[str, Any]:
    """Facts as JSON."""
    assert one.facts is not None
    return one.facts.model_dump(mode="json", exclude_unset=True)


def any_text() -> st.SearchStrategy[str]:
    """Texts of files in any format, and of none."""
    dataset = {"@type": "Dataset", "conformsTo": "http://mlcommons.org/croissant/1.0"}
    model = {"type": "machine-learning-model", "name": "churn", "version": "1"}
    exposure = {"type": "ml", "name": "churn", "depends_on": {"nodes": ["a", "b"]}}
    dbt = {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json"}
    known = [
        CARD, "---\nlicense: [\n---\n", "flavors: {xgboost: {}}", "name: churn",
        entity("churn"), entity("b") + "\n---\n" + entity("churn"),
        entity("s", "model-server", dependsOn=["resource:churn"]),
        "cff-version: 1.2.0\nlicense: MIT", '[project]\nlicense = "MIT"',
        json.dumps(dataset), json.dumps({"bomFormat": "CycloneDX", "components": [model, model]}),
        json.dumps({"metadata": dbt, "exposures": {"a": exposure, "b": exposure}}),
        "schema: '2.0'\nstages: {a: {deps: [{path: data}, {path: data}]}}",
    ]  # fmt: skip
    return st.sampled_from(known) | st.text(max_size=60)
