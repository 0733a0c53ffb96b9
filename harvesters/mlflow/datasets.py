"""What a training run read: datasets by the address that others know, or as MLflow names them."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from harvesters.dropped import Dropped, reason
from harvesters.errors import shown
from harvesters.mlflow.names import Place, identifier
from harvesters.mlflow.rows import DatasetInputRow, DatasetRow
from harvesters.mlflow.tags import Readers, read_catalog_tags
from harvesters.mlflow.texts import is_line, is_text
from schemas.canonical import canonical_commit
from schemas.facts import DatasetFacts
from schemas.identifiers import Identifier, Kind
from schemas.observation import Evidence, Observation
from schemas.strict import LARGEST_COUNT
from schemas.values import DatasetLink

CONTEXT: Final = "mlflow.data.context"
ROLES: Final = {
    "train": "training", "training": "training",
    "val": "validation", "valid": "validation", "validation": "validation",
    "test": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip
NOT_SHARED: Final = {"local", "code", "sql"}
ADDRESSES: Final = ("uri", "url", "path", "delta_table_name", "table_name")
LONGEST_JSON: Final = 1_000_000


class ReadDataset(NamedTuple):
    """A dataset as a training run shows it. `facts` are those of `DatasetFacts`."""

    subject: Identifier
    facts: Mapping[str, Any]
    link: DatasetLink

    def observation(self, *, at: datetime, evidence: Evidence | None) -> Observation:
        """The dataset as of then; the page is that of the training run."""
        return Observation(
            subject=self.subject,
            observed_at=at,
            facts=DatasetFacts(**self.facts),
            evidence=evidence,
        )


def read_datasets(
    inputs: Sequence[DatasetInputRow], place: Place, *, experiment: str
) -> tuple[list[ReadDataset], list[Dropped]]:
    """The datasets of a training run, and what of them was left out."""
    read: list[ReadDataset] = []
    dropped: list[Dropped] = []
    for one in inputs:
        try:
            found, unread = _read(one, place, experiment=experiment)
        except ValueError as error:
            why = f"dataset {shown(one.dataset.name)[:100]}: {reason(error)}"
            dropped.append(Dropped("dataset_dropped", why))
        else:
            read.append(found)
            dropped += unread
    return read, dropped


def _read(
    one: DatasetInputRow, place: Place, *, experiment: str
) -> tuple[ReadDataset, list[Dropped]]:
    """Raises `ValueError` for names that no identifier can hold."""
    row, tags = one.dataset, {tag.key: tag.value for tag in one.tags}
    tagged, dropped = read_catalog_tags(tags, INPUT)
    source = _members(row.source)
    address = tagged.get("uri") or _address(row.source_type, row.source)
    facts, unread = _facts(row)
    if address is not None:
        facts["uri"] = address
        subject = identifier(Kind.DATASET, "uri", value=address)
    else:
        subject = place.dataset(experiment, row.name, digest=row.digest)
    link = DatasetLink(
        dataset=subject,
        role=ROLES.get(tags.get(CONTEXT, "").strip().lower()),  # type: ignore[arg-type]  # checked
        digest=f"mlflow:{row.digest}" if is_line(row.digest) else None,
        version=_version(source),
    )
    return ReadDataset(subject, facts, link), dropped + unread


def _facts(row: DatasetRow) -> tuple[dict[str, Any], list[Dropped]]:
    facts: dict[str, Any] = {"name": row.name if is_line(row.name) else None}
    dropped: list[Dropped] = []
    if is_line(row.source_type):
        facts["source_type"] = row.source_type
    if not row.schema:
        facts["schema"] = None
    elif is_text(row.schema):
        facts["schema"] = row.schema
    else:
        why = "its schema is too long, or holds a character that no text may hold"
        dropped.append(Dropped("text_dropped", f"dataset {shown(row.name)[:100]}: {why}"))
    records = _members(row.profile).get("num_rows")
    if type(records) is int and 0 <= records <= LARGEST_COUNT:
        facts["records"] = records
    return facts, dropped


@lru_cache(maxsize=1_024)
def _address(source_type: str, source: str) -> str | None:
    """The address in a dataset's source, when it is one that others can reach.

    Tables and volumes have only a path in their own warehouse: which one, MLflow does not say.
    """
    if source_type in NOT_SHARED:
        return None
    members = _members(source)
    found = (members.get(name) for name in ADDRESSES)
    address = next((text for text in found if isinstance(text, str) and text), None)
    if address is None:
        return None
    if source_type == "hugging_face":
        if members.get("data_files") or address.startswith((".", "/")):
            return None  # its path is that of a loader
        address = address if "://" in address else f"hf://datasets/{address}"
    try:
        return identifier(Kind.DATASET, "uri", value=address).value
    except ValueError:
        return None


def _version(source: Mapping[str, Any]) -> str | None:
    """Which state of a table or repository was read."""
    number, revision = source.get("delta_table_version"), source.get("revision")
    if type(number) is int:
        return f"delta:{number}"
    commit = canonical_commit(revision) if isinstance(revision, str) else None
    return f"hf:{commit}" if commit else None


@lru_cache(maxsize=1_024)
def _members(text: str | None) -> Mapping[str, Any]:
    """A JSON object; whatever is none has no members."""
    if not text or len(text) > LONGEST_JSON:
        return {}
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _uri(text: str) -> dict[str, Any]:
    """`catalog.uri`: the first source that was logged for a name and digest stays for ever."""
    return {"uri": identifier(Kind.DATASET, "uri", value=text).value}


INPUT: Final = Readers(DatasetFacts, {"uri": _uri})
