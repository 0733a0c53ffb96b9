"""All query parameters of a list: its filters, its order, its part; one closed model each."""

import re
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Final, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, create_model

from schemas.filters import (
    MEANING,
    Filterable,
    Form,
    facets,
    filterable,
    parameter,
    sortable,
)
from schemas.identifiers import Kind
from schemas.strict import Closed, Instant, Line

Wanted = TypeVar("Wanted", bound=str)
COMMA: Final = re.compile(r"(?<!\\),")
DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def _listed(value: object) -> object:
    r"""A comma means or; `\,` is a comma."""
    given = value[0] if isinstance(value, list) and len(value) == 1 else value
    if not isinstance(given, str):
        return given
    return tuple(part.replace("\\,", ",") for part in COMMA.split(given))


def _filled(text: str) -> str:
    if not text:
        raise ValueError("must not be empty")
    return text


def _day(value: object) -> object:
    """A date alone is its first moment, in UTC."""
    return f"{value}T00:00:00Z" if isinstance(value, str) and DAY.fullmatch(value) else value


def _number(value: object) -> object:
    """Query parameters are text; a number is read as one, strictly."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("must be a number") from None


AnyOf = Annotated[tuple[Wanted, ...], BeforeValidator(_listed), Field(min_length=1, max_length=100)]
Name = Annotated[Line, AfterValidator(_filled), Field(max_length=4_096)]
Several = AnyOf[Name]
Moment = Annotated[Instant, BeforeValidator(_day)]
Amount = Annotated[float, Field(allow_inf_nan=False), BeforeValidator(_number)]
PageSize = Annotated[str, Field(pattern=r"^([1-9][0-9]{0,2}|1000)$")]
PageToken = Annotated[str, Field(max_length=8_192)]
SearchText = Annotated[Name, Field(max_length=200)]
YesNo = Literal["true", "false"]
Dialect = Literal["plain", "excel", "raw"]
State = Literal["known", "unknown", "empty", "narrowed"]
Counting = Literal["exact", "estimated"]


def _type_of(field: Filterable, operator: str) -> object:
    """What a parameter may hold."""
    if operator == "is":
        return State
    if field.form is Form.CHOICE:
        return _one_of(field.choices)
    forms = {Form.FLAG: YesNo, Form.MOMENT: Moment, Form.NUMBER: Amount}
    return forms.get(field.form, Several)


class Filters(Closed):
    """Conditions on the rows of a list; all of them hold."""


class Reading(Closed):
    """How a list is read beside its filters."""

    q: SearchText | None = None
    sort: tuple[str, ...] | None = None
    as_of: Moment | None = None


class ListQuery(Filters, Reading):
    """All query parameters of a list, with its filters."""

    facet: tuple[str, ...] | None = None
    count: Counting | None = None
    page_size: PageSize = "100"
    page_token: PageToken | None = None


class ListExport(Filters, Reading):
    """All query parameters of an export of a list, with its filters."""

    dialect: Dialect = "plain"


class ReviewExport(ListExport):
    """All query parameters of one file for risk reviews, with the filters of models.

    `since` begins the changes that are told, `known_at` ends what was learned later.
    """

    since: Moment | None = None
    known_at: Moment | None = None


def _one_of(names: tuple[str, ...]) -> object:
    """A list of known names; a wrong one is answered with the nearest."""

    def known(value: str) -> str:
        if value not in names:
            near = get_close_matches(value, names, n=1, cutoff=0)
            message = f"is not known here; did you mean {near[0]}?"
            raise ValueError(message)
        return value

    shown = Field(json_schema_extra={"enum": list(names)})
    return AnyOf[Annotated[str, AfterValidator(known), shown]]


@cache
def filters_of(kind: Kind) -> type[Filters]:
    """The filters of a kind's lists, as a closed model."""
    fields: dict[str, tuple[object, object]] = {
        parameter(field, operator): (
            _type_of(field, operator),
            Field(default=None, description=MEANING[operator]),
        )
        for field in filterable(kind).values()
        for operator in field.asked
    }
    made: type[Filters] = create_model(  # type: ignore[call-overload]  # types of run time
        f"{_title(kind)}Filters", __base__=Filters, **fields
    )
    return made


@cache
def query_model(kind: Kind) -> type[ListQuery]:
    """All query parameters of a list of a kind."""
    facet = (_one_of(facets(kind)), None)
    return _joined(kind, ListQuery, called="Query", sort=(_sorts(kind), None), facet=facet)


@cache
def export_model(kind: Kind) -> type[ListExport]:
    """All query parameters of an export of a list of a kind."""
    return _joined(kind, ListExport, called="Export", sort=(_sorts(kind), None))


@cache
def review_model() -> type[ReviewExport]:
    """All query parameters of one file for risk reviews."""
    sort = (_sorts(Kind.MODEL), None)
    return _joined(Kind.MODEL, ReviewExport, called="Review", sort=sort)


Asked = TypeVar("Asked", bound=Filters)


def _joined(
    kind: Kind, asked: type[Asked], *, called: str, **fields: tuple[object, None]
) -> type[Asked]:
    """A kind's filters, and what its lists are asked beside them."""
    made: type[Asked] = create_model(  # type: ignore[call-overload]  # types of run time
        f"{_title(kind)}{called}", __base__=(filters_of(kind), asked), **fields
    )
    return made


def _sorts(kind: Kind) -> object:
    names = sortable(kind)
    return _one_of((*names, *(f"-{name}" for name in names)))


def _title(kind: Kind) -> str:
    return "".join(part.title() for part in kind.split("_"))
