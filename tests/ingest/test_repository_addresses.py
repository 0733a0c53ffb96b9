"""Two repositories that were called alike: the address goes with the name, nothing else does."""

from itertools import permutations
from typing import Any

import pytest

from service.db import Database
from service.ingest.partition import compare_identities
from tests.support.catalog import NOON, make_source, model, post, rows
from tests.support.identity import about, decide, groups, same, settled

LATER = "2026-11-20T13:00:00Z"
LATEST = "2026-11-20T14:00:00Z"
CHURN = "https://github.com/acme/churn"
MOVED = "https://github.com/acme/churn-old"


def repository(number: int, url: str = CHURN, at: str = NOON, **facts: Any) -> Any:
    """A repository of GitHub."""
    said = {
        "subject": about("repository", f"github.com/{number}", "github"),
        "observed_at": at,
        "facts": {"url": url} | facts,
    }
    return same(said, about("repository", url, "url"))


def manifest(number: int, name: str = "churn", at: str = NOON, **facts: Any) -> Any:
    """A manifest in a repository of GitHub."""
    return {
        "subject": about("model", f"github.com/{number}#model.yaml", "manifest"),
        "observed_at": at,
        "facts": {"namespace": "retail", "name": name} | facts,
    }


def gone(observation: Any, at: str = LATER) -> Any:
    """It is not there any more."""
    return {"subject": observation["subject"], "observed_at": at, "gone": True}


def bearers(database: Database) -> dict[str, str]:
    """Which number each address belongs to."""
    found = rows(
        database,
        "SELECT a.value, n.value FROM subject a JOIN subject n ON n.entry_id = a.entry_id "
        "WHERE a.scheme = 'url' AND n.scheme = 'github'",
    )
    return dict(found)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_recreated_under_the_old_name(database: Database, order: tuple[int, ...]) -> None:
    """In any order: the renamed one keeps its number, the new one has the address."""
    source = make_source(database, "github-acme", kind="github")
    said = [repository(1), repository(1, MOVED, LATER), repository(2, CHURN, LATER)]

    for place in order:
        assert post(database, source, said[place]).refused == ()

    assert bearers(database) == {CHURN: "github.com/2", MOVED: "github.com/1"}
    assert groups(database, "repository") == {
        frozenset({"github.com/1", "churn-old"}), frozenset({"github.com/2", "churn"}),
    }  # fmt: skip
    settled(database)
    assert list(compare_identities(database)) == []


def test_recreated_in_one_batch(database: Database) -> None:
    """Listed together, the new one first."""
    source = make_source(database, "github-acme", kind="github")
    post(database, source, repository(1))

    post(database, source, repository(2, CHURN, LATER), repository(1, MOVED, LATER))

    assert bearers(database) == {CHURN: "github.com/2", MOVED: "github.com/1"}
    settled(database)


def test_renamed(database: Database) -> None:
    """A repository that is alone keeps its former address, by which others may still name it."""
    source = make_source(database, "github-acme", kind="github")
    post(database, source, repository(1))

    post(database, source, repository(1, MOVED, LATER))

    assert bearers(database) == {CHURN: "github.com/1", MOVED: "github.com/1"}
    settled(database)


def test_reference_follows_the_address(database: Database) -> None:
    """A version that names a repository by its address means whoever bears it now."""
    source = make_source(database, "github-acme", kind="github")
    registry = make_source(database)
    link = {"repository": about("repository", CHURN, "url")}
    post(database, registry, {
        "subject": about("model", "mlflow-prod/default/churn"), "observed_at": NOON,
        "facts": {"namespace": "retail", "name": "churn", "repositories": [link]},
    })  # fmt: skip
    post(database, source, repository(1))

    post(database, source, repository(2, CHURN, LATER))

    named = rows(
        database,
        "SELECT s.value FROM link JOIN subject s ON s.entry_id = link.target_id "
        "WHERE link.field = 'repositories' AND s.scheme = 'github'",
    )
    assert named == [("github.com/2",)]
    settled(database)


