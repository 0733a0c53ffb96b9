"""What a CI job's token pushes: only of what was proved, which stands in the place of the rest."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
import sqlalchemy as sa

from schemas.identifiers import Kind
from service.catalog.typed import TYPED
from service.ingest import quarantine
from service.ingest.retry import retry_outdated
from tests.access.ci.conftest import SOURCE, bind, exchanged
from tests.support.catalog import make_source, post
from tests.support.http import Service
from tests.support.identity_provider import (
    COMMIT,
    IdentityProvider,
    github_identity,
    gitlab_identity,
)

AT: Final = "2026-11-27T12:00:00Z"
OTHER_COMMIT: Final = "1" * 40
VERSION: Final = {"kind": "version", "scheme": "number", "value": "retail/churn/7"}


@pytest.fixture
def token(service: Service, provider: IdentityProvider) -> str:
    """Of the usual job, in its environment."""
    text: str = exchanged(service, provider.github(environment="production")).json()["token"]
    return text


def said(kind: str, scheme: str, value: str, **facts: Any) -> dict[str, Any]:
    """One record."""
    subject = {"kind": kind, "scheme": scheme, "value": value}
    return {"subject": subject, "observed_at": AT, "facts": facts}


def build(provider: IdentityProvider, run: str = "486325809/9001", **facts: Any) -> dict[str, Any]:
    """The job's own build, unless told otherwise."""
    return said("build", "github", f"{provider.host}/{run}", **facts)


def version(**facts: Any) -> dict[str, Any]:
    """A version that the job speaks of."""
    return said("version", "number", "retail/churn/7", number="7", **facts)


def push(service: Service, token: str, *documents: Any, source: str = SOURCE) -> Any:
    """What a push answers."""
    return service.ask(
        "POST", f"sources/{source}/observations", token, json={"observations": documents}
    )


def recorded(service: Service) -> list[Any]:
    """The facts of every observation, the oldest first, and what of them is inferred."""
    query = sa.text("SELECT facts, inferred FROM observation ORDER BY id")
    with service.database.reading() as session:
        return [(row.facts, row.inferred) for row in session.execute(query)]


def of_version(service: Service) -> Any:
    """The facts of the one version, and what of them is inferred."""
    [found] = [one for one in recorded(service) if "number" in one[0]]
    return found


def reference(kind: str, scheme: str, value: str) -> dict[str, str]:
    """An identifier as facts hold it."""
    return {"kind": kind, "scheme": scheme, "value": value}


def test_push_build_filled_in(service: Service, provider: IdentityProvider, token: str) -> None:
    """What a build leaves out is what was proved; what it says beside that stays."""
    answer = push(service, token, build(provider, status="running", actor="bot"))

    assert answer.json()["recorded"] == 1, answer.text
    [(facts, inferred)] = recorded(service)
    assert facts == {
        "repository": reference("repository", "github", f"{provider.host}/486325809"),
        "commit": COMMIT, "ref": "main", "event": "push", "attempt": 1, "status": "running",
        "workflow": ".github/workflows/train.yml", "actor": "bot",
    }  # fmt: skip
    assert not inferred
    with service.database.reading() as session:
        row = session.execute(sa.select(TYPED[Kind.BUILD])).one()
    assert (row.commit, row.actor) == (COMMIT, "bot")


def test_push_equal_in_another_form(
    service: Service, provider: IdentityProvider, token: str
) -> None:
    """The same ref, workflow and repository in another form are stored as they were proved."""
    url = reference("repository", "url", f"https://{provider.host}/acme/churn")
    document = build(
        provider, repository=url, ref="refs/heads/main", commit=COMMIT,
        workflow="acme/churn/.github/workflows/train.yml@refs/heads/main", event=None,
    )  # fmt: skip

    assert push(service, token, document).json()["recorded"] == 1
    [(facts, _)] = recorded(service)
    assert (facts["ref"], facts["workflow"], facts["event"]) == (
        "main", ".github/workflows/train.yml", "push",
    )  # fmt: skip
    assert facts["repository"]["scheme"] == "github"


