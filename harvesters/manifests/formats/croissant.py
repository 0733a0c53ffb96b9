"""Croissant: a dataset described in JSON-LD. Its `@context` is never followed."""

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from harvesters.manifests.formats.datasets import Called, called, public_address
from harvesters.manifests.formats.found import Format, Found
from harvesters.manifests.formats.held import (
    hold,
    items_of,
    mapping,
    mappings,
    one_line,
    text_of,
    texts,
)
from harvesters.manifests.formats.strict_json import read_json
from schemas.identifiers import Identifier, Kind

NAMES: Final = ("croissant.json", "*croissant*.json", "metadata.json", "*.croissant.jsonld")
STANDARD: Final = "mlcommons.org/croissant"
DATASETS: Final = {"Dataset", "sc:Dataset", "https://schema.org/Dataset", "schema:Dataset"}
FILES: Final = {"FileObject", "cr:FileObject"}
SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")
MD5: Final = re.compile(r"[0-9a-fA-F]{32}")
MOST_FILES: Final = 100


def read(raw: bytes, path: str) -> Sequence[Found]:
    """One dataset, with the digest of each of its files; nothing where it is no Croissant."""
    del path
    read = mapping(read_json(raw))
    if not is_croissant(read):
        return []
    lost: list[str] = []
    links = list(_links(read, lost))
    address = text_of(read.get("url"))
    where = called(address) if address else Called("")
    uri = where.uri
    hub = uri if uri is not None and uri.value.startswith("hf://") else None
    named = one_line(_plain(read.get("name")))
    name = called(named).name if named else None
    lost += where.dropped
    said = {
        "name": name,
        "description": text_of(_plain(read.get("description"))),
        "license": _licence(read.get("license")),
        "uri": None if hub is None else hub.value,
        "source_url": public_address(address) if address else None,
    }
    facts, dropped = hold(Kind.DATASET, said, dropped=lost)
    same_as: tuple[Identifier, ...] = () if hub is None else (hub,)
    return [
        Found(
            Kind.DATASET, facts, name=name, same_as=same_as, dropped=dropped,
            links=tuple(links) or ({},),
        )
    ]  # fmt: skip


def is_croissant(read: Mapping[str, Any]) -> bool:
    """A dataset of schema.org that says it conforms, or whose context names the vocabulary."""
    types = set(texts(read.get("@type")))
    if not types & DATASETS:
        return False
    conforms = texts(read.get("conformsTo")) + texts(read.get("dct:conformsTo"))
    conforms += texts(mapping(read.get("conformsTo")).get("@id"))
    vocabulary = texts(mapping(read.get("@context")).get("cr"))
    return any(STANDARD in text.lower() for text in (*conforms, *vocabulary))


def files_of(read: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Its files; sets of files are described by patterns and have no digest."""
    distribution = read.get("distribution")
    listed = [distribution] if isinstance(distribution, dict) else mappings(distribution)
    return [one for one in listed if set(texts(one.get("@type"))) & FILES]


def _links(read: Mapping[str, Any], lost: list[str]) -> Iterator[dict[str, Any]]:
    for at, file in enumerate(files_of(read)):
        digest = _digest(file)
        called = one_line(file.get("name")) or one_line(file.get("@id")) or f"file {at + 1}"
        if digest is None:
            if text_of(file.get("sha256")) is not None:
                lost.append(f"digest: the sha256 of {called[:100]} is no such digest")
        elif at >= MOST_FILES:
            lost.append(f"digest: there are more than {MOST_FILES} files")
            return
        else:
            yield {"digest": digest, "description": called[:1_000]}


def _digest(file: Mapping[str, Any]) -> str | None:
    sha256, md5 = text_of(file.get("sha256")), text_of(file.get("md5"))
    if sha256 and SHA256.fullmatch(sha256):
        return f"sha256:{sha256.lower()}"
    return f"md5:{md5.lower()}" if md5 and MD5.fullmatch(md5) else None


def _licence(stated: Any) -> str | None:
    """As it is written: names, addresses, or works with either. How several combine is not said."""
    found: list[str] = []
    for one in items_of(stated) or [stated]:
        work = mapping(one)
        named = (one_line(text) for text in (_plain(one), *map(work.get, ("name", "url", "@id"))))
        found += [next((name for name in named if name), "")]
    return ", ".join(filter(None, found)) or None


def _plain(value: Any) -> Any:
    """A text, or one with its language beside it."""
    return value.get("@value") if isinstance(value, dict) else value


def matches(path: str) -> bool:
    """Is it called like one? What is in it decides."""
    name = path.rpartition("/")[2].lower()
    return any(fnmatchcase(name, glob) for glob in NAMES)


CROISSANT: Final = Format("croissant", matches, read)
