"""The kinds of values in a manifest, each with what the published schema says of it."""

import re
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, StringConstraints, Tag

from schemas import strict, values
from schemas.canonical import canonical_dataset_uri, canonical_repository_url
from schemas.manifest_text import (
    AS_COUNT,
    AS_DAY,
    AS_FLAG,
    AS_LIST,
    AS_NUMBER,
    ON_ONE_LINE,
    WRITTEN,
    OrEmpty,
    canonical,
    formed,
    json,
    wrong,
)
from schemas.manifest_words import COUNTRIES, PURPOSES
from schemas.values import OneOf

MOST: Final = 1_000  # items of a list
TEXT: Final[Mapping[str, object]] = {"type": list(WRITTEN), "minLength": 1}

NAMESPACE: Final = r"^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$"
NAME: Final = r"^[a-z0-9]([a-z0-9._-]{0,126}[a-z0-9])?$"
ACCOUNT: Final = r"^(team|user):[^\s:]+$"
TEAM: Final = r"^team:[^\s:]+$"
USER: Final = r"^user:[^\s:]+$"
EMAIL: Final = r"^[^@\s<>:]+@[^@\s<>:]+$"
OWNER: Final = rf"({ACCOUNT}|{EMAIL})"
WEB: Final = r"^https?://[^\s/@]+(/\S*)?$"
DIGEST: Final = (
    r"^(sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}(\.dir)?|mlflow:[0-9a-f]{8}|delta:[0-9]{1,19}"
    r"|hf:[0-9a-f]{40})$"
)
MODEL_PATH: Final = r"^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?/[^\s/]+$"
SPDX: Final = (
    r"^\(*[A-Za-z0-9][A-Za-z0-9.+:-]*\)*( (AND|OR|WITH) \(*[A-Za-z0-9][A-Za-z0-9.+:-]*\)*)*$"
)
BLUEPRINT: Final = r"^[A-Za-z0-9][A-Za-z0-9._/-]*@[A-Za-z0-9][A-Za-z0-9._-]*$"
PATH: Final = r"^(?![/~]|[A-Za-z]:)(?!(.*/)?\.\.(/|$))[^\\]+$"
POINT: Final = r"^[1-8](\([a-z]\))?$"
PURPOSE: Final = r"^[a-z][a-z0-9_]*$"
DECIMAL: Final = r"^[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,2})?$"
SCRIPT: Final = "(" + "|".join(  # pages show the address as a link; patterns have no flags
    "".join(f"[{char.upper()}{char}]" for char in scheme)
    for scheme in ("javascript", "vbscript", "data", "file", "blob")
) + ")"  # fmt: skip
BASE: Final = rf"^(?!{SCRIPT}:)[^\s@]+(@[^\s@]+)?$"
NUMBER_LIKE: Final = re.compile(r"[-+]?[\d.][\d.,_' ]*", re.ASCII)


def _country(text: str) -> str:
    if text not in COUNTRIES:
        fix = "write two capital letters of ISO 3166-1, such as DE or GB, or EU"
        raise wrong("wrong_value", "is no code of a country", fix=fix)
    return text


def _use(text: str) -> str:
    if text.startswith("(") or "[masked " in text:
        fix = "write a name like retention-offers"
        raise wrong("wrong_form", "must be a name without brackets and keys", fix=fix)
    return text


