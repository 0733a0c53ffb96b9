"""Loads packs of controls: everything that could go wrong with one is refused here, with its place.

What was loaded is kept by its digest: a pack is tried once in a process.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Final

from pydantic import ValidationError

from schemas.controls import PackDocument, PackProblem
from schemas.digest import canonical_json, sha256
from schemas.problem import FieldProblem
from schemas.yaml_walk import YamlRefused, read_typed
from service.errors import CatalogError
from service.risk.controls.pack_checks import ready
from service.risk.controls.pack_examples import TooMuchWork, Trial
from service.risk.controls.packed import Control, Pack
from service.risk.controls.snapshot_schema import faults_of

__all__ = [  # a pack comes from here, wherever its shape is written down
    "PACK",
    "Pack",
    "PackRefused",
    "default_pack",
    "load_pack",
    "pack_digest",
    "pack_json",
    "parse_pack",
    "read_pack",
]
DEFAULT: Final = "policies/controls-v1.yaml"
MOST_PROBLEMS: Final = 100
PACK: Final = "the pack"  # where no control is at fault


class PackRefused(CatalogError):
    """The pack of controls cannot be used.

    Each problem names the control, the place and how to mend it; nothing was stored.
    """

    status = 422

    def __init__(self, problems: Sequence[PackProblem]) -> None:
        """Keep the problems, and tell them as an answer does."""
        self.problems = tuple(problems[:MOST_PROBLEMS])
        super().__init__(
            *(
                FieldProblem(
                    pointer=f"/{problem.control}/{problem.where}",
                    message=problem.message,
                    fix=problem.fix,
                )
                for problem in self.problems
            )
        )


def read_pack(raw: bytes) -> PackDocument:
    """A pack as its YAML writes it: plain scalars typed, quoted ones text. Raises `PackRefused`."""
    try:
        return parse_pack(read_typed(raw))
    except YamlRefused as error:
        problem = PackProblem(control=PACK, where="file", message=str(error))
        raise PackRefused([problem]) from None


def parse_pack(document: object) -> PackDocument:
    """A pack from JSON, where a text that reads as a time is one. Raises `PackRefused`."""
    try:
        return PackDocument.model_validate(document)
    except ValidationError as error:
        problems = [_invalid(one["loc"], one["msg"], document=document) for one in error.errors()]
        raise PackRefused(problems) from None


def default_pack() -> PackDocument:
    """The pack that ships with the software."""
    return read_pack(files("service.risk").joinpath(DEFAULT).read_bytes())


def pack_json(document: PackDocument) -> dict[str, object]:
    """The pack as JSON, to be stored; `parse_pack` reads it again."""
    return document.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def pack_digest(document: PackDocument) -> str:
    """What names the pack: the digest of what it says, however it was written."""
    return sha256(canonical_json(document.model_dump(by_alias=True, exclude_defaults=True)))


def load_pack(document: PackDocument) -> Pack:
    """A pack ready to be evaluated. Raises `PackRefused` with all that is wrong."""
    return _load(_Keyed(document))


class _Keyed:
    """A document that is known by its digest."""

    def __init__(self, document: PackDocument) -> None:
        self.document, self.digest = document, pack_digest(document)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Keyed) and other.digest == self.digest

    def __hash__(self) -> int:
        return hash(self.digest)


@lru_cache(maxsize=32)
def _load(keyed: _Keyed) -> Pack:
    document = keyed.document
    problems = [*_repeated(document), *_of_base(document)]
    controls: list[Control] = []
    for text in document.controls:
        control, found = ready(text)
        problems += found
        controls += [control] if control is not None else []
    if not any(problem.control == PACK for problem in problems):
        problems += _tried(document.base, controls)
    if problems:
        raise PackRefused(problems)
    return Pack(
        document.pack,
        document.version,
        digest=keyed.digest,
        effective_from=document.effective_from,
        controls=tuple(controls),
    )


def _tried(base: Mapping[str, object], controls: Sequence[Control]) -> Iterator[PackProblem]:
    trial = Trial(base)
    for control in controls:
        try:
            yield from trial.problems(control)
        except TooMuchWork as error:
            fix = "have fewer examples, a smaller base or shorter conditions"
            yield PackProblem(
                control=control.text.id, where="examples", message=str(error), fix=fix
            )
            return


def _repeated(document: PackDocument) -> Iterator[PackProblem]:
    seen: set[str] = set()
    for text in document.controls:
        if text.id in seen:
            yield PackProblem(
                control=text.id, where="id", message="stands twice", fix="number one of them anew"
            )
        seen.add(text.id)


def _of_base(document: PackDocument) -> Iterator[PackProblem]:
    for path, why in faults_of(document.base):
        fix = "write the base as the snapshot schema says"
        yield PackProblem(control=PACK, where=f"base.{path}", message=why, fix=fix)


def _invalid(loc: tuple[int | str, ...], message: str, *, document: object) -> PackProblem:
    """A problem of the form, at its control if it has one."""
    control, place = PACK, loc
    if len(loc) > 1 and loc[0] == "controls" and isinstance(loc[1], int):
        control, place = _called(document, loc[1]), loc[2:]
    where = "".join(char if char.isprintable() else "?" for char in ".".join(map(str, place)))[:200]
    return PackProblem(control=control, where=where, message=message.removeprefix("Value error, "))


def _called(document: object, index: int) -> str:
    controls = document.get("controls") if isinstance(document, dict) else None
    text = controls[index] if isinstance(controls, list | tuple) else None
    called = text.get("id") if isinstance(text, dict) else None
    fits = isinstance(called, str) and called.isascii() and called.isprintable()
    return called[:40] if isinstance(called, str) and fits else f"controls[{index}]"
