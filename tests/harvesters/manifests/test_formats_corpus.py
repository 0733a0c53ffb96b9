"""Recorded files of others: each is read or refused with a reason, in these numbers."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from harvesters.manifests.formats import FORMATS
from harvesters.manifests.formats.citation import authors
from harvesters.manifests.formats.croissant import SHA256, files_of, is_croissant
from harvesters.manifests.formats.dbt import is_artifact
from harvesters.manifests.formats.found import FileRefused, Found
from harvesters.manifests.formats.strict_json import read_json
from harvesters.manifests.formats.texts import all_documents, one_document
from schemas.facts import FACTS
from schemas.identifiers import Kind

BY_NAME = {one.name: one for one in FORMATS}


def read_folder(
    folder: Path, name: str, *, suffixes: Sequence[str]
) -> tuple[Counter[str], dict[str, list[Found]], dict[str, str]]:
    """Counts, what each file says, and the reasons of those that are refused."""
    counts: Counter[str] = Counter()
    said: dict[str, list[Found]] = {}
    refused: dict[str, str] = {}
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    for path in paths:
        if not path.name.endswith(tuple(suffixes)):
            continue
        counts["files"] += 1
        where = path.relative_to(folder).as_posix()
        try:
            found = list(BY_NAME[name].read(path.read_bytes(), where))
        except FileRefused as error:
            refused[where] = error.code
            counts["refused"] += 1
            continue
        said[where] = found
        counts["read"] += 1
        counts["nothing"] += not found
        for one in found:
            FACTS[one.kind].model_validate(dict(one.facts))
            assert set(one.inferred) <= set(one.facts)
            counts[one.kind] += 1
    assert counts["read"] + counts["refused"] == counts["files"]
    return counts, said, refused


def stated(said: dict[str, list[Found]], kind: Kind) -> Counter[str]:
    """How often each fact of a kind is stated."""
    found = (one for all_ in said.values() for one in all_ if one.kind is kind)
    return Counter(fact for one in found for fact in one.facts)


def test_mlmodel_corpus(corpora: Path) -> None:
    """All are read, as versions; so many bear a signature."""
    counts, said, refused = read_folder(corpora / "mlmodel", "mlmodel", suffixes=["MLmodel"])

    assert (counts, refused) == ({"files": 61, "read": 61, "nothing": 0, "version": 61}, {})
    versions = [one for found in said.values() for one in found]
    assert sum(one.facts["input_schema"] is not None for one in versions) == 38
    assert sum(one.run_id is not None for one in versions) == 3
    assert sum("framework" in one.facts for one in versions) == 61


def test_model_card_corpus(corpora: Path) -> None:
    """74 have no front matter and say nothing; two are templates; one describes a dataset."""
    counts, said, refused = read_folder(corpora / "hf_model_cards", "model_card", suffixes=[".md"])

    assert counts == {
        "files": 173, "read": 171, "refused": 2, "nothing": 74, "model": 93, "dataset": 51,
    }  # fmt: skip
    assert refused == {
        "huggingface__hub-docs/modelcard.md": "template",
        "nateraw__modelcards/tests/samples/sample_template.md": "template",
    }
    assert counts["read"] - counts["nothing"] == 97
    assert stated(said, Kind.MODEL) == {"tags": 93, "license": 54, "task": 2}
    norwegian = said["sshleifer__transformers_fork/ViktorAlm/electra-base-norwegian-uncased-"
                     "discriminator/README.md"]  # fmt: skip
    assert norwegian[0].facts == {"tags": ["language=no"]}


def test_backstage_corpus(corpora: Path) -> None:
    """Five models and two servers, all owned; 42 documents are read."""
    counts, said, refused = read_folder(
        corpora / "backstage", "backstage", suffixes=[".yaml", ".yml"]
    )

    assert counts == {
        "files": 36, "read": 34, "refused": 2, "nothing": 32, "model": 5, "deployment": 2,
    }  # fmt: skip
    assert sorted(refused.values()) == ["not_yaml", "template"]
    documents = [
        document
        for where in said
        for document in all_documents((corpora / "backstage" / where).read_bytes())
    ]
    assert len(documents) == 42
    models = stated(said, Kind.MODEL)
    assert (models["owners"], models["lifecycle"], models["display_name"]) == (5, 5, 5)


def test_citation_corpus(corpora: Path) -> None:
    """All parse; of 87 authors those with an address are developers."""
    folder = corpora / "citation_cff"
    counts, said, refused = read_folder(folder, "citation", suffixes=[".cff"])

    assert (counts, refused) == ({"files": 35, "read": 35, "nothing": 30, "model": 5}, {})
    named = [
        author
        for where in said
        for author in authors(one_document((folder / where).read_bytes(), what=where))
    ]
    assert len(named) == 87
    assert all(author["name"] for author in named)
    assert stated(said, Kind.MODEL) == {"license": 5, "owners": 1}


def test_pyproject_corpus(corpora: Path) -> None:
    """All parse; six name somebody with an address, whether licence is a text or a table."""
    counts, said, refused = read_folder(corpora / "pyproject", "pyproject", suffixes=[".toml"])

    assert (counts, refused) == ({"files": 18, "read": 18, "nothing": 8, "model": 10}, {})
    assert stated(said, Kind.MODEL) == {"license": 6, "owners": 6}
    licences = {one.facts.get("license") for found in said.values() for one in found}
    assert {"MIT OR Apache-2.0", "Apache-2.0", "BSD-3-Clause"} < licences


def test_croissant_corpus(corpora: Path) -> None:
    """All are datasets; what stands in the place of 13 of 21 digests is none."""
    folder = corpora / "croissant"
    counts, said, refused = read_folder(folder, "croissant", suffixes=[".json"])

    assert (counts, refused) == ({"files": 16, "read": 16, "nothing": 0, "dataset": 16}, {})
    assert stated(said, Kind.DATASET)["license"] == 14
    documents = [read_json((folder / where).read_bytes()) for where in said]
    assert all(is_croissant(document) for document in documents)
    files = [file for document in documents for file in files_of(document)]
    digests = [file["sha256"] for file in files if "sha256" in file]
    assert (len(files), len(digests)) == (30, 21)
    links = [link for found in said.values() for one in found for link in one.links if link]
    kept = [link["digest"] for link in links if link["digest"].startswith("sha256:")]
    assert len(kept) == sum(SHA256.fullmatch(digest) is not None for digest in digests) == 8


def test_dbt_corpus(corpora: Path) -> None:
    """Four artefacts and ten projects without an exposure: nothing is said, nothing refused."""
    folder = corpora / "dbt"
    counts, said, refused = read_folder(folder, "dbt", suffixes=[".json", ".yml"])

    assert (counts, refused) == ({"files": 14, "read": 14, "nothing": 14}, {})
    read: Callable[[str], Any] = lambda where: read_json((folder / where).read_bytes())  # noqa: E731
    assert sum(is_artifact(read(where)) for where in said if where.endswith(".json")) == 4


def test_cyclonedx_corpus(corpora: Path) -> None:
    """One model; two name another `bomFormat`; 27 list no model."""
    counts, said, refused = read_folder(corpora / "cyclonedx", "cyclonedx", suffixes=[".json"])

    assert counts == {
        "files": 30, "read": 28, "refused": 2, "nothing": 27, "model": 1, "version": 1,
        "dataset": 1,
    }  # fmt: skip
    assert set(refused.values()) == {"other_format"}
    assert all("invalid-bomformat" in where for where in refused)
    model, version, dataset = said["CycloneDX__specification/1.5/valid-machine-learning-1.5.json"]
    assert model.facts["display_name"] == "CompVis/stable-diffusion"
    assert [one["text"] for one in model.facts["limitations"]] != []
    assert version.facts == {"number": "1.4"}
    assert dataset.same_as[0].value == "https://example.com/path/to/dataset"


@pytest.mark.parametrize("one", FORMATS, ids=lambda one: one.name)
def test_every_format_reads_any_recorded_file(one: Any, corpora: Path) -> None:
    """Whatever is called like a file of a format, it is read or refused, and never crashes."""
    paths = [path for path in sorted(corpora.rglob("*")) if path.is_file()]
    for path in paths[:: max(1, len(paths) // 60)]:
        raw = path.read_bytes()[: 64 * 1024]
        with suppress(FileRefused):
            for said in one.read(raw, path.name):
                FACTS[said.kind].model_validate(dict(said.facts))
