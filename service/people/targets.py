"""What a column can become: each fact of a model with the way its cells are read."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final, NamedTuple, get_args

from schemas.canonical import (
    canonical_dataset_uri,
    canonical_repository_url,
    decode_segment,
    fold_name,
)
from schemas.dates import Precision, ReadDate, read_date
from schemas.identifiers import Kind, email_identifier
from schemas.strict import RFC3339
from schemas.values import (
    AssetKind,
    DatasetLink,
    Explainability,
    Exposure,
    Lifecycle,
    ModelClass,
    Origin,
    RepositoryLink,
    Sensitivity,
    Task,
    UpdateMode,
)

Stated = Mapping[str, Any]  # facts and their values
ADDRESS: Final = re.compile(r"[^<>]*<(?P<email>[^<>@\s]+@[^<>@\s]+)>")
DATASET_ROLES: Final = get_args(get_args(DatasetLink.model_fields["role"].annotation)[0])
REPOSITORY_ROLES: Final = get_args(get_args(RepositoryLink.model_fields["role"].annotation)[0])
MLFLOW_PARTS: Final = 5  # source/workspace/experiment/name/digest
OWNER_ROLES: Final = {"owner": "accountable", "developers": "developer", "delegates": "delegate"}
LINES: Final = (
    "display_name", "vendor_name", "contract_ref", "license", "base_model", "monitoring_url",
    "pmm_plan_ref", "incident_contact", "blueprint", "card",
)  # fmt: skip
COUNTS: Final = ("downstream_dependents", "monitoring_interval_days", "log_retention_days")
LISTS: Final = ("tags", "uses", "disclosed")
REMARKS: Final = ("limitations", "assumptions")
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "asset_kind": get_args(AssetKind),
    "lifecycle": get_args(Lifecycle),
    "task": get_args(Task),
    "origin": get_args(Origin),
    "update_mode": get_args(UpdateMode),
    "explainability": get_args(Explainability),
    "model_class": get_args(ModelClass),
    "data_sensitivity": get_args(Sensitivity),
    "exposure": get_args(Exposure),
}


class CellRefused(ValueError):
    """A cell does not say what its column is for."""

    def __init__(self, message: str, fix: str = "", *, code: str = "invalid") -> None:
        """What is wrong, without what stands there, and what to do."""
        super().__init__(message)
        self.fix, self.code = fix, code


class Target(NamedTuple):
    """One thing that a column can be read as."""

    read: Callable[[str], Stated]
    facts: tuple[str, ...]
    many: bool = False  # several columns may add to it
    empty: Any = None  # the value that is stated by an empty cell of our own exports


def in_line(text: str) -> str:
    """A text on one line."""
    return " ".join(text.split())


def items(text: str) -> list[str]:
    """The parts of a list: `;` or a line end between them, `;;` is a `;` inside one."""
    parts = re.findall(r"(?:[^;\r\n]|;;)+", text)
    return [part for one in parts if (part := in_line(one.replace(";;", ";")))]


def read_moment(text: str, noted: Callable[[ReadDate], None]) -> Stated:
    """When it was created: a moment or a day; what is less exact is not stated."""
    if RFC3339.fullmatch(text):
        return {"created_at": text}
    found = read_date(text)
    if found is None:
        raise CellRefused("is no date", "Write it as 2026-11-20.")
    noted(found)
    exact = found.precision is Precision.DAY
    return {"created_at": f"{found.first.isoformat()}T00:00:00Z"} if exact else {}


def make_targets(noted: Callable[[ReadDate], None]) -> Mapping[str, Target]:
    """All of them by name; each date that is read is told to `noted`."""
    return {
        "namespace": Target(lambda text: {"namespace": in_line(text)}, ("namespace",)),
        "name": Target(lambda text: {"name": in_line(text)}, ("name",)),
        "model": Target(_model, ("namespace", "name")),
        "description": Target(lambda text: {"description": _unix(text)}, ("description",)),
        **{name: Target(_line(name), (name,)) for name in LINES},
        **{name: Target(_choice(name), (name,)) for name in CHOICES},
        **{name: Target(_count(name), (name,)) for name in COUNTS},
        **{name: Target(_list(name), (name,), many=True, empty=[]) for name in LISTS},
        **{name: Target(_remarks(name), (name,), many=True, empty=[]) for name in REMARKS},
        **{
            name: Target(_owners(role), ("owners",), many=True, empty=[])
            for name, role in OWNER_ROLES.items()
        },
        "repositories": Target(_repositories, ("repositories",), many=True, empty=[]),
        "datasets": Target(_datasets, ("datasets",), many=True, empty=[]),
        "created_at": Target(lambda text: read_moment(text, noted), ("created_at",)),
    }


def choose(name: str, text: str) -> str:
    """The value of an enumerated fact that a text says, whatever its case, blanks and dashes."""
    word = re.sub(r"[\s_-]+", "_", text.strip()).casefold()
    if word in CHOICES[name]:
        return word
    near = [one for one in CHOICES[name] if word and one.startswith(word)]
    near = near or get_close_matches(word, CHOICES[name], n=1, cutoff=0.5)
    known = f"Known are {', '.join(CHOICES[name])}."
    raise CellRefused(f"is no {name}", f"Did you mean {near[0]}? {known}" if near else known)


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _model(text: str) -> Stated:
    """`namespace/name`, as our own exports write it."""
    namespace, slash, name = in_line(text).partition("/")
    if not slash:
        raise CellRefused("is no namespace/name", "Map the column to name, and give a namespace.")
    return {"namespace": namespace, "name": decode_segment(name)}


def _line(name: str) -> Callable[[str], Stated]:
    return lambda text: {name: in_line(text)}


def _choice(name: str) -> Callable[[str], Stated]:
    return lambda text: {name: choose(name, text)}


def _count(name: str) -> Callable[[str], Stated]:
    def read(text: str) -> Stated:
        digits = text.strip()
        if not (digits.isascii() and digits.isdigit()):
            raise CellRefused("is no whole number", "Write it with digits alone.")
        return {name: int(digits[:20])}

    return read


def _list(name: str) -> Callable[[str], Stated]:
    return lambda text: {name: items(text)}


def _remarks(name: str) -> Callable[[str], Stated]:
    """One a line: a sentence may well hold a semicolon."""
    return lambda text: {name: [{"text": line} for line in _lines(text)]}


def _lines(text: str) -> Iterable[str]:
    return (line.strip() for line in _unix(text).split("\n") if line.strip())


def _owners(role: str) -> Callable[[str], Stated]:
    def read(text: str) -> Stated:
        named = [part for item in items(text) for part in _apart(item)]
        return {"owners": [{"owner": _owner(one), "role": role} for one in named]}

    return read


def _apart(item: str) -> Iterator[str]:
    """Commas stand between addresses; in a name they belong to it."""
    parts = [part.strip() for part in item.split(",")]
    yield from (part for part in parts if part) if all("@" in part for part in parts) else (item,)


def _owner(text: str) -> Stated:
    found = ADDRESS.fullmatch(text)
    address = found["email"] if found else text
    if "@" in address:
        return email_identifier(address).model_dump(mode="json")
    return {"kind": Kind.OWNER, "scheme": "handle", "value": address}


def _repositories(text: str) -> Stated:
    """Addresses, each with a role after it where our own exports write one."""
    return {"repositories": [_repository(*item.split(" ")) for item in items(text)]}


def _repository(address: str, *more: str) -> Stated:
    value = canonical_repository_url(address)
    said = {"repository": {"kind": Kind.REPOSITORY, "scheme": "url", "value": value}}
    return {**said, **_read_after(more, {"role": REPOSITORY_ROLES.__contains__})}


def _datasets(text: str) -> Stated:
    """URIs, each with role and digest after it where our own exports write them."""
    return {"datasets": [_dataset(*item.split(" ")) for item in items(text)]}


def _dataset(address: str, *more: str) -> Stated:
    """A dataset without a URI has a name of five parts, from the MLflow server that knows it."""
    own = "://" not in address and address.count("/") == MLFLOW_PARTS - 1
    scheme, value = ("mlflow", address) if own else ("uri", canonical_dataset_uri(address))
    said = {"dataset": {"kind": Kind.DATASET, "scheme": scheme, "value": value}}
    return {**said, **_read_after(more, {"role": DATASET_ROLES.__contains__, "digest": bool})}


def _read_after(words: Iterable[str], members: Mapping[str, Callable[[str], bool]]) -> Stated:
    """What stands behind an address, each word the first member that it can be."""
    said: dict[str, Any] = {}
    for word in words:
        member = next((m for m, fits in members.items() if m not in said and fits(word)), None)
        if member is None:
            raise CellRefused("says more than an address", "Put ; between two of them.")
        said[member] = word
    return said


def folded(text: str) -> str:
    """How names of columns and texts of cells are compared."""
    return re.sub(r"[\s_-]+", "_", fold_name(text.strip()))
