"""Where branches stand, and what happens where GitHub does not say so at once."""

import pytest

from harvesters.errors import SourceUnavailable
from harvesters.http import SourceBusy
from harvesters.manifests.github.host import GitHubHost
from harvesters.manifests.host import RepositoryUnreadable
from harvesters.manifests.pages import Head, Repository
from tests.harvesters.manifests.github.conftest import Hosts, Slept, listed
from tests.support.github_answers import Said
from tests.support.github_server import GitHub

FILES = {"notes.txt": b"# churn\n"}


def head_of(host: GitHubHost, repository: Repository) -> Head | RepositoryUnreadable:
    """Where its branch stands."""
    ((_, head),) = host.heads([repository])
    return head


def test_repositories_odd_name(github: GitHub, host: Hosts) -> None:
    """A name that no identifier can hold: that repository cannot be read, the others can."""
    github.state.create("acme/churn", FILES)
    github.state.create("acme/AKIAIOSFODNN7EXAMPLE", FILES)
    asking = host()

    heads = {one.path: head for one, head in asking.heads(list(listed(asking).values()))}

    assert isinstance(heads["acme/churn"], Head)
    assert getattr(heads["acme/AKIAIOSFODNN7EXAMPLE"], "code", "read") == "invalid"


def test_heads(github: GitHub, host: Hosts) -> None:
    """A commit, an empty repository, a branch that is not there, one that may not be read."""
    churn = github.state.create("acme/churn", FILES)
    github.state.create("acme/empty")
    github.state.create("acme/new", size=7)
    refused = github.state.create("acme/refused", FILES)
    github.state.create("acme/disabled", FILES, disabled=True)
    asking = host()
    found = listed(asking)
    refused.refused = 403
    commit = github.push(churn, {"a": b"a"}, branch="release/1.x")

    heads = {one.path: head for one, head in asking.heads(list(found.values()))}

    assert heads["acme/churn"] == Head(churn.heads["main"][-1].id, "main")
    assert heads["acme/empty"] == Head(None, "main")
    codes = {
        path: head.code for path, head in heads.items() if isinstance(head, RepositoryUnreadable)
    }
    assert codes == {
        "acme/new": "unavailable", "acme/refused": "not_readable", "acme/disabled": "not_readable",
    }  # fmt: skip
    other = found["acme/churn"]._replace(branch="release/1.x")
    assert head_of(asking, other) == Head(commit, "release/1.x")
    missing = head_of(asking, found["acme/churn"]._replace(branch="gone"))
    assert isinstance(missing, RepositoryUnreadable)
    assert missing.code == "branch_missing"
    climbing = head_of(asking, found["acme/churn"]._replace(branch="../../x"))
    assert isinstance(climbing, RepositoryUnreadable)
    assert climbing.code == "branch_missing"


def test_heads_failing(github: GitHub, host: Hosts, slept: Slept) -> None:
    """One repository that GitHub cannot read fails alone; three in a row are GitHub's failure."""
    repos = [github.state.create(f"acme/r{number}", FILES) for number in range(5)]
    asking = host()
    found = list(listed(asking).values())
    repos[0].refused = repos[2].refused = 500
    codes = [getattr(head, "code", "read") for _, head in asking.heads(found)]
    assert codes == ["unavailable", "read", "unavailable", "read", "read"]

    for one in repos:
        one.refused = 500
    with pytest.raises(SourceUnavailable, match="answers 500; tried 5 times"):
        list(asking.heads(found))
    assert slept.seconds


def test_limit_waited_for(github: GitHub, host: Hosts, slept: Slept) -> None:
    """A short limit is waited for: by its word, or a minute, longer each time."""
    github.state.create("acme/churn", FILES)
    told = {"message": "You have exceeded a secondary rate limit. Please wait."}
    answers = iter((Said(403, told), Said(403, told), Said(429, {}, {"Retry-After": "7"}), None))
    github.before = lambda _path: next(answers)

    assert list(listed(host())) == ["acme/churn"]
    assert slept.seconds == [60, 120, pytest.approx(7)]


def test_limit_used_up(github: GitHub, host: Hosts, slept: Slept) -> None:
    """The hour's requests are used up: the harvest ends at once and says until when."""
    repos = [github.state.create(f"acme/r{number}", FILES) for number in range(9)]
    github.remaining = 2
    asking = host()
    found = list(listed(asking).values())

    with pytest.raises(SourceBusy, match=r"used up \(rate limit\); it can be asked again after"):
        list(asking.heads(found))

    assert (len(repos), slept.seconds) == (9, [])
    assert github.asked_by_kind() == {"listing": 1, "head": 2}
