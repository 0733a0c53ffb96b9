"""Owners who have left, the models that need somebody, and who might be it."""

import csv
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any, Final

import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from schemas.identifiers import Identifier, Kind
from service.catalog import succession
from service.catalog.acts import Act, OwnerInfo
from service.catalog.departed import departed
from service.catalog.detail import find_model
from service.catalog.ranking import identifiers_of, rank
from service.catalog.view import View
from service.db import Database
from tests.support.catalog import make_reader, make_source, model, post, version
from tests.support.http import Service

NOON: Final = "2026-11-20T12:00:00Z"
LONG_AGO: Final = "2024-01-01T00:00:00Z"


def owner(handle: str, *same_as: tuple[str, str], **facts: Any) -> Any:
    """A person or team as a directory states one."""
    return {
        "subject": {"kind": "owner", "scheme": "handle", "value": handle},
        "same_as": [{"kind": "owner", "scheme": s, "value": v} for s, v in same_as],
        "observed_at": NOON,
        "facts": {"handle": handle} | facts,
    }


def owned(role: str, scheme: str, value: str) -> Any:
    """A member of `owners`."""
    return {"owner": {"kind": "owner", "scheme": scheme, "value": value}, "role": role}


def named(name: str, *owners: Any) -> Any:
    """A model with owners."""
    return model(name, owners=list(owners))


def run(number: int, user: str, source: str = "mlflow-prod", **facts: Any) -> Any:
    """A training run."""
    return {
        "subject": identity("training_run", "mlflow", f"{source}/default/{number:032x}"),
        "observed_at": NOON,
        "facts": {"created_by": user, "started_at": LONG_AGO} | facts,
    }


def identity(kind: str, scheme: str, value: str) -> dict[str, str]:
    """An identifier as it travels."""
    return {"kind": kind, "scheme": scheme, "value": value}


BUILD: Final = identity("build", "github", "github.com/4711/1")
SEVENTH: Final = identity("version", "mlflow", "mlflow-prod/default/churn/7")
PEOPLE: Final = (
    owner("user:anna", ("mlflow", "mlflow-prod/anna"), ("email", "anna@acme.example"),
          ("github", "github.com/anna-b"), display_name="Anna", kind="person", active=True),
    owner("user:bo", ("mlflow", "mlflow-prod/bo"), kind="person", active=False),
    owner("user:cy", ("email", "cy@acme.example"), left_at="2026-01-01T00:00:00Z"),
    owner("user:di", kind="person", left_at="2099-01-01T00:00:00Z"),
    owner("user:ed", ("mlflow", "mlflow-prod/ed"), kind="person"),
    owner("team:risk", ("mlflow", "mlflow-prod/risk-job"), kind="bot"),
    owner("team:ml", kind="team"),
)  # fmt: skip
RUNS: Final = (
    run(1, "anna"), run(2, "bo"), run(3, "root"), run(4, "Anna@ACME.example"), run(5, "zoe"),
    run(6, "risk-job"), run(7, "ed"),
)  # fmt: skip
MODELS: Final = (
    named("churn", owned("accountable", "handle", "user:bo"),
          owned("developer", "handle", "user:ed"), owned("delegate", "handle", "team:ml"),
          owned("developer", "email", "cy@acme.example")),
    named("kept", owned("accountable", "handle", "user:anna")),
    named("mixed", owned("accountable", "handle", "user:anna"),
          owned("accountable", "handle", "user:cy")),
    named("soon", owned("accountable", "handle", "user:di")),
    named("empty"),
    named("built", owned("developer", "handle", "user:ed")),
    model("silent"),
)  # fmt: skip
BUILT: Final = (
    {"subject": BUILD, "observed_at": NOON,
     "facts": {"actor": "Anna-B", "finished_at": "2026-10-01T00:00:00Z"}},
    {"subject": identity("version", "other", "ci/churn/7"), "observed_at": NOON,
     "same_as": [SEVENTH],
     "facts": {"build": BUILD}},
    {"subject": identity("deployment", "github", "github.com/4711/prod"), "observed_at": NOON,
     "facts": {"version": SEVENTH,
               "deployed_by": "deploy[bot]", "build": BUILD}},
    {"subject": identity("deployment", "ci", "ci/blue"), "observed_at": NOON,
     "facts": {"version": SEVENTH,
               "deployed_by": "github.com/Anna-B", "created_at": "2026-11-01T00:00:00Z"}},
)  # fmt: skip


