"""One typed table a kind; its columns derive from the kind's facts, so that none is missing."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Final, get_args, get_origin

import sqlalchemy as sa
from pydantic import AwareDatetime
from sqlalchemy.dialects.postgresql import JSONB

from schemas.facts import FACTS
from schemas.identifiers import Identifier, Kind
from schemas.values import DatasetLink, OneOf, Ownership, RepositoryLink
from service.db import Table, Timestamp

LINKED: Final = (Ownership, RepositoryLink, DatasetLink, Identifier)
PARENTS_FIRST: Final = (  # rows are written in this order: a reference needs its target
    Kind.OWNER,
    Kind.REPOSITORY,
    Kind.DATASET,
    Kind.BUILD,
    Kind.TRAINING_RUN,
    Kind.MODEL,
    Kind.USE,
    Kind.VERSION,
    Kind.DEPLOYMENT,
)
REFERENCES: Final[Mapping[tuple[Kind, str], Kind]] = {
    (Kind.VERSION, "model"): Kind.MODEL,
    (Kind.VERSION, "training_run"): Kind.TRAINING_RUN,
    (Kind.VERSION, "repository"): Kind.REPOSITORY,
    (Kind.VERSION, "build"): Kind.BUILD,
    (Kind.TRAINING_RUN, "parent"): Kind.TRAINING_RUN,
    (Kind.TRAINING_RUN, "repository"): Kind.REPOSITORY,
    (Kind.BUILD, "repository"): Kind.REPOSITORY,
    (Kind.DEPLOYMENT, "version"): Kind.VERSION,
    (Kind.DEPLOYMENT, "repository"): Kind.REPOSITORY,
    (Kind.DEPLOYMENT, "build"): Kind.BUILD,
    (Kind.USE, "model"): Kind.MODEL,
}
MATCHING: Final[Mapping[Kind, tuple[str, ...]]] = {  # references that are also concluded
    Kind.VERSION: ("build",),
    Kind.DEPLOYMENT: ("version", "build"),
}
OFFERING: Final = frozenset({Kind.VERSION, Kind.BUILD})  # what others find by their keys
BORROWING: Final = frozenset(  # kinds without a namespace of their own: seen through others'
    {Kind.DATASET, Kind.REPOSITORY, Kind.BUILD, Kind.TRAINING_RUN}
)
SCALARS: Final[Mapping[Any, sa.types.TypeEngine[Any]]] = {
    str: sa.Text(),
    bool: sa.Boolean(),
    int: sa.BigInteger(),
    float: sa.Double(),
    datetime: Timestamp,
    AwareDatetime: Timestamp,
}


@cache
def annotations(kind: Kind) -> Mapping[str, Any]:
    """The annotation of every fact of a kind, by the fact's name."""
    fields: Mapping[str, Any] = FACTS[kind].model_fields
    return {field.alias or name: field.annotation for name, field in fields.items()}


@cache
def reference_columns(kind: Kind) -> Mapping[str, str]:
    """Facts that name one other entry, and the column that holds its id."""
    return {fact: f"{fact}_id" for about, fact in REFERENCES if about is kind}


@cache
def link_facts(kind: Kind) -> frozenset[str]:
    """Facts whose members name other entries: they are stored as links, not in a column."""
    return frozenset(
        fact
        for fact, annotation in annotations(kind).items()
        if (kind, fact) not in REFERENCES and not set(LINKED).isdisjoint(_leaves(annotation))
    )


@cache
def value_facts(kind: Kind) -> tuple[str, ...]:
    """Facts that are stored as they are, in a column of the same name."""
    apart = {*reference_columns(kind), *link_facts(kind)}
    return tuple(fact for fact in annotations(kind) if fact not in apart)


@cache
def typed_table(kind: Kind) -> sa.Table:
    """The table of a kind: entry id, one column a fact, and how the fields were decided.

    `statements` lists who said something; `provenance` holds for every stated field the indices of
    its statements, strongest first: no key means not stated, a key and NULL stated empty.
    `narrowed` holds the candidates of fields of which only a choice is known, `conflicts` the
    names of disputed fields. `offered` and `sought` are keys by which things that belong together
    find each other, `matched` says how the references came about that were found so.
    """
    references = reference_columns(kind)
    columns: list[sa.Column[Any]] = [sa.Column("id", sa.ForeignKey("entry.id"), primary_key=True)]
    for fact in annotations(kind):
        if fact in references:
            target = sa.ForeignKey(f"{REFERENCES[kind, fact]}.id")
            columns.append(sa.Column(references[fact], sa.Uuid, target, index=True))
        elif fact not in link_facts(kind):
            columns.append(sa.Column(fact, _column_type(annotations(kind)[fact])))
    return sa.Table(
        kind.value,
        Table.metadata,
        *columns,
        *_keys(kind),
        sa.Column("statements", JSONB, nullable=False),
        sa.Column("provenance", JSONB, nullable=False),
        sa.Column("narrowed", JSONB, nullable=False),
        sa.Column("conflicts", JSONB, nullable=False),
        sa.Column("valid_from", Timestamp, nullable=False),
        *(
            sa.Index(None, name, postgresql_using="gin")
            for name, kinds in (("offered", OFFERING), ("sought", MATCHING))
            if kind in kinds
        ),
        *([sa.Index(None, "commit")] if kind is Kind.BUILD else []),
        sa.Index(
            f"ix_{kind}_id_contested", "id", postgresql_where=sa.text("conflicts <> '[]'::jsonb")
        ),
    )


def _keys(kind: Kind) -> Iterator[sa.Column[Any]]:
    if kind is Kind.VERSION:  # computed in Python, ordered bytewise
        yield sa.Column("number_key", sa.Text(collation="C"))
    if kind in OFFERING:
        yield sa.Column("offered", JSONB, nullable=False)
    if kind in MATCHING:
        yield sa.Column("sought", JSONB, nullable=False)
        yield sa.Column("matched", JSONB, nullable=False)


def _column_type(annotation: Any) -> sa.types.TypeEngine[Any]:
    found = {kept for leaf in _leaves(annotation) if (kept := _scalar(leaf)) is not None}
    if len(found) == 1 and found <= set(SCALARS):
        return SCALARS[found.pop()]
    return JSONB(none_as_null=True)


def _scalar(leaf: Any) -> Any:
    """The scalar type a leaf stands for; a marker for anything that only JSON can hold."""
    if leaf is type(None) or (isinstance(leaf, type) and issubclass(leaf, OneOf)):
        return None
    if isinstance(leaf, str):  # a member of a Literal
        return str
    return leaf


def _leaves(annotation: Any) -> list[Any]:
    """The types that an annotation admits: unions and aliases opened, containers kept too."""
    if get_origin(annotation) is Annotated:
        return _leaves(get_args(annotation)[0])
    if arguments := get_args(annotation):
        container = get_origin(annotation)
        inner = [leaf for argument in arguments for leaf in _leaves(argument)]
        return [container, *inner] if container in {tuple, dict} else inner
    return [annotation]


TYPED: Final[Mapping[Kind, sa.Table]] = {kind: typed_table(kind) for kind in PARENTS_FIRST}
