"""Names pass from one thing to another; what bears them is never mixed up."""

from typing import Any

from service.db import Database
from tests.support.catalog import gone, post, rows
from tests.support.identity import (
    about,
    groups,
    keys,
    make_source,
    manifest,
    model,
    same,
    settled,
    version,
)


def at(day: int) -> str:
    """Noon of a day in November."""
    return f"2026-11-{day:02}T12:00:00Z"


def born(day: int, observation: Any, *, seen: int | None = None) -> Any:
    """The observation, of a thing that was made on a day."""
    facts = observation["facts"] | {"created_at": at(day)}
    return observation | {"observed_at": at(seen or day), "facts": facts}


def test_name_is_made_again_after_a_rename(database: Database) -> None:
    """A registry's new model under the old name of a renamed one is another thing."""
    source = make_source(database)
    post(database, source, born(1, model("old")), born(1, version(1, "old")))
    post(
        database,
        source,
        same(born(1, model("new"), seen=2), model("old")),
        same(born(1, version(1, "new"), seen=2), version(1, "old")),
        gone(model("old"), at(3)),
    )
    post(database, source, born(4, model("old")), born(4, version(1, "old")))

    assert keys(database, "model") == ["retail/new", "retail/old"]
    assert keys(database) == ["retail/new/1", "retail/old/1"]
    assert groups(database) == {
        frozenset({"mlflow-prod/default/new"}),
        frozenset({"mlflow-prod/default/old"}),
    }
    settled(database)


def test_name_of_versions_after_models_merged(database: Database) -> None:
    """Equal numbers that come later, also in one batch, are one version."""
    source = make_source(database)
    post(database, source, model("old"), version(1, "old"))
    post(database, source, same(model("new"), model("old")))
    later = (version(4, "old"), version(4, "new"), version(1, "new"))
    assert post(database, source, *later).refused == ()

    one = "mlflow-prod/default"
    assert groups(database, "version") == {
        frozenset({f"{one}/old/{number}", f"{one}/new/{number}"}) for number in (1, 4)
    }
    settled(database)


def test_name_stated_late_claims_nothing(database: Database) -> None:
    """What is older than what is current decides nothing: names have moved on since."""
    source = make_source(database)
    git = make_source(database, "git", kind="ci", precedence=70)
    post(database, source, model("a", at=at(22)) | {"facts": {"namespace": "retail", "name": "b"}})
    post(database, git, manifest("a"))
    post(database, source, model("a", at=at(20)))

    assert keys(database, "model") == ["retail/a", "retail/b"]
    settled(database)


def test_name_taken_by_a_manifest_joins(database: Database) -> None:
    """A manifest that takes a registry's name becomes one with it, and stays when renamed."""
    source = make_source(database)
    git = make_source(database, "git", kind="ci", precedence=70)
    post(database, source, model("churn"), version(1))
    post(database, git, manifest("leaving"))
    post(database, git, manifest("churn", file="leaving", at=at(22)))
    assert len(groups(database)) == 1

    post(database, git, manifest("third", file="leaving", at=at(23)))
    assert (keys(database, "model"), keys(database)) == (["retail/third"], ["retail/third/1"])
    settled(database)


def test_name_differs_in_case_only(database: Database) -> None:
    """A rename that changes nothing but case is a rename, no collision."""
    source = make_source(database)
    post(database, source, model("Churn"))
    assert post(database, source, same(model("churn", at=at(22)), model("Churn"))).refused == ()

    assert len(groups(database)) == 1
    assert rows(database, "SELECT name FROM model") == [("churn",)]
    settled(database)


def test_name_of_a_use_follows_its_model(database: Database) -> None:
    """A use is found under the model's old and new name."""
    source = make_source(database)
    said = [
        {
            "subject": about("use", f"retail/{name}/offers", "name"),
            "observed_at": at(day),
            "facts": {"model": about("model", f"retail/{name}", "name"), "purpose": str(day)},
        }
        for day, name in ((20, "churn"), (23, "b"), (24, "churn"))
    ]
    post(database, source, model(), said[0])
    post(database, source, model(at=at(22)) | {"facts": {"namespace": "retail", "name": "b"}})
    post(database, source, said[1])
    post(database, source, said[2])

    assert keys(database, "use") == ["retail/b/offers"]
    assert rows(database, "SELECT purpose FROM use") == [("24",)]
    settled(database)


def test_owner_known_by_several_names(database: Database) -> None:
    """People stand in no namespace: who names one of them may say how else they are called."""
    source = make_source(database)
    git = make_source(database, "git", kind="ci", precedence=70, namespace="wholesale")
    owner = {
        "subject": about("owner", "owner@example.com", "email"),
        "observed_at": at(20),
        "facts": {"display_name": "Owner"},
    }
    post(database, source, owner)
    also = same(owner, about("owner", "github.com/owner", "github"))
    assert post(database, git, also).refused == ()

    assert groups(database, "owner") == {frozenset({"owner@example.com", "github.com/owner"})}
    settled(database)


def test_deployment_replaced_keeps_what_it_served(database: Database) -> None:
    """A deployment that was made again is another one; the old one keeps its version."""
    source = make_source(database)
    served = [
        born(
            day,
            {
                "subject": about("deployment", "prod/ml/churn", "kserve"),
                "facts": {"version": version(number)["subject"]},
            },
        )
        for day, number in ((1, 1), (3, 2))
    ]
    post(database, source, model(), version(1), version(2))
    for deployment in served:
        post(database, source, deployment)

    assert rows(
        database,
        "SELECT number, gone_since IS NOT NULL FROM deployment JOIN entry USING (id) "
        "JOIN version ON version.id = version_id ORDER BY number",
    ) == [("1", True), ("2", False)]
    settled(database)
