"""Deployments find their version and build, versions their build; nobody has to say so."""

import threading
import time
from itertools import permutations
from typing import Any

import pytest

from service.db import Database
from service.ingest.ingest import record_batch
from service.ledger.change import Cause
from tests.conftest import MakeDatabase
from tests.support.catalog import NOON, OPERATOR, gone, make_source, model, post, rows, version
from tests.support.identity import about, settled

ARTIFACT = f"sha256:{'a' * 64}"
IMAGE = f"sha256:{'b' * 64}"
COMMIT = "9" * 40
LOGGED = f"m-{'c' * 32}"
REPOSITORY = {"kind": "repository", "scheme": "github", "value": "github.com/486325809"}
OTHER = {"kind": "repository", "scheme": "github", "value": "github.com/7"}


def build(key: str = "1", **facts: Any) -> Any:
    """What a CI system says of a build."""
    return {"subject": about("build", f"ci/{key}", "ci"), "observed_at": NOON,
            "facts": {"status": "succeeded"} | facts}  # fmt: skip


def deployment(key: str = "churn", **facts: Any) -> Any:
    """What a cluster says of what runs."""
    return {"subject": about("deployment", f"prod/retail/{key}", "kserve"), "observed_at": NOON,
            "facts": {"platform": "kserve", "name": key} | facts}  # fmt: skip


def matched(database: Database, kind: str = "deployment") -> list[Any]:
    """By what each found its version and build."""
    found = rows(database, f"SELECT matched FROM {kind} ORDER BY id")  # noqa: S608  # a test's word
    return [one for (one,) in found]


def served(database: Database) -> list[Any]:
    """The natural keys of what is served, deployment by deployment."""
    query = ("SELECT entry.natural_key, deployment.conflicts FROM deployment LEFT JOIN entry "
             "ON entry.id = deployment.version_id ORDER BY deployment.id")  # fmt: skip
    return [tuple(one) for one in rows(database, query)]


def sources(database: Database) -> dict[str, Any]:
    """A registry, a CI system and a cluster."""
    return {
        "mlflow": make_source(database),
        "ci": make_source(database, "ci", kind="ci", precedence=60),
        "cluster": make_source(database, "cluster", kind="kubernetes", precedence=55),
    }


WAYS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "digest": ({"digests": [ARTIFACT]}, {}, {"digest": ARTIFACT}),
    "artifact, logged": (
        {"logged_model": LOGGED}, {},
        {"artifact_uri": f"s3://bucket/1/models/{LOGGED}/artifacts"},
    ),
    "artifact, uri": (
        {"source_uri": "s3://bucket/1/run/artifacts/model"}, {},
        {"artifact_uri": "S3A://Bucket/1/run/artifacts/model/"},
    ),
    "artifact, registered": ({}, {}, {"artifact_uri": "models:/churn/7"}),
    "artifact, alias": ({"aliases": ["champion"]}, {}, {"artifact_uri": "models:/churn@champion"}),
    "artifact, server": (
        {"source_uri": "mlflow-artifacts:/1/ab/artifacts/model"}, {},
        {"artifact_uri": "mlflow-artifacts:/1/ab/artifacts/model"},
    ),
    "build": (
        {"source_commit": COMMIT},
        {"commit": COMMIT, "artifacts": [{"name": "i", "digest": IMAGE}]},
        {"digest": IMAGE},
    ),
    "commit": ({"source_commit": COMMIT}, {"status": "failed"}, {"commit": COMMIT}),
    "label": ({}, {}, {"claimed_model": "retail.churn", "claimed_version": "v7"}),
    "label, bare": ({}, {}, {"claimed_model": "churn", "claimed_version": "7"}),
}  # fmt: skip


@pytest.mark.parametrize("order", list(permutations(("mlflow", "ci", "cluster"))), ids="-".join)
def test_found_in_any_order(make_database: MakeDatabase, order: tuple[str, ...]) -> None:
    """Whoever speaks first, each way leads to the version, and folding again changes nothing."""
    for way, (of_version, of_build, of_deployment) in WAYS.items():
        with make_database() as database:
            known = sources(database)
            said = {
                "mlflow": [model("churn"), version(6, "churn"), version(7, "churn", **of_version)],
                "ci": [build(**of_build)],
                "cluster": [deployment(**of_deployment)],
            }
            for name in order:
                assert post(database, known[name], *said[name]).refused == ()

            assert served(database) == [("retail/churn/7", [])], way
            assert matched(database)[0]["version"]["by"] == way.partition(",")[0], way
            settled(database)


def test_found_in_one_batch(database: Database) -> None:
    """All three in one request."""
    source = make_source(database)
    post(database, source, deployment(digest=ARTIFACT), version(7, "churn", digests=[ARTIFACT]),
         model("churn"))  # fmt: skip

    assert served(database) == [("retail/churn/7", [])]
    settled(database)


