"""What GitLab's API answers, read tolerantly: the members that are used, and no others."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
)

from harvesters.manifests.gitlab.settings import SEGMENT

LARGEST_ID: Final = 2**63 - 1
OBJECT_ID: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", re.ASCII)
FULL_PATH: Final = re.compile(rf"{SEGMENT}(?:/{SEGMENT})*", re.ASCII)
NAME: Final = re.compile(SEGMENT, re.ASCII)
NO_REPOSITORY: Final = "disabled"


def _text(value: object) -> object:
    return value if isinstance(value, str) else None


def _flag(value: object) -> object:
    """GitLab takes null for false."""
    return value is True


def _objects(value: object) -> object:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _like(pattern: re.Pattern[str]) -> AfterValidator:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError("is written otherwise")
        return text

    return AfterValidator(check)


Id = Annotated[int, Field(strict=True, ge=1, le=LARGEST_ID)]
ObjectId = Annotated[str, Field(strict=True), _like(OBJECT_ID)]
FullPath = Annotated[str, Field(strict=True, max_length=500), _like(FULL_PATH)]
LooseText = Annotated[str | None, BeforeValidator(_text)]
LooseFlag = Annotated[bool, BeforeValidator(_flag)]


class Payload(BaseModel):
    """Base of all: what is not used may look as it likes."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


Read = TypeVar("Read", bound=Payload)


class SharedWith(Payload):
    """A group that a project is shared with."""

    group_id: JsonValue = None
    group_full_path: LooseText = None


class Project(Payload):
    """A project; what becomes facts is looked at when it does."""

    id: Id
    path: FullPath = Field(alias="path_with_namespace")
    web_url: LooseText = None
    default_branch: LooseText = None  # not told to whom may not read the code
    description: JsonValue = None
    visibility: JsonValue = None
    archived: LooseFlag = False
    topics: JsonValue = None
    tag_list: JsonValue = None  # what topics were called before GitLab 15
    created_at: JsonValue = None
    empty_repo: LooseFlag = False
    repository_access_level: LooseText = None
    marked_for_deletion_on: LooseText = None
    marked_for_deletion_at: LooseText = None
    forked_from_project: JsonValue = None
    shared_with_groups: Annotated[Sequence[SharedWith], BeforeValidator(_objects)] = ()

    @property
    def has_repository(self) -> bool:
        """Projects may be without one, for their issues alone."""
        return self.repository_access_level != NO_REPOSITORY

    @property
    def ends_on(self) -> str | None:
        """The day from which GitLab may remove it, where somebody asked for that."""
        return self.marked_for_deletion_on or self.marked_for_deletion_at


class Commit(Payload):
    """A commit, as lists and branches show it."""

    id: ObjectId
    author_name: LooseText = None
    author_email: LooseText = None


class Branch(Payload):
    """A branch and the commit where it stands."""

    name: LooseText = None
    commit: Commit


class TreeEntry(Payload):
    """One entry of a repository's tree. GitLab tells no size."""

    id: ObjectId
    path: Annotated[str, Field(strict=True, min_length=1)]
    mode: Annotated[str, Field(strict=True)]


class Group(Payload):
    """A group or a subgroup."""

    id: Id
    full_path: FullPath
    full_name: LooseText = None
    web_url: LooseText = None


class Account(Payload):
    """Whose token it is."""

    id: Id
    is_admin: LooseFlag = False


class Member(Payload):
    """Somebody who belongs to a group directly."""

    id: Id
    username: Annotated[str, Field(strict=True, max_length=255), _like(NAME)]
    name: LooseText = None
    state: LooseText = None
    email: LooseText = None  # told to owners of groups that manage their accounts


def read(payload: type[Read], found: Any) -> Read | None:
    """One record; None where it is no such thing."""
    try:
        return payload.model_validate(found)
    except ValidationError:
        return None