@pytest.mark.parametrize("together", [False, True])
def test_manifest_inherits_nothing(database: Database, *, together: bool) -> None:
    """Somebody else's repository under the old name does not get the model of the deleted one."""
    source = make_source(database, "github-acme", kind="github")
    post(database, source, repository(1), manifest(1, description="ours"))
    post(database, source, gone(manifest(1)), gone(repository(1)))

    said = [repository(2, CHURN, LATEST), manifest(2, at=LATEST, description="theirs")]
    batches = [said] if together else [[one] for one in said]
    receipts = [post(database, source, *batch) for batch in batches]

    refused = [one.code for receipt in receipts for one in receipt.refused]
    assert refused == ["contested_claim"]
    assert rows(database, "SELECT description FROM model") == [("ours",)]
    settled(database)


def test_manifest_moves(database: Database) -> None:
    """A model that moved to a repository of another name goes on: its manifest here is gone."""
    source = make_source(database, "github-acme", kind="github")
    post(database, source, repository(1), manifest(1))
    post(database, source, gone(manifest(1)))

    receipt = post(
        database, source, repository(2, MOVED, LATEST), manifest(2, at=LATEST, description="moved")
    )

    assert receipt.refused == ()
    assert rows(database, "SELECT description FROM model") == [("moved",)]


@pytest.mark.parametrize("facts", [
    {"description": "evil"},
    {"owners": [{"owner": about("owner", "user:mallory", "handle")}]},
    {"namespace": "wholesale", "name": "mine"},
])  # fmt: skip
def test_manifest_of_another_namespace(database: Database, facts: Any) -> None:
    """A source that may name nothing there speaks about none of its manifests either."""
    source = make_source(database, "github-acme", kind="github")
    stranger = make_source(database, "git-far", kind="git", namespace="wholesale")
    post(database, source, repository(1), manifest(1, description="ours"))

    receipt = post(database, stranger, manifest(1, at=LATER) | {"facts": facts})

    assert [(one.code, one.pointer) for one in receipt.refused] == [
        ("namespace_not_allowed", "/subject/value"),
    ]  # fmt: skip
    assert rows(database, "SELECT description FROM model") == [("ours",)]
    settled(database)


def test_one_repository_by_two_sources(database: Database) -> None:
    """By its number and by its address: one repository, whose manifest claims nothing twice."""
    numbered = make_source(database, "github-acme", kind="github")
    addressed = make_source(database, "git-acme", kind="git")
    by_url = {
        "subject": about("repository", CHURN, "url"), "observed_at": NOON, "facts": {"url": CHURN},
    }  # fmt: skip
    in_url = manifest(1) | {"subject": about("model", f"{CHURN}#model.yaml", "manifest")}
    post(database, addressed, by_url, in_url)
    post(database, numbered, repository(1, at=LATER))

    assert post(database, numbered, manifest(1, at=LATER)).refused == ()
    assert len(groups(database)) == 1
    settled(database)


def test_an_earlier_address_is_not_inherited(database: Database) -> None:
    """Nor what was held under a name that the repository bore before."""
    source = make_source(database, "github-acme", kind="github")
    post(database, source, repository(1), manifest(1))
    post(database, source, repository(1, MOVED, LATER))
    post(database, source, gone(manifest(1), LATEST), gone(repository(1), LATEST))

    receipt = post(database, source, repository(2, CHURN, LATEST), manifest(2, at=LATEST))

    assert [one.code for one in receipt.refused] == ["contested_claim"]


def test_people_may_merge_them(database: Database) -> None:
    """What a person calls one stays one, also when both are told again."""
    source = make_source(database, "github-acme", kind="github")
    post(database, source, repository(1), repository(2, MOVED))
    one, two = rows(database, "SELECT entry_id FROM subject WHERE scheme = 'github'")
    decide(database, "repository", one[0], two[0])

    post(database, source, repository(1, at=LATER), repository(2, MOVED, LATER))

    assert len(groups(database, "repository")) == 1
    settled(database)


def test_registered_models_are_not_merged_by_a_file(database: Database) -> None:
    """A wrong `registered_as` that is corrected would make two models of one registry one."""
    source = make_source(database, "github-acme", kind="github")
    registry = make_source(database)
    wrong, right = (model(name) for name in ("delivery-time", "payment-fraud"))
    post(database, registry, wrong, right)
    post(database, source, repository(1), same(manifest(1, "eta"), wrong))
    before = groups(database)

    receipt = post(database, source, same(manifest(1, "eta", at=LATER), right))

    assert receipt.refused == ()
    assert groups(database) == before
    proposed = rows(database, "SELECT op FROM identity_decision WHERE op = 'proposed'")
    assert proposed == [("proposed",)]
    settled(database)
