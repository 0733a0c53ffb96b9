"""CI identities: which jobs may speak for a source, what they send, and what was proved of them."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError

from schemas.digest import canonical_json, sha256
from schemas.identifiers import Identifier
from schemas.strict import Closed, Count, Flag, Instant, Json, Line, Word
from schemas.values import Commit, Environment

IDENTITIES: Final = "identities"  # in `settings` of a source
BINDABLE: Final = frozenset({"ci", "github", "gitlab", "jenkins", "azure"})  # kinds of sources
MOST: Final = 200
GITHUB: Final = "https://token.actions.githubusercontent.com"
GITLAB: Final = "https://gitlab.com"
ISSUER: Final = re.compile(r"https?://[a-z0-9.\[\]:-]+(/[A-Za-z0-9._~%/-]*)?", re.ASCII)
HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?", re.ASCII)
NUMBER: Final = re.compile(r"[1-9]\d{0,18}", re.ASCII)
LONGEST_TOKEN: Final = 16_384


def _decimal(value: object) -> object:
    """YAML and JSON may hold a number where the claim holds its digits."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _number(text: str) -> str:
    if not NUMBER.fullmatch(text):
        raise ValueError("must be the number that the host gave it, such as 486325809")
    return text


def _issuer(text: str) -> str:
    if not ISSUER.fullmatch(text):
        raise ValueError("must be an https address in lower case, exactly as tokens write `iss`")
    try:
        _ = urlsplit(text).port
    except ValueError:
        raise ValueError("has a port that no address can have") from None
    return text


def _host(text: str) -> str:
    if not HOST.fullmatch(text):
        raise ValueError("must be a host in lower case, such as github.acme.example")
    return text


def _ref(text: str) -> str:
    if not text.startswith("refs/"):
        raise ValueError("must be written in full: refs/heads/main, refs/tags/v1")
    return text


Numeric = Annotated[Word, BeforeValidator(_decimal), AfterValidator(_number)]
Issuer = Annotated[Word, AfterValidator(_issuer)]
Host = Annotated[Word, AfterValidator(_host)]
Ref = Annotated[Word, AfterValidator(_ref)]
Events = Annotated[tuple[Word, ...], Field(min_length=1, max_length=50)]


class GitHubIdentity(Closed):
    """Jobs of one repository on GitHub; `host` only where `issuer` does not tell it.

    Without `environment` and `ref`, protected branches and tags alone. `job_workflow_ref` lets a
    reusable workflow of another repository in. `events` replaces those that are taken otherwise.
    """

    provider: Literal["github"]
    issuer: Issuer = GITHUB
    host: Host | None = None
    repository_id: Numeric
    repository_owner_id: Numeric
    environment: Word | None = None
    ref: Ref | None = None
    job_workflow_ref: Word | None = None
    events: Events | None = None


class GitLabIdentity(Closed):
    """Jobs of one project on GitLab, on protected branches and tags."""

    provider: Literal["gitlab"]
    issuer: Issuer = GITLAB
    host: Host | None = None
    project_id: Numeric
    namespace_id: Numeric
    environment: Word | None = None
    ref: Ref | None = None
    ci_config_ref_uri: Word | None = None
    events: Events | None = None


class OidcIdentity(Closed):
    """Whoever another provider, such as Jenkins, gives a token with exactly this subject."""

    provider: Literal["oidc"]
    issuer: Issuer
    subject: Word


Identity = Annotated[
    GitHubIdentity | GitLabIdentity | OidcIdentity, Field(discriminator="provider")
]
Identities = Annotated[tuple[Identity, ...], Field(min_length=1, max_length=MOST)]
_READ: Final[TypeAdapter[Sequence[Identity]]] = TypeAdapter(Identities)


def identities_of(settings: Mapping[str, Json]) -> Sequence[Identity]:
    """Who may speak for a source, by its settings. Raises `ValueError`, which says what is wrong.

    A harvester that reads the same settings leaves this member alone.
    """
    if IDENTITIES not in settings:
        return ()
    try:
        return _READ.validate_python(settings[IDENTITIES])
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        number, *rest = (str(part) for part in (*first["loc"], ""))
        where = ".".join(part for part in (IDENTITIES, number, *rest[1:]) if part)
        told = first["msg"].removeprefix("Value error, ")
        if first["type"].startswith("union_tag"):  # the library would repeat what stood there
            told = "`provider` must be github, gitlab or oidc"
        message = f"{where}: {told}"
        raise ValueError(message) from None


def check_identities(kind: str, settings: Mapping[str, Json]) -> None:
    """Raises `ValueError`: what a source of this kind declares about CI jobs cannot be used."""
    if IDENTITIES not in settings or (kind not in BINDABLE and "." in kind):
        return
    if kind not in BINDABLE:
        kinds = ", ".join(sorted(BINDABLE))
        message = f"hold `{IDENTITIES}`, which only sources of these kinds have: {kinds}"
        raise ValueError(message)
    identities_of(settings)


def digest_of_identity(identity: Identity) -> str:
    """What a token remembers of the binding that let it in."""
    return sha256(canonical_json(identity.model_dump(mode="json")))


class AskedExchange(Closed):
    """A CI job's own identity token, and the source that it is to speak for."""

    source: Annotated[Line, Field(min_length=1, max_length=40)]
    identity_token: Annotated[Line, Field(min_length=1, max_length=LONGEST_TOKEN)]


class Proved(Closed):
    """What an identity token proved about the job that holds it; null: it said nothing of that.

    `binding` is the digest of the identity that let it in: a token ends with it.
    """

    provider: Literal["github", "gitlab", "oidc"]
    issuer: Line
    subject: Line
    binding: Line
    host: Line | None = None
    repository: Identifier | None = None
    repository_url: Line | None = None  # as it was called then
    run: Line | None = None
    build: Identifier | None = None
    attempt: Count | None = None
    commit: Commit | None = None
    ref: Line | None = None  # as the host's API has it: main
    full_ref: Line | None = None  # as the claim has it: refs/heads/main
    on_protected_branch: Flag | None = None
    workflow: Line | None = None
    workflow_ref: Line | None = None  # the same in full, as the claim has it
    event: Line | None = None
    environment: Line | None = None
    environment_class: Environment | None = None
    actor: Line | None = None


class Exchanged(Closed):
    """A token for 15 minutes; it speaks for the source, and only about what was proved."""

    token: Line
    expires_at: Instant
    source: Line
    repository: Identifier | None
    build: Identifier | None
    commit: Line | None
    environment: Line | None
