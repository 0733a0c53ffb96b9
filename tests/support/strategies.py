"""Strategies of what a source may say: documents as they are posted, for every kind of thing."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st
from pydantic import AfterValidator, AwareDatetime

from schemas import canonical, values
from schemas.facts import FACTS
from schemas.identifiers import SCHEMES, Identifier, Kind
from schemas.observation import Observation, parse_observation

Strategy = st.SearchStrategy[Any]

DIRECTIONS: Final = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
KEYS: Final = ["AKIAIOSFODNN7EXAMPLE", f"ghp_{'a' * 36}", "https://me:secret@host.example/x"]
CLEAN: Final = st.characters(
    exclude_categories=("Cs", "Cc"), exclude_characters=f"{DIRECTIONS}\ufffe\uffff"
)
WORDS: Final = st.text(CLEAN, min_size=1, max_size=12)
TEXTS: Final = st.one_of(
    st.text(st.one_of(CLEAN, st.just("\n")), max_size=20), st.sampled_from(KEYS)
)
HEX: Final = st.text("0123456789abcdefABCDEF", min_size=40, max_size=40)
DIGESTS: Final = st.builds(
    "{}{}{}".format, st.sampled_from(["", "sha256:", "SHA256:"]), HEX, st.just("aB" * 12)
)
NAMESPACES: Final = st.sampled_from(["retail", "Retail", "wholesale", "team_b", "r2-d2"])
TIMES: Final = st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 29)).map(  # noqa: DTZ001  # the zone is written
    lambda moment: f"{moment.isoformat()}+02:00" if moment.microsecond else f"{moment}Z"
)
SEGMENTS: Final = st.text(CLEAN, min_size=1, max_size=8).map(canonical.encode_segment)
HOSTS: Final = st.sampled_from(
    ["github.com", "GitHub.com", "gitlab.acme.example", "git.acme.example", "bücher.example",
     "[::1]", "ssh.dev.azure.com", "ssh.github.com", "localhost"]
)  # fmt: skip
PATHS: Final = st.lists(
    st.one_of(
        st.sampled_from(
            ["acme", "Churn.git", "churn.GIT", "tree", "TREE", "-", "blob", "_git", "v3", "..",
             "a@b", "", "releases", ".git", "x?y#z"]
        ),
        SEGMENTS,
    ),
    max_size=6,
).map("/".join)  # fmt: skip
REPOSITORY_URLS: Final = st.one_of(
    st.builds(
        "{}{}{}{}/{}{}".format,
        st.sampled_from(["https://", "http://", "ssh://", "git://", "git+https://", "HTTPS://"]),
        st.sampled_from(["", "git@", "me:secret@"]),
        HOSTS,
        st.sampled_from(["", ":443", ":22", ":8443"]),
        PATHS,
        st.sampled_from(["", "/", ".git", "?a=b", "#readme", "@v1", "/tree/main/x", "/-/jobs"]),
    ),
    st.builds("git@{}:{}".format, HOSTS, PATHS),
)
DATASET_URIS: Final = st.builds(
    "{}{}{}/{}{}".format,
    st.sampled_from(["s3://", "S3A://", "abfss://", "hf://", "https://", "snowflake://"]),
    st.sampled_from(["", "container@", "me:secret@"]),
    st.sampled_from(["Lake", "acme.example", "datasets", "account"]),
    st.lists(SEGMENTS, max_size=4).map("/".join),
    st.sampled_from(["", "/", "//", " ", "?versionId=1", "#x"]),
)
EMAILS: Final = st.builds("{}@{}".format, SEGMENTS, st.sampled_from(["Acme.example", "x"]))
NAMES: Final = st.builds("{}/{}".format, NAMESPACES, SEGMENTS)
NAMES_BELOW: Final = st.builds("{}/{}".format, NAMES, SEGMENTS)
GIVEN: Final[Mapping[tuple[Kind, str], Strategy]] = {
    (Kind.MODEL, "name"): NAMES,
    (Kind.VERSION, "number"): NAMES_BELOW,
    (Kind.USE, "name"): NAMES_BELOW,
    (Kind.VERSION, "digest"): DIGESTS,
    (Kind.DATASET, "uri"): DATASET_URIS,
    (Kind.OWNER, "email"): EMAILS,
    (Kind.REPOSITORY, "url"): REPOSITORY_URLS,
}
FREE: Final = st.lists(SEGMENTS, min_size=2, max_size=4).map("/".join)


def is_named(kind: Kind, scheme: str, value: str) -> bool:
    """Has the value a canonical form? Those without are for the tests of canonical forms."""
    try:
        Identifier(kind=kind, scheme=scheme, value=value)
    except ValueError:
        return False
    return True


@cache
def identifiers(kind: Kind, *, subject: bool = False) -> Strategy:
    """Identifiers of a kind as they are written; as subjects those that may be one."""
    schemes = [
        name for name, scheme in SCHEMES[kind].items() if not (subject and scheme.lookup_only)
    ]
    return st.sampled_from(schemes).flatmap(
        lambda scheme: (
            GIVEN.get((kind, scheme), FREE)
            .filter(lambda value: is_named(kind, scheme, value))
            .map(lambda value: {"kind": kind.value, "scheme": scheme, "value": value})
        )
    )


LEAVES: Final[list[tuple[Any, Strategy]]] = [
    (values.Text, TEXTS),
    (values.Line, WORDS),
    (values.Title, WORDS),
    (values.NamespaceName, NAMESPACES),
    (values.ModelName, WORDS),
    (values.VersionNumber, WORDS.filter(lambda text: "@" not in text)),
    (values.Commit, HEX),
    (values.Digest, DIGESTS),
    (values.ModelRef, identifiers(Kind.MODEL)),
    (values.VersionRef, identifiers(Kind.VERSION)),
    (values.TrainingRunRef, identifiers(Kind.TRAINING_RUN)),
    (values.DatasetRef, identifiers(Kind.DATASET)),
    (values.OwnerRef, identifiers(Kind.OWNER)),
    (values.RepositoryRef, identifiers(Kind.REPOSITORY)),
    (values.BuildRef, identifiers(Kind.BUILD)),
    (NoneType, st.none()),
    (bool, st.booleans()),
    (int, st.integers(0, 2**63 - 1)),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (AwareDatetime, TIMES),
]


def written_as(annotation: Any) -> Strategy:
    """Documents of one annotation; a new kind of annotation has to be added to `LEAVES`."""
    for leaf, strategy in LEAVES:
        if annotation == leaf:
            return strategy
    arguments = get_args(annotation)
    if compose := COMPOSED.get(get_origin(annotation)):
        return compose(*arguments)
    if issubclass(annotation, values.OneOf):
        (choice,) = annotation.__pydantic_generic_metadata__["args"]
        chosen = st.lists(written_as(choice), min_size=2, max_size=4, unique=True)
        return st.fixed_dictionaries({"one_of": chosen})
    return members_of(annotation)


def _checked(annotation: Any, *metadata: Any) -> Strategy:
    inner = written_as(annotation)
    checks = [part.func for part in metadata if isinstance(part, AfterValidator)]
    return inner.filter(lambda value: value is not None) if values.not_empty in checks else inner


def _either(*annotations: Any) -> Strategy:
    return st.one_of([written_as(one) for one in annotations])


COMPOSED: Final[Mapping[Any, Callable[..., Strategy]]] = {
    Annotated: _checked,
    Union: _either,
    UnionType: _either,
    Literal: lambda *choices: st.sampled_from(choices),
    tuple: lambda item, _more: st.lists(written_as(item), max_size=3),
    dict: lambda key, item: st.dictionaries(written_as(key), written_as(item), max_size=3),
}


def members_of(contract: Any) -> Strategy:
    """Documents of a contract: what it requires, and any of the rest."""
    hints = get_type_hints(contract, include_extras=True)
    required: dict[str, Strategy] = {}
    optional: dict[str, Strategy] = {}
    for name, field in contract.model_fields.items():
        there = required if field.is_required() else optional
        there[field.alias or name] = written_as(hints[name])
    return st.fixed_dictionaries(required, optional=optional)


@cache
def facts(kind: Kind) -> Strategy:
    """Facts of a kind, each stated, stated empty or left out."""
    return members_of(FACTS[kind])


def documents(kind: Kind) -> Strategy:
    """Observations of a kind as they are posted."""
    stated = facts(kind).flatmap(
        lambda said: st.fixed_dictionaries(
            {"facts": st.just(said)},
            optional={"inferred": st.lists(st.sampled_from(sorted(said)), max_size=3)}
            if said
            else {},
        )
    )
    gone = st.just({"gone": True})
    about = st.fixed_dictionaries(
        {"subject": identifiers(kind, subject=True), "observed_at": TIMES},
        optional={
            "same_as": st.lists(identifiers(kind, subject=True), max_size=3),
            "marker": WORDS,
            "evidence": st.fixed_dictionaries(
                {}, optional={"url": st.just("https://x.example/1"), "digest": st.just("x")}
            ),
        },
    )
    return st.builds(lambda one, other: one | other, about, st.one_of(stated, stated, gone))


def observations(kind: Kind) -> st.SearchStrategy[Observation]:
    """Observations of a kind, read."""
    return documents(kind).map(parse_observation)


def as_document(observation: Observation) -> Any:
    """An observation as it is written again."""
    return observation.model_dump(mode="json", exclude_unset=True)
