"""What a reader means who asks why something is, or is not, in the catalog."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from pydantic import ValidationError

from schemas.canonical import canonical_digest
from schemas.explain import ExplainQuery
from schemas.identifiers import SCHEMES, Identifier, Kind, encode_segment
from schemas.problem import FieldProblem
from schemas.sources import SourceKind
from service.catalog.tables import Link, SubjectRow
from service.catalog.typed import TYPED
from service.errors import Invalid
from service.ingest.sources import DEFAULT_WORKSPACE
from service.ingest.tables import SourceRow

NAMED: Final = {  # parameter → the kind and scheme of its identifier
    "model": (Kind.MODEL, "name"),
    "repository": (Kind.REPOSITORY, "url"),
    "dataset": (Kind.DATASET, "uri"),
}
link, source, subject = (table.__table__ for table in (Link, SourceRow, SubjectRow))


class Meant(NamedTuple):
    """Identifiers that may be meant, and entries that hold a value by which they are looked up."""

    identifiers: tuple[Identifier, ...]
    lookup: sa.Select[Any] | sa.CompoundSelect[Any] | None = None


def read_meant(asked: ExplainQuery) -> Meant:
    """What is asked for. Raises `Invalid`."""
    given = asked.model_dump(exclude_none=True)
    if len(given) != 1:
        names = ", ".join(ExplainQuery.model_fields)
        raise Invalid(FieldProblem(pointer="", message=f"needs exactly one of {names}"))
    ((name, value),) = given.items()
    if name == "digest":
        return Meant((), _bearing(value))
    if name == "image":
        return Meant((), _serving(value))
    if name == "run" and "/" not in value:
        return Meant((), _running(value))
    found = tuple(dict.fromkeys(_identifiers(name, value)))
    if not found:
        raise Invalid(FieldProblem(pointer=f"?{name}", message="is no identifier of this form"))
    return Meant(found)


def _identifiers(name: str, value: str) -> Iterator[Identifier]:
    if name in NAMED:
        kind, scheme = NAMED[name]
        yield from _read(kind, scheme, value=value)
        if kind is Kind.MODEL:  # as it is called, too: an identifier encodes some characters
            namespace, _, called = value.partition("/")
            yield from _read(kind, scheme, value=f"{namespace}/{encode_segment(called)}")
        return
    kinds: list[Kind] = [Kind.TRAINING_RUN] if name == "run" else list(Kind)
    scheme = "mlflow"
    if name == "identifier":
        scheme, _, value = value.partition(":")
        if scheme in set(Kind):
            kinds = [Kind(scheme)]
            scheme, _, value = value.partition(":")
    for kind in kinds:
        if scheme in SCHEMES[kind]:
            yield from _read(kind, scheme, value=value)


def _read(kind: Kind, scheme: str, *, value: str) -> Iterator[Identifier]:
    try:
        yield Identifier(kind=kind, scheme=scheme, value=value)
    except ValidationError:
        return


def _bearing(digest: str) -> sa.CompoundSelect[Any]:
    """What was made, built or served with a digest, or trained on data that had it."""
    try:
        written = canonical_digest(digest)
    except ValueError:
        written = digest
    version, build, served = (TYPED[k] for k in (Kind.VERSION, Kind.BUILD, Kind.DEPLOYMENT))
    return sa.union(
        sa.select(version.c.id).where(version.c.digests.contains([written])),
        sa.select(build.c.id).where(build.c.artifacts.contains([{"digest": written}])),
        sa.select(served.c.id).where(served.c.digest == written),
        sa.select(link.c.entry_id).where(link.c.digest == digest),
    )


def _serving(image: str) -> sa.Select[Any]:
    """What serves an image, by its reference or by the digest in it."""
    served = TYPED[Kind.DEPLOYMENT]
    _, _, digest = image.rpartition("@")
    return sa.select(served.c.id).where(sa.or_(served.c.image == image, served.c.digest == digest))


def _running(run: str) -> sa.Select[Any]:
    """The training run of an id, whichever tracking server has it: ids are unique by chance."""
    named = sa.func.jsonb_object_keys(source.c.namespaces).column_valued("workspace")
    known = sa.union(sa.select(sa.literal(DEFAULT_WORKSPACE)), sa.select(named)).lateral("known")
    place = sa.func.concat_ws("/", source.c.name, known.c[0], sa.literal(run))
    own = sa.and_(
        subject.c.kind == Kind.TRAINING_RUN, subject.c.scheme == "mlflow", subject.c.value == place
    )
    return (
        sa.select(subject.c.entry_id)
        .select_from(source)
        .join(known, sa.true())
        .join(subject, own)
        .where(source.c.kind == SourceKind.MLFLOW)
    )
