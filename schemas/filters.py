"""What a list can be filtered, ordered and counted by: it follows from the facts of its kind."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Annotated, Final, NamedTuple, get_args, get_origin

from pydantic import AwareDatetime

from schemas.facts import FACTS
from schemas.identifiers import Identifier, Kind
from schemas.policy_scale import TIERS
from schemas.values import DatasetLink, OneOf, Ownership, RepositoryLink


class Form(StrEnum):
    """What a field's values are, which decides its operators."""

    TEXT = "text"
    CHOICE = "choice"
    FLAG = "flag"
    NUMBER = "number"
    MOMENT = "moment"
    LINES = "lines"
    ENTRY = "entry"  # another entry, by name or identifier
    OPAQUE = "opaque"  # any other value: only whether it is known can be asked


OPERATORS: Final[Mapping[Form, tuple[str, ...]]] = {
    Form.TEXT: ("", "not", "is"),
    Form.CHOICE: ("", "not", "is"),
    Form.FLAG: ("", "is"),
    Form.NUMBER: ("gte", "lte", "gt", "lt", "is"),
    Form.MOMENT: ("gte", "lte", "gt", "lt", "is"),
    Form.LINES: ("has", "not", "is"),
    Form.ENTRY: ("", "not", "is"),
    Form.OPAQUE: ("is",),
}
MEANING: Final[Mapping[str, str]] = {
    "": r"equals; a comma means or, `\,` is a comma",
    "not": "everything else, also where it is not known",
    "has": "holds one of these",
    "gte": "at least",
    "lte": "at most",
    "gt": "more than",
    "lt": "less than",
    "is": "known, unknown (no source states it), empty (stated so), narrowed (to a choice)",
}


class Filterable(NamedTuple):
    """One thing that a list can be filtered by."""

    name: str
    form: Form
    fact: str = ""  # none: it stands on the entry itself
    choices: tuple[str, ...] = ()
    target: Kind | None = None
    role: str | None = None
    operators: tuple[str, ...] = ()

    @property
    def asked(self) -> tuple[str, ...]:
        """Its operators."""
        return self.operators or OPERATORS[self.form]


LINKS: Final[Mapping[type, tuple[str, Kind]]] = {
    Ownership: ("owner", Kind.OWNER),
    DatasetLink: ("dataset", Kind.DATASET),
    RepositoryLink: ("repository", Kind.REPOSITORY),
}
NAMED_OTHERWISE: Final = {
    "members": Kind.OWNER,
    "depends_on": Kind.MODEL,
}  # facts, by whom they name
LONG: Final = frozenset(  # nobody filters by a whole page of text; `q` looks into some
    {"description", "input_schema", "output_schema", "schema", "card", "purpose", "user_groups",
     "operating_boundaries", "appeal_route", "fallback", "benefits", "potential_impacts",
     "us_high_impact_reason"}
)  # fmt: skip
EXACT: Final = ("", "not")
ROLES: Final = ("accountable", "developer", "delegate")
OF_ENTRIES: Final = (
    Filterable("source", Form.TEXT, operators=EXACT),
    Filterable("stub", Form.FLAG, operators=("",)),
    Filterable("gone", Form.FLAG, operators=("",)),
    Filterable("stale", Form.FLAG, operators=("",)),
    Filterable("stale_source", Form.TEXT, operators=("",)),
    Filterable("conflicts", Form.LINES, operators=("has", "not")),
    *(
        Filterable(name, Form.MOMENT, operators=("gte", "lte", "gt", "lt"))
        for name in ("first_seen_at", "updated_at", "gone_since")
    ),
)
RISK: Final[Mapping[str, tuple[str, ...]]] = {  # what is computed of a model
    "tier": TIERS,
    "tier_status": ("FIRM", "PROVISIONAL", "OVERRIDDEN"),
    "workflow_tier": TIERS,
    "review_state": (
        "RESTRICTED",
        "APPROVED_WITH_CONDITIONS",
        "APPROVED",
        "REVIEWED_WITH_CONDITIONS",
        "REVIEWED",
        "EXCEPTION",
        "EXEMPT",
        "IN_USE_PENDING_REVIEW",
        "IN_USE_UNREVIEWED",
        "NOT_IN_USE",
    ),
}
NAMESPACED: Final = (Kind.MODEL, Kind.VERSION, Kind.USE, Kind.DEPLOYMENT)


@cache
def filterable(kind: Kind) -> Mapping[str, Filterable]:
    """Everything that a list of a kind can be filtered by, by the parameter's name."""
    found = {one.name: one for one in _of_facts(kind)} | {one.name: one for one in OF_ENTRIES}
    if kind in NAMESPACED:
        found["namespace"] = Filterable("namespace", Form.TEXT, operators=EXACT)
    if kind is Kind.OWNER:
        found["departed"] = Filterable("departed", Form.FLAG, operators=("",))
    if kind is Kind.MODEL:  # as its address has it, compared without case
        found["name"] = Filterable("name", Form.TEXT, operators=EXACT)
        found |= {
            one: Filterable(one, Form.CHOICE, "", c, operators=EXACT) for one, c in RISK.items()
        }
    return found