def test_push_repository_known_by_address(
    service: Service, provider: IdentityProvider, token: str
) -> None:
    """Where a source knows the repository by its address alone, links lead there."""
    git = make_source(service.database, "repositories", kind="git")
    address = f"https://{provider.host}/acme/churn"
    post(service.database, git, said("repository", "url", address, url=address))

    push(service, token, build(provider))

    facts, _ = recorded(service)[-1]
    assert facts["repository"] == reference("repository", "url", address)


def test_push_version_filled_in(service: Service, provider: IdentityProvider, token: str) -> None:
    """A version that the job speaks of was made by it: a conclusion, which a registry outranks."""
    push(service, token, version())

    [(facts, inferred)] = recorded(service)
    assert facts["build"]["value"] == f"{provider.host}/486325809/9001"
    assert facts["source_commit"] == COMMIT
    assert sorted(inferred) == ["build", "repository", "source_commit"]


def test_push_version_stated(service: Service, provider: IdentityProvider, token: str) -> None:
    """What a version states itself is stated, not concluded."""
    mine = reference("build", "github", f"{provider.host}/486325809/9001")

    push(service, token, version(build=mine, source_commit=COMMIT))

    [(_, inferred)] = recorded(service)
    assert inferred == ["repository"]


@pytest.mark.parametrize("own", [{}, {"build": None}])
def test_push_version_of_another_build(
    service: Service, provider: IdentityProvider, token: str, own: Any
) -> None:
    """A batch that says what its build made says that it made no other: nothing is filled in."""
    documents = [version(**own)] if own else [build(provider), version()]

    push(service, token, *documents)

    facts, inferred = of_version(service)
    assert facts == {"number": "7"}
    assert not inferred


def test_push_version_that_its_build_names(
    service: Service, provider: IdentityProvider, token: str
) -> None:
    """A batch that says its build made the version fills it in."""
    push(service, token, build(provider, versions=[VERSION]), version())

    facts, _ = of_version(service)
    assert facts["source_commit"] == COMMIT


def test_push_deployment_filled_in(
    service: Service, provider: IdentityProvider, token: str
) -> None:
    """A deployment comes from the job's build, into the environment that was proved."""
    push(service, token, said("deployment", "ci", f"{SOURCE}/churn-eu", status="ready"))

    [(facts, _)] = recorded(service)
    assert (facts["environment"], facts["commit"]) == ("production", COMMIT)
    assert facts["build"]["value"] == f"{provider.host}/486325809/9001"
    assert facts["deployed_by"] == "ada"


def test_push_gitlab(service: Service, provider: IdentityProvider) -> None:
    """GitLab also proves that the branch is protected, and the class of the environment."""
    bind(service.database, gitlab_identity(provider))
    identity = provider.gitlab(environment="prod", deployment_tier="production")
    token = exchanged(service, identity).json()["token"]

    push(
        service, token,
        said("build", "gitlab", f"{provider.host}/20/574"),
        said("deployment", "gitlab", f"{provider.host}/20/prod"),
    )  # fmt: skip

    (built, _), (deployed, _) = recorded(service)
    assert built["on_protected_branch"] is True
    assert deployed["environment_class"] == "production"
    wrong = said("build", "gitlab", f"{provider.host}/20/574", on_protected_branch=False)
    assert push(service, token, wrong).status_code == 403


