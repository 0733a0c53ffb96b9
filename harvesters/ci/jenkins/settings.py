"""What a source of kind `jenkins` is told, in `settings` of the sources file."""

from typing import Annotated, Final

from pydantic import Field, field_validator

from harvesters.ci.interest import Interest
from harvesters.manifests.settings import matches
from schemas.digest import canonical_json, sha256
from schemas.strict import Closed, Count, Line, Word

Globs = Annotated[tuple[Word, ...], Field(max_length=1_000)]
WILD: Final = "*?["
ENOUGH: Final = 23  # letters of a digest, its name included


class JenkinsSettings(Closed):
    """Patterns are globs on full names, `folder/job`; a `*` also stands for several folders.

    `url` is the address that people open. `workflows`: jobs whose builds are all of interest;
    of others, those of commits that the catalog knows. `builds`: how many of the newest ones of a
    job are looked at for the first time.
    """

    url: Line
    jobs: Globs = ("*",)
    exclude: Globs = ()
    workflows: Globs = ()
    builds: Annotated[Count, Field(ge=1, le=5_000)] = 100
    ca_file: Line | None = None

    @field_validator("url")
    @classmethod
    def _root(cls, url: str) -> str:
        if "/job/" in url or "?" in url or "#" in url:
            raise ValueError("is the address of Jenkins itself, without a job, ? and #")
        return url

    def keeps(self, job: str) -> bool:
        """Is a job read at all?"""
        return matches(job, self.jobs) and not matches(job, self.exclude)

    def enters(self, folder: str) -> bool:
        """May a job below a folder be one that is read? Else it is not even listed."""
        inside = f"{folder}/".lower()
        for glob in self.exclude:
            if glob.endswith("*") and matches(inside, (glob,)):
                return False
        return any(_may_begin(glob.lower(), inside) for glob in self.jobs)

    def interest(self) -> Interest:
        """Which builds are wanted, before the catalog has said more."""
        return Interest(self.workflows)

    def fingerprint(self) -> str:
        """Another one where other builds would be read: what was passed over is looked at again."""
        told = [self.url, self.jobs, self.exclude, self.workflows, self.builds]
        return sha256(canonical_json(told))[:ENOUGH]


def _may_begin(glob: str, inside: str) -> bool:
    """Can a text that begins with `inside` fit a pattern?"""
    wild = min((glob.find(sign) for sign in WILD if sign in glob), default=len(glob))
    literal = glob[:wild]
    return literal.startswith(inside) or (inside.startswith(literal) and wild < len(glob))
