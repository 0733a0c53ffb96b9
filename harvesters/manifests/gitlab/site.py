"""One GitLab: its host's name, and what its projects are called everywhere."""

import re
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from harvesters.errors import SourceRefused, shown
from harvesters.manifests.gitlab.payloads import Project
from harvesters.manifests.pages import Repository
from outbound.addresses import OutboundRefused, read_url
from schemas.canonical import canonical_repository_url
from schemas.facts import RepositoryFacts
from schemas.identifiers import Identifier, Kind

DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class Site(NamedTuple):
    """`url` as people open it; `base` in canonical form, to which paths are appended."""

    url: str
    base: str

    @classmethod
    def of(cls, url: str) -> "Site":
        """Raises `SourceRefused` for what is no address."""
        try:
            asked = str(read_url(url.rstrip("/"))).rstrip("/")
            base = canonical_repository_url(f"{asked}/group/project").removesuffix("/group/project")
        except (OutboundRefused, ValueError) as error:
            message = f"settings.url: {error}"
            raise SourceRefused(message) from None
        return cls(asked, base)

    @property
    def host(self) -> str:
        """As it stands in identifiers."""
        return self.base.removeprefix("https://").partition("/")[0]

    def repository(self, project: Project) -> Repository:
        """A project as the catalog calls it. Raises `SourceRefused` where it lies elsewhere."""
        url = canonical_repository_url(f"{self.url}/{project.path}")
        self._check(project)
        return Repository(
            identity=self.identity(project.id),
            url=url,
            path=project.path,
            facts=facts_of(project),
            branch=project.default_branch or None,
        )

    def identity(self, number: int) -> Identifier:
        """What renames and transfers do not change."""
        return Identifier(kind=Kind.REPOSITORY, scheme="gitlab", value=f"{self.host}/{number}")

    def number_of(self, identity: Identifier) -> str | None:
        """The number of a project of this GitLab."""
        host, _, number = identity.value.rpartition("/")
        return number if (identity.scheme, host) == ("gitlab", self.host) else None

    def path_of(self, url: str) -> str | None:
        """The full path of a project of this GitLab, by any form of its address."""
        try:
            found = canonical_repository_url(url)
        except ValueError:
            return None
        prefix = f"{self.base}/"
        return found.removeprefix(prefix) if found.startswith(prefix) else None

    def login(self, name: str) -> Identifier:
        """A person or a group."""
        return Identifier(kind=Kind.OWNER, scheme="gitlab", value=f"{self.host}/{name}")

    def _check(self, project: Project) -> None:
        """Other names for one place would be other identities: of people's links, of hooks."""
        if project.web_url is not None and self.path_of(project.web_url) is None:
            message = (
                f"GitLab at {self.url} says that a project lies at {project.web_url[:200]}: its "
                "external URL and settings.url have to be the same"
            )
            raise SourceRefused(shown(message))


def facts_of(project: Project) -> dict[str, Any]:
    """What the listing says of it; what no fact can hold is named in a warning."""
    said: dict[str, Any] = {"name": project.path, "archived": project.archived}
    for name in ("default_branch", "visibility", "description", "created_at"):
        if name in project.model_fields_set:
            said[name] = getattr(project, name)
    for name in ("topics", "tag_list"):
        if name in project.model_fields_set:
            said.setdefault("topics", getattr(project, name))
    facts, warnings = dict[str, Any](), list[str]()
    for name, value in said.items():
        try:
            RepositoryFacts.model_validate({name: value})
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            why = first["msg"].removeprefix("Value error, ")
            warnings.append(f"its {name} cannot be kept: {why}"[:500])
        else:
            facts[name] = value
    if project.ends_on is not None:
        day = DAY.match(project.ends_on)
        since = f" since {day[0]}" if day else ""
        warnings.append(f"marked for deletion{since}: GitLab will remove it")
    return facts | ({"warnings": warnings} if warnings else {})
