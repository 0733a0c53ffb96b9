"""Pipelines of a scripted GitLab: what is asked, what is said, and what it costs."""

from datetime import timedelta

from tests.harvesters.ci.gitlab.conftest import COMMIT, Lab
from tests.support.gitlab_ci import text
from tests.support.gitlab_server import Answered, Asked

OTHER = "0dd" * 13 + "0"


def test_pipelines_of_interest(lab: Lab) -> None:
    """The named commit's pipeline, with what lists do not say of it; nothing else."""
    churn, site = lab.project(), lab.server.state.project("acme/site", {"a": b"a"})
    made = lab.ci.run(churn, COMMIT, at=lab.ago(hours=2), name="")
    lab.ci.run(churn, OTHER, at=lab.ago(hours=2))
    lab.ci.run(site, OTHER, at=lab.ago(hours=1))

    closed = lab.harvest("builds")

    found = lab.catalog.facts("build")
    assert found.keys() == {str(made["id"])}
    facts = found[str(made["id"])]
    assert facts["repository"] == lab.number(churn).model_dump()
    told = ("commit", "ref", "event", "status", "actor")
    assert {name: facts[name] for name in told} == {
        "commit": COMMIT, "ref": "main", "event": "push", "status": "succeeded",
        "actor": made["user"]["username"],
    }  # fmt: skip
    assert {"started_at", "finished_at"} <= facts.keys()
    assert "workflow" not in facts
    assert closed.counts == {"repositories_not_named": 1, "builds_not_named": 1}
    assert lab.asked() == ["pipelines", "pipelines"]


def test_pipelines_nothing_of_interest(lab: Lab) -> None:
    """Where the catalog names nothing, GitLab is not asked at all."""
    lab.server.state.project("acme/churn", {"a": b"a"})

    lab.harvest("builds")

    assert lab.server.asked == []


def test_pipelines_unchanged(lab: Lab) -> None:
    """A second harvest writes nothing and asks once a project of interest."""
    lab.ci.run(lab.project(), COMMIT, at=lab.ago(hours=2))
    lab.harvest("builds")
    lab.passed += timedelta(hours=1)

    lab.harvest("builds")

    assert (lab.catalog.written, lab.asked()) == (0, ["pipelines"])


def test_pipelines_pages(lab: Lab) -> None:
    """Pages follow the changes: what changes meanwhile is neither skipped nor lost."""
    lab.server.a_page = 10
    churn = lab.project()
    made = [lab.ci.run(churn, COMMIT, at=lab.ago(minutes=300 - n)) for n in range(45)]

    def changing(asked: Asked) -> Answered | None:
        if asked.parts[-1] == "pipelines" and len(lab.server.asked) == 4:
            made[5]["updated_at"] = text(lab.ago(seconds=1))
        return None

    lab.server.before = changing
    lab.harvest("builds")

    assert lab.catalog.facts("build").keys() == {str(one["id"]) for one in made}


def test_pipelines_one_instant(lab: Lab) -> None:
    """More than a page that changed in one instant are read by number."""
    lab.server.a_page = 10
    churn, at = lab.project(), lab.ago(hours=2)
    for _ in range(34):
        lab.ci.run(churn, COMMIT, at=at)

    lab.harvest("builds")

    assert len(lab.catalog.facts("build")) == 34


def test_pipelines_open(lab: Lab) -> None:
    """One that goes on, also an external one without a time of change, is asked for to its end."""
    churn = lab.project()
    going = lab.ci.run(churn, COMMIT, at=lab.ago(hours=2), status="running", finished_at=None)
    lab.harvest("builds")
    going |= {"updated_at": None, "source": "external"}
    lab.passed += timedelta(hours=1)
    lab.harvest("builds")
    assert lab.catalog.facts("build")[str(going["id"])]["event"] == "external"

    going["status"] = "canceled"
    lab.passed += timedelta(hours=1)
    lab.harvest("builds")
    assert lab.catalog.facts("build")[str(going["id"])]["status"] == "canceled"
    assert lab.asked() == ["pipelines", "pipelines"]

    lab.passed += timedelta(hours=1)
    lab.harvest("builds")
    assert lab.asked() == ["pipelines"]


def test_pipelines_run_again(lab: Lab) -> None:
    """Jobs that run again change the pipeline, which is the same."""
    churn = lab.project()
    made = lab.ci.run(churn, COMMIT, at=lab.ago(days=9), status="failed")
    lab.harvest("builds")
    lab.passed += timedelta(hours=1)
    made |= {"status": "success", "updated_at": text(lab.ago(minutes=5))}

    lab.harvest("builds")

    (facts,) = lab.catalog.facts("build").values()
    assert facts["status"] == "succeeded"