def fill(database: Database) -> None:
    """A company: who trained, built and deployed `churn`, and a directory that knows most."""
    people = make_source(database, "people", kind="directory", settings={"path": "/o.csv"})
    post(database, people, *PEOPLE)
    versions = [
        version(n, training_run=identity("training_run", "mlflow", f"mlflow-prod/default/{n:032x}"),
                created_by="anna" if n < 3 else "zoe", created_at=f"2026-0{n}-01T00:00:00Z")
        for n in range(1, 8)
    ]  # fmt: skip
    post(database, make_source(database), *RUNS, *MODELS, *versions)
    post(database, make_source(database, "ci", kind="ci"), *BUILT)


def names(service: Service, path: str, **asked: Any) -> list[str]:
    """The names of what is listed."""
    return [row["name"] for row in service.get(path, **asked)["items"]]


def test_departed_owners(service: Service, database: Database) -> None:
    """Rows, details, files and filters say who has left; nobody says so of others."""
    fill(database)

    rows = service.get("owners")["items"]
    departed = {row["facts"].get("handle"): row["departed"] for row in rows}
    assert departed == {
        "user:anna": False, "user:bo": True, "user:cy": True, "user:di": False, "user:ed": None,
        "team:risk": None, "team:ml": None,
    }  # fmt: skip
    for value, handles in (("true", ["user:bo", "user:cy"]), ("false", ["user:anna", "user:di"])):
        found = service.get("owners", departed=value)["items"]
        assert sorted(row["facts"]["handle"] for row in found) == handles
    bo = next(row for row in rows if row["facts"]["handle"] == "user:bo")
    assert service.get(bo["url"])["departed"] is True
    text = service.ask("GET", "owners.csv", service.reader).text
    cells = {row["handle"]: row["departed"] for row in csv.DictReader(StringIO(text))}
    assert (cells["user:bo"], cells["user:anna"], cells["user:ed"]) == ("true", "false", "unknown")


def test_filters_of_owners(service: Service, database: Database) -> None:
    """Models without owner, with nobody, with one who left; by role."""
    fill(database)

    def models(**asked: str) -> list[str]:
        return [name.partition("/")[2] for name in names(service, "models", **asked)]

    assert models(owner_departed="true") == ["churn", "mixed"]
    assert models(owner_departed="false") == ["built", "empty", "kept", "silent", "soon"]
    assert models(owner__is="unknown") == ["silent"]
    assert models(owner__is="empty") == ["built", "empty"]
    assert models(owner_role="delegate") == ["churn"]
    assert models(owner_role="developer") == ["built", "churn"]
    assert models(owner_role="delegate,accountable") == ["churn", "kept", "mixed", "soon"]
    assert models(owner_role__not="accountable") == ["built", "empty", "silent"]
    assert models(delegate="team:ml") == ["churn"]
    assert models(developer="user:ed") == ["built", "churn"]
    assert names(service, "datasets", owner_departed="true") == []
    for wrong in ({"owner_role": "boss"}, {"owner_departed": "yes"}, {"departed": "true"}):
        assert service.ask("GET", "models", service.reader, params=wrong).status_code == 422


def test_departed_by_time(database: Database) -> None:
    """An owner leaves when their time comes, without anybody saying more."""
    fill(database)

    def left(moment: datetime) -> list[Any]:
        view = View(Kind.OWNER, make_reader(), as_of=moment)
        found = sa.select(departed(view, view.typed)).where(view.typed.c.handle == "user:di")
        with database.reading() as session:
            return list(session.execute(found).scalars())

    last_day = datetime(2098, 12, 31, tzinfo=UTC)
    assert (left(last_day), left(last_day + timedelta(days=1))) == ([False], [True])


