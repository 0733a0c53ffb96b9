"""`dvc.lock`: what each stage of a pipeline read, by digest. Commands are not read."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from harvesters.manifests.formats.datasets import called
from harvesters.manifests.formats.found import FileRefused, Format, Found
from harvesters.manifests.formats.held import hold, mapping, mappings, text_of
from harvesters.manifests.formats.texts import one_document
from schemas.identifiers import Kind

NAME: Final = "dvc.lock"
CODE: Final = re.compile(  # files that are read and are no data
    r".*\.(?:c|cc|cfg|cpp|go|h|ini|ipynb|java|jl|js|lock|md|py|pyx|r|rb|rs|scala|sh|sql|toml|ts|ya?ml)"
    r"|(?:.*/)?(?:Dockerfile|Makefile|requirements[\w.-]*\.txt|src|scripts|code)",
    re.IGNORECASE,
)
DIGESTS: Final = {
    "md5": re.compile(r"[0-9a-f]{32}(?:\.dir)?"),
    "sha256": re.compile(r"[0-9a-f]{64}"),
}


def read(raw: bytes, path: str) -> Sequence[Found]:
    """Datasets by what stages depend on; those that a stage makes and none reads are results."""
    del path
    read = one_document(raw, what="dvc.lock")
    stages = mapping(read.get("stages")) if "schema" in read or "stages" in read else read
    if not all(isinstance(stage, dict) for stage in stages.values()):
        raise FileRefused("other_format", "holds a stage that is no mapping")
    digests: dict[str, dict[str, None]] = {}
    lost: list[str] = []
    for entry in _read_by(stages):
        one = text_of(entry.get("path"))
        if one is None or CODE.fullmatch(one[:1_000]):
            continue
        digest = _digest(entry, lost)
        digests.setdefault(one, {}).update({digest: None} if digest else {})
    return [_dataset(one, list(found), lost=lost) for one, found in digests.items()]


def _read_by(stages: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Dependencies; and outputs that some stage depends on, whose digest may stand only there."""
    deps = [dep for stage in stages.values() for dep in mappings(stage.get("deps"))]
    needed = {dep.get("path") for dep in deps if isinstance(dep.get("path"), str)}
    yield from deps
    for stage in stages.values():
        for out in mappings(stage.get("outs")):
            if isinstance(out.get("path"), str) and out["path"] in needed:
                yield out


def _digest(entry: Mapping[str, Any], lost: list[str]) -> str | None:
    for kind, pattern in DIGESTS.items():
        digest = text_of(entry.get(kind))
        if digest is None:
            continue
        if pattern.fullmatch(digest.lower()):
            return f"{kind}:{digest.lower()}"
        lost.append(
            f"digest: the {kind} of {called(str(entry.get('path'))).name[:100]} is no such digest"
        )
    return None


def _dataset(path: str, digests: list[str], *, lost: list[str]) -> Found:
    name, uri, left_out = called(path)
    about = [text for text in lost if f" {name[:100]} " in text]
    said = {"name": name, "uri": None if uri is None else uri.value}
    facts, dropped = hold(Kind.DATASET, said, dropped=[*about, *left_out])
    return Found(
        Kind.DATASET,
        facts,
        name=name,
        same_as=() if uri is None else (uri,),
        dropped=dropped,
        links=tuple({"digest": digest} for digest in digests) or ({},),
    )


DVC: Final = Format("dvc", lambda path: path.rpartition("/")[2] == NAME, read)