def test_pipelines_merge_request(lab: Lab) -> None:
    """A merge request's ref is no branch, and so no protected one."""
    ref = "refs/merge-requests/74/head"
    made = lab.ci.run(lab.project(), COMMIT, at=lab.ago(hours=1), ref=ref)

    lab.harvest("builds")

    facts = lab.catalog.facts("build")[str(made["id"])]
    assert (facts["ref"], facts["on_protected_branch"]) == (ref, False)


def test_pipelines_named_later(lab: Lab) -> None:
    """A commit that is named after its pipeline ran is asked for by name, once."""
    churn = lab.project()
    old = lab.ci.run(churn, OTHER, at=lab.ago(days=100))
    lab.harvest("builds")
    lab.catalog.name(OTHER, lab.number(churn))
    lab.passed += timedelta(hours=1)
    lab.harvest("builds")

    assert str(old["id"]) in lab.catalog.facts("build")
    lab.passed += timedelta(hours=1)
    lab.harvest("builds")
    assert lab.asked() == ["pipelines"]


def test_pipelines_workflows(lab: Lab) -> None:
    """Chosen names of pipelines are read of every project."""
    lab.settings["workflows"] = ["retrain*"]
    site = lab.server.state.project("acme/site", {"a": b"a"})
    made = lab.ci.run(site, OTHER, at=lab.ago(hours=1), name="Retrain nightly")
    lab.ci.run(site, OTHER, at=lab.ago(hours=1), name=None)

    lab.harvest("builds")

    found = lab.catalog.facts("build")
    assert found.keys() == {str(made["id"])}
    assert found[str(made["id"])]["workflow"] == "Retrain nightly"


def test_pipelines_moved(lab: Lab) -> None:
    """The number is the project, whatever its path."""
    churn = lab.project()
    lab.ci.run(churn, COMMIT, at=lab.ago(hours=1))
    lab.harvest("builds")
    before = set(lab.catalog.held)

    lab.server.state.move(churn, "acme/attrition")
    usurper = lab.server.state.project("acme/churn", {"a": b"a"})
    lab.ci.run(usurper, COMMIT, at=lab.ago(minutes=1))
    lab.passed += timedelta(hours=1)
    closed = lab.harvest("builds")

    assert set(lab.catalog.held) == before
    assert closed.counts["repositories_not_named"] == 1


def test_pipelines_no_access(lab: Lab) -> None:
    """403 and 404 for one project are told with the reason; what was missed comes later."""
    churn, fraud = lab.project(), lab.server.state.project("acme/fraud", {"a": b"a"})
    lab.catalog.name(OTHER, lab.number(fraud), built=True)
    lab.harvest("builds")
    lab.ci.ci(churn).refused = 403
    lost = lab.ci.run(churn, COMMIT, at=lab.ago(minutes=1))
    seen = lab.ci.run(fraud, OTHER, at=lab.ago(minutes=1))
    lab.passed += timedelta(hours=3)
    closed = lab.harvest("builds")
    told = [(one.code, one.subject) for one in closed.skipped]
    assert told == [("not_readable", lab.number(churn))]
    assert lab.catalog.facts("build").keys() == {str(seen["id"])}

    lab.ci.ci(churn).refused = 0
    lab.passed += timedelta(hours=3)
    lab.harvest("builds")
    assert str(lost["id"]) in lab.catalog.facts("build")


def test_pipelines_hinted(lab: Lab) -> None:
    """A webhook costs one request for the pipeline that it names."""
    churn = lab.project()
    made = lab.ci.run(churn, COMMIT, at=lab.ago(days=40), status="failed")
    lab.harvest("builds")
    made["status"] = "success"
    lab.hint(churn, "build", made["id"])
    lab.passed += timedelta(minutes=5)

    closed = lab.harvest("builds")

    assert (closed.hints, lab.server.kinds()) == ((1,), ["pipelines"])
    assert lab.catalog.facts("build")[str(made["id"])]["status"] == "succeeded"


def test_pipelines_rate_limit(lab: Lab) -> None:
    """429 is waited for."""
    made = lab.ci.run(lab.project(), COMMIT, at=lab.ago(hours=1))
    told = [Answered(429, b"Retry later", {"Retry-After": "9"})]
    lab.server.before = lambda asked: told.pop() if told and "pipelines" in asked.path else None

    lab.harvest("builds")

    assert lab.catalog.facts("build").keys() == {str(made["id"])}
    assert sum(lab.slept) >= 9
