"""dbt: exposures of type `ml`, in `manifest.json` or where a project declares them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from harvesters.manifests.formats.found import Format, Found
from harvesters.manifests.formats.held import (
    hold,
    mapping,
    mappings,
    one_line,
    text_of,
    texts,
)
from harvesters.manifests.formats.people import developers
from harvesters.manifests.formats.strict_json import read_json
from harvesters.manifests.formats.texts import one_document
from schemas.identifiers import Kind

DECLARED: Final = re.compile(r"(?:.*_)?exposures\.ya?ml", re.IGNORECASE)
ARTIFACT: Final = "schemas.getdbt.com/dbt/"
ML: Final = "ml"
REF: Final = re.compile(r"""\s*(?:\{\{)?\s*(ref|source)\s*\(([^()]{1,400})\)\s*(?:\}\})?\s*""")
QUOTED: Final = re.compile(r"""['"]([^'"]{1,200})['"]""")


class Exposure(NamedTuple):
    """An exposure, and what it depends on, by name."""

    said: Mapping[str, Any]
    tables: Sequence[str]


def read(raw: bytes, path: str) -> Sequence[Found]:
    """Models with their owners, and the tables that they are made from."""
    json = path.lower().endswith(".json")
    exposures = _compiled(mapping(read_json(raw))) if json else _declared(raw)
    found: list[Found] = []
    tables: dict[str, list[str]] = {}
    for exposure in exposures:
        if (model := _model(exposure.said)) is None:
            continue
        found.append(model)
        for table in exposure.tables:
            tables.setdefault(table, []).append(model.name or "")
    return [*found, *(_table(name, of) for name, of in tables.items())]


def is_artifact(read: Mapping[str, Any]) -> bool:
    """Did dbt write it?"""
    version = text_of(mapping(read.get("metadata")).get("dbt_schema_version"))
    return version is not None and ARTIFACT in version


def _compiled(read: Mapping[str, Any]) -> Iterator[Exposure]:
    if not is_artifact(read):
        return
    nodes = {**mapping(read.get("nodes")), **mapping(read.get("sources"))}
    for exposure in mapping(read.get("exposures")).values():
        said = mapping(exposure)
        depends = texts(mapping(said.get("depends_on")).get("nodes"))
        yield Exposure(said, [_relation(mapping(nodes.get(node)), node) for node in depends])


def _declared(raw: bytes) -> Iterator[Exposure]:
    for said in mappings(one_document(raw, what="a file of dbt").get("exposures")):
        yield Exposure(said, list(_referred(texts(said.get("depends_on")))))


def _relation(node: Mapping[str, Any], key: str) -> str:
    """`database.schema.name` as the warehouse knows it; without it, dbt's key."""
    name = one_line(node.get("alias")) or one_line(node.get("identifier"))
    name = name or one_line(node.get("name"))
    parts = [one_line(node.get("database")), one_line(node.get("schema")), name]
    return ".".join(part for part in parts if part) if name else key


def _referred(calls: Sequence[str]) -> Iterator[str]:
    for call in calls:
        if found := REF.fullmatch(call):
            yield ".".join(QUOTED.findall(found[2]))


def _model(said: Mapping[str, Any]) -> Found | None:
    if str(said.get("type")).lower() != ML:
        return None
    name = one_line(said.get("name"))
    url = text_of(said.get("url"))
    owner = mapping(said.get("owner"))
    owners = [one | {"role": "accountable"} for one in developers([owner])]
    lost = [] if owners or not owner else ["owners: its owner has no address; names join nobody"]
    tags = texts(said.get("tags")) or texts(mapping(said.get("config")).get("tags"))
    facts, dropped = hold(
        Kind.MODEL,
        {
            "display_name": one_line(said.get("label")),
            "description": text_of(said.get("description")),
            "owners": owners,
            "tags": tags,
            "links": [{"title": "dbt exposure", "url": url}] if url else [],
        },
        dropped=lost,
    )
    return Found(Kind.MODEL, facts, name=name, dropped=dropped)


def _table(name: str, of: Sequence[str]) -> Found:
    facts, dropped = hold(Kind.DATASET, {"name": name, "source_type": "dbt"})
    return Found(Kind.DATASET, facts, name=name, dropped=dropped, links=({},), of=tuple(of))


def matches(path: str) -> bool:
    """`manifest.json` is a common name: what is in it decides."""
    name = path.rpartition("/")[2]
    return name.lower() == "manifest.json" or DECLARED.fullmatch(name) is not None


DBT: Final = Format("dbt", matches, read)