def test_digest_beats_label(database: Database) -> None:
    """What was made outweighs what is said of it, and the difference is shown."""
    known = sources(database)
    post(database, known["mlflow"], model("churn"), version(6, "churn"),
         version(7, "churn", digests=[ARTIFACT]))  # fmt: skip
    label = {"claimed_model": "retail.churn", "claimed_version": "6"}
    post(database, known["cluster"], deployment(digest=ARTIFACT, **label))

    assert served(database) == [("retail/churn/7", ["version"])]
    settled(database)


def test_one_image_serves_several(database: Database) -> None:
    """An image that twenty versions share says nothing by itself; a label chooses among them."""
    known = sources(database)
    post(database, known["mlflow"], model("churn"),
         *(version(number, "churn", digests=[IMAGE]) for number in range(1, 21)))  # fmt: skip
    churn, other = (
        {"claimed_model": f"retail/{name}", "claimed_version": "7"} for name in ("churn", "other")
    )
    post(database, known["cluster"], deployment("some", digest=IMAGE),
         deployment("one", digest=IMAGE, **churn),
         deployment("odd", digest=IMAGE, **other))  # fmt: skip

    assert served(database) == [(None, []), ("retail/churn/7", []), (None, [])]
    assert matched(database)[0]["version"] == {"by": "digest", "value": IMAGE, "several": 20}
    settled(database)


def test_lost_again(database: Database) -> None:
    """A digest that is corrected takes its deployment along, and back."""
    known = sources(database)
    post(database, known["mlflow"], model("churn"), version(7, "churn", digests=[ARTIFACT]))
    post(database, known["cluster"], deployment(digest=ARTIFACT))
    later = "2026-11-20T13:00:00Z"
    post(database, known["mlflow"], version(7, "churn", at=later, digests=[IMAGE]))
    assert served(database) == [(None, [])]
    assert matched(database) == [{}]
    settled(database)

    post(database, known["mlflow"],
         version(7, "churn", at="2026-11-20T14:00:00Z", digests=[ARTIFACT]))  # fmt: skip
    assert served(database) == [("retail/churn/7", [])]
    settled(database)


def test_one_of_several_is_left(database: Database) -> None:
    """Two fit and none is chosen; one of them says otherwise, and it was the other one."""
    known = sources(database)
    both = [version(number, "churn", digests=[ARTIFACT], source_commit=COMMIT) for number in (7, 8)]
    post(database, known["mlflow"], model("churn"), *both)
    post(database, known["ci"], build("1", commit=COMMIT), build("2", commit=COMMIT))
    post(database, known["cluster"], deployment(digest=ARTIFACT))
    assert matched(database)[0]["version"]["several"] == 2

    later = "2026-11-20T13:00:00Z"
    post(database, known["mlflow"],
         version(8, "churn", at=later, digests=[IMAGE], source_commit=COMMIT))  # fmt: skip
    post(database, known["ci"], build("2", commit=COMMIT, status="failed") | {"observed_at": later})
    assert served(database) == [("retail/churn/7", [])]
    assert [one["build"] for one in matched(database, "version")] == [
        {"by": "commit", "value": COMMIT}
    ] * 2
    settled(database)


def test_claim_that_is_void(database: Database) -> None:
    """The digest beats a label; once nothing bears the name that it claims, nothing disagrees."""
    known = sources(database)
    post(database, known["mlflow"], model("churn"), version(7, "churn", digests=[ARTIFACT]),
         model("fraud"), version(1, "fraud"))  # fmt: skip
    said = {"claimed_model": "fraud", "claimed_version": "1"}
    post(database, known["cluster"], deployment(digest=ARTIFACT, **said))
    assert served(database) == [("retail/churn/7", ["version"])]

    later = model("fraud", at="2026-11-20T13:00:00Z")
    post(database, known["mlflow"], later | {"facts": later["facts"] | {"name": "scoring"}})
    assert served(database) == [("retail/churn/7", [])]
    settled(database)


def test_bare_label_of_its_source(database: Database) -> None:
    """A bare name is meant where its source speaks, not where stands what the digest proves."""
    known = sources(database)
    said = {"claimed_model": "churn", "claimed_version": "7"}
    post(database, known["cluster"], deployment(digest=ARTIFACT, **said))
    other = make_source(database, "mlflow-lab", namespace="lab")
    post(database, other, model("x", source="mlflow-lab", namespace="lab"),
         version(1, "x", source="mlflow-lab", digests=[ARTIFACT]))  # fmt: skip

    (sought,) = rows(database, "SELECT sought FROM deployment")[0]
    assert "name:retail/churn/7" in sought
    settled(database)


