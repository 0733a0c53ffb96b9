"""What is wrong with a deployment: each cause alone, all together, and each leaves when mended."""

from datetime import UTC, datetime
from typing import Any

from tests.deployments.company import (
    BUILD,
    DIGEST,
    NUMBER_7,
    OTHER,
    OWNED,
    UNREGISTERED,
    Company,
    built,
    deployed,
    runs,
)
from tests.support.catalog import gone, model, version

LATER = "2026-11-21T12:00:00Z"
IN_ORDER: dict[str, Any] = {"digest": DIGEST, "build": BUILD}


def test_in_order(company: Company) -> None:
    """What a digest proves, a build made, a pipeline deployed and somebody owns is not listed."""
    company.register(digests=[DIGEST], build=BUILD)
    company.say(company.ci, built())
    company.run(runs(**IN_ORDER))

    assert company.rows() == []
    assert company.rows(state="open,accepted,resolved") == []


def test_bypass(company: Company) -> None:
    """What bypasses everything has every cause that there can be, with evidence and remedies."""
    company.run(runs("shadow", image="registry.example/x:1", deployed_by="kubectl"))

    (row,) = company.rows()
    assert [one["code"] for one in row["causes"]] == [
        "unknown_model", "no_build", "no_owner", "not_by_pipeline",
    ]  # fmt: skip
    assert (row["unregistered"], row["unproved"], row["state"]) == (True, False, "open")
    assert (row["namespace"], row["sources"]) == ("retail", ["cluster"])
    assert all(one["why"] and one["todo"] for one in row["causes"])
    assert "registry.example/x:1" in row["causes"][0]["why"]
    assert {(one["fact"], one["source"]) for one in row["stated"]} == {
        ("image", "cluster"), ("deployed_by", "cluster"),
    }  # fmt: skip
    assert {one["outcome"] for one in row["looked_for"]} == {"not_stated"}


def test_unknown_model(company: Company) -> None:
    """A model that nobody describes is unknown until somebody registers what is claimed."""
    company.run(runs(claimed_model="retail.churn", claimed_version="7", build=BUILD))
    company.say(company.ci, built())

    assert company.causes() == {"churn": {"unknown_model", "no_owner"}}

    company.register()
    assert company.causes() == {}
    (row,) = company.rows(unproved="true")
    assert (row["unregistered"], row["unproved"], row["version"]) == (False, True, "retail/churn/7")


def test_unknown_version(company: Company) -> None:
    """A known model, of which the claimed version is in no registry, until its digest is."""
    company.register(1)
    company.say(company.ci, built())
    company.run(runs(digest=DIGEST, claimed_model="retail/churn", claimed_version="7", build=BUILD))

    assert company.causes() == {"churn": {"unknown_version"}}
    (row,) = company.rows()
    assert (row["model"], row["version"]) == ("retail/churn", None)
    assert [(one["step"], one["outcome"]) for one in row["looked_for"]] == [
        ("pinned", "not_stated"), ("digest", "nothing"), ("artifact", "not_stated"),
        ("build", "nothing"), ("stated", "not_stated"), ("commit", "not_stated"),
        ("label", "nothing"),
    ]  # fmt: skip

    company.say(company.registry, version(7, digests=[DIGEST]))
    assert company.causes() == {}


def test_digest_registered(company: Company) -> None:
    """An unregistered deployment leaves when its digest is registered."""
    company.say(company.ci, built())
    company.run(runs(digest=DIGEST, build=BUILD))
    assert company.causes() == {"churn": {"unknown_model", "no_owner"}}

    company.register(digests=[DIGEST])
    assert company.causes() == {}
    (shown,) = company.service.get("deployments")["items"]
    assert shown["version"] == "retail/churn/7"


def test_stub(company: Company) -> None:
    """A version that only deployments name is a stub; a build that made it accounts for it."""
    company.say(company.registry, model(**OWNED))
    company.run(runs(version=NUMBER_7, build=BUILD))
    company.say(company.ci, built())
    assert "unknown_model" in company.causes()["churn"]

    company.say(company.ci, built(versions=[NUMBER_7]) | {"observed_at": LATER})
    (row,) = company.rows(state="open,resolved")
    assert (row["unregistered"], {one["code"] for one in row["causes"]}) == (False, {"no_owner"})


def test_digest_differs(company: Company) -> None:
    """The label says a version of which another digest is registered."""
    company.register(digests=[OTHER], build=BUILD)
    company.say(company.ci, built())
    said: dict[str, Any] = {
        "claimed_model": "retail.churn",
        "claimed_version": "v7",
        "digest": DIGEST,
    }
    company.run(runs(**said, build=BUILD))

    assert company.causes() == {"churn": {"digest_differs"}}
    (row,) = company.rows()
    why = row["causes"][0]["why"]
    assert DIGEST in why
    assert OTHER in why

    company.say(company.registry, version(7, digests=[DIGEST, OTHER], build=BUILD, at=LATER))
    assert company.causes() == {}


