"""Workflow runs of a scripted GitHub: what is asked, what is said, and what it costs."""

from datetime import timedelta
from typing import Any

from schemas.identifiers import Identifier
from tests.harvesters.ci.github.conftest import COMMIT, Hub
from tests.support.github_answers import Said

OTHER = "0dd" * 13 + "0"


def test_builds_of_interest(hub: Hub) -> None:
    """Of a repository that the catalog names, the named commit's build; of others nothing."""
    churn, site = hub.repo(), hub.github.state.create("acme/site")
    run = hub.actions.run(churn, COMMIT, at=hub.ago(hours=2))
    hub.actions.run(churn, OTHER, at=hub.ago(hours=1))
    hub.actions.run(site, OTHER, at=hub.ago(hours=1))

    closed = hub.harvest("builds")

    found = hub.catalog.facts("build")
    assert found.keys() == {str(run.number)}
    facts = found[str(run.number)]
    assert facts["repository"] == hub.number(churn).model_dump()
    assert {name: facts[name] for name in ("commit", "workflow", "status", "attempt")} == {
        "commit": COMMIT, "workflow": ".github/workflows/train.yml", "status": "succeeded",
        "attempt": 1,
    }  # fmt: skip
    assert closed.counts == {"repositories_not_named": 1, "builds_not_named": 1}
    assert hub.github.asked_by_kind() == {"listing": 1, "runs": 1}


def test_builds_nothing_of_interest(hub: Hub) -> None:
    """Where the catalog names nothing, GitHub is not asked at all."""
    hub.github.state.create("acme/churn")

    closed = hub.harvest("builds")

    assert (hub.github.asked, closed.cursor, hub.catalog.written) == ([], None, 0)


def test_builds_unchanged(hub: Hub) -> None:
    """A second harvest writes nothing and asks once a repository of interest, beside the list."""
    for number in range(30):
        hub.github.state.create(f"acme/r{number}")
    churn = hub.repo()
    hub.actions.run(churn, COMMIT, at=hub.ago(hours=2))
    hub.harvest("builds")
    hub.pass_time(hours=1)

    hub.harvest("builds")

    assert hub.catalog.written == 0
    assert hub.github.asked_by_kind() == {"listing": 1, "runs": 1}


def test_builds_thousands(hub: Hub) -> None:
    """More than 1,000 runs: the window is halved until all are told; the count may lie."""
    churn = hub.repo()
    for number in range(1_300):
        hub.actions.run(churn, COMMIT if number % 400 == 0 else OTHER, at=hub.ago(minutes=number))
    for total in (None, 7):
        hub.catalog.held.clear()
        hub.catalog.cursors.clear()
        hub.actions.total = total
        hub.harvest("builds")
        assert len(hub.catalog.facts("build")) == 4, total
        assert hub.github.asked_by_kind()["runs"] < 90


def test_builds_within_a_second(hub: Hub) -> None:
    """What no window tells is counted, and everything else is read."""
    churn = hub.repo()
    at = hub.ago(hours=3)
    for _ in range(1_001):
        hub.actions.run(churn, OTHER, at=at)
    late = hub.actions.run(churn, COMMIT, at=at + timedelta(seconds=1))

    closed = hub.harvest("builds")

    assert hub.catalog.facts("build").keys() == {str(late.number)}
    assert closed.counts["builds_beyond_1000_a_second"] == 1


def test_builds_listing_without_end(hub: Hub) -> None:
    """A listing whose pages lead on for ever ends where a page tells nothing new."""
    churn = hub.repo()
    run = hub.actions.run(churn, COMMIT, at=hub.ago(hours=2))
    hub.actions.always_more = True

    hub.harvest("builds")

    assert hub.catalog.facts("build").keys() == {str(run.number)}
    assert hub.github.asked_by_kind()["runs"] == 2


def test_builds_inserted_between_pages(hub: Hub) -> None:
    """Runs that begin while others are listed shift no row away, and come the next time."""
    hub.actions.a_page = 10
    churn = hub.repo()
    for number in range(25):
        hub.actions.run(churn, COMMIT, at=hub.ago(minutes=10 + number))

    def beginning(path: str) -> None:
        if "page=" in path.replace("per_page=", "") and len(hub.actions.ci(churn).runs) < 30:
            hub.actions.run(churn, COMMIT, at=hub.now + timedelta(seconds=5))

    hub.github.before = beginning
    hub.harvest("builds")
    assert len(hub.catalog.facts("build")) == 25

    hub.github.before = lambda _path: None
    hub.pass_time(minutes=10)
    hub.harvest("builds")
    assert len(hub.catalog.facts("build")) == len(hub.actions.ci(churn).runs) > 25


