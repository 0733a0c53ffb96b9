"""What a source of kind `github` is told."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from harvesters.ci.settings import CiSettings
from schemas.strict import Count, Flag, Word

API: str = "https://api.github.com"
Login = Annotated[Word, Field(pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,99})$")]
FullName = Annotated[Word, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}/[A-Za-z0-9_.-]{1,100}$")]
Number = Annotated[Count, Field(ge=1)]


class GitHubSettings(CiSettings):
    """In `settings` of the sources file, beside what all repositories have.

    `url` is that of the API: `https://<host>/api/v3` on GitHub Enterprise Server. With `app_id` the
    credential is the App's private key, else a token. `installation_id` only where one installation
    serves all; otherwise each organisation's own is found. `teams`: their names and members.
    `redeliver`: whether GitHub is asked to send failed deliveries of webhooks once more.
    """

    url: Word = API
    organisations: tuple[Login, ...] = ()
    users: tuple[Login, ...] = ()
    repositories: tuple[FullName, ...] = ()
    app_id: Number | Word | None = None
    installation_id: Number | None = None
    teams: Literal["all", "none"] = "all"
    forks: Flag = False
    redeliver: Literal["failed", "none"] = "failed"

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.organisations or self.users or self.repositories):
            raise ValueError("name `organisations`, `users` or `repositories`")
        owners = [name.lower() for name in (*self.organisations, *self.users)]
        if twice := sorted({name for name in owners if owners.count(name) > 1}):
            message = f"{twice[0]} is named twice"
            raise ValueError(message)
        if self.installation_id is not None and self.app_id is None:
            raise ValueError("`installation_id` needs `app_id`")
        of = {name.partition("/")[0].lower() for name in self.repositories}
        if self.app_id is not None and self.installation_id is None and len(of) > 1:
            raise ValueError("an App reads `repositories` of one owner: name others in a source")
        return self

    @property
    def owners(self) -> frozenset[str]:
        """Whose repositories are read in full, in lower case."""
        return frozenset(name.lower() for name in (*self.organisations, *self.users))