def test_digest_disputes(company: Company) -> None:
    """A digest beats a claim, and the claim is shown to be wrong."""
    company.register(6, digests=[DIGEST], build=BUILD)
    company.say(company.registry, version(7, digests=[OTHER]))
    company.say(company.ci, built())
    company.run(runs(claimed_model="retail.churn", claimed_version="7", **IN_ORDER))

    (row,) = company.rows()
    assert [one["code"] for one in row["causes"]] == ["digest_differs"]
    assert (row["version"], row["matched"]["version"]["by"]) == ("retail/churn/6", "digest")


def test_image_around_artifact(company: Company) -> None:
    """Where an address proves the version, the digest is that of the server around it."""
    uri = "s3://lake/models/churn/7"
    company.register(source_uri=uri, digests=[OTHER], build=BUILD)
    company.say(company.ci, built())
    company.run(runs(artifact_uri=uri, digest=DIGEST, build=BUILD))

    assert company.rows() == []


def test_image_beside_address(company: Company) -> None:
    """A server's image says nothing of the model that it loads from a place nobody can compare."""
    company.register(digests=[OTHER], build=BUILD)
    company.say(company.ci, built())
    said: dict[str, Any] = {"claimed_model": "retail.churn", "claimed_version": "7", "build": BUILD}
    server = {"image": "kserve/sklearnserver:v0.15", "digest": DIGEST}
    beside = runs(artifact_uri="pvc://models/churn", **server, **said)
    company.run(beside, runs("bare", **server, **said))

    assert company.causes() == {"bare": {"digest_differs"}}


def test_retired(company: Company) -> None:
    """What is gone, archived, suspended or decommissioned should not run."""
    company.register(digests=[DIGEST], build=BUILD)
    company.say(company.ci, built())
    company.run(runs(**IN_ORDER))
    for day, said in enumerate(
        (
            version(7, digests=[DIGEST], build=BUILD, stage="Archived"),
            model(lifecycle="suspended", **OWNED),
            model(lifecycle="decommissioned", **OWNED),
            gone(version(7), ""),
        ),
        start=21,
    ):
        at = f"2026-11-{day}T12:00:00Z"
        company.say(company.registry, said | {"observed_at": at})
        assert company.causes() == {"churn": {"retired_but_running"}}, said
        if "facts" in said:
            mended = model(**OWNED) if said["subject"]["kind"] == "model" else version(
                7, digests=[DIGEST], build=BUILD
            )  # fmt: skip
            company.say(company.registry, mended | {"observed_at": f"2026-11-{day}T13:00:00Z"})
            assert company.causes() == {}


def test_no_build(company: Company) -> None:
    """Neither it nor its version comes from a build that somebody describes."""
    company.register(digests=[DIGEST])
    company.run(runs(digest=DIGEST, environment_class="production"))
    company.say(company.ci, deployed(digest=DIGEST, environment_class="production"))
    assert company.causes() == {"churn": {"no_build"}}

    company.say(company.registry, version(7, digests=[DIGEST], build=BUILD, at=LATER))
    assert company.causes() == {"churn": {"no_build"}}  # named, and nobody describes it
    company.say(company.ci, built())
    assert company.causes() == {}


def test_no_owner(company: Company) -> None:
    """A developer answers for nothing."""
    developer: dict[str, Any] = {
        "owners": [{"owner": OWNED["owners"][0]["owner"], "role": "developer"}]
    }
    company.say(company.registry, model(**developer), version(7, digests=[DIGEST], build=BUILD))
    company.say(company.ci, built())
    company.run(runs(**IN_ORDER))
    assert company.causes() == {"churn": {"no_owner"}}

    company.say(company.registry, model(at=LATER, **OWNED))
    assert company.causes() == {}


def test_not_by_pipeline(company: Company) -> None:
    """A pipeline's record counts for the environment that it deployed to, failed ones for none."""
    company.register(digests=[DIGEST], build=BUILD)
    company.say(company.ci, built())
    company.run(runs(digest=DIGEST, environment_class="production"))
    assert company.causes() == {"churn": {"not_by_pipeline"}}

    for key, said in (
        ("1", {"environment_class": "staging"}),
        ("2", {"environment_class": "production", "status": "failed"}),
    ):
        company.say(company.ci, deployed(key, digest=DIGEST, **said))
        assert company.causes()["churn"] == {"not_by_pipeline"}
    company.say(company.ci, deployed("3", digest=DIGEST, environment_class="production"))
    assert "churn" not in company.causes()


