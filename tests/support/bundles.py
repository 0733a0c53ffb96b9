"""Small bundles as files, made without a catalog, to be changed in every way."""

import hashlib
import json
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from schemas.bundles import MANIFEST, PACKAGE, SIGNATURE
from schemas.neutral import taken_off
from schemas.review_columns import COMPANIONS, MAIN, File
from service.exports.package import describe
from service.health import release

AS_OF: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
EARLIER: Final = datetime(2026, 10, 20, 12, tzinfo=UTC)
CHURN: Final = "00000000-0000-7000-8000-000000000001"
RISK: Final = "00000000-0000-7000-8000-000000000002"
NAMES: Final = {CHURN: "retail/churn", RISK: "retail/risk"}
FILES: Final[Mapping[str, File]] = {one.name: one for one in (MAIN["models"], *COMPANIONS)}
KEY: Final = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
CELLS: Final[Mapping[str, str]] = {"owner": "unknown", "description": "'=1+1", "tier": "LOW"}
Rows = Mapping[str, Sequence[Mapping[str, str]]]  # by file
Members = dict[str, bytes]


def moment(at: datetime) -> str:
    """As cells say it."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def model_row(model: str = CHURN, /, **cells: str) -> dict[str, str]:
    """A row of the models' file."""
    return {"model_id": model, **CELLS, **cells}


def row(model: str = CHURN, /, **cells: str) -> dict[str, str]:
    """A row of any other file."""
    return {"model_id": model, **cells}


def make_bundle(
    rows: Rows | None = None,
    *,
    key: Ed25519PrivateKey | None = None,
    as_of: datetime = AS_OF,
    dialect: str = "plain",
    profile: str = "models",
    **manifest: Any,
) -> Members:
    """The members of a bundle of these rows, signed if there is a key."""
    given = {"models": [model_row(), model_row(RISK)]} if rows is None else rows
    tables = {name: _records(FILES[name], given.get(name, ()), at=as_of) for name in FILES}
    mark = "\ufeff" if dialect == "excel" else ""
    members: Members = {
        f"data/{name}.csv": f"{mark}{_csv(FILES[name], tables[name])}".encode() for name in FILES
    }
    lines = (json.dumps({"id": one[1]}) + "\n" for one in tables["models"])
    members["data/models.jsonl"] = "".join(lines).encode()
    members[PACKAGE] = describe((FILES[name], (f"data/{name}.csv",)) for name in FILES)
    about = {"dialect": dialect, "profile": profile, "as_of": as_of} | _counted(tables, dialect)
    members[MANIFEST] = written(_manifest(about | manifest))
    return digested(dict(sorted(members.items())), key=key)


def _records(file: File, rows: Sequence[Mapping[str, str]], *, at: datetime) -> list[list[str]]:
    names = [column.name for column in file.columns]
    begun = [
        {"as_of": moment(at), "model": NAMES.get(one["model_id"], "")} | dict(one) for one in rows
    ]
    ordered = sorted(begun, key=lambda one: tuple(one.get(name, "") for name in file.order))
    return [[one.get(name, "") for name in names] for one in ordered]


def _csv(file: File, records: Sequence[Sequence[str]]) -> str:
    every = ([column.name for column in file.columns], *records)
    return "".join(
        ",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in one) + "\r\n"
        for one in every
    )


def _counted(tables: Mapping[str, Sequence[Sequence[str]]], dialect: str) -> dict[str, Any]:
    cells = [
        (name, column.name, cell)
        for name, records in tables.items()
        for record in records
        for column, cell in zip(FILES[name].columns, record, strict=True)
    ]
    unknown: dict[str, dict[str, int]] = {}
    hidden: dict[str, set[str]] = {}
    for name, column, cell in cells:
        if cell == "unknown":
            of = unknown.setdefault(name, {})
            of[column] = of.get(column, 0) + 1
        if cell == "withheld":
            hidden.setdefault(name, set()).add(column)
    return {
        "unknown_cells": unknown,
        "withheld_cells": sum(cell == "withheld" for *_, cell in cells),
        "neutralised_cells": 0
        if dialect == "raw"
        else sum(cell[:1] == "'" and taken_off(cell) != cell for *_, cell in cells),
        "exported": len(tables["models"]),
        "total_in_scope": len(tables["models"]),
        "mask": {
            "namespaces": None, "notes": None,
            "columns": {name: sorted(names) for name, names in hidden.items()},
        },
    }  # fmt: skip


