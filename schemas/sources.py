"""A source as it is declared, by the API and by the sources file."""

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from schemas.canonical import NAMESPACE
from schemas.harvest import Cursor
from schemas.hooks import WebhookState
from schemas.identities import check_identities
from schemas.masking import mask_secrets
from schemas.refold import Impact, RefoldState
from schemas.strict import Closed, Count, Flag, Instant, Json, Line, Number, Word

API_VERSION: Final = "model-catalog/v1"
DURATION: Final = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class SourceKind(StrEnum):
    """The kinds of places that facts come from; kinds of others have a dot in their name."""

    MLFLOW = "mlflow"
    GIT = "git"
    GITHUB = "github"
    GITLAB = "gitlab"
    CI = "ci"
    JENKINS = "jenkins"
    AZURE = "azure"
    KUBERNETES = "kubernetes"
    SAGEMAKER = "sagemaker"
    OPENLINEAGE = "openlineage"
    PERSON = "person"
    DIRECTORY = "directory"
    OMB_INVENTORY = "omb-inventory"


PRECEDENCE: Final[Mapping[str, int]] = {
    SourceKind.MLFLOW: 40,
    SourceKind.GIT: 70,
    SourceKind.GITHUB: 70,
    SourceKind.GITLAB: 70,
    SourceKind.CI: 60,
    SourceKind.JENKINS: 60,
    SourceKind.AZURE: 60,
    SourceKind.KUBERNETES: 55,
    SourceKind.SAGEMAKER: 55,
    SourceKind.OPENLINEAGE: 30,
    SourceKind.PERSON: 70,
    SourceKind.DIRECTORY: 80,
    SourceKind.OMB_INVENTORY: 50,
}
REPOSITORIES: Final = frozenset({SourceKind.GIT, SourceKind.GITHUB, SourceKind.GITLAB})
SERVING: Final = frozenset({SourceKind.KUBERNETES, SourceKind.SAGEMAKER})  # they see what runs
GRANTING: Final = frozenset({SourceKind.DIRECTORY, *REPOSITORIES})  # stated ownership gives rights
OF_OTHERS: Final = re.compile(r"[a-z][a-z0-9-]{0,39}(\.[a-z0-9-]{1,40}){1,3}", re.ASCII)
OTHERS_PRECEDENCE: Final = 50
PIN: Final = "pin"  # stands in place of a source's name where a person's pin says something


def _kind(text: str) -> str:
    """One of ours, or one that somebody else's harvester reads: `acme.registry`."""
    if text not in set(SourceKind) and not OF_OTHERS.fullmatch(text):
        *others, last = (f"'{kind.value}'" for kind in SourceKind)
        ours = f"{', '.join(others)} or {last}"
        message = f"should be {ours}; a kind that others read has a dot, as 'acme.registry'"
        raise ValueError(message)
    return text


def _namespace(text: str) -> str:
    if not NAMESPACE.fullmatch(text):
        raise ValueError("must be at most 63 lower-case letters, digits, - and _, without a dot")
    return text


def _seconds(value: object) -> object:
    """`1h`, `30m`, `2d`: whole numbers of one unit."""
    if isinstance(value, str) and (found := DURATION.fullmatch(value)):
        return int(timedelta(**{UNITS[found[2]]: int(found[1])}).total_seconds())
    return value


def _without_credentials(settings: dict[str, Json]) -> dict[str, Json]:
    text = json.dumps(settings, ensure_ascii=False)
    if mask_secrets(text) != text:
        raise ValueError("hold a secret: set it where the harvester runs, name it in `credential`")
    return settings


def _no_variant(name: str) -> str:
    """`X_FILE` and `X_PREVIOUS` are variables of the secret `X`."""
    if name.endswith(("_FILE", "_PREVIOUS")):
        raise ValueError("may not end in _FILE or _PREVIOUS, which say how a secret is given")
    return name


def _not_reserved(name: str) -> str:
    if name == PIN:
        raise ValueError("is what people's pins are called; choose another name")
    return name


