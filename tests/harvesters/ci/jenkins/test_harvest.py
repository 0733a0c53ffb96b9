"""Harvests of a scripted Jenkins: what is read, and what it costs."""

from typing import Final

from schemas.harvest import Outcome
from schemas.identifiers import Identifier, Kind
from tests.harvesters.ci.jenkins.conftest import Ci
from tests.support.github_answers import Said
from tests.support.jenkins_server import checkout

A, B, C = "a" * 40, "b" * 40, "c" * 40
CHURN: Final = "https://github.com/acme/churn.git"
LIBRARY: Final = "https://github.com/acme/pipeline-library.git"


def thing(ci: Ci, name: str) -> Identifier:
    """A build as a webhook names it."""
    return Identifier(kind=Kind.BUILD, scheme="jenkins", value=ci.thing(name))


def test_harvest_named_commits(ci: Ci) -> None:
    """Builds of commits that the catalog names are posted; unchanged, nothing is written again."""
    churn = ci.server.job("shop", "churn", "main")
    churn.build(commit=A, remotes=[CHURN], branch="refs/remotes/origin/main")
    churn.build(commit=B, remotes=[CHURN], branch="main", result="UNSTABLE", duration=1_500)
    ci.catalog.name(B, "https://github.com/acme/churn")

    report = ci.harvest()

    assert (report.outcome, report.skipped) == (Outcome.COMPLETE, ())
    assert ci.catalog.values() == [ci.thing("shop/churn/main#2")]
    facts = ci.catalog.facts(ci.thing("shop/churn/main#2"))
    assert facts.pop("started_at")
    assert facts.pop("finished_at")
    assert facts == {
        "repository": {
            "kind": "repository", "scheme": "url", "value": "https://github.com/acme/churn",
        },
        "commit": B, "ref": "main", "event": "Push event", "actor": "anna", "status": "failed",
        "workflow": "shop/churn/main",
        "url": "https://ci.example.com/ci/job/shop/job/churn/job/main/2/",
    }  # fmt: skip
    assert report.counts["not_of_interest"] == 1
    # The root shows what its folders hold; what these hold is asked of each.
    assert ci.server.asked_by_kind() == {"jobs": 2, "builds": 1}

    ci.harvest()
    assert ci.catalog.sent == []
    assert ci.server.asked_by_kind() == {"jobs": 2, "builds": 1}  # built five minutes ago


def test_harvest_idle_job_is_not_asked(ci: Ci) -> None:
    """A job without a new build costs nothing but its place in the listing."""
    for name in ("churn", "pricing"):
        old = ci.server.milliseconds(hours=3)
        ci.server.job("shop", name).build(commit=A, remotes=[CHURN], timestamp=old)
    ci.server.job("shop", "new")
    ci.catalog.name(A, built=True)
    ci.harvest()
    assert ci.server.asked_by_kind() == {"jobs": 1, "builds": 2}

    ci.server.job("shop", "pricing").build(commit=A, remotes=[CHURN])
    ci.harvest()

    assert ci.server.asked_by_kind() == {"jobs": 1, "builds": 1}
    assert [one.subject.value for one in ci.catalog.sent] == [ci.thing("shop/pricing#2")]


def test_harvest_nothing_of_interest(ci: Ci) -> None:
    """Where no commit is named and no workflow is chosen, Jenkins is not asked at all."""
    ci.server.job("churn").build(commit=A, remotes=[CHURN])

    report = ci.harvest()

    assert (report.outcome, ci.server.asked) == (Outcome.COMPLETE, [])
    assert ci.catalog.cursors == {}  # the first time is still to come


def test_harvest_workflows(ci: Ci) -> None:
    """Of chosen jobs all builds are posted, with and without commit; none of excluded ones."""
    ci.server.job("nightly", "train").build()
    ci.server.job("nightly", "tmp-1").build()
    ci.server.job("other").build()
    ci.settings = {"workflows": ["nightly/*", "tmp*"], "exclude": ["nightly/tmp-*"]}

    report = ci.harvest()

    assert ci.catalog.values() == [ci.thing("nightly/train#1")]
    assert "commit" not in ci.catalog.facts(ci.thing("nightly/train#1"))
    assert report.counts["excluded"] == 1


