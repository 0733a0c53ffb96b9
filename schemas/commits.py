"""Commits that the catalog knows by name: builds of them are of interest, others are not."""

from typing import Annotated

from pydantic import Field

from schemas.identifiers import Identifier
from schemas.strict import Closed, Flag, Word
from schemas.values import Commit


class NamedCommit(Closed):
    """A commit that a version or a deployment names, or the head of a repository with models.

    `repositories` are the identifiers of the one it is in; none where nobody says which. `built`:
    a build of it is known already.
    """

    commit: Commit
    repositories: Annotated[tuple[Identifier, ...], Field(max_length=100)] = ()
    built: Flag = False


class NamedCommits(Closed):
    """A page of them, in the order of commits; the last one has no token."""

    commits: Annotated[tuple[NamedCommit, ...], Field(max_length=1_000)]
    next_page_token: Word | None = None