SourceName = Annotated[
    str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$"), AfterValidator(_not_reserved)
]
KindName = Annotated[Word, AfterValidator(_kind)]
Namespace = Annotated[Word, AfterValidator(_namespace)]
Seconds = Annotated[int, BeforeValidator(_seconds), Field(strict=True, ge=60, le=366 * 86_400)]
Precedence = Annotated[int, Field(strict=True, ge=0, le=99)]
VariableName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,60}$")]
HookSecretName = Annotated[VariableName, AfterValidator(_no_variant)]


class SourceSettings(Closed):
    """What is declared about a source; secrets only as the name of an environment variable.

    `may_name` lists the namespaces in which it may create, claim or merge; without it, those it
    writes to. Credentials come from `MODEL_CATALOG_SECRET_<credential>` where the harvester runs,
    what proves webhooks from `MODEL_CATALOG_HOOK_SECRET_<webhook_secret>` where the service runs.
    """

    name: SourceName
    kind: KindName
    namespace: Namespace
    namespaces: dict[Line, Namespace] = Field(default={})
    may_name: tuple[Namespace, ...] = ()
    precedence: Precedence
    field_precedence: dict[Line, Precedence] = Field(default={})
    expected_interval: Seconds = 3_600
    absences: Annotated[int, Field(strict=True, ge=1, le=100)] = 3
    held_back_share: Annotated[Number, Field(ge=0, le=1)] = 0.2
    held_back_count: Count = 10
    credential: VariableName | None = None
    webhook_secret: HookSecretName | None = None
    may_grant_ownership: Flag = False
    enabled: Flag = True
    settings: Annotated[dict[Line, Json], AfterValidator(_without_credentials)] = Field(default={})

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: object) -> object:
        """State what follows from the kind and the namespaces, so that it can be read."""
        if not isinstance(given, dict):
            return given
        written = dict(given)
        if not written.get("may_name"):
            spaces = written.get("namespaces")
            others = spaces.values() if isinstance(spaces, dict) else ()
            named = {n for n in (written.get("namespace"), *others) if isinstance(n, str)}
            written["may_name"] = sorted(named)
        kind = written.get("kind")
        if written.get("precedence") is None and isinstance(kind, str):
            written["precedence"] = PRECEDENCE.get(kind, OTHERS_PRECEDENCE)
        if "may_grant_ownership" not in written and isinstance(kind, str):
            written["may_grant_ownership"] = kind in GRANTING
        return written

    @model_validator(mode="after")
    def _identified(self) -> Self:
        try:
            check_identities(self.kind, self.settings)
        except ValueError as error:
            message = f"the settings of source {self.name}: {error}"
            raise ValueError(message) from None
        return self


class ScopeState(Closed):
    """Where the harvests of one scope stand; `late` without a complete one for two intervals."""

    scope: Word
    full_cursor: Cursor | None = None
    delta_cursor: Cursor | None = None
    last_complete_at: Instant | None = None
    last_full_at: Instant | None = None
    due_at: Instant | None = None
    late: Flag = False


class SourceState(SourceSettings):
    """A source as the API answers it: what is declared, and where its harvests stand.

    `webhooks` is null where none are set up.
    """

    scopes: tuple[ScopeState, ...] = ()
    refold: RefoldState | None = None
    webhooks: WebhookState | None = None


class SourceChanged(SourceState):
    """A declared source, and which entries its changed settings change.

    `impact` is null where there are too many to fold at once: `refold` says how far that is.
    """

    impact: Impact | None = None


class SourcesFile(Closed):
    """The file that `model-catalog source apply` reads."""

    apiVersion: Literal["model-catalog/v1"]  # noqa: N815  # as manifests spell it
    kind: Literal["Sources"]
    sources: Annotated[tuple[SourceSettings, ...], Field(min_length=1, max_length=1_000)]

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        names = [source.name for source in self.sources]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            message = f"source {twice[0]} is declared twice"
            raise ValueError(message)
        return self