def test_succession(service: Service, database: Database) -> None:
    """Who did what, by equal identifiers alone, in a settled order; who cannot be is left out."""
    fill(database)

    found = service.get("models/retail/churn/succession")

    assert (found["model"], found["needed"], found["why"]) == (
        "retail/churn",
        True,
        "owner_departed",
    )
    assert [(one["name"], one["role"], one["departed"]) for one in found["owners"]] == [
        ("user:bo", "accountable", True), ("team:ml", "delegate", None),
        ("user:cy", "developer", True), ("user:ed", "developer", None),
    ]  # fmt: skip
    shown = [
        (one["rank"], one["name"], one["total"], one["named"], one["recognised_by"])
        for one in found["candidates"]
    ]
    assert shown == [
        (1, "team:ml", 0, ["delegate"], []),
        (2, "user:anna", 6, [], ["email:anna@acme.example", "github:github.com/anna-b",
                                 "mlflow:mlflow-prod/anna"]),
        (3, "zoe", 6, [], ["mlflow:mlflow-prod/zoe"]),
        (4, "user:ed", 1, ["developer"], ["mlflow:mlflow-prod/ed"]),
    ]  # fmt: skip
    assert found["left_out"] == {"departed": 2, "bots": 3, "owners": 0, "beyond": 0}
    again = service.get("models/retail/churn/succession")
    assert again | {"as_of": ""} == found | {"as_of": ""}


def test_succession_evidence(service: Service, database: Database) -> None:
    """What somebody did, how often and when last, with a link that can be followed."""
    fill(database)

    candidates = service.get("models/retail/churn/succession")["candidates"]

    anna, zoe = candidates[1], candidates[2]
    assert (anna["display_name"], anna["kind"], zoe["owner"], zoe["url"]) == (
        "Anna", "person", None, None,
    )  # fmt: skip
    assert [(one["what"], one["count"], one["last_at"]) for one in anna["did"]] == [
        ("training_run", 2, "2024-01-01T00:00:00.000000Z"),
        ("version", 2, "2026-02-01T00:00:00.000000Z"),
        ("build", 1, "2026-10-01T00:00:00.000000Z"),
        ("deployment", 1, "2026-11-01T00:00:00.000000Z"),
    ]  # fmt: skip
    assert anna["last_active_at"] == "2026-11-01T00:00:00.000000Z"
    assert anna["did"][1]["url"] == "/api/v1/models/retail/churn/versions/2"
    for one in (*anna["did"], anna):
        assert service.get(one["url"])


def test_succession_always(service: Service, database: Database) -> None:
    """Also of a model that needs nobody: who answers for it already is no candidate."""
    fill(database)

    kept = service.get("models/retail/kept/succession")
    assert (kept["needed"], kept["why"], kept["candidates"]) == (False, None, [])
    reasons = {
        name: service.get(f"models/retail/{name}/succession")["why"]
        for name in ("mixed", "soon", "empty", "built", "silent")
    }
    assert reasons == {
        "mixed": "owner_departed", "soon": None, "empty": "owner_empty", "built": "owner_empty",
        "silent": "owner_unknown",
    }  # fmt: skip
    assert service.ask("GET", "models/retail/none/succession", service.reader).status_code == 404
    elsewhere = service.token(namespaces=["wholesale"])
    for path in ("models/retail/churn/succession", "models/retail/churn"):
        assert service.ask("GET", path, elsewhere).status_code == 404
    assert service.get("succession", elsewhere)["items"] == []


def test_successions(service: Service, database: Database) -> None:
    """All models that need somebody, page by page, each with its proposals."""
    fill(database)

    whole = service.get("succession")
    paged: list[Any] = []
    token = None
    while token is not None or not paged:
        more: dict[str, str] = {"page_token": token} if token else {}
        page = service.get("succession", page_size="2", **more)
        paged += page["items"]
        token = page["next_page_token"]

    assert [(one["model"], one["why"]) for one in whole["items"]] == [
        ("retail/built", "owner_empty"), ("retail/churn", "owner_departed"),
        ("retail/empty", "owner_empty"), ("retail/mixed", "owner_departed"),
        ("retail/silent", "owner_unknown"),
    ]  # fmt: skip
    assert [one["model"] for one in paged] == [one["model"] for one in whole["items"]]
    assert whole["items"][1]["candidates"][1]["name"] == "user:anna"
    assert service.get("succession", namespace="other")["items"] == []