def refused_records(host: str) -> Iterator[tuple[str, Any, str]]:
    """Records that the usual job may not push, and where."""
    own = f"{host}/486325809/9001"
    elsewhere = reference("repository", "github", f"{host}/7")
    yield "another run", said("build", "github", f"{host}/486325809/9002"), "/subject/value"
    yield "another repository's", said("build", "github", f"{host}/7/9001"), "/subject/value"
    yield "another host's", said("build", "github", "github.com/486325809/9001"), "/subject/value"
    yield "another CI's", said("build", "gitlab", own), "/subject/value"
    yield "a name of its own", said("build", "ci", f"{SOURCE}/9001"), "/subject/value"
    yield "of a Jenkins", said("build", "jenkins", "ci.acme.example/churn#1"), "/subject/value"
    joined = said("build", "github", own) | {
        "same_as": [reference("build", "github", f"{host}/7/1")]
    }
    yield "joined to another", joined, "/same_as/0/value"
    for name, value in (
        ("repository", elsewhere), ("commit", OTHER_COMMIT), ("ref", "next"), ("attempt", 2),
        ("workflow", ".github/workflows/other.yml"), ("event", "release"),
        ("repository", reference("repository", "url", f"https://{host}/acme/other")),
    ):  # fmt: skip
        yield f"another {name}", said("build", "github", own, **{name: value}), f"/facts/{name}"
    for name, value in (
        ("repository", elsewhere), ("source_commit", OTHER_COMMIT), ("source_branch", "next"),
        ("build", reference("build", "github", f"{host}/7/1")),
    ):  # fmt: skip
        yield f"version of another {name}", version(**{name: value}), f"/facts/{name}"
    for name, value in (
        ("repository", elsewhere), ("commit", OTHER_COMMIT), ("environment", "staging"),
        ("build", reference("build", "github", f"{host}/486325809/9000")),
    ):  # fmt: skip
        record = said("deployment", "ci", f"{SOURCE}/churn", **{name: value})
        yield f"deployment of another {name}", record, f"/facts/{name}"
    run = said("training_run", "openlineage", f"{SOURCE}/{'a' * 8}", source_commit=OTHER_COMMIT)
    yield "training run", run, "/facts/source_commit"
    for value in (f"{host}/486325809/staging", f"{host}/7/production"):
        yield f"deployment {value[-12:]}", said("deployment", "github", value), "/subject/value"
    yield "an owner", said("owner", "handle", "team:x", display_name="X"), "/subject/kind"
    yield "a repository", said("repository", "github", f"{host}/486325809"), "/subject/kind"
    yield "a use", said("use", "name", "retail/churn/offers", purpose="x"), "/subject/kind"
    gone = said("deployment", "ci", f"{SOURCE}/churn")
    del gone["facts"]
    yield "gone", gone | {"gone": True}, "/gone"


def test_push_differs(service: Service, provider: IdentityProvider, token: str) -> None:
    """A difference is 403 for the whole batch: nothing of it is recorded, and the place is told."""
    found = {}
    for name, record, pointer in refused_records(provider.host):
        answer = push(service, token, build(provider), record)
        problem = answer.json()
        places = [one["pointer"] for one in problem.get("errors", ())]
        found[name] = (answer.status_code, problem.get("code"), places, pointer)

    assert {
        name: one for name, one in found.items()
        if one[:3] != (403, "proof_differs", [f"/observations/1{one[3]}"])
    } == {}  # fmt: skip
    assert len(found) == 28
    assert recorded(service) == []


def test_push_taken(service: Service, provider: IdentityProvider, token: str) -> None:
    """Models, versions, datasets, runs, its build and deployments of its own: all in one batch."""
    documents = [
        said("model", "name", "retail/churn", namespace="retail", name="churn"),
        version(),
        said("training_run", "openlineage", f"{SOURCE}/run-1", source_commit=COMMIT),
        said("dataset", "uri", "s3://lake/churn", name="churn"),
        build(provider),
        said("deployment", "github", f"{provider.host}/486325809/production"),
        said("deployment", "ci", f"{SOURCE}/churn"),
        said("deployment", "kserve", "eu/ml/churn", environment="production"),
    ]

    answer = push(service, token, *documents)

    assert answer.status_code == 200, answer.text
    assert answer.json()["refused"] == []
    assert answer.json()["recorded"] == len(documents)


def test_push_other_source(service: Service, provider: IdentityProvider, token: str) -> None:
    """AUTHZ-10: another source in the path is refused, and another's subject alone."""
    make_source(service.database, "mlflow-prod")

    path = push(service, token, build(provider), source="mlflow-prod")
    subject = push(service, token, said("model", "mlflow", "mlflow-prod/default/churn", name="x"))

    assert (path.status_code, path.json()["code"]) == (403, "foreign_source")
    [refused] = subject.json()["refused"]
    assert refused["code"] == "foreign_source"