def test_builds_open(hub: Hub) -> None:
    """A run that was going on is asked for until it ends, and then no more."""
    churn = hub.repo()
    run = hub.actions.run(churn, COMMIT, at=hub.ago(hours=2), status="in_progress", conclusion=None)
    hub.harvest("builds")
    facts = hub.catalog.facts("build")[str(run.number)]
    assert facts["status"] == "running"
    assert "finished_at" not in facts

    hub.pass_time(hours=1)
    run.status, run.conclusion = "completed", "timed_out"
    hub.harvest("builds")
    facts = hub.catalog.facts("build")[str(run.number)]
    assert facts["status"] == "failed"
    assert "finished_at" in facts
    assert hub.github.asked_by_kind() == {"listing": 1, "runs": 2}

    hub.pass_time(hours=1)
    hub.harvest("builds")
    assert (hub.catalog.written, hub.github.asked_by_kind()["runs"]) == (0, 1)


def test_builds_open_deleted(hub: Hub) -> None:
    """One that was deleted meanwhile stays as it was, and is not asked for again."""
    churn = hub.repo()
    run = hub.actions.run(churn, COMMIT, at=hub.ago(hours=2), status="queued", conclusion=None)
    hub.harvest("builds")
    del hub.actions.ci(churn).runs[run.number]

    hub.pass_time(hours=1)
    assert hub.harvest("builds").counts["builds_not_there"] == 1
    hub.pass_time(hours=1)
    assert "builds_not_there" not in hub.harvest("builds").counts
    assert hub.catalog.facts("build")[str(run.number)]["status"] == "queued"


def test_builds_run_again(hub: Hub) -> None:
    """A re-run keeps its number and time of creation: it is found once a day, for 30 days."""
    churn = hub.repo()
    run = hub.actions.run(churn, COMMIT, at=hub.ago(days=9), conclusion="failure")
    hub.harvest("builds")
    assert hub.catalog.facts("build")[str(run.number)]["status"] == "failed"

    run.attempt, run.conclusion = 2, "success"
    hub.pass_time(hours=2)
    hub.harvest("builds")
    assert hub.catalog.written == 0
    hub.pass_time(hours=23)
    hub.harvest("builds")

    (facts,) = hub.catalog.facts("build").values()
    assert (facts["attempt"], facts["status"]) == (2, "succeeded")


def test_builds_named_later(hub: Hub) -> None:
    """A commit that is named after its build ran long ago is asked for by name, and once."""
    churn = hub.repo()
    run = hub.actions.run(churn, OTHER, at=hub.ago(days=200))
    hub.harvest("builds")
    assert hub.catalog.facts("build") == {}

    hub.catalog.name(OTHER, hub.number(churn))
    hub.catalog.name("5" * 40, hub.number(churn))  # nobody ever built it
    hub.pass_time(hours=1)
    hub.harvest("builds")
    assert hub.catalog.facts("build").keys() == {str(run.number)}
    assert hub.github.asked_by_kind()["runs"] == 3

    hub.pass_time(hours=1)
    hub.harvest("builds")
    assert hub.github.asked_by_kind()["runs"] == 1


def test_builds_workflows(hub: Hub) -> None:
    """Chosen workflows are read of every repository, by name or path; a nameless one is none."""
    hub.settings["workflows"] = ["retrain*", "nightly"]
    site = hub.github.state.create("acme/site")
    chosen = [
        hub.actions.run(site, OTHER, at=hub.ago(hours=1), path=".github/workflows/Retrain.yml"),
        hub.actions.run(
            site, OTHER, at=hub.ago(hours=1), path="x.yml@refs/heads/a", name="Nightly"
        ),
    ]
    hub.actions.run(site, OTHER, at=hub.ago(hours=1), path="", name="")

    hub.harvest("builds")

    found = hub.catalog.facts("build")
    assert found.keys() == {str(one.number) for one in chosen}
    assert found[str(chosen[1].number)]["workflow"] == "x.yml"


