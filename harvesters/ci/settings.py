"""What a source of repositories is told about the builds and deployments of its host."""

from typing import Literal

from pydantic import Field

from harvesters.environments import Environments
from harvesters.manifests.settings import Globs, RepositorySettings

Which = Literal["named", "none"]


class CiSettings(RepositorySettings):
    """In `settings` of the sources file, beside what repositories are told.

    `builds`: those of commits that the catalog names, or none. `workflows`: globs on names and
    paths of workflows whose builds are read whatever they are of. `deployments`: those of
    repositories that the catalog names a commit of, or none. `environments`: globs on names, and
    the class of those that fit; the first that fits holds.
    """

    builds: Which = "named"
    workflows: Globs = ()
    deployments: Which = "named"
    environments: Environments = Field(default={})
