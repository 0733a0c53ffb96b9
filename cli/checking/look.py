"""Looks at files as a harvest would, and at all of them together."""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final, NamedTuple

from cli.checking.files import Unreadable, Wanted, read_file
from cli.checking.finding import Finding, find
from cli.checking.mend import Mended, mend
from harvesters.manifests.formats import FORMATS
from harvesters.manifests.formats.found import FileRefused
from harvesters.manifests.model_yaml import Reading, read_manifest
from harvesters.manifests.problems import Problem
from harvesters.manifests.wanted import LARGEST
from schemas.yaml_walk import read_yaml

PLACE: Final = re.compile(r"line (\d+), column (\d+): | \(at line (\d+), column (\d+)\)")
NOT_OURS: Final = Problem(
    "not_ours", 1, 1, "the file is no manifest of the catalog, so nothing of it was checked",
    "begin it with `apiVersion: model-catalog/v1` and `kind: Model` if it should be one",
    severity="warning",
)  # fmt: skip


class Looked(NamedTuple):
    """What was seen in one file. `model` is the namespace and name that a manifest states.

    `ours` is None for files in formats of others; a manifest is `mended` where that was asked for.
    """

    wanted: Wanted
    findings: tuple[Finding, ...]
    ours: bool | None = None
    model: tuple[str, str] | None = None
    raw: bytes = b""
    mended: Mended | None = None


def look(wanted: Wanted, *, fix: bool) -> Looked:
    """Look at one file; with `fix` at what it would be once it is mended."""
    try:
        raw = read_file(wanted)
    except Unreadable as unreadable:
        if wanted.sort == "misnamed":  # nobody's manifest, as far as can be told
            return Looked(wanted, ())
        problem = Problem("unreadable", 1, 1, f"the file {unreadable}", unreadable.fix)
        return Looked(wanted, (Finding(wanted.shown, problem),))
    if wanted.sort == "misnamed":
        told = [wanted.passed_over] if wanted.passed_over and read_manifest(raw).ours else []
        return Looked(wanted, tuple(find(wanted.shown, one, raw=raw) for one in told))
    if wanted.sort == "foreign":
        return Looked(wanted, tuple(_foreign(wanted, raw)))
    reading, mended = read_manifest(raw), None
    if fix and reading.ours:
        mended = mend(raw, lambda text: read_manifest(text).problems)
        raw, reading = mended.after, read_manifest(mended.after)
    return _manifest(wanted, raw, reading=reading)._replace(mended=mended)


def same_names(looked: Iterable[Looked]) -> Iterator[Finding]:
    """Manifests that bear the name of one before them, of those that a harvest reads."""
    first: dict[tuple[str, str], str] = {}
    for one in looked:
        if one.model is None or one.wanted.passed_over is not None:
            continue
        namespace, name = one.model
        other = first.setdefault(one.model, one.wanted.shown)
        if other != one.wanted.shown:
            mark = read_yaml(one.raw).key_of(("metadata", "name"))
            message = f"{other} describes the model {namespace}/{name} too; a harvest refuses one"
            fix = "rename one of the two, or remove it"
            problem = Problem("same_name", *mark, message, fix, "/metadata/name")
            yield find(one.wanted.shown, problem, raw=one.raw)


def _manifest(wanted: Wanted, raw: bytes, *, reading: Reading) -> Looked:
    found = partial(find, wanted.shown, raw=raw)
    if not reading.ours:
        return Looked(wanted, (found(NOT_OURS),) if wanted.given else (), ours=False)
    problems = [*reading.problems]
    if wanted.passed_over is not None:
        problems.insert(0, wanted.passed_over)
    stated = reading.manifest.metadata if reading.manifest else None
    model = (stated.namespace, stated.name) if stated else None
    return Looked(wanted, tuple(map(found, problems)), ours=True, model=model, raw=raw)


def _foreign(wanted: Wanted, raw: bytes) -> Iterator[Finding]:
    """Why a harvest would not take the facts of a file in a format of others."""
    if len(raw) > LARGEST:
        yield _refused(wanted, "file", message=f"is larger than {LARGEST:,} bytes")
        return
    for one in FORMATS:
        if one.matches(wanted.inside):
            try:
                one.read(raw, wanted.inside)
            except FileRefused as refused:
                yield _refused(wanted, one.name, message=refused.message)


def _refused(wanted: Wanted, name: str, *, message: str) -> Finding:
    place = PLACE.search(message)
    line, column = (int(one) for one in place.groups() if one) if place else (1, 1)
    reason = PLACE.sub("", message, count=1).rstrip(".")
    problem = Problem(
        "foreign_file", line, column, f"a harvest refuses this {name}: {reason}",
        "mend it if the catalog is to know what it says", severity="warning",
    )  # fmt: skip
    return Finding(wanted.shown, problem)
