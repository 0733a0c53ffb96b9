"""What a build says that it made: artifacts by their digests, metrics, and the data it read."""

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from cli.output import progress
from cli.pushing.asked import Asked
from cli.pushing.faults import Faults, pointer
from harvesters.manifests.formats.found import FileRefused
from harvesters.manifests.formats.strict_json import read_json
from schemas.canonical import canonical_digest
from schemas.identifiers import Identifier, Kind
from schemas.values import MOST_ITEMS, Artifact, DatasetLink, Metric

BLOCK: Final = 1024 * 1024
LARGEST: Final = 1024 * 1024  # of files that are read; what is hashed may be of any size
MOST_ARTIFACTS: Final = 200
MOST_DATASETS: Final = 200
DIGEST: Final = re.compile(r"(?:[^@]*@)?(sha256:[0-9A-Fa-f]{64})|([0-9A-Fa-f]{64})")
MEMBERS: Final = ("role", "digest", "version", "data_sensitivity", "description")
MEMBER: Final = re.compile(rf",({'|'.join(MEMBERS)})=")
TRAINING: Final = "training"


def read_raw(path: Path, *, largest: int = LARGEST) -> bytes:
    """A file, if it is no larger than that. Raises `FileRefused`, `OSError`."""
    with path.open("rb") as file:
        raw = file.read(largest + 1)
    if len(raw) > largest:
        raise FileRefused("too_large", f"is larger than {largest:,} bytes")
    return raw


def artifacts_of(asked: Asked, faults: Faults) -> list[Artifact]:
    """What was made; of a file its digest, however large it is."""
    found: dict[str, Artifact] = {}
    with progress("{:,} bytes hashed") as advance:
        for written in asked.artifact or ():
            where = f"--artifact {written}"
            with faults.told(where):
                one = _artifact(written, faults, advance=advance)
                if found.setdefault(one.name, one) != one:
                    faults.add(where, "is named twice, with two digests")
    if len(found) > MOST_ARTIFACTS:
        faults.add("--artifact", f"at most {MOST_ARTIFACTS} at once; push an archive of them")
    return list(found.values())


def _artifact(written: str, faults: Faults, *, advance: Callable[[int], None]) -> Artifact:
    name, equals, rest = written.partition("=")
    if not name or (equals and not rest):
        raise ValueError("must be NAME, NAME=FILE or NAME=sha256:…")
    if found := DIGEST.fullmatch(rest):
        return Artifact(name=name, digest=canonical_digest(found[1] or found[2]))
    if not equals and not Path(name).exists():
        faults.note(f"--artifact {name}", "no file is called so: it is stated without a digest")
        return Artifact(name=name)
    return Artifact(name=name, digest=hash_file(Path(rest or name), advance))


def hash_file(path: Path, advance: Callable[[int], None]) -> str:
    """SHA-256 of a plain file, block by block. Raises `ValueError`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}"
        raise ValueError(message) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        message = f"{path} is no plain file; of a folder, push an archive or state its digest"
        raise ValueError(message)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        digest = hashlib.sha256()
        block = bytearray(BLOCK)
        while count := file.readinto(block):
            digest.update(memoryview(block)[:count])
            advance(count)
    return f"sha256:{digest.hexdigest()}"


def metrics_of(asked: Asked, faults: Faults) -> list[Metric]:
    """Values that were measured; what is no number, and infinite ones, are null."""
    found: list[Metric] = []
    if asked.metrics is not None:
        found += _metrics_in(asked.metrics, faults)
    for written in asked.metric or ():
        name, _, value = written.rpartition("=")
        with faults.told(f"--metric {written}"):
            found.append(Metric(name=name, value=_number(value)))
    seen: dict[tuple[str, str | None, str | None], Metric] = {}
    for one in found:
        if seen.setdefault((one.name, one.dataset, one.slice), one) != one:
            faults.add(f"metric {one.name}", "is stated twice, with two values")
    if len(seen) > MOST_ITEMS:
        faults.add("metrics", f"at most {MOST_ITEMS:,} of one version")
    return list(seen.values())


def _metrics_in(file: Path, faults: Faults) -> Iterator[Metric]:
    rows: list[tuple[str, Any]] = []
    with faults.told(str(file)):
        rows = list(_rows(read_json(read_raw(file), nan=True)))
    for place, one in rows:
        with faults.told(f"{file}{place}"):
            yield Metric.model_validate(one)


def _rows(document: Any) -> Iterator[tuple[str, Any]]:
    """Each metric with its place."""
    if isinstance(document, dict) and not isinstance(document.get("metrics"), list):
        for name, value in document.items():
            yield pointer([name]), {"name": name, "value": value}
        return
    listed = document["metrics"] if isinstance(document, dict) else document
    if not isinstance(listed, list):
        said = "must be {name: value}, or a list of {name, value, dataset, slice}"
        raise FileRefused("other_format", said)
    for at, one in enumerate(listed):
        yield pointer([at]), one


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        raise ValueError("must be NAME=VALUE, the value a number") from None
    return value if abs(value) < float("inf") else None


def datasets_of(asked: Asked, faults: Faults) -> list[DatasetLink]:
    """What it read, as options and a JSON file say it."""
    found = [_written(one, faults) for one in asked.dataset or ()]
    if asked.datasets is not None and not is_lock(asked.datasets):
        found += _datasets_in(asked.datasets, faults)
    return bounded((one for one in found if one is not None), faults)


def is_lock(file: Path) -> bool:
    """Is it a `dvc.lock`?"""
    return file.suffix in {".lock", ".yaml", ".yml"}


def bounded(links: Iterable[DatasetLink], faults: Faults) -> list[DatasetLink]:
    """Each once."""
    found = list(dict.fromkeys(links))
    if len(found) > MOST_DATASETS:
        faults.add("datasets", f"at most {MOST_DATASETS} at once")
    return found


def _written(text: str, faults: Faults) -> DatasetLink | None:
    """`s3://lake/churn,role=test,digest=md5:…`; a comma may stand in an address."""
    uri, *rest = MEMBER.split(text)
    members = dict(zip(rest[::2], rest[1::2], strict=True))
    with faults.told(f"--dataset {text}"):
        if len(members) * 2 != len(rest):
            raise ValueError("states a member twice")
        return _link({"uri": uri, **members})
    return None


def _datasets_in(file: Path, faults: Faults) -> Iterator[DatasetLink | None]:
    document: Any = None
    with faults.told(str(file)):
        document = read_json(read_raw(file))
        if isinstance(document, dict):
            document = document.get("datasets")
        if not isinstance(document, list):
            said = "must be a list of datasets: [{uri, role, digest, version}]"
            raise FileRefused("other_format", said)
    for at, one in enumerate(document or ()):
        with faults.told(f"{file}/{at}"):
            given = {"uri": one} if isinstance(one, str) else one
            if not isinstance(given, dict) or not isinstance(given.get("uri"), str):
                raise FileRefused("other_format", "must be {uri, role, digest, version}")
            yield _link(given)


def _link(given: dict[str, Any]) -> DatasetLink:
    """Raises `ValueError`: a local path, an unknown role."""
    try:
        uri = Identifier(kind=Kind.DATASET, scheme="uri", value=given["uri"])
    except ValidationError as error:
        raise ValueError(error.errors(include_url=False)[0]["msg"].split(", ", 1)[-1]) from None
    rest = {name: value for name, value in given.items() if name != "uri"}
    return DatasetLink.model_validate({"role": TRAINING, **rest, "dataset": uri})