Inline = Annotated[values.Line, ON_ONE_LINE]
Text = Annotated[
    values.Text,
    StringConstraints(min_length=1, max_length=2_000),
    json(**TEXT, maxLength=2_000),
]
Line = Annotated[Inline, StringConstraints(max_length=200), json(**TEXT, maxLength=200)]
Exact = Annotated[  # part of an identifier: never masked, for two things would share one
    strict.Line,
    StringConstraints(min_length=1, max_length=200),
    json(**TEXT, maxLength=200),
]
Label = Annotated[
    Inline | None,
    BeforeValidator(lambda value: None if value == "" else value),
    json(type=[*WRITTEN, "null"], maxLength=1_000),
]
Labels = Annotated[
    dict[Annotated[strict.Line, StringConstraints(min_length=1, max_length=200)], Label],
    Field(max_length=200),
]
Note = Annotated[values.Text | None, json(type=[*WRITTEN, "null"])]
Notes = Annotated[
    dict[Annotated[strict.Line, StringConstraints(min_length=1, max_length=200)], Note],
    Field(max_length=200),
]
Namespace = Annotated[
    Inline,
    formed(
        NAMESPACE,
        "lower-case letters, digits, - and _, at most 63, with a letter or digit at both ends",
        fix="write it like retail or credit-risk",
    ),
    json(type=list(WRITTEN), pattern=NAMESPACE),
]
Name = Annotated[
    Inline,
    formed(
        NAME,
        "lower-case letters, digits, - . and _, at most 128, with a letter or digit at both ends",
        fix="write it like churn or churn-v2; what people read stands in title",
    ),
    json(type=list(WRITTEN), pattern=NAME),
]
UseName = Annotated[
    Inline,
    StringConstraints(max_length=128),
    AfterValidator(_use),
    json(**TEXT, maxLength=128, pattern=r"^[^(]"),
]
OwnerName = Annotated[
    Inline,
    StringConstraints(max_length=320),
    formed(
        OWNER,
        "team:..., user:... or an e-mail address",
        fix="write it like team:retention-ds, user:anna or anna@example.com",
        code="wrong_owner",
    ),
    json(
        maxLength=320,
        anyOf=[
            {"type": "string", "pattern": TEAM},
            {"type": "string", "pattern": USER},
            {"type": "string", "pattern": EMAIL},
        ],
    ),
]
RepositoryUrl = Annotated[
    Inline,
    canonical(canonical_repository_url, fix="write it like https://github.com/acme/churn"),
    json(type="string", minLength=1, maxLength=1_024),
]
DatasetUri = Annotated[
    Inline,
    canonical(canonical_dataset_uri, fix="write it like s3://lake/churn"),
    json(type="string", maxLength=1_024, pattern=r"^\s*[A-Za-z][A-Za-z0-9+.-]*://\S"),
]
WebAddress = Annotated[
    Inline,
    StringConstraints(max_length=1_024),
    formed(
        WEB,
        "an http or https address without a user in it",
        fix="write it like https://wiki.example.com/churn",
    ),
    json(type="string", maxLength=1_024, pattern=WEB),
]
Digest = Annotated[
    Inline,
    formed(
        DIGEST,
        "sha256: with 64 hex digits, md5: with 32, mlflow: with 8, hf: with 40, or delta: a number",
        fix="write the kind of digest, a colon and the digest in lower case",
    ),
    json(type="string", pattern=DIGEST),
]
License = Annotated[
    Inline,
    StringConstraints(max_length=200),
    formed(
        SPDX,
        "an SPDX identifier or expression",
        fix="write it like Apache-2.0 or MIT OR Apache-2.0; for others LicenseRef-name",
    ),
    json(type=list(WRITTEN), maxLength=200, pattern=SPDX),
]
BaseModel = Annotated[
    Inline,
    StringConstraints(max_length=1_024),
    formed(
        BASE,
        "hf://org/name@revision, a name in the catalog or an address, without spaces and scripts",
        fix="write it like hf://org/name@main, retail/churn or https://example.com/model",
    ),
    json(type=list(WRITTEN), maxLength=1_024, pattern=BASE),
]
ModelPath = Annotated[
    Inline,
    StringConstraints(max_length=200),
    formed(
        MODEL_PATH,
        "the name of a model in the catalog: namespace/name",
        fix="write it like retail/churn",
    ),
    json(type=list(WRITTEN), maxLength=200, pattern=MODEL_PATH),
]
Blueprint = Annotated[
    Inline,
    StringConstraints(max_length=200),
    formed(BLUEPRINT, "name@version", fix="write it like batch-scoring@2"),
    json(type="string", maxLength=200, pattern=BLUEPRINT),
]
FilePath = Annotated[
    Inline,
    StringConstraints(max_length=1_000),
    formed(
        PATH,
        "a path from the root of the repository, inside it, with / between folders",
        fix="write it like models/churn/CARD.md",
    ),
    json(type=list(WRITTEN), maxLength=1_000, pattern=PATH),
]
Point = Annotated[
    Inline,
    formed(POINT, "a point of Annex III, 1 to 8", fix="write it like 5(b)"),
    json(type=["string", "number"], pattern=POINT),
]
Purpose = Annotated[
    Inline,
    StringConstraints(max_length=100),
    formed(
        PURPOSE,
        "a purpose of the tiering policy: lower-case letters, digits and _",
        fix="write it like creditworthiness",
    ),
    json(
        maxLength=100,
        anyOf=[{"enum": list(PURPOSES)}, {"type": ["string", "boolean"], "pattern": PURPOSE}],
    ),
]
Country = Annotated[
    Inline,
    AfterValidator(_country),
    json(type=["string", "boolean"], enum=list(COUNTRIES)),  # NO is false to some readers
]
Count = Annotated[
    strict.Count,
    AS_COUNT,
    json(
        anyOf=[
            {"type": "integer", "minimum": 0, "maximum": strict.LARGEST_COUNT},
            {"type": "string", "pattern": "^[0-9]{1,19}$"},
        ]
    ),
]
Number = Annotated[
    strict.Number,
    AS_NUMBER,
    json(
        anyOf=[
            {"type": "number"},
            {"type": "string", "pattern": DECIMAL},
        ]
    ),
]
Flag = Annotated[
    strict.Flag,
    AS_FLAG,
    json(anyOf=[{"type": "boolean"}, {"type": "string", "pattern": "^(true|false)$"}]),
]
Day = Annotated[date, AS_DAY, json(type="string", pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]

T = TypeVar("T")
ListOf = Annotated[tuple[T, ...], AS_LIST, Field(max_length=MOST), OrEmpty()]
SCHEMES = Literal["mlflow", "backstage", "hf", "other"]  # that a model may also be known by

Enum = TypeVar("Enum", bound=str)
EMPTY: Final = "is stated empty, and risk is computed from it"


def _stated(value: object) -> object:
    if value is None:
        fix = "write a value, {one_of: [...]} when it is one of several, or remove the key"
        raise wrong("empty_factor", EMPTY, fix=fix)
    return value


def _how(value: object) -> str:
    """Which of the ways to state a factor a value tries; a tag in the places of errors."""
    if isinstance(value, dict | OneOf):
        return "(one of)"
    if isinstance(value, int) or (isinstance(value, str) and NUMBER_LIKE.fullmatch(value)):
        return "(number)"
    return "(value)"


def _which(value: object) -> str:
    return "(one of)" if isinstance(value, dict | OneOf) else "(value)"


STATED: Final = BeforeValidator(_stated)
PURPOSES_KIND: Final = Discriminator(lambda value: "(map)" if isinstance(value, dict) else "(list)")

if TYPE_CHECKING:  # None stands for left out alone
    Factor = Annotated[Enum | OneOf[Enum] | None, Field()]
    Amount = Annotated[Enum | OneOf[Enum] | int | None, Field()]
    StatedFlag = bool | None
    StatedCount = int | None
    Purposes = tuple[str, ...] | dict[str, bool] | None
else:

    class Factor:
        """An alias that also fills in `OneOf`: a value, or one of several."""

        def __class_getitem__(cls, choice: object) -> object:
            """What a factor of these choices may state."""
            one = Annotated[choice, Tag("(value)")]
            several = Annotated[OneOf[choice], Tag("(one of)")]
            return Annotated[one | several, Discriminator(_which), STATED]

    class Amount:
        """A factor that may be a number too."""

        def __class_getitem__(cls, choice: object) -> object:
            """Bands, one of several of them, or the number itself."""
            one = Annotated[choice, Tag("(value)")]
            several = Annotated[OneOf[choice], Tag("(one of)")]
            number = Annotated[Count, Tag("(number)")]
            return Annotated[one | several | number, Discriminator(_how), STATED]

    StatedFlag = Annotated[Flag, STATED]
    StatedCount = Annotated[Count, STATED]
    Purposes = Annotated[
        Annotated[tuple[Purpose, ...], Field(max_length=100), Tag("(list)")]
        | Annotated[dict[Purpose, Flag], Field(max_length=100), Tag("(map)")],
        PURPOSES_KIND,
        STATED,
    ]
