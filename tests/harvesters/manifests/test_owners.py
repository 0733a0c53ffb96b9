"""Who answers for a manifest's model: whom CODEOWNERS names, and who committed."""

from collections.abc import Sequence
from typing import Any, Final

import pytest

from harvesters.errors import RecordUnreadable
from harvesters.manifests.bots import is_bot
from harvesters.manifests.markers import Marker, short
from harvesters.manifests.owners import add_owners
from harvesters.manifests.pages import Author, File, Repository
from harvesters.manifests.place import Place
from schemas.identifiers import Identifier, Kind
from schemas.observation import Observation
from schemas.sources import SourceSettings
from tests.support.shelf import NOON

SHA: Final = "a" * 40
PATH: Final = "models/churn/model.yaml"
SOURCE: Final = SourceSettings.model_validate(
    {"name": "repositories", "kind": "github", "namespace": "retail"}
)


def owner(scheme: str, value: str) -> Identifier:
    """Somebody."""
    return Identifier(kind=Kind.OWNER, scheme=scheme, value=value)


def told(
    *,
    files: dict[str, bytes] | None = None,
    authors: Sequence[Author] = (),
    dialect: str = "github",
    scheme: str = "github",
) -> list[Any]:
    """What is said of the owners of one manifest."""
    host = f"{dialect}.com"
    value = f"{host}/1" if scheme != "url" else f"https://{host}/acme/churn"
    identity = Identifier(kind=Kind.REPOSITORY, scheme=scheme, value=value)
    repository = Repository(identity, f"https://{host}/acme/churn", "acme/churn")
    place = Place(SOURCE, repository, SHA, PATH, NOON, Marker("f", "origin"), dialect)
    read = [File(path, "0", raw) for path, raw in (files or {}).items()]
    return list(add_owners(place, files=read, authors=authors))


def owned(one: Observation) -> list[tuple[str, str, str]]:
    """Owners as they are stated."""
    facts = one.facts
    assert facts is not None
    return [(o.owner.scheme, o.owner.value, o.role) for o in facts.owners]  # type: ignore[attr-defined]  # a model's


def test_codeowners() -> None:
    """The last match for the manifest's path is accountable; that is concluded."""
    text = b"* @acme/all\n/models/ @Acme/Retention @Ada ada@example.com @dependabot[bot] @runner\n"
    (said,) = told(files={".github/CODEOWNERS": text})

    assert said.subject.value == f"github.com/1#.github/CODEOWNERS#{PATH}"
    assert [one.value for one in said.same_as] == [f"github.com/1#{PATH}"]
    assert owned(said) == [
        ("email", "ada@example.com", "accountable"),
        ("github", "github.com/acme/retention", "accountable"),
        ("github", "github.com/ada", "accountable"),
    ]
    assert said.inferred == ("owners",)
    assert said.evidence.url == f"https://github.com/acme/churn/blob/{SHA}/.github/CODEOWNERS"
    assert said.marker == str(Marker("f", "origin", file=short(PATH)))


def test_codeowners_first_location() -> None:
    """Only the first file counts, in the order of the host."""
    files = {"CODEOWNERS": b"* @root-file", "docs/CODEOWNERS": b"* @docs-file"}

    assert owned(told(files=files)[0])[0][1] == "github.com/root-file"
    assert owned(told(files={**files, ".github/CODEOWNERS": b"* @first"})[0])[0][1] == (
        "github.com/first"
    )


def test_codeowners_gitlab() -> None:
    """Groups and accounts of GitLab; a role names nobody in particular."""
    text = b"[ML][2] @acme/data/ml\n/models/ @@maintainer\n[Docs]\n* @ada\n"
    said = told(files={"CODEOWNERS": b"* @acme/data/ml @ada @@owner\n"}, dialect="gitlab",
                scheme="gitlab")  # fmt: skip

    assert owned(said[0]) == [
        ("gitlab", "gitlab.com/acme/data/ml", "accountable"),
        ("gitlab", "gitlab.com/ada", "accountable"),
    ]
    (sections,) = told(files={".gitlab/CODEOWNERS": text}, dialect="gitlab", scheme="gitlab")
    assert owned(sections) == [("gitlab", "gitlab.com/ada", "accountable")]