def test_builds_nameless_workflow(hub: Hub) -> None:
    """A workflow named "" has no name, and its build is a build."""
    run = hub.actions.run(hub.repo(), COMMIT, at=hub.ago(hours=1), path="", name="")

    hub.harvest("builds")

    assert "workflow" not in hub.catalog.facts("build")[str(run.number)]


def test_builds_renamed(hub: Hub) -> None:
    """The number is the repository: a new name changes no identifier."""
    churn = hub.repo()
    run = hub.actions.run(churn, COMMIT, at=hub.ago(hours=1), status="waiting", conclusion=None)
    hub.harvest("builds")
    before = set(hub.catalog.held)

    hub.github.state.rename(churn, "acme/attrition")
    run.status, run.conclusion = "completed", "success"
    hub.pass_time(hours=1)
    hub.harvest("builds")

    assert set(hub.catalog.held) == before
    assert hub.catalog.facts("build")[str(run.number)]["status"] == "succeeded"


def test_builds_recreated(hub: Hub) -> None:
    """Another repository under the old name is not the one that the catalog knows."""
    churn = hub.repo()
    hub.catalog.name(COMMIT, hub.number(churn), hub.url(churn), built=True)
    hub.harvest("builds")
    hub.github.state.delete(churn)
    usurper = hub.github.state.create("acme/churn")
    hub.actions.run(usurper, COMMIT, at=hub.ago(minutes=1))

    hub.pass_time(hours=1)
    closed = hub.harvest("builds")

    assert (hub.catalog.facts("build"), closed.counts) == ({}, {"repositories_not_named": 1})

    hub.catalog.name(COMMIT, hub.url(usurper), built=True)  # known by its address alone
    hub.pass_time(hours=1)
    hub.harvest("builds")
    assert hub.github.asked_by_kind()["runs"] == 1


def test_builds_no_access(hub: Hub) -> None:
    """403 or 404 for one repository is told with its reason; others go on, nothing is lost."""
    for status in (403, 404):
        churn, fraud = hub.repo(f"acme/churn{status}"), hub.github.state.create(f"acme/f{status}")
        hub.catalog.name(OTHER, hub.number(churn), hub.number(fraud), built=True)
        hub.harvest("builds")
        hub.actions.ci(churn).refused = status
        lost = hub.actions.run(churn, OTHER, at=hub.ago(minutes=1))
        seen = hub.actions.run(fraud, OTHER, at=hub.ago(minutes=1))

        hub.pass_time(hours=5)
        closed = hub.harvest("builds")
        codes = [(one.code, one.subject) for one in closed.skipped]
        assert codes == [("not_readable", hub.number(churn))]
        assert str(status) in closed.skipped[0].message
        assert str(seen.number) in hub.catalog.facts("build")

        hub.actions.ci(churn).refused = 0
        hub.pass_time(hours=5)
        hub.harvest("builds")
        assert str(lost.number) in hub.catalog.facts("build")  # from when it was lost


def test_builds_rate_limit(hub: Hub) -> None:
    """A secondary limit is waited for, and the harvest goes on."""
    run = hub.actions.run(hub.repo(), COMMIT, at=hub.ago(hours=1))
    told = [Said(429, {"message": "slow down"}, {"Retry-After": "7"})]
    hub.github.before = lambda path: told.pop() if told and "actions" in path else None

    hub.harvest("builds")

    assert hub.catalog.facts("build").keys() == {str(run.number)}
    assert sum(hub.slept) >= 7


def test_builds_hinted(hub: Hub) -> None:
    """A webhook costs one request for the run that it names, and is settled by that."""
    for number in range(150):
        hub.github.state.create(f"acme/r{number}")
    churn = hub.repo()
    run = hub.actions.run(churn, COMMIT, at=hub.ago(days=5), conclusion="failure")
    hub.harvest("builds")
    cursor = hub.catalog.cursors

    run.attempt, run.conclusion = 2, "success"
    hub.hint(churn, "build", run.number)
    unnamed = hub.github.state.named("acme/r7")
    assert unnamed is not None
    hub.hint(unnamed, "build", 4711)
    hub.pass_time(minutes=5)
    closed = hub.harvest("builds")

    assert (hub.github.asked_by_kind(), closed.hints) == ({"runs": 1}, (1, 2))
    assert hub.catalog.facts("build")[str(run.number)]["attempt"] == 2
    assert hub.catalog.cursors is cursor

    hub.hint(churn, "repository")
    hub.pass_time(minutes=5)
    assert (hub.harvest("builds").hints, hub.github.asked) == ((), [])  # another scope's


