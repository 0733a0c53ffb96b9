"""What payloads hint at: recorded ones in their numbers, and every event that is known."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.hooks import azure, github, gitlab, jenkins, mlflow
from service.hooks.receivers import RECEIVERS
from service.hooks.told import PayloadUnreadable, Told
from tests.hooks.senders import BUILT, COMPLETED, GITLAB_PUSH, MODEL_CREATED, PROJECT, PUSH

CHURN: Final = "https://github.com/acme/churn"
ANYTHING: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
EXPECTED: Final = sorted(
    ["repository", "project", "project_id", "id", "html_url", "web_url", "installation", "action",
     "repositories", "path_with_namespace", "homepage", "full_name", "resource", "run", "build",
     "resourceContainers", "baseUrl", "url", "full_url", "number", "name", "data", "version",
     "workspace", "workflow_run", "pipeline_id", "object_attributes", "remoteUrl"],
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


def test_azure_recorded(corpora: Path) -> None:
    """Of 15 files six are deliveries, the others answers of the API; none of them is a hint."""
    found: Counter[str] = Counter()
    for _, payload in payloads(corpora / "azuredevops_webhooks"):
        event = azure.event_of({}, payload)
        assert azure.hints_of(event or "", payload, host="dev.azure.com") == ()
        found["delivery" if event else "answer"] += 1

    assert found == {"delivery": 6, "answer": 9}


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
    st.sampled_from(
        sorted({*github.ABOUT, *gitlab.ABOUT, *azure.ABOUT, *mlflow.ENTITIES, "build.x", "star"})
    ),
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
            told = receiver.hints(event, payload, host="there.example.com")
        except PayloadUnreadable:
            continue
        assert len(told) <= 100
        assert all(one.thing is None or one.thing.value.count("/") >= 1 for one in told)


@pytest.mark.parametrize(
    ("settings", "host"),
    [({}, "github.com"), ({"url": "https://api.github.com"}, "github.com"),
     ({"url": "https://api.acme.ghe.com"}, "acme.ghe.com"),
     ({"url": "https://api.acme.example/api/v3"}, "api.acme.example"),
     ({"url": "https://ghe.acme.example/api/v3"}, "ghe.acme.example"),
     ({"uri": "GHE.acme.example:8443"}, "ghe.acme.example:8443"), ({"url": 7}, "github.com"),
     ({"url": "https://[::1"}, "github.com"), ({"url": "x" * 9_000}, "x" * 9_000)],
)  # fmt: skip
def test_host_of_source(settings: Any, host: str) -> None:
    """The host that the source reads from, else that of its kind."""
    assert RECEIVERS["github"].place("hub", settings) == host


def test_place_of_source() -> None:
    """What else identifiers begin with: a source's name, a controller with its path."""
    places = {kind: receiver.place for kind, receiver in RECEIVERS.items()}
    below = {"url": "https://ci.example.com:8443/jenkins/"}

    assert places["mlflow"]("mlflow-prod", {"uri": "https://mlflow.example.com"}) == "mlflow-prod"
    assert places["jenkins"]("ci", below) == "ci.example.com:8443/jenkins"
    assert places["jenkins"]("ci", {}) == "ci"
    assert places["azure"]("devops", {}) == "dev.azure.com"


