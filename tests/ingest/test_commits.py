"""Which commits harvesters of builds are told to look for."""

from typing import Any

from service.db import Database
from service.ingest.commits import MOST, named_commits
from tests.support.catalog import NOON, make_source, model, post, version
from tests.support.identity import about

URL = about("repository", "https://github.com/acme/churn", "url")
NUMBER = about("repository", "github.com/486325809", "github")


def commit(number: int) -> str:
    """A commit of its own."""
    return f"{number:040x}"


def repository(**facts: Any) -> Any:
    """A repository, by its host's number and its address."""
    return {"subject": NUMBER, "same_as": [URL], "observed_at": NOON, "facts": facts}


def listed(database: Database, source: str, after: str = "0") -> dict[str, tuple[list[str], bool]]:
    """What a source is told, by commit."""
    with database.reading() as session:
        page = named_commits(session, source, after=after)
    return {
        one.commit: ([named.value for named in one.repositories], one.built) for one in page.commits
    }


def test_what_names_commits(database: Database) -> None:
    """Versions, deployments, and the heads of repositories that hold a manifest."""
    source = make_source(database, kind="github")
    post(database, source,
         repository(head_commit=commit(1), manifests=["model.yaml"]),
         model("churn"),
         version(1, "churn", source_commit=commit(2), repository=URL),
         version(2, "churn", source_commit=commit(3)),
         {"subject": about("deployment", "github.com/1/prod", "github"), "observed_at": NOON,
          "facts": {"commit": commit(4), "repository": NUMBER}},
         {"subject": about("build", "github.com/1/9", "github"), "observed_at": NOON,
          "facts": {"commit": commit(2), "status": "failed"}})  # fmt: skip

    both = [NUMBER["value"], URL["value"]]
    assert {name: (sorted(where), built) for name, (where, built) in
            listed(database, "mlflow-prod").items()} == {
        commit(1): (both, False), commit(2): (both, True), commit(3): ([], False),
        commit(4): (both, False),
    }  # fmt: skip


def test_empty_repositories_name_none(database: Database) -> None:
    """A repository without a model is of no interest."""
    source = make_source(database, kind="github")
    post(database, source, repository(head_commit=commit(1)), repository(manifests=[]))

    assert listed(database, "mlflow-prod") == {}


def test_other_namespaces(database: Database) -> None:
    """What stands where a source may name nothing, it is not told."""
    post(
        database,
        make_source(database),
        model("churn"),
        version(1, "churn", source_commit=commit(2)),
    )
    make_source(database, "lab-ci", kind="ci", namespace="lab")

    assert listed(database, "lab-ci") == {}


def test_pages(database: Database) -> None:
    """In their order, each once, until there is no further page."""
    source = make_source(database)
    numbers = range(1, MOST + 6)
    for start in range(0, len(numbers), 500):
        some = numbers[start : start + 500]
        post(database, source, model("churn"),
             *(version(n, "churn", source_commit=commit(n)) for n in some))  # fmt: skip
    with database.reading() as session:
        first = named_commits(session, "mlflow-prod", after="0")
        assert first.next_page_token == commit(MOST)
        second = named_commits(session, "mlflow-prod", after=first.next_page_token)

    every = [one.commit for one in (*first.commits, *second.commits)]
    assert every == [commit(n) for n in numbers]
    assert second.next_page_token is None