def test_by_pipeline_superseded(company: Company) -> None:
    """What a pipeline deployed and replaced in its records was deployed by it all the same."""
    company.register(digests=[DIGEST], build=BUILD)
    company.say(company.ci, built(), deployed(digest=DIGEST, status="superseded"))
    company.run(runs(digest=DIGEST, environment_class="production"))

    assert company.causes() == {}


def test_blueprint(company: Company) -> None:
    """Only declared blueprints are approved, each version by itself or all of one name."""
    company.register(digests=[DIGEST], build=BUILD)
    company.say(company.ci, built())
    names = {"a": "batch-scoring@2", "b": "batch-scoring@3", "c": "online@9", "d": "other"}
    company.run(*(runs(key, blueprint=name, **IN_ORDER) for key, name in names.items()))

    assert company.causes() == {key: {"blueprint_not_approved"} for key in "bd"}


def test_ended(company: Company) -> None:
    """What is stopped, superseded, over or gone does not run."""
    stubborn = runs("stubborn")
    company.run(
        runs("stopped", status="stopped"), runs("superseded", status="superseded"),
        runs("over", ended_at=LATER), stubborn, runs("failed", status="failed"),
    )  # fmt: skip
    assert set(company.causes()) == {"stubborn", "failed"}

    company.say(company.cluster, gone(stubborn, datetime.now(UTC).isoformat()))
    assert set(company.causes()) == {"failed"}


def test_several_fit(company: Company) -> None:
    """One serving image may serve two models: nothing tells which it is."""
    company.register(digests=[DIGEST])
    company.say(company.registry, model("fraud", **OWNED), version(1, "fraud", digests=[DIGEST]))
    company.run(runs(digest=DIGEST))

    (row,) = company.rows()
    assert row["matched"]["version"] == {"by": "digest", "value": DIGEST, "several": 2}
    assert row["looked_for"][1]["outcome"] == "several"
    assert row["unregistered"]
    assert "no_build" not in {one["code"] for one in row["causes"]}
    assert "2 versions fit by digest" in row["causes"][0]["why"]


def test_several_builds_of_its_commit(company: Company) -> None:
    """Workflows that all ran for a commit: one of them built it, whichever it was."""
    commit = "9" * 40
    company.register(digests=[DIGEST], source_commit=commit)
    one = built(commit=commit)
    other = one | {"subject": BUILD | {"value": "ci/22"}}
    company.say(company.ci, one, other, deployed(digest=DIGEST))
    company.run(runs(digest=DIGEST))

    assert company.causes() == {}


def test_code_hosts(company: Company) -> None:
    """A host lists all that its repositories deploy: a web page is nobody's model."""
    page = {"kind": "repository", "scheme": "github", "value": "github.com/1"}
    churn = {"kind": "repository", "scheme": "github", "value": "github.com/2"}
    host = company.host()
    company.say(company.registry, model(repositories=[{"repository": churn}], **OWNED))
    for number, repository in ((1, page), (2, churn)):
        subject = {"kind": "deployment", "scheme": "github", "value": f"github.com/{number}/prod"}
        facts = {"repository": repository, "environment": "prod"}
        company.say(host, {"subject": subject, "observed_at": LATER, "facts": facts})

    assert [row["name"] for row in company.rows()] == ["github.com/2/prod"]


def test_filters(company: Company) -> None:
    """By source, environment, owner, cause and namespace; a wrong name is told."""
    company.register(digests=[DIGEST])
    company.run(runs("a", environment_class="production"), runs("b", digest=DIGEST))

    assert set(company.causes(source="cluster")) == {"a", "b"}
    assert set(company.causes(source="ci")) == set()
    assert set(company.causes(environment_class="production,staging")) == {"a"}
    assert set(company.causes(cause="unknown_model,unknown_version")) == {"a"}
    assert set(company.causes(unregistered="false")) == {"b"}
    assert set(company.causes(owner="team:retention-ds")) == {"b"}
    assert set(company.causes(namespace="retail")) == {"a", "b"}
    for sort in ("name", "-name", "namespace,-name", "-environment_class", "first_seen_at"):
        seen, token = list[str](), None
        while True:
            asked: dict[str, str] = {"page_token": token} if token else {}
            page = company.service.get(UNREGISTERED, sort=sort, page_size="1", **asked)
            seen += [row["name"] for row in page["items"]]
            if (token := page["next_page_token"]) is None:
                break
        assert sorted(seen) == ["cluster/serving/a", "cluster/serving/b"], sort
    answer = company.service.ask("GET", UNREGISTERED, company.service.reader,
                                 params={"source": "clustr"})  # fmt: skip
    assert (answer.status_code, answer.json()["errors"][0]["fix"]) == (
        422, "Did you mean cluster?",
    )  # fmt: skip