def test_succession_as_of(service: Service, database: Database) -> None:
    """As it stood: before the directory said that somebody had left, nobody was needed."""
    mlflow = make_source(database)
    post(
        database,
        mlflow,
        named("churn", owned("accountable", "handle", "user:bo")),
        version(1, created_by="ann"),
    )
    before = service.get("models")["as_of"]
    people = make_source(database, "people", kind="directory", settings={"path": "/o.csv"})
    post(database, people, owner("user:bo", active=False))

    now, then = (
        service.get("models/retail/churn/succession", **asked) for asked in ({}, {"as_of": before})
    )

    assert (now["why"], then["why"]) == ("owner_departed", None)
    assert now["candidates"] == then["candidates"]
    assert (then["as_of"], then["owners"][0]["departed"]) == (before, None)


def test_succession_of_merged_owner(service: Service, database: Database) -> None:
    """Two entries that turn out to be one person count as one."""
    fill(database)
    people = make_source(database, "hr", kind="person")
    before = [one["name"] for one in service.get("models/retail/churn/succession")["candidates"]]
    post(
        database, people,
        {**owner("user:anna", ("handle", "zoe-anna")), "observed_at": NOON},
        {"subject": identity("owner", "handle", "zoe-anna"), "observed_at": NOON,
         "same_as": [identity("owner", "email", "zoe@acme.example")],
         "facts": {"display_name": "Zoe"}},
    )  # fmt: skip

    after = service.get("models/retail/churn/succession")["candidates"]

    assert [one["name"] for one in after] == before


def test_succession_statements(database: Database, statements: Any) -> None:
    """Proposals take a constant number of statements, however many models and people there are."""
    fill(database)
    reader = make_reader()

    def proposed(*models: str) -> int:
        with database.reading() as session, statements() as counted:
            rows = [find_model(session, "retail", name=name, caller=reader) for name in models]
            given = [succession.Model(row["id"], row["natural_key"], stated=True) for row in rows]
            found = succession.propose(session, View(Kind.MODEL, reader), models=given)
        assert len(found) == len(models)
        return len(counted) - len(models)

    assert proposed("churn") == proposed("churn", "kept", "mixed", "silent", "built")


WORDS: Final = st.sampled_from(
    ["anna", "bo", "a@x.example", "A@X.example", "user:anna", "github.com/Bo", "jovyan", "x[bot]",
     "7+bo@users.noreply.github.com", "a b", "@", "a@", "x" * 2_000]
)  # fmt: skip
acts = st.builds(
    Act,
    model=st.just(uuid7()),
    what=st.sampled_from(["training_run", "version", "build", "deployment"]),
    actor=WORDS,
    scheme=st.sampled_from(["", "mlflow", "github", "ci"]),
    host=st.sampled_from(["", "mlflow-prod", "github.com"]),
    times=st.integers(1, 5),
    last_at=st.none() | st.integers(1, 2**31).map(lambda at: datetime.fromtimestamp(at, UTC)),
    url=st.just("/api/v1/x"),
)
ANNA: Final = OwnerInfo(uuid7(), "user:anna", None, "person", None)


@given(st.lists(acts, max_size=12), st.randoms())
@settings(max_examples=60)
def test_rank_settled(drawn: list[Act], random: Any) -> None:
    """Whatever accounts are called: the order of arrival changes nothing, nobody counts twice."""
    known = {Identifier(kind=Kind.OWNER, scheme="handle", value="user:anna"): ANNA}
    mixed = random.sample(drawn, k=len(drawn))

    first, left = rank(drawn, [("delegate", ANNA)], known=known)
    again, _ = rank(mixed, [("delegate", ANNA)], known=known)

    assert [one.model_dump() for one in first] == [one.model_dump() for one in again]
    assert first[0].name == "user:anna"
    shown = sum(one.total for one in first)
    assert (shown == sum(act.times for act in drawn)) is (left.bots == 0)
    for act in drawn:
        assert all(one.kind is Kind.OWNER for one in identifiers_of(act))
