"""What Azure DevOps' API answers, read tolerantly: the members that are used, and no others."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeVar, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError

from schemas.masking import drop_userinfo
from schemas.masking_documents import mask_document

LARGEST: Final = 2**53
OF_BUILDS: Final[Mapping[str, tuple[str, ...]]] = {
    "id": (), "buildNumber": (), "status": (), "result": (), "queueTime": (), "startTime": (),
    "finishTime": (), "sourceBranch": (), "sourceVersion": (), "reason": (),
    "definition": ("id", "name", "path"),
    "project": ("id", "name"),
    "requestedFor": ("uniqueName", "displayName"),
    "repository": ("id", "type", "name", "url"),
}  # fmt: skip
OF_RECORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "id": (), "environmentId": (), "result": (), "queueTime": (), "startTime": (),
    "finishTime": (), "stageName": (), "definition": ("id", "name"), "owner": ("id", "name"),
}  # fmt: skip


def _text(value: object) -> object:
    return value if isinstance(value, str) and value else None


def _count(value: object) -> object:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 < value <= LARGEST else None  # type: ignore[operator]  # an int


def _object(value: object) -> object:
    return value if isinstance(value, dict) else {}


LooseText = Annotated[str | None, BeforeValidator(_text)]
LooseCount = Annotated[int | None, BeforeValidator(_count)]
Id = Annotated[int, Field(strict=True, ge=1, le=LARGEST)]


class Payload(BaseModel):
    """Base of all: what is not used may look as it likes."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class Project(Payload):
    """A project."""

    id: Annotated[
        str, Field(strict=True, pattern=r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$")
    ]
    name: LooseText = None


class Definition(Payload):
    """A pipeline, and the folder that it is in."""

    id: LooseCount = None
    name: LooseText = None
    path: LooseText = None


class Person(Payload):
    """Somebody, or a service."""

    account: LooseText = Field(default=None, alias="uniqueName")
    name: LooseText = Field(default=None, alias="displayName")


class Repository(Payload):
    """A repository; on GitHub its `id` is `owner/name`, of Azure's own a UUID."""

    id: LooseText = None
    type: LooseText = None
    name: LooseText = None
    url: LooseText = None

    @property
    def kind(self) -> str:
        """Where it lies, in small letters: `tfsgit`, `github`."""
        return (self.type or "").lower()


class Build(Payload):
    """One build."""

    id: Id
    status: LooseText = None
    result: LooseText = None
    began: JsonValue = Field(default=None, alias="startTime")
    ended: JsonValue = Field(default=None, alias="finishTime")
    branch: LooseText = Field(default=None, alias="sourceBranch")
    commit: LooseText = Field(default=None, alias="sourceVersion")
    reason: LooseText = None
    definition: Annotated[Definition, BeforeValidator(_object)] = Definition()
    requester: Annotated[Person, BeforeValidator(_object)] = Field(
        default=Person(), alias="requestedFor"
    )
    repository: Annotated[Repository, BeforeValidator(_object)] = Repository()


class Environment(Payload):
    """Something that is deployed to."""

    id: Id
    name: Annotated[str, Field(strict=True, min_length=1)]


class Owner(Payload):
    """Whose record it is: a build."""

    id: LooseCount = None


class Record(Payload):
    """One deployment into an environment."""

    id: Id
    result: LooseText = None
    ended: JsonValue = Field(default=None, alias="finishTime")
    definition: Annotated[Definition, BeforeValidator(_object)] = Definition()
    owner: Annotated[Owner, BeforeValidator(_object)] = Owner()


Read = TypeVar("Read", bound=Payload)


def read(payload: type[Read], found: Any) -> Read | None:
    """One record; None where it is no such thing."""
    try:
        return payload.model_validate(found)
    except ValidationError:
        return None


def kept(
    found: Mapping[str, Any], used: Mapping[str, tuple[str, ...]] = OF_BUILDS
) -> dict[str, Any]:
    """Of a record, what is used of it, without secrets: parameters and variables hold passwords."""
    said: dict[str, Any] = {}
    for name, inner in used.items():
        if name not in found:
            continue
        one = found[name]
        if inner:
            one = {key: one[key] for key in inner if key in one} if isinstance(one, dict) else None
        elif isinstance(one, dict | list):
            one = None
        said[name] = one
    repository = said.get("repository")
    if isinstance(repository, dict) and isinstance(url := repository.get("url"), str):
        repository["url"] = drop_userinfo(url)
    return cast("dict[str, Any]", mask_document(said))
