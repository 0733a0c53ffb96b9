"""What Jenkins' API answers, read tolerantly: the members that are used, and no others."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, TypeVar, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError

from schemas.masking import drop_userinfo
from schemas.masking_documents import mask_document

LARGEST: Final = 2**53
MOST_ACTIONS: Final = 200
OF_BUILDS: Final = (
    "number", "timestamp", "duration", "result", "building", "url", "actions", "artifacts",
)  # fmt: skip
OF_ACTIONS: Final = ("_class", "lastBuiltRevision", "remoteUrls", "causes")
OF_CAUSES: Final = ("_class", "shortDescription", "userId")
SIGNED_IN: Final = re.compile(r"https?://[^/@\s]+@")


def _text(value: object) -> object:
    return value if isinstance(value, str) and value else None


def _flag(value: object) -> object:
    return value if isinstance(value, bool) else None


def _count(value: object) -> object:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value <= LARGEST else None  # type: ignore[operator]  # an int


# Lists come back from a recording as tuples.
def _texts(value: object) -> object:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list | tuple) else []


def _objects(value: object) -> object:
    return (
        [one for one in value if isinstance(one, dict)] if isinstance(value, list | tuple) else []
    )


def _object(value: object) -> object:
    return value if isinstance(value, dict) else None


LooseText = Annotated[str | None, BeforeValidator(_text)]
LooseFlag = Annotated[bool | None, BeforeValidator(_flag)]
LooseCount = Annotated[int | None, BeforeValidator(_count)]
Texts = Annotated[Sequence[str], BeforeValidator(_texts)]


class Payload(BaseModel):
    """Base of all: what is not used may look as it likes."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class Cause(Payload):
    """Why something happened."""

    cls: LooseText = Field(default=None, alias="_class")
    said: LooseText = Field(default=None, alias="shortDescription")
    user: LooseText = Field(default=None, alias="userId")


class Branch(Payload):
    """A branch that was built."""

    name: LooseText = None


class Revision(Payload):
    """A commit that was checked out."""

    commit: LooseText = Field(default=None, alias="SHA1")
    branches: Annotated[Sequence[Branch], BeforeValidator(_objects)] = Field(
        default=(), alias="branch"
    )


class Action(Payload):
    """Something that a plugin adds to a build; most say nothing here."""

    cls: LooseText = Field(default=None, alias="_class")
    causes: Annotated[Sequence[Cause], BeforeValidator(_objects)] = ()
    revision: Annotated[Revision | None, BeforeValidator(_object)] = Field(
        default=None, alias="lastBuiltRevision"
    )
    remotes: Texts = Field(default=(), alias="remoteUrls")
    userinfo: LooseFlag = None  # was somebody's credential in them? Ours: Jenkins says no such


Actions = Annotated[Sequence[Action], BeforeValidator(_objects)]


class File(Payload):
    """An artifact. Jenkins knows the MD5 of some, which is no digest here."""

    path: LooseText = Field(default=None, alias="relativePath")


class Build(Payload):
    """One build."""

    number: Annotated[int, Field(strict=True, ge=1, le=LARGEST)]
    timestamp: JsonValue
    duration: LooseCount = None
    result: LooseText = None
    building: LooseFlag = None
    url: LooseText = None
    actions: Actions = ()
    artifacts: Annotated[Sequence[File], BeforeValidator(_objects)] = ()


class LastBuild(Payload):
    """The newest build of a job, as its folder shows it."""

    number: LooseCount = None
    timestamp: JsonValue = None
    result: LooseText = None
    actions: Actions = ()


class Item(Payload):
    """What a folder holds: a job, or another folder, which is what has `jobs`."""

    name: Annotated[str, Field(strict=True, min_length=1, max_length=1_000)]
    jobs: list[Any] | None = None
    last: Annotated[LastBuild | None, BeforeValidator(_object)] = Field(
        default=None, alias="lastBuild"
    )

    @property
    def never_built(self) -> bool:
        """Does its folder say so? What says nothing of it has to be asked."""
        return "last" in self.model_fields_set and self.last is None


Read = TypeVar("Read", bound=Payload)


def read(payload: type[Read], found: Any) -> Read | None:
    """One record; None where it is no such thing."""
    try:
        return payload.model_validate(found)
    except ValidationError:
        return None


def kept(found: Mapping[str, Any]) -> dict[str, Any]:
    """Of a build, what is used of it, without secrets: a server may answer more than was asked.

    Parameters of builds hold passwords, addresses of repositories tokens.
    """
    said = _only(found, OF_BUILDS)
    listed = said.get("actions")
    if isinstance(listed, list):
        actions = [_action(one) for one in listed[:MOST_ACTIONS] if isinstance(one, dict)]
        said["actions"] = [one for one in actions if one.keys() - {"_class"}]
    return cast("dict[str, Any]", mask_document(said))


def _action(found: Mapping[str, Any]) -> dict[str, Any]:
    said = _only(found, OF_ACTIONS)
    if isinstance(causes := said.get("causes"), list):
        said["causes"] = [_only(one, OF_CAUSES) for one in causes if isinstance(one, dict)]
    if isinstance(remotes := said.get("remoteUrls"), list):
        written = [one for one in remotes if isinstance(one, str)]
        said["remoteUrls"] = [drop_userinfo(one) for one in written]
        if any(SIGNED_IN.match(one) for one in written):
            said["userinfo"] = True
    return said


def _only(found: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: found[name] for name in names if name in found}