def test_harvest_running_build_finishes(ci: Ci) -> None:
    """LATE: a build that runs is read again until it has ended, also when others came since."""
    job = ci.server.job("churn")
    ago = ci.server.milliseconds(hours=5)
    running = job.build(commit=A, remotes=[CHURN], building=True, result=None, duration=0)
    running["timestamp"] = ago
    ci.catalog.name(A)
    ci.harvest()
    assert ci.catalog.facts(ci.thing("churn#1"))["status"] == "running"
    assert "finished_at" not in ci.catalog.facts(ci.thing("churn#1"))

    ci.harvest()
    assert ci.catalog.sent == []
    running |= {"building": False, "result": "SUCCESS", "duration": 60_000}
    ci.server.asked_by_kind()
    ci.harvest()

    facts = ci.catalog.facts(ci.thing("churn#1"))
    assert (facts["status"], "finished_at" in facts) == ("succeeded", True)
    assert ci.server.asked_by_kind() == {"jobs": 1, "build": 1}
    ci.harvest()
    assert ci.server.asked_by_kind() == {"jobs": 1}


def test_harvest_checkout_comes_later(ci: Ci) -> None:
    """A build that has not checked out yet says no commit: it is looked at again all the same."""
    running = ci.server.job("churn").build(building=True, result=None)
    running["timestamp"] = ci.server.milliseconds(hours=2)
    ci.catalog.name(A, built=True)
    ci.harvest()
    assert ci.catalog.values() == []

    running["actions"].append(checkout(A, [CHURN]))
    running |= {"building": False, "result": "SUCCESS"}
    ci.harvest()

    assert ci.catalog.facts(ci.thing("churn#1"))["commit"] == A


def test_harvest_deleted_builds_stay(ci: Ci) -> None:
    """Retention deletes builds: nothing is said to be gone, not even of one that was open."""
    job = ci.server.job("churn")
    job.build(commit=A, remotes=[CHURN], building=True, timestamp=ci.server.milliseconds(hours=2))
    ci.server.job("other").build()
    ci.catalog.name(A)
    ci.harvest()
    job.builds.clear()

    report = ci.harvest()

    assert (report.outcome, report.counts["vanished"]) == (Outcome.COMPLETE, 1)
    assert not any(one.gone for one in ci.catalog.held.values())
    assert ci.catalog.values() == [ci.thing("churn#1")]


def test_harvest_ranges(ci: Ci) -> None:
    """Many builds come in ranges that overlap by one; those known before end the reading."""
    job = ci.server.job("churn")
    for number in range(120):
        job.build(
            commit=f"{number:040x}", remotes=[CHURN], timestamp=ci.server.milliseconds(days=1)
        )
    ci.settings = {"workflows": ["churn"], "builds": 75}

    ci.harvest()
    assert len(ci.catalog.values()) == 75
    assert ci.server.asked_by_kind() == {"jobs": 1, "builds": 2}

    for number in range(120, 240):
        job.build(commit=f"{number:040x}", remotes=[CHURN])
    ci.harvest()
    assert len(ci.catalog.sent) == 120
    assert ci.server.asked_by_kind() == {"jobs": 1, "builds": 3}
    assert "allBuilds" not in "".join(ci.server.asked)


def test_harvest_build_deleted_between_ranges(ci: Ci) -> None:
    """A newer build that is deleted while ranges are read makes none slip through."""
    job = ci.server.job("churn")
    for number in range(100):
        job.build(commit=f"{number:040x}", remotes=[CHURN])
    ci.settings = {"workflows": ["churn"]}

    def meanwhile(path: str) -> Said | None:
        if "%7B49%2C" in path and len(job.builds) == 100:
            del job.builds[:2]
        return None

    ci.server.before = meanwhile
    ci.harvest()

    assert len(ci.catalog.values()) == 100  # the two were read before they went
    assert ci.thing("churn#50") in ci.catalog.values()


def test_harvest_odd_names(ci: Ci) -> None:
    """Names with %, / and letters of others keep one spelling, and are found again by it."""
    for name in ("feature%2Fa", "a%23b", "100%", "größe", "日本語", "with space"):
        ci.server.job("shop", name).build(commit=A, remotes=[CHURN])
    ci.catalog.name(A)

    ci.harvest()

    names = ["100%25", "a%23b", "feature%2Fa", "größe", "with space", "日本語"]
    assert ci.catalog.values() == sorted(ci.thing(f"shop/{name}#1") for name in names)
    before = len(ci.catalog.values())
    for number, name in enumerate(names, start=1):
        ci.catalog.hint(number, thing=thing(ci, f"shop/{name}#1"))
    ci.server.asked_by_kind()
    ci.harvest()
    assert ci.catalog.hinted == []
    assert len(ci.catalog.values()) == before
    assert ci.server.asked_by_kind() == {"build": 7}  # `100%25` may be two jobs