def _manifest(about: Mapping[str, Any]) -> dict[str, Any]:
    rules = {"id": "default", "version": "1.0.0", "digest": f"sha256:{'0' * 64}"}
    at = about["as_of"]
    document = {
        "format": 1, "bundle_id": str(UUID(int=7)), "known_at": at, "since": None, "filters": {},
        "generated_at": at, "generated_by": "rita", "catalog_version": release(),
        "policy": rules, "pack": rules, "checkpoint": None, "coverage": [], "files": [],
        "content_digest": f"sha256:{'0' * 64}", "excluded": {}, "cut_cells": 0, "split": {},
        "signed": False, "key_id": None,
    } | dict(about)  # fmt: skip
    return {
        name: f"{value:%Y-%m-%dT%H:%M:%S.%fZ}" if isinstance(value, datetime) else value
        for name, value in document.items()
    }


def written(manifest: Any) -> bytes:
    """As a manifest is written."""
    return f"{json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False)}\n".encode()


def digested(members: Members, *, key: Ed25519PrivateKey | None, **manifest: Any) -> Members:
    """With a manifest of what the members are now, its members replaced, signed by a key."""
    document = json.loads(members[MANIFEST])
    content = {n: data for n, data in members.items() if n not in {MANIFEST, SIGNATURE}}
    document["files"] = [
        {
            "name": name,
            "bytes": len(data),
            "sha256": f"sha256:{hashlib.sha256(data).hexdigest()}",
            "records": _count(name, data),
        }
        for name, data in sorted(content.items())
    ]
    lines = sorted(f"{one['sha256'][7:]}  {one['name']}\n" for one in document["files"])
    document["content_digest"] = f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"
    return signed(content | {MANIFEST: written(document | manifest)}, key=key)


def signed(members: Members, *, key: Ed25519PrivateKey | None) -> Members:
    """With a signature of the manifest as it is."""
    document = json.loads(members[MANIFEST])
    document["signed"], document["key_id"] = key is not None, key and id_of(key)
    content = {n: data for n, data in members.items() if n not in {MANIFEST, SIGNATURE}}
    data = written(document)
    last = {MANIFEST: data} | ({SIGNATURE: key.sign(data)} if key else {})
    return content | last


def _count(name: str, data: bytes) -> int | None:
    if name.endswith(".csv"):
        return max(0, data.count(b"\r\n") - 1)
    return data.count(b"\n") if name.endswith(".jsonl") else None


def public(key: Ed25519PrivateKey) -> bytes:
    """The 32 bytes of its public half."""
    return key.public_key().public_bytes_raw()


def id_of(key: Ed25519PrivateKey) -> str:
    """What a manifest calls it."""
    return hashlib.sha256(public(key)).hexdigest()[:16]


def packed(members: Mapping[str, bytes] | Sequence[tuple[str, bytes]]) -> bytes:
    """The ZIP of these members, in this order."""
    to = BytesIO()
    with ZipFile(to, "w", ZIP_DEFLATED) as archive:
        for name, data in _pairs(members):
            info = ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type, info.external_attr = ZIP_DEFLATED, 0o644 << 16
            archive.writestr(info, data)
    return to.getvalue()


def _pairs(
    members: Mapping[str, bytes] | Sequence[tuple[str, bytes]],
) -> Iterator[tuple[str, bytes]]:
    yield from members.items() if isinstance(members, Mapping) else members


def save(folder: Path, members: Members, *, name: str = "bundle.zip") -> Path:
    """The bundle as a file."""
    path = folder / name
    path.write_bytes(packed(members))
    return path


def signed_bundle(**asked: Any) -> Members:
    """A signed bundle of two models, one use, one finding and a waiver that is withheld."""
    rows = {
        "models": [model_row(), model_row(RISK, description='says "no"\nand more; ";"')],
        "uses": [row(use="retail/churn/scoring", purpose="to score")],
        "findings": [row(finding="f1", title="unknown")],
        "waivers": [row(waiver="w1", reason="withheld")],
    }
    return make_bundle(rows, key=KEY, **asked)


def with_member(name: str, data: bytes = b"x") -> Callable[[Members], Members]:
    """A member is there that nobody listed; in its place."""
    last = (MANIFEST, SIGNATURE)
    return lambda members: (
        dict(sorted(({n: d for n, d in members.items() if n not in last} | {name: data}).items()))
        | {n: members[n] for n in last}
    )


def in_parts(members: Members, *names: str) -> Members:
    """Each record of these tables in a part of its own, as where a spreadsheet cannot hold all."""
    split, content = dict[str, tuple[str, ...]](), dict(members)
    for name in names:
        head, *records, _ = content.pop(f"data/{name}.csv").split(b"\r\n")
        split[name] = tuple(f"data/{name}-{n + 1:04}.csv" for n in range(len(records)))
        for part, record in zip(split[name], records, strict=True):
            content[part] = b"\r\n".join((_marked(head), record, b""))
    files = ((FILES[name], split.get(name, (f"data/{name}.csv",))) for name in FILES)
    content[PACKAGE] = describe(files)
    return digested(dict(sorted(content.items())), key=KEY, split=split)


def _marked(head: bytes) -> bytes:
    return BOM_UTF8 + head.removeprefix(BOM_UTF8)