def test_builds_hinted_repository(hub: Hub) -> None:
    """One that names no run is about what is new in its repository; what fails stays open."""
    churn = hub.repo()
    hub.harvest("builds")
    hub.pass_time(minutes=5)
    run = hub.actions.run(churn, COMMIT, at=hub.ago(seconds=20), status="queued", conclusion=None)
    hub.hint(churn, "release")
    hub.actions.ci(churn).refused = 403
    assert hub.harvest("builds").hints == ()

    hub.actions.ci(churn).refused = 0
    assert hub.harvest("builds").hints == (1,)
    assert hub.github.asked_by_kind() == {"runs": 1}
    assert hub.catalog.facts("build")[str(run.number)]["status"] == "queued"

    run.status, run.conclusion = "completed", "cancelled"
    hub.pass_time(hours=2)
    hub.harvest("builds")
    assert hub.catalog.facts("build")[str(run.number)]["status"] == "canceled"


def test_builds_hinted_elsewhere(hub: Hub) -> None:
    """A push or a deployment may have named a commit: its builds are asked for, once."""
    churn = hub.repo()
    hub.harvest("builds")
    run = hub.actions.run(churn, OTHER, at=hub.ago(seconds=9), status="queued", conclusion=None)
    hub.catalog.name(OTHER, hub.number(churn))
    hub.hint(churn, "deployment")
    for asked in ({"runs": 1}, {}):  # the commit, then nothing: another scope settles the hint
        hub.pass_time(minutes=2)
        hub.harvest("builds")
        assert hub.github.asked_by_kind() == asked
    assert hub.catalog.facts("build").keys() == {str(run.number)}


def test_builds_hint_when_due(hub: Hub) -> None:
    """When everything is due it is read, and hints with it."""
    churn = hub.repo()
    old = hub.actions.run(churn, COMMIT, at=hub.ago(days=5))
    hub.harvest("builds")
    old.attempt = 3
    hub.hint(churn, "build", old.number)
    new = hub.actions.run(churn, COMMIT, at=hub.ago(seconds=5))
    hub.pass_time(hours=2)

    closed = hub.harvest("builds")

    found = hub.catalog.facts("build")
    assert (found[str(old.number)]["attempt"], str(new.number) in found) == (3, True)
    assert closed.hints == (1,)


def test_builds_odd_payloads(hub: Hub) -> None:
    """Missing, null and wrongly typed members cost a fact, and no build."""
    churn = hub.repo()
    odd: list[dict[str, Any]] = [
        {"actor": None, "name": 7, "event": None, "run_attempt": "2"},
        {"actor": "anna", "path": None, "html_url": ["x"], "run_started_at": "yesterday"},
        {"status": "completed", "conclusion": "exploded", "repository": None, "updated_at": 0},
    ]
    runs = [hub.actions.run(churn, COMMIT, at=hub.ago(hours=1), **one) for one in odd]
    hub.actions.run(churn, COMMIT, at=hub.ago(hours=1), id=None)

    closed = hub.harvest("builds")

    found = hub.catalog.facts("build")
    assert found.keys() == {str(one.number) for one in runs}
    assert found[str(runs[0].number)]["attempt"] == 2
    assert "status" not in found[str(runs[2].number)]
    assert found[str(runs[2].number)]["warnings"] == ("status: 'exploded' is none that is known",)
    assert closed.counts["unreadable"] == 1


def test_builds_identifiers(hub: Hub) -> None:
    """A build is known by host, repository and run, each a number that never changes."""
    churn = hub.repo()
    run = hub.actions.run(churn, COMMIT, at=hub.ago(hours=1))

    hub.harvest("builds")

    value = f"{hub.github.host}/{churn.number}/{run.number}"
    assert set(hub.catalog.held) == {Identifier(kind="build", scheme="github", value=value)}  # type: ignore[arg-type]  # a kind's word
