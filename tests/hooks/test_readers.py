"""What payloads hint at: recorded ones in their numbers, and every event that is known."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.hooks import github, gitlab
from service.hooks.receivers import RECEIVERS, host_of_source
from service.hooks.told import PayloadUnreadable, Told
from tests.hooks.senders import GITLAB_PUSH, PUSH

CHURN: Final = "https://github.com/acme/churn"
ANYTHING: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
EXPECTED: Final = sorted(
    ["repository", "project", "project_id", "id", "html_url", "web_url", "installation", "action",
     "repositories", "path_with_namespace", "homepage", "full_name"],
)  # fmt: skip


def payloads(folder: Path) -> Iterator[tuple[Path, Any]]:
    """The recorded payloads of a folder."""
    for path in sorted(folder.glob("**/*.json")):
        yield path, json.loads(path.read_bytes())


def shown(told: Told) -> tuple[str, str, str | None, str | None]:
    """A hint in short."""
    number = told.repository.value if told.repository else None
    return told.about, told.event, number, told.url


def test_github_recorded(corpora: Path) -> None:
    """Of 71 recorded deliveries 25 are hints, two are pings, 44 are stored only."""
    found: Counter[str] = Counter()
    events: Counter[str] = Counter()
    for path, payload in payloads(corpora / "github_webhooks"):
        event = path.parent.name
        told = github.hints_of(event, payload, host="github.com")
        found["ping" if event == "ping" else "hint" if told else "stored"] += 1
        events.update([event] if told else [])

    assert found == {"hint": 25, "ping": 2, "stored": 44}
    assert events == {
        "push": 3, "repository": 7, "installation": 3, "workflow_run": 1, "deployment": 2,
        "deployment_status": 3, "release": 6,
    }  # fmt: skip


def test_gitlab_recorded(corpora: Path) -> None:
    """Of 35 recorded deliveries 15 are hints, 20 are stored only."""
    found: Counter[str] = Counter()
    for _, payload in payloads(corpora / "gitlab_webhooks"):
        event = gitlab.event_of(payload) or ""
        told = gitlab.hints_of(event, payload, host="gitlab.com")
        found[event if told else "stored"] += 1

    assert found == {
        "stored": 20, "push": 7, "tag_push": 2, "build": 3, "pipeline": 1, "release": 1,
        "group_rename": 1,
    }  # fmt: skip
    assert found.total() - found["stored"] == 15


@pytest.mark.parametrize(
    ("event", "payload", "hint"),
    [
        ("push", PUSH, ("repository", "push", "github.com/486325809", CHURN)),
        *(
            ("repository", {**PUSH, "action": action},
             ("repository", f"repository.{action}", "github.com/486325809", CHURN))
            for action in ("created", "renamed", "transferred", "deleted", "archived",
                           "unarchived", "publicized", "privatized", "edited")
        ),
        ("workflow_run", {**PUSH, "action": "completed"},
         ("build", "workflow_run.completed", "github.com/486325809", CHURN)),
        ("deployment", PUSH, ("deployment", "deployment", "github.com/486325809", CHURN)),
        ("deployment_status", PUSH,
         ("deployment", "deployment_status", "github.com/486325809", CHURN)),
        ("release", {**PUSH, "action": "x y"},
         ("release", "release", "github.com/486325809", CHURN)),
        ("push", {"repository": {"id": 7}},
         ("repository", "push", "ghe.acme.example/7", None)),
        ("push", {"repository": {"id": 7, "html_url": "https://u:p@git.acme.example:8443/a/b?c#d"}},
         ("repository", "push", "git.acme.example:8443/7", "https://git.acme.example:8443/a/b")),
        ("installation", {"installation": {}, "action": "unsuspend"},
         ("repository", "installation.unsuspend", None, None)),
        ("installation_repositories",
         {"installation": {}, "repositories_added": [{"id": 7, "full_name": "a/b"}]},
         ("repository", "installation_repositories", "ghe.acme.example/7",
          "https://ghe.acme.example/a/b")),
    ],
)  # fmt: skip
def test_github_event(event: str, payload: Any, hint: Any) -> None:
    """Which event hints at what, by number and address; credentials in it are dropped."""
    assert [shown(one) for one in github.hints_of(event, payload, host="ghe.acme.example")] == [
        hint
    ]


@pytest.mark.parametrize(
    ("event", "payload", "hint"),
    [
        ("push", GITLAB_PUSH,
         ("repository", "push", "gitlab.com/15", "https://gitlab.com/acme/churn")),
        ("tag_push", {"project_id": 1},
         ("repository", "tag_push", "gl.acme.example/1", None)),
        *(
            (event, {"project_id": 74, "path_with_namespace": "jsmith/storecloud"},
             ("repository", event, "gl.acme.example/74",
              "https://gl.acme.example/jsmith/storecloud"))
            for event in ("project_create", "project_destroy", "project_rename",
                          "project_transfer", "project_update", "repository_update")
        ),
        ("group_rename", {"group_id": 64}, ("repository", "group_rename", None, None)),
        ("build", {"project_id": 380, "repository": {"homepage": "http://10.1.2.3:3005/a/b"}},
         ("build", "build", "10.1.2.3:3005/380", "http://10.1.2.3:3005/a/b")),
        ("pipeline", {"project": {"id": 1, "web_url": "https://gitlab.com/a/b"}},
         ("build", "pipeline", "gitlab.com/1", "https://gitlab.com/a/b")),
    ],
)  # fmt: skip
def test_gitlab_event(event: str, payload: Any, hint: Any) -> None:
    """Which event hints at what; hooks of the whole instance name no host, so the source does."""
    assert [shown(one) for one in gitlab.hints_of(event, payload, host="gl.acme.example")] == [hint]


def test_github_installation_many() -> None:
    """An App that sees thousands of repositories leaves a bounded number of hints."""
    listed = [{"id": number, "full_name": f"a/{number}"} for number in range(1, 3_000)]
    payload = {"installation": {}, "repositories": listed}

    assert len(github.hints_of("installation", payload, host="github.com")) == 100


@pytest.mark.parametrize(
    "payload",
    [None, [], 7, "push", {}, {"repository": None}, {"repository": []},
     {"repository": {"id": "7"}}, {"repository": {"id": True}}, {"repository": {"id": 0}},
     {"repository": {"id": -7}}, {"repository": {"id": 10**30}}, {"repository": {"id": 1.5}}],
)  # fmt: skip
def test_reader_unreadable(payload: Any) -> None:
    """A known event that does not say which repository is unreadable, and nothing worse."""
    for reader in (github, gitlab):
        with pytest.raises(PayloadUnreadable):
            reader.hints_of("push", payload, host="github.com")
    with pytest.raises(PayloadUnreadable):
        github.hints_of("installation", payload, host="github.com")


@given(
    st.sampled_from(sorted({*github.ABOUT, *gitlab.ABOUT, "star"})),
    st.recursive(
        ANYTHING,
        lambda inner: st.dictionaries(st.sampled_from(EXPECTED), inner | ANYTHING, max_size=6),
        max_leaves=12,
    ),
)
def test_reader_anything(event: str, payload: Any) -> None:
    """Whatever a payload holds, it is read or unreadable."""
    for receiver in RECEIVERS.values():
        try:
            told = receiver.hints(event, payload, host=receiver.host)
        except PayloadUnreadable:
            continue
        assert len(told) <= 100
        assert all(one.repository or one.url is None for one in told)


@pytest.mark.parametrize(
    ("settings", "host"),
    [({}, "github.com"), ({"url": "https://api.github.com"}, "github.com"),
     ({"url": "https://api.acme.ghe.com"}, "acme.ghe.com"),
     ({"url": "https://api.acme.example/api/v3"}, "api.acme.example"),
     ({"url": "https://ghe.acme.example/api/v3"}, "ghe.acme.example"),
     ({"uri": "GHE.acme.example:8443"}, "ghe.acme.example:8443"), ({"url": 7}, "github.com")],
)  # fmt: skip
def test_host_of_source(settings: Any, host: str) -> None:
    """The host that the source reads from, else that of its kind."""
    assert host_of_source("github", settings) == host