def test_push_after_binding_changed(
    service: Service, provider: IdentityProvider, token: str
) -> None:
    """P-18: a token ends with the binding that let it in, at the next request."""
    bind(service.database, github_identity(provider, ref="refs/heads/main"))

    answer = push(service, token, build(provider))

    assert (answer.status_code, answer.json()["code"]) == (403, "binding_gone")
    bind(service.database, github_identity(provider), gitlab_identity(provider))
    assert push(service, token, build(provider)).status_code == 200
    bind(service.database)
    assert push(service, token, build(provider)).status_code == 403


def test_push_ownership(service: Service, provider: IdentityProvider, token: str) -> None:
    """Where ownership that the source states gives rights, a job states none."""
    owned = said(
        "model", "name", "retail/churn", namespace="retail", name="churn",
        owners=[{"owner": reference("owner", "handle", "user:mallory")}],
    )  # fmt: skip
    shown = push(service, token, owned)
    bind(service.database, github_identity(provider), may_grant_ownership=True)
    granting = push(service, token, owned)

    assert shown.status_code == 200
    assert (granting.status_code, granting.json()["errors"][0]["pointer"]) == (
        403, "/observations/0/facts/owners",
    )  # fmt: skip


def test_push_unreadable_is_not_tried_again(
    service: Service, provider: IdentityProvider, token: str
) -> None:
    """What cannot be read is refused alone, and never read later: nobody would hold it then."""
    foreign = said("build", "github", f"{provider.host}/7/1", comit=OTHER_COMMIT)

    answer = push(service, token, build(provider), foreign, "no record", {"subject": 7})

    assert (answer.json()["recorded"], len(answer.json()["refused"])) == (1, 3)
    outdated = sa.update(quarantine.table).values(facts_version=0)
    service.database.transact(lambda session: session.execute(outdated))
    assert service.database.transact(retry_outdated) == 0


def test_push_refused_is_kept_as_proved(
    service: Service, provider: IdentityProvider, token: str
) -> None:
    """What is refused for its name and tried again later says what was proved."""
    answer = push(
        service, token, said("version", "number", "elsewhere/churn/1", number="1"),
    )  # fmt: skip
    [refused] = answer.json()["refused"]
    with service.database.reading() as session:
        [kept] = session.execute(sa.select(quarantine.table.c.payload)).scalars()

    assert refused["code"] == "namespace_not_allowed"
    assert f"{provider.host}/486325809/9001" in kept


def test_push_twice_changes_nothing(
    service: Service, provider: IdentityProvider, token: str
) -> None:
    """P-02: the same batch again, with another token of the same job, records nothing."""
    push(service, token, build(provider), version())
    again = exchanged(service, provider.github(environment="production")).json()["token"]

    answer = push(service, again, build(provider), version())

    assert (answer.json()["recorded"], answer.json()["unchanged"]) == (0, 2)


def test_push_jenkins(service: Service, provider: IdentityProvider) -> None:
    """Of another issuer no build is proved: builds of its own host and of the source are taken."""
    bind(service.database, {"provider": "oidc", "issuer": provider.issuer, "subject": "job"})
    token = exchanged(service, provider.token({"sub": "job"})).json()["token"]
    own = f"{provider.host}/churn/main#21"

    taken = push(
        service, token, said("build", "jenkins", own, commit=COMMIT),
        said("build", "ci", f"{SOURCE}/21"), version(build=reference("build", "jenkins", own)),
    )  # fmt: skip
    refused = [
        push(service, token, said("build", "jenkins", "ci.acme.example/churn/main#21")),
        push(service, token, said("build", "github", "github.com/7/1")),
        push(service, token, said("build", "ci", "other/21")),
        push(service, token, version(build=reference("build", "ci", "other/21"))),
        push(service, token, said("deployment", "github", "github.com/7/production")),
    ]

    assert (taken.status_code, taken.json()["refused"]) == (200, [])
    assert [one.status_code for one in refused] == [403] * len(refused)


def test_push_by_source_token_is_not_held(service: Service, provider: IdentityProvider) -> None:
    """A source's own long token speaks for all that its source may."""
    long = service.token("source", source_name=SOURCE)

    answer = push(service, long, said("build", "github", f"{provider.host}/7/1", ref="x"))

    assert answer.json()["recorded"] == 1
    assert len(recorded(service)) == 1
