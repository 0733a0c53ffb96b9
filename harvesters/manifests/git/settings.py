"""What a source of kind `git` is told."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from harvesters.manifests.settings import RepositorySettings
from outbound.addresses import OutboundRefused
from outbound.git import Remote, read_remote
from schemas.identifiers import Identifier, Kind
from schemas.strict import Count, Line


def _remote(text: str) -> str:
    try:
        read_remote(text)
    except OutboundRefused as error:
        raise ValueError(str(error)) from None
    return text


class GitSettings(RepositorySettings):
    """In `settings` of the sources file.

    `codeowners`: by whose rules CODEOWNERS is read. `megabytes`: on disk, for one repository.
    """

    repositories: Annotated[
        tuple[Annotated[Line, AfterValidator(_remote)], ...], Field(min_length=1, max_length=10_000)
    ]
    ssh_known_hosts: Annotated[Line, Field(pattern="^/")] | None = None
    codeowners: Literal["github", "gitlab"] = "github"
    megabytes: Annotated[Count, Field(ge=1, le=65_536)] = 256

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        remotes = [read_remote(text) for text in self.repositories]
        if self.ssh_known_hosts is None and any(one.scheme == "ssh" for one in remotes):
            raise ValueError("ssh needs `ssh_known_hosts`, the path of a file of host keys")
        if len(self.remotes()) < len(remotes):
            raise ValueError("a repository is listed twice, perhaps by https and by ssh")
        return self

    def remotes(self) -> Mapping[Identifier, Remote]:
        """What git is told, by the URL that identifies a repository."""
        return {
            Identifier(kind=Kind.REPOSITORY, scheme="url", value=text): read_remote(text)
            for text in self.repositories
        }
