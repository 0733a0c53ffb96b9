"""What a source of kind `gitlab` is told, in `settings` of the sources file."""

import re
from typing import Final, Literal, Self

from pydantic import model_validator

from harvesters.ci.settings import CiSettings
from schemas.strict import Flag, Line, Word

SEGMENT: Final = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9_.-]+"
GROUP: Final = re.compile(rf"[1-9]\d{{0,18}}|{SEGMENT}(?:/{SEGMENT})*", re.ASCII)
PROJECT: Final = re.compile(rf"[1-9]\d{{0,18}}|{SEGMENT}(?:/{SEGMENT})+", re.ASCII)


class GitLabSettings(CiSettings):
    """`groups` and `projects`: full paths as in their addresses, or numbers.

    `url` is the address that people open. `teams`: groups and who belongs to them, as owners.
    `token`: an access token of a person, a group or a project, or one of OAuth.
    """

    url: Line = "https://gitlab.com"
    groups: tuple[Word, ...] = ()
    projects: tuple[Word, ...] = ()
    include_subgroups: Flag = True
    archived: Flag = True
    shared: Flag = False
    forks: Flag = False
    teams: Literal["all", "none"] = "all"
    token: Literal["access", "oauth"] = "access"  # noqa: S105  # which kind of token

    @model_validator(mode="after")
    def _places(self) -> Self:
        if not (self.groups or self.projects):
            raise ValueError("name at least one group in `groups`, or one project in `projects`")
        for pattern, written, names in (
            (GROUP, "acme/ml", self.groups),
            (PROJECT, "acme/churn", self.projects),
        ):
            for name in names:
                if not pattern.fullmatch(name):
                    message = f"{name[:100]!r} is neither a full path like {written} nor a number"
                    raise ValueError(message)
        if self.url.rstrip("/").endswith("/api/v4") or "?" in self.url or "#" in self.url:
            raise ValueError("`url` is the address that people open, without /api/v4, ? and #")
        return self

    @model_validator(mode="after")
    def _nothing_twice(self) -> Self:
        """What two places list would belong to the one that was read last."""
        below = self.groups if self.include_subgroups else ()
        for inner in (*below, *self.projects):
            for outer in self.groups:
                if inner is not outer and self.lies_in(inner, outer):
                    message = f"{inner} is read with the group {outer} already: name it once"
                    raise ValueError(message)
        if len({one.lower() for one in self.groups}) < len(self.groups):
            raise ValueError("a group stands twice in `groups`")
        if len({one.lower() for one in self.projects}) < len(self.projects):
            raise ValueError("a project stands twice in `projects`")
        return self

    def lies_in(self, path: str, group: str) -> bool:
        """Is what has this full path read with the group? GitLab compares paths without case."""
        above = path.rpartition("/")[0].lower()
        if self.include_subgroups:
            return f"{above}/".startswith(f"{group.lower()}/")
        return above == group.lower()