def _of_facts(kind: Kind) -> Iterator[Filterable]:
    for name, field in FACTS[kind].model_fields.items():
        fact = field.alias or name
        leaves = set(_leaves(field.annotation))
        choices = tuple(leaf for leaf in _leaves(field.annotation) if isinstance(leaf, str))
        linked = next((link for part, link in LINKS.items() if part in leaves), None)
        if linked is not None:
            called = "output" if fact == "outputs" else linked[0]  # what a training run wrote
            yield Filterable(called, Form.ENTRY, fact, target=linked[1], role=_role(linked[1]))
        elif Identifier in leaves:
            target = Kind.TRAINING_RUN if fact == "parent" else _named(fact)
            yield Filterable(fact.removesuffix("s"), Form.ENTRY, fact, target=target)
        else:
            yield Filterable(fact, _form(fact, leaves), fact, choices)
        if linked == LINKS[Ownership]:
            yield Filterable(
                "developer", Form.ENTRY, fact, target=Kind.OWNER, role="developer", operators=EXACT
            )
            yield Filterable(
                "delegate", Form.ENTRY, fact, target=Kind.OWNER, role="delegate", operators=EXACT
            )
            yield Filterable("owner_role", Form.CHOICE, choices=ROLES, operators=EXACT)
            yield Filterable("owner_departed", Form.FLAG, operators=("",))
        if fact == "aliases":
            yield Filterable("alias", Form.LINES, fact, operators=("",))


def _named(fact: str) -> Kind:
    return NAMED_OTHERWISE.get(fact) or Kind(fact.removesuffix("s"))


def _role(target: Kind) -> str | None:
    """An owner is who is accountable; developers are asked for by themselves."""
    return "accountable" if target is Kind.OWNER else None


def _form(fact: str, leaves: set[object]) -> Form:
    texts = {leaf for leaf in leaves if isinstance(leaf, str)}
    kinds = {leaf for leaf in leaves if isinstance(leaf, type) and leaf is not type(None)}
    plain = {leaf for leaf in kinds if not issubclass(leaf, OneOf)}
    forms = {
        frozenset({tuple, str}): Form.LINES,
        frozenset({datetime}): Form.MOMENT,
        frozenset({AwareDatetime}): Form.MOMENT,
        frozenset({bool}): Form.FLAG,
        frozenset({int}): Form.NUMBER,
        frozenset({float}): Form.NUMBER,
        frozenset({str}): Form.OPAQUE if fact in LONG else Form.TEXT,
    }
    if texts:
        return Form.OPAQUE if plain else Form.CHOICE
    return forms.get(frozenset(plain), Form.OPAQUE)


def _leaves(annotation: object) -> list[object]:
    """The types that an annotation admits: unions and aliases opened, containers kept too."""
    if get_origin(annotation) is Annotated:
        return _leaves(get_args(annotation)[0])
    if arguments := get_args(annotation):
        container = get_origin(annotation)
        inner = [
            leaf for argument in arguments if argument is not ... for leaf in _leaves(argument)
        ]
        return [container, *inner] if container in {tuple, dict} else inner
    return [annotation]


def parameter(field: Filterable, operator: str) -> str:
    """How a field and an operator are written."""
    return f"{field.name}__{operator}" if operator else field.name


SORTABLE: Final = frozenset({Form.TEXT, Form.CHOICE, Form.NUMBER, Form.MOMENT, Form.FLAG})
OF_OWNERS: Final = frozenset({"departed", "owner_departed", "owner_role"})  # no values to count
UNORDERED: Final = OF_OWNERS | {"source", "stale", "stale_source", *RISK}
FACETED: Final = frozenset(  # beside all choices and flags: what has few values
    {"namespace", "owner", "source", "tags", "license", "vendor_name", "framework", "stage",
     "status", "repository", "dataset", "experiment", "source_type", "platform", "environment",
     "created_by", "topics", "jurisdictions", "line_of_business", "workflow", "event",
     "visibility", "base_model", "actor", "lifecycle", "model", "organisation", "topic"}
)  # fmt: skip


def sortable(kind: Kind) -> tuple[str, ...]:
    """The fields that a list of a kind can be ordered by; a row has one value of each."""
    found = (one.name for one in filterable(kind).values() if one.form in SORTABLE)
    return tuple(dict.fromkeys(["name", *(name for name in found if name not in UNORDERED)]))


def facets(kind: Kind) -> tuple[str, ...]:
    """The fields whose values a list of a kind can count."""
    return tuple(
        one.name
        for one in filterable(kind).values()
        if one.name not in OF_OWNERS
        and (one.name in FACETED or one.form in {Form.CHOICE, Form.FLAG})
    )
