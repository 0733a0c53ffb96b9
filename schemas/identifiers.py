"""Identifiers: what things are known by, per kind and scheme, in canonical form."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache, partial
from typing import Annotated, Final, NamedTuple

from pydantic import StringConstraints, ValidationInfo, field_validator

from schemas.canonical import (
    NOREPLY,
    canonical_dataset_uri,
    canonical_digest,
    canonical_email,
    canonical_filed,
    canonical_hosted,
    canonical_login,
    canonical_natural,
    canonical_repository_url,
    canonical_text,
    decode_segment,
    encode_segment,
    fold_name,
    natural_name,
    number_key,
    split_natural_name,
)
from schemas.masking import drop_userinfo, mask_secrets
from schemas.strict import Closed

__all__ = [
    "SCHEMES", "Identifier", "Kind", "Scheme", "decode_segment", "email_identifier",
    "encode_segment", "fold_name", "how_far_below", "natural_name", "number_key", "source_of",
    "split_natural_name", "workspace_of",
]  # fmt: skip


class Kind(StrEnum):
    """The kinds of things that the catalog holds."""

    MODEL = "model"
    VERSION = "version"
    TRAINING_RUN = "training_run"
    DATASET = "dataset"
    OWNER = "owner"
    REPOSITORY = "repository"
    BUILD = "build"
    DEPLOYMENT = "deployment"
    USE = "use"


class Scheme(NamedTuple):
    """What an identifier of a scheme means.

    `keeps_alive`: a current sighting of it keeps its entry alive; others add facts or names.
    `source_bound`: its first segment is the name of the only source that may speak about it.
    `lookup_only`: many things may share one, so that it never joins two.
    `below`: how far what is said of it ranks below what else its source says (`RULES` 4: a source's
    manifests 70, what it reads in foreign formats 50).
    """

    canonical: Callable[[str], str] = canonical_text
    keeps_alive: bool = True
    source_bound: bool = False
    lookup_only: bool = False
    workspaces: bool = False  # its second segment is a workspace
    below: int = 0


BOUND: Final = Scheme(source_bound=True)
PART: Final = BOUND._replace(keeps_alive=False)  # of what a source says of something
MLFLOW: Final = Scheme(source_bound=True, workspaces=True)
NAME: Final = Scheme(canonical_natural, keeps_alive=False)
NAME_BELOW: Final = NAME._replace(canonical=partial(canonical_natural, segments=3))
LOOKUP: Final = Scheme(keeps_alive=False, lookup_only=True)
ALIVE: Final = Scheme()
NAMED_ONLY: Final = Scheme(keeps_alive=False)
LOGIN: Final = Scheme(canonical_login, keeps_alive=False)
IN_FILE: Final = Scheme(canonical_filed)
FOREIGN: Final = IN_FILE._replace(keeps_alive=False, below=20)
HOSTED: Final = Scheme(canonical_hosted)

NATURAL: Final = frozenset({(Kind.MODEL, "name"), (Kind.VERSION, "number"), (Kind.USE, "name")})
SCHEMES: Final[Mapping[Kind, Mapping[str, Scheme]]] = {
    Kind.MODEL: {
        "mlflow": MLFLOW, "manifest": IN_FILE, "backstage": BOUND._replace(below=20),
        "person": BOUND, "other": BOUND, "name": NAME, "hf": NAMED_ONLY, "foreign": FOREIGN,
        "part": PART._replace(below=10),
        "file": FOREIGN._replace(keeps_alive=True),
        "omb": ALIVE,
    },
    Kind.VERSION: {
        "mlflow": MLFLOW,
        "mlflow-training": MLFLOW._replace(keeps_alive=False),
        "mlflow-mlmodel": MLFLOW._replace(keeps_alive=False),
        "other": BOUND,
        "part": PART,
        "foreign": FOREIGN._replace(keeps_alive=True),
        "number": NAME_BELOW,
        "logged-model": LOOKUP,
        "digest": LOOKUP._replace(canonical=canonical_digest),
        "artifact": LOOKUP,
    },
    Kind.TRAINING_RUN: {"mlflow": MLFLOW, "openlineage": BOUND},
    Kind.DATASET: {
        "uri": Scheme(canonical_dataset_uri),
        "mlflow": MLFLOW,
        "openlineage": ALIVE,
        "manifest": IN_FILE,
        "foreign": FOREIGN._replace(keeps_alive=True),
        "omb": ALIVE,
    },
    Kind.OWNER: {
        "handle": ALIVE,
        "email": Scheme(canonical_email),
        "github": LOGIN,
        "gitlab": LOGIN,
        "mlflow": Scheme(keeps_alive=False, source_bound=True),
    },
    Kind.REPOSITORY: {
        "url": Scheme(canonical_repository_url),
        "github": HOSTED,
        "gitlab": HOSTED,
        "azure": ALIVE,
    },
    Kind.BUILD: {
        "github": ALIVE, "gitlab": ALIVE, "jenkins": ALIVE, "azure": ALIVE, "ci": BOUND,
        "part": PART,
    },
    Kind.DEPLOYMENT: {
        "kserve": ALIVE, "k8s": ALIVE, "sagemaker": ALIVE, "github": ALIVE, "gitlab": ALIVE,
        "ci": BOUND,
    },
    Kind.USE: {"name": NAME_BELOW._replace(keeps_alive=True)},
}  # fmt: skip


@lru_cache(maxsize=131_072)
def _canonical(kind: Kind, scheme: str, *, value: str) -> str:
    written = canonical_text(SCHEMES[kind][scheme].canonical(canonical_text(value)))
    stated = drop_userinfo(value)  # as it was before letters became small ones
    if mask_secrets(written) != written or mask_secrets(stated) != stated:
        # masked, two things would share one name
        raise ValueError("holds what looks like a key; rename it in its source")
    return written


class Identifier(Closed):
    """What something is known by: a kind, a scheme and a value in the scheme's canonical form."""

    kind: Kind
    scheme: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=40)]
    value: Annotated[str, StringConstraints(strict=True)]

    @field_validator("scheme")
    @classmethod
    def _known(cls, scheme: str, info: ValidationInfo) -> str:
        kind: Kind | None = info.data.get("kind")  # none: a wrong kind is said already
        if kind is not None and scheme not in SCHEMES[kind]:
            near = get_close_matches(scheme, SCHEMES[kind], n=1) or sorted(SCHEMES[kind])
            message = f"is no scheme of a {kind}; the nearest is {near[0]}"
            raise ValueError(message)
        return scheme

    @field_validator("value")
    @classmethod
    def _in_canonical_form(cls, value: str, info: ValidationInfo) -> str:
        if info.data.keys() >= {"kind", "scheme"}:
            return _canonical(info.data["kind"], info.data["scheme"], value=value)
        return value  # what it means is not known; that is said already

    def __hash__(self) -> int:
        """Identifiers are looked up by the thousand."""
        return hash(self.value)

    def __eq__(self, other: object) -> bool:
        """Equal in all three."""
        return (
            isinstance(other, Identifier)
            and self.value == other.value
            and self.scheme == other.scheme
            and self.kind == other.kind
        )

    def __str__(self) -> str:
        """On one line, for people."""
        return f"{self.kind}:{self.scheme}:{self.value}"


def how_far_below(kind: Kind, subject: str) -> int:
    """How far statements about a subject (`scheme:value`) rank below what else its source says."""
    scheme = SCHEMES[kind].get(subject.partition(":")[0])
    return scheme.below if scheme else 0


def source_of(identifier: Identifier) -> str | None:
    """The only source that may speak about it, when its scheme binds it to one."""
    if SCHEMES[identifier.kind][identifier.scheme].source_bound:
        return identifier.value.split("/", 1)[0]
    return None


def workspace_of(identifier: Identifier) -> str | None:
    """The workspace of its source, when its scheme has them."""
    if not SCHEMES[identifier.kind][identifier.scheme].workspaces:
        return None
    parts = identifier.value.split("/", 2)
    return decode_segment(parts[1]) if len(parts) > 1 else None


def email_identifier(text: str) -> Identifier:
    """An owner by e-mail; GitHub's no-reply addresses name the account behind them."""
    address = canonical_email(text)
    if found := NOREPLY.fullmatch(address):
        return Identifier(kind=Kind.OWNER, scheme="github", value=f"github.com/{found['login']}")
    return Identifier(kind=Kind.OWNER, scheme="email", value=address)