def test_codeowners_by_url() -> None:
    """A repository that is known by its URL alone has the accounts of its host."""
    (said,) = told(files={"CODEOWNERS": b"* @ada\n"}, scheme="url")

    assert owned(said) == [("github", "github.com/ada", "accountable")]


@pytest.mark.parametrize("text", [b"", b"* @all\n/models/\n", b"* @runner", b"docs/ @a\n"])
def test_codeowners_nobody(text: bytes) -> None:
    """Where nobody is named nothing is stated."""
    assert told(files={"CODEOWNERS": text}) == []


def test_codeowners_bad_lines() -> None:
    """Lines that the host passes over are counted in a warning."""
    (said,) = told(files={"CODEOWNERS": b"* @ada\n!x @bo\n* nobody\n"})

    assert said.facts.warnings == ("CODEOWNERS: 2 lines could not be read and are passed over",)


def test_codeowners_unreadable() -> None:
    """What the file said before stays."""
    (said,) = told(files={"CODEOWNERS": b"\xff\xfe"})

    assert isinstance(said, RecordUnreadable)
    assert said.code == "codeowners_unreadable"
    assert said.subject is not None
    assert said.subject.value == f"github.com/1#CODEOWNERS#{PATH}"


def test_commits() -> None:
    """Who committed three times or more to the folder is a developer; machines are left out."""
    ada = (owner("github", "github.com/ada"), owner("email", "ada@example.com"))
    folder = "models/churn"
    authors = [
        Author(folder, ada, "Ada L", 12),
        Author(folder, (owner("email", "bo@example.com"),), "Bo", 3),
        Author(folder, (owner("email", "cy@example.com"),), "Cy", 2),
        Author("models/other", (owner("email", "di@example.com"),), "Di", 9),
        Author(folder, (owner("github", "github.com/renovate[bot]"),), "Renovate", 99),
        Author(folder, (owner("email", "root@build.example.com"),), "CI", 50),
        Author(folder, (), "Nobody", 50),
    ]
    developers, person = told(authors=authors)

    assert developers.subject.value == f"github.com/1#commits#{PATH}"
    assert owned(developers) == [
        ("email", "bo@example.com", "developer"), ("github", "github.com/ada", "developer"),
    ]  # fmt: skip
    assert developers.inferred == ("owners",)
    assert developers.evidence.url == (f"https://github.com/acme/churn/commits/{SHA}/models/churn")
    assert (person.subject, person.same_as) == (ada[0], (ada[1],))
    assert person.facts.display_name == "Ada L"


def test_commits_gitlab() -> None:
    """The address of the commits is GitLab's own."""
    authors = [Author("models/churn", (owner("email", "bo@example.com"),), "Bo", 3)]
    (said,) = told(authors=authors, dialect="gitlab", scheme="gitlab")

    assert said.evidence.url == f"https://gitlab.com/acme/churn/-/commits/{SHA}/models/churn"


@pytest.mark.parametrize(
    ("name", "bot"),
    [
        ("dependabot[bot]", True), ("root", True), ("Root", True), ("jovyan@pod", True),
        ("runner", True), ("41898282+github-actions[bot]@users.noreply.github.com", True),
        ("project_1_bot_ab", True), ("release-bot", True), ("ada", False), ("abbot", False),
        ("rooted@example.com", False), ("", False), ("robot-team", False),
    ],
)  # fmt: skip
def test_is_bot(name: str, bot: bool) -> None:  # noqa: FBT001
    """Machines by their usual names."""
    assert is_bot(name) is bot
