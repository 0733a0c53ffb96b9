"""What a source of kind `azure` is told, in `settings` of the sources file."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from harvesters.ci.interest import Interest
from harvesters.environments import Environments
from harvesters.manifests.settings import matches
from schemas.strict import Closed, Count, Line, Word

Globs = Annotated[tuple[Word, ...], Field(max_length=1_000)]
Version = Annotated[Word, Field(pattern=r"^[1-9]\d?\.\d(-preview(\.\d{1,2})?)?$")]


class AzureSettings(Closed):
    """`url` is an organisation, `https://dev.azure.com/acme`, or a collection of one's own server.

    `projects`: by name or id; without, all that are listed. `workflows`: globs on names of
    pipelines, also with their folder, whose builds are all of interest; of others, those of commits
    that the catalog knows. `days`: how far back is looked for the first time. `deployments`: those
    of builds of interest into environments, or none. `token`: a personal access token, or one of
    Microsoft Entra.
    """

    url: Line
    projects: Globs = ()
    exclude: Globs = ()
    workflows: Globs = ()
    days: Annotated[Count, Field(ge=1, le=3_650)] = 30
    deployments: Literal["named", "none"] = "named"
    environments: Environments = Field(default={})
    api_version: Version = "7.1"
    token: Literal["personal", "entra"] = "personal"  # noqa: S105  # which kind of token
    ca_file: Line | None = None

    @field_validator("url")
    @classmethod
    def _organisation(cls, url: str) -> str:
        if "/_apis" in url or "/_git" in url or "?" in url or "#" in url:
            raise ValueError("is the address of an organisation or a collection alone")
        if url.rstrip("/").lower().endswith("://dev.azure.com"):
            raise ValueError("must name the organisation: https://dev.azure.com/acme")
        return url

    def keeps(self, project: str) -> bool:
        """Is a project read at all?"""
        return not matches(project, self.exclude)

    def interest(self) -> Interest:
        """Which builds are wanted, before the catalog has said more."""
        return Interest(self.workflows)