def test_harvest_hint(ci: Ci) -> None:
    """A webhook about a build reads this one alone, by identifier or address; it is settled."""
    job = ci.server.job("shop", "churn")
    job.build(commit=A, remotes=[CHURN], timestamp=ci.server.milliseconds(hours=1))
    ci.catalog.name(A)
    ci.catalog.name(B)
    ci.harvest()
    cursor = ci.catalog.cursors["builds"]
    job.build(commit=B, remotes=[CHURN])
    job.build(commit=C, remotes=[CHURN])
    ci.catalog.hint(1, thing=thing(ci, "shop/churn#2"))
    ci.catalog.hint(2, url="https://ci.example.com/ci/view/all/job/shop/job/churn/3/")
    ci.catalog.hint(3, thing=thing(ci, "shop/gone#9"))
    ci.server.asked_by_kind()

    ci.harvest()

    assert [one.subject.value for one in ci.catalog.sent] == [ci.thing("shop/churn#2")]
    assert (ci.catalog.hinted, ci.catalog.cursors["builds"]) == ([], cursor)
    assert ci.server.asked_by_kind() == {"build": 3}


def test_harvest_hint_not_read(ci: Ci) -> None:
    """A hint that could not be followed stays open; one without a build reads all that is new."""
    job = ci.server.job("churn")
    job.build(commit=A, remotes=[CHURN])
    ci.catalog.name(A)
    ci.harvest()
    job.status = 403
    ci.catalog.hint(1, thing=thing(ci, "churn#1"))
    report = ci.harvest()
    assert [one.code for one in report.skipped] == ["not_readable"]
    assert [one.id for one in ci.catalog.hinted] == [1]

    job.status = 200
    ci.catalog.hint(2)
    ci.server.asked_by_kind()
    ci.harvest()
    assert (ci.catalog.hinted, ci.server.asked_by_kind()["jobs"]) == ([], 1)


def test_harvest_looks_back_once(ci: Ci) -> None:
    """A commit that is named late is looked for further back, once, where its repository is."""
    for name, remote in (("churn", CHURN), ("other", LIBRARY)):
        job = ci.server.job(name)
        for number in range(160):
            job.build(
                commit=f"{number:040x}", remotes=[remote],
                timestamp=ci.server.milliseconds(days=3),
            )  # fmt: skip
    ci.catalog.name(f"{159:040x}", built=True)
    ci.harvest()
    ci.server.asked_by_kind()

    ci.catalog.name(f"{20:040x}", "https://github.com/acme/churn")
    ci.catalog.name(A, "https://github.com/acme/churn")  # never built
    ci.harvest()
    assert [one.subject.value for one in ci.catalog.sent] == [ci.thing("churn#21")]
    assert ci.server.asked_by_kind() == {"jobs": 1, "builds": 4}

    ci.harvest()
    assert ci.server.asked_by_kind() == {"jobs": 1}


def test_harvest_looks_back_until_it_can(ci: Ci) -> None:
    """What was looked for in a job that could not be read is looked for there again."""
    job = ci.server.job("churn")
    for number in range(60):
        job.build(
            commit=f"{number:040x}", remotes=[CHURN], timestamp=ci.server.milliseconds(days=3)
        )
    ci.catalog.name(f"{59:040x}", built=True)
    ci.harvest()
    ci.catalog.name(f"{2:040x}", "https://github.com/acme/churn")
    job.status = 403
    ci.harvest()
    job.status = 200
    ci.harvest()

    assert ci.thing("churn#3") in ci.catalog.values()


def test_harvest_settings_changed(ci: Ci) -> None:
    """What other settings passed over is looked at, as if for the first time."""
    ci.server.job("churn").build(
        commit=A, remotes=[CHURN], timestamp=ci.server.milliseconds(days=1)
    )
    ci.catalog.name(B, built=True)
    ci.harvest()
    assert ci.catalog.values() == []

    ci.settings = {"workflows": ["churn"]}
    ci.harvest()
    assert ci.catalog.values() == [ci.thing("churn#1")]


def test_harvest_looks_back_where_it_may_be(ci: Ci) -> None:
    """A job whose newest build broke off before its checkout may be the one; others are not."""
    old = ci.server.milliseconds(days=3)
    for name in ("broken", "cron"):
        job = ci.server.job(name)
        for number in range(60):
            remotes = [CHURN] if name == "broken" else None
            commit = f"{number:040x}" if remotes else None
            job.build(commit=commit, remotes=remotes, timestamp=old)
    ci.server.job("broken").build(result="FAILURE", timestamp=old)
    ci.catalog.name(A, built=True)
    ci.settings = {"builds": 10}
    ci.harvest()
    ci.server.asked_by_kind()

    ci.catalog.name(f"{2:040x}", "https://github.com/acme/churn")
    ci.harvest()

    assert ci.catalog.values() == [ci.thing("broken#3")]
    assert ci.server.asked_by_kind() == {"jobs": 1, "builds": 2}