P: Final = dict(PUSH)
G: Final = dict(GITLAB_PUSH)
RUN: Final = {"workflow_run": {"id": 30433642, "run_attempt": 2}}
NAMED: Final[dict[str, tuple[Any, str, Any, str | None]]] = {
    "github run": (github, "workflow_run", P | RUN, "github.com/486325809/30433642"),
    "github run unnamed": (github, "workflow_run", P | {"workflow_run": {"id": True}}, None),
    "github deployment": (github, "deployment", P | RUN, None),  # the repository is read
    "github release": (github, "release", P | RUN, None),
    "gitlab job": (gitlab, "build", G | {"pipeline_id": 2366}, "gitlab.com/15/2366"),
    "gitlab pipeline": (
        gitlab, "pipeline", G | {"object_attributes": {"id": 31}}, "gitlab.com/15/31",
    ),
    "gitlab deployment": (gitlab, "deployment", G | {"deployment_id": 15}, None),
    "mlflow version": (
        mlflow, "model_version.created", MODEL_CREATED, "there.example.com/default/churn/7",
    ),
    "mlflow workspace": (
        mlflow, "model_version_tag.set", dict(MODEL_CREATED) | {"workspace": "a/b"},
        "there.example.com/a%2Fb/churn/7",
    ),
    "mlflow model": (
        mlflow, "registered_model.created", {"data": {"name": "ä/#%"}},
        "there.example.com/default/ä%2F%23%25",
    ),
    "mlflow alias gone": (
        mlflow, "model_version_alias.deleted", {"data": {"name": "churn", "alias": "champion"}},
        "there.example.com/default/churn",
    ),
    "jenkins plugin": (jenkins, "build.finalized", BUILT, "ci.example.com/shop/main#21"),
    "jenkins relative": (
        jenkins, "build.started", {"build": {"url": "job/a/job/b%2520c/3/", "phase": "STARTED"}},
        "there.example.com/a/b%20c#3",
    ),
    "jenkins branch": (
        jenkins, "build", {"BUILD_URL": "http://ci.example.com/x/job/a/job/feature%252Fy/3/"},
        "ci.example.com/x/a/feature%2Fy#3",
    ),
    "jenkins view": (
        jenkins, "build", {"url": "https://ci.example.com/view/all/job/a/view/b/job/job/3/console"},
        "ci.example.com/a/job#3",
    ),
    "jenkins names": (
        jenkins, "build", {"jobName": "shop/main", "buildNumber": "21"},
        "there.example.com/shop/main#21",
    ),
    "jenkins job": (
        jenkins, "build", {"url": "https://ci.example.com/job/a/", "build": {"number": 4}},
        "ci.example.com/a#4",
    ),
    "azure build": (azure, "build.complete", COMPLETED, f"dev.azure.com/{PROJECT}/12"),
    "azure run": (
        azure, "ms.vss-pipelines.run-state-changed-event",
        {"resource": {"run": {"id": 35, "url": f"https://acme.visualstudio.com/{PROJECT}/_apis"}},
         "resourceContainers": {"project": {"id": PROJECT.upper()}}},
        f"dev.azure.com/{PROJECT}/35",
    ),
    "azure server": (
        azure, "build.complete",
        {"resource": {"id": 3, "project": {"id": PROJECT}},
         "resourceContainers": {"account": {"baseUrl": "https://tfs.example.com/tfs/acme/"}}},
        f"tfs.example.com/{PROJECT}/3",
    ),
    "azure release": (
        azure, "ms.vss-release.deployment-completed-event",
        {"resource": {"project": {"id": PROJECT}}}, None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", NAMED)
def test_reader_thing(what: str) -> None:
    """The build, model or version itself, as its harvester calls it."""
    reader, event, payload, value = NAMED[what]

    (told,) = reader.hints_of(event, payload, host="there.example.com")

    assert (told.thing.value if told.thing else None) == value


UNTOLD: Final = [
    (jenkins, "build.queued", BUILT), (jenkins, "build", {}), (jenkins, "build", {"url": 7}),
    (jenkins, "build", {"name": "no number"}), (jenkins, "build", {"url": "https://[::1/job/a/3"}),
    (mlflow, "prompt.created", {"data": {"name": "x"}}), (mlflow, "budget_policy.exceeded", {}),
    (azure, "git.pullrequest.merged", COMPLETED), (azure, "unknown", []),
]  # fmt: skip


@pytest.mark.parametrize(("reader", "event", "payload"), UNTOLD)
def test_reader_nothing(reader: Any, event: str, payload: Any) -> None:
    """Events of other kinds, and builds that nobody could find, leave no hint."""
    assert tuple(reader.hints_of(event, payload, host="there.example.com")) == ()


@pytest.mark.parametrize(
    ("reader", "event", "payload"),
    [(mlflow, "model_version.created", {"data": {"name": ""}}), (mlflow, "registered_model", None),
     (azure, "build.complete", {"resource": {"id": 1}}), (azure, "git.push", {"resource": []})],
)  # fmt: skip
def test_reader_untold(reader: Any, event: str, payload: Any) -> None:
    """A known event that does not say what it is about is unreadable."""
    with pytest.raises(PayloadUnreadable, match="does not say which"):
        reader.hints_of(event, payload, host="there.example.com")


def test_azure_pushed() -> None:
    """A push to a repository of Azure's, by its number there."""
    address = "https://user@dev.azure.com/acme/p/_git/churn"
    payload = {"resource": {"repository": {"id": PROJECT, "remoteUrl": address}}}

    (told,) = azure.hints_of("git.push", payload, host="dev.azure.com")

    assert shown(told) == (
        "repository", "git.push", f"dev.azure.com/{PROJECT}",
        "https://dev.azure.com/acme/p/_git/churn",
    )  # fmt: skip