def test_namespace_follows(database: Database) -> None:
    """A deployment stands where what it serves stands, once that is known."""
    known = sources(database)
    post(database, known["cluster"], deployment(digest=ARTIFACT))
    query = "SELECT namespace FROM entry WHERE kind = 'deployment'"
    assert rows(database, query) == [("retail",)]
    other = make_source(database, "mlflow-lab", namespace="lab")
    post(database, other, model("x", source="mlflow-lab", namespace="lab"),
         version(1, "x", source="mlflow-lab", digests=[ARTIFACT]))  # fmt: skip

    assert rows(database, query) == [("lab",)]
    settled(database)


def test_retired_still_found(database: Database) -> None:
    """What is gone and still runs is what a reader wants to know."""
    known = sources(database)
    post(database, known["mlflow"], model("churn"), version(7, "churn", digests=[ARTIFACT]))
    post(database, known["mlflow"], gone(version(7, "churn"), "2026-11-20T13:00:00Z"))
    post(database, known["cluster"], deployment(digest=ARTIFACT))

    assert served(database) == [("retail/churn/7", [])]


BUILT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "digest": ({"digests": [ARTIFACT]}, {"artifacts": [{"name": "m", "digest": ARTIFACT}]}),
    "version": ({}, {"versions": [about("version", "mlflow-prod/default/churn/7")]}),
    "training_run": (
        {"training_run": about("training_run", "mlflow-prod/default/" + "d" * 32)},
        {"training_runs": [about("training_run", "mlflow-prod/default/" + "d" * 32)]},
    ),
    "artifact": ({}, {"model_uris": ["models:/churn/7"]}),
    "commit": ({"source_commit": COMMIT, "repository": REPOSITORY},
               {"commit": COMMIT, "repository": REPOSITORY}),
    "stated": ({"build": about("build", "ci/1", "ci")}, {}),
}  # fmt: skip


@pytest.mark.parametrize("first", ["mlflow", "ci"])
def test_build_found(make_database: MakeDatabase, first: str) -> None:
    """By each of its keys, in either order."""
    for way, (of_version, of_build) in BUILT.items():
        with make_database() as database:
            known = sources(database)
            said = {
                "mlflow": [model("churn"), version(6, "churn"), version(7, "churn", **of_version)],
                "ci": [build("1", **of_build), build("2", commit="8" * 40)],
            }
            for name in sorted(said, key=lambda one: one != first):
                assert post(database, known[name], *said[name]).refused == ()

            found = rows(
                database,
                "SELECT version.number, subject.value, version.matched -> 'build' ->> 'by' "
                "FROM version JOIN subject ON subject.entry_id = version.build_id",
            )
            assert found == [("7", "ci/1", way)]
            settled(database)


def test_commit_of_another_repository(database: Database) -> None:
    """A fork has the same commits; its builds made nothing of ours."""
    known = sources(database)
    post(database, known["ci"], build(commit=COMMIT, repository=OTHER))
    post(database, known["mlflow"], model("churn"),
         version(7, "churn", source_commit=COMMIT, repository=REPOSITORY))  # fmt: skip

    assert matched(database, "version") == [{}]


def test_several_builds_of_a_commit(database: Database) -> None:
    """Which of them made it cannot be told: none is chosen, and that several fit is said."""
    known = sources(database)
    post(database, known["ci"], build("1", commit=COMMIT), build("2", commit=COMMIT))
    post(database, known["mlflow"], model("churn"), version(7, "churn", source_commit=COMMIT))

    assert matched(database, "version") == [
        {"build": {"by": "commit", "value": COMMIT, "several": 2}}
    ]
    assert rows(database, "SELECT build_id FROM version") == [(None,)]
    settled(database)


@pytest.mark.parametrize(
    "uri",
    ["pvc://claim/model", "${MODEL_URI}", "/mnt/models", "s3://", "models:/churn", "models:/",
     "https://[", "models:/churn/7/extra", "a" * 3_000, "models:/" + "x" * 2_500 + "/7"],
)  # fmt: skip
def test_uris_that_say_nothing(database: Database, uri: str) -> None:
    """They match nothing, not even each other's prefix."""
    known = sources(database)
    post(database, known["mlflow"], model("churn"), version(7, "churn", source_uri="s3://b/model"))
    post(database, known["cluster"], deployment(artifact_uri=uri))

    assert served(database) == [(None, [])]
    settled(database)


def test_found_beside_each_other(database: Database) -> None:
    """A version and its deployment that are written at the same time still find each other."""
    known = sources(database)
    post(database, known["mlflow"], model("churn"))
    later = threading.Thread(
        target=post, args=(database, known["cluster"], deployment(digest=ARTIFACT))
    )
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with database.writing() as session:
        said = [version(7, "churn", digests=[ARTIFACT])]
        record_batch(session, said, source=known["mlflow"], cause=Cause(OPERATOR))
        later.start()
        until = time.monotonic() + 20
        while rows(database, waiting) == [(0,)] and time.monotonic() < until:
            time.sleep(0.01)
    later.join()

    assert served(database) == [("retail/churn/7", [])]
    settled(database)
