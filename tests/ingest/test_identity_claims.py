"""Who claims what another one holds is listed, changes nothing, and waits for a person."""

from collections.abc import Iterator
from typing import Any

import pytest

from service.db import Database
from tests.conftest import Statements
from tests.support.catalog import changes, gone, make_source, post, rows
from tests.support.harvester import Harvester, make_token, served
from tests.support.http import make_token as make_person
from tests.support.identity import (
    about,
    decide,
    find_id,
    groups,
    keys,
    manifest,
    model,
    same,
    settled,
    version,
)

ONE = "mlflow-prod/default"
LATER = "2026-11-21T00:00:00Z"


class Desk:
    """An admin who reads claims and decides them over HTTP."""

    def __init__(self, client: Any, database: Database) -> None:
        """Ask with an admin's token."""
        self.client, self.database = client, database
        self.token = make_person(database, "admin")

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """Any answer."""
        headers = {"Authorization": f"Bearer {options.pop('token', self.token)}"}
        headers |= options.pop("headers", {})
        return self.client.request(method, f"/api/v1{path}", headers=headers, **options)

    def claims(self, query: str = "") -> list[Any]:
        """The claims that are listed."""
        answer = self.ask("GET", f"/contested-claims{query}")
        assert answer.status_code == 200, answer.text
        found: list[Any] = answer.json()["items"]
        return found

    def decide(self, claim: Any, decision: str, query: str = "", **headers: str) -> Any:
        """Decide one; answers status and body."""
        answer = self.ask(
            "POST", f"/contested-claims/{claim['id']}:decide{query}", headers=headers,
            json={"decision": decision, "reason": "tests"},
        )  # fmt: skip
        return answer.status_code, answer.json()


@pytest.fixture
def desk(database: Database) -> Iterator[Desk]:
    """An admin's desk on the whole application."""
    with served(database) as client:
        yield Desk(client, database)


@pytest.fixture
def two(database: Database, desk: Desk) -> tuple[Harvester, Harvester]:
    """Two sources that read manifests, each of another repository."""
    found = []
    for name in ("git-a", "git-b"):
        make_source(database, name, kind="acme.manifests")
        found.append(Harvester(desk.client, make_token(database, name), name))
    return found[0], found[1]


def test_manifest_first_claim_holds(
    database: Database, desk: Desk, two: tuple[Harvester, Harvester]
) -> None:
    """The first repository holds the name; a second claim changes nothing and is listed."""
    first, second = two
    assert first.push(manifest("churn", file="a", description="ours"))[1]["refused"] == []
    before = rows(database, "SELECT to_jsonb(e)::text FROM entry e")
    for hour in range(3):
        claimed = manifest("Churn", file="b", description="mine", at=f"2026-11-21T0{hour}:00:00Z")
        _, receipt = second.push(claimed)
        assert [(r["code"], r["pointer"]) for r in receipt["refused"]] == [
            ("contested_claim", "/subject/value")
        ]

    assert rows(database, "SELECT to_jsonb(e)::text FROM entry e") == before
    assert groups(database) == {frozenset({"a#model.yaml"})}
    (claim,) = desk.claims()
    assert {name: claim[name] for name in ("kind", "state", "namespace", "entry_name", "claimant",
                                           "source", "decisions")} == {
        "kind": "manifest", "state": "open", "namespace": "retail", "entry_name": "retail/churn",
        "claimant": "model:manifest:https://github.com/acme/b#model.yaml", "source": "git-b",
        "decisions": ["same", "transfer", "reject"],
    }  # fmt: skip
    kept = rows(database, "SELECT code, times, resolved_at FROM quarantine")
    assert kept == [("contested_claim", 3, None)]
    other_file = manifest("churn", file="a", at=LATER)
    other_file["subject"] = other_file["subject"] | {
        "value": "https://github.com/acme/a#sub/model.yaml"
    }
    codes = [r["code"] for r in first.push(other_file)[1]["refused"]]
    assert codes == ["name_collision"]  # within one repository it is no contest, but a slip
    settled(database)


def test_manifest_by_same_as(database: Database, two: tuple[Harvester, Harvester]) -> None:
    """What leads there by `same_as` is contested too, also within one batch."""
    first, second = two
    registry = make_source(database)
    post(database, registry, model("churn"))
    first.push(same(manifest("churn", file="a"), model("churn")))
    _, receipt = second.push(
        same(manifest("other", file="b"), model("churn")), manifest("fresh", file="c"),
        manifest("fresh", file="d"),
    )  # fmt: skip

    assert [(r["index"], r["code"]) for r in receipt["refused"]] == [
        (0, "contested_claim"), (2, "contested_claim"),
    ]  # fmt: skip
    assert keys(database, "model") == ["retail/churn", "retail/fresh"]
    settled(database)


@pytest.mark.parametrize("decision", ["same", "transfer", "reject"])
def test_manifest_decided(
    database: Database, desk: Desk, two: tuple[Harvester, Harvester], decision: str
) -> None:
    """Both describe it; or the claimant holds the name and the holder contests it; or neither."""
    first, second = two
    first.push(manifest("churn", file="a", description="ours", task="ranking"))
    entry = find_id(database, "https://github.com/acme/a#model.yaml")
    second.push(manifest("churn", file="b", description="mine", at=LATER))
    (claim,) = desk.claims()
    planned, dry = desk.decide(claim, decision, "?dry_run=true")
    assert (planned, dry["dry_run"]) == (200, True)
    assert desk.claims() == [claim]
    status, done = desk.decide(claim, decision)

    assert (status, done["claim"]["state"], done["claim"]["decision"]) == (200, "decided", decision)
    (listed,) = desk.claims("?state=decided")
    assert (listed["id"], listed["decision"], listed["reason"]) == (claim["id"], decision, "tests")
    assert desk.decide(claim, decision)[0] == 409
    again = manifest("churn", file="b", description="mine", at="2026-11-22T00:00:00Z")
    codes = [r["code"] for r in second.push(again)[1]["refused"]]
    held = manifest(
        "churn", file="a", description="ours", task="ranking", at="2026-11-23T00:00:00Z"
    )
    back = [r["code"] for r in first.push(held)[1]["refused"]]
    shown = rows(database, "SELECT description, task FROM model WHERE id = :id", id=entry)
    claims = [(one["source"], one["claimant"][-12:]) for one in desk.claims()]
    assert (done["retried"], codes, back, shown, claims) == {
        "same": ("recorded", [], [], [("ours", "ranking")], []),
        "transfer": ("recorded", [], ["contested_claim"], [("mine", None)],
                     [("git-a", "a#model.yaml")]),
        "reject": ("not_tried", ["contested_claim"], [], [("ours", "ranking")], []),
    }[decision]  # fmt: skip
    told = [c for c in changes(database) if c["op"] == "decide"]
    assert [(c["reason"], c["new"]["decision"]) for c in told] == [("tests", decision)]
    settled(database)


def test_manifest_transferred_back(
    database: Database, desk: Desk, two: tuple[Harvester, Harvester]
) -> None:
    """Whoever lost the name may get it again; the entry stays the same one."""
    first, second = two
    first.push(manifest("churn", file="a", description="ours"))
    entry = find_id(database, "https://github.com/acme/a#model.yaml")
    second.push(manifest("churn", file="b", description="mine", at=LATER))
    assert desk.decide(desk.claims()[0], "transfer")[1]["retried"] == "recorded"
    assert desk.decide(desk.claims()[0], "transfer")[1]["retried"] == "recorded"

    assert rows(database, "SELECT id, description FROM model") == [(entry, "ours")]
    assert [one["source"] for one in desk.claims()] == ["git-b"]
    settled(database)


def test_manifest_whose_holder_went(
    database: Database, desk: Desk, two: tuple[Harvester, Harvester]
) -> None:
    """A holder that is gone holds nothing: the next claim comes in, and is listed no more."""
    first, second = two
    first.push(manifest("churn", file="a"))
    second.push(manifest("churn", file="b"))
    assert len(desk.claims()) == 1
    first.push(gone(manifest("churn", file="a"), LATER))
    assert second.push(manifest("churn", file="b", at=LATER))[1]["refused"] == []

    assert desk.claims() == []
    assert keys(database, "model") == ["retail/churn"]
    settled(database)


@pytest.mark.parametrize("decision", ["merge", "reject"])
def test_proposal_decided(database: Database, desk: Desk, decision: str) -> None:
    """An identifier that two living sources claim across namespaces is proposed, once."""
    source = make_source(database)
    shared = make_source(database, "git", kind="ci", precedence=70, namespace="wholesale",
                         may_name=["wholesale", "retail"])  # fmt: skip
    post(database, source, model())

    def claim(at: str) -> None:
        post(database, shared, same(manifest("churn", namespace="wholesale", at=at), model()))

    claim(LATER)
    (found,) = desk.claims("?kind=proposal&namespace=wholesale,retail")
    assert found["decisions"] == ["merge", "reject"]
    status, done = desk.decide(found, decision, **{"Idempotency-Key": "k1"})
    assert (status, done["claim"]["decision"]) == (200, decision)
    assert desk.decide(found, decision, **{"Idempotency-Key": "k1"}) == (200, done)
    claim("2026-11-22T00:00:00Z")

    assert desk.claims() == []
    assert desk.claims("?state=decided")[0]["decision"] == decision
    assert len(groups(database)) == (1 if decision == "merge" else 2)
    settled(database)


@pytest.mark.parametrize("decision", ["keep", "unmerge"])
def test_unsupported_decided(database: Database, desk: Desk, decision: str) -> None:
    """A merge that nobody states any more stands, and is listed until a person decides."""
    source = make_source(database)
    post(database, source, model("a"), version(1, "a"))
    post(database, source, model("b"), version(1, "b"))
    post(database, source, same(model("b", at=LATER), model("a")))
    assert desk.claims() == []
    post(database, source, model("b", at="2026-11-22T00:00:00Z"))
    assert len(groups(database)) == 1
    (claim,) = desk.claims()
    assert (claim["kind"], claim["decisions"]) == ("unsupported", ["keep", "unmerge"])
    assert desk.decide(claim, decision)[0] == 200

    assert desk.claims() == []
    assert len(groups(database)) == (1 if decision == "keep" else 2)
    assert len(groups(database, "version")) == (1 if decision == "keep" else 2)
    settled(database)


@pytest.mark.parametrize("decision", ["merge", "reject"])
def test_apart_decided(database: Database, desk: Desk, decision: str) -> None:
    """What is kept apart and still stated is listed; a person may think again."""
    source = make_source(database)
    post(database, source, model("a"))
    post(database, source, model("b"))
    stated = same(model("b", at=LATER), model("a"))
    post(database, source, stated)
    decide(database, "model", find_id(database, f"{ONE}/a"), None, verb="unmerge")
    (claim,) = desk.claims()
    assert (claim["kind"], claim["decisions"]) == ("apart", ["merge", "reject"])
    assert desk.decide(claim, decision)[0] == 200

    assert desk.claims() == []
    assert len(groups(database)) == (1 if decision == "merge" else 2)
    post(database, source, stated | {"observed_at": "2026-11-23T00:00:00Z"})
    assert len(groups(database)) == (1 if decision == "merge" else 2)
    settled(database)


def test_names_and_collisions_are_listed(database: Database, desk: Desk) -> None:
    """A name that another entry bears, and two things of one source that fold to one name."""
    source = make_source(database)
    other = make_source(database, "mlflow-b")
    post(database, source, model("Churn"))
    post(database, source, model("churn"))
    post(database, other, model("x", source="mlflow-b"))
    renamed = model("x", source="mlflow-b", at=LATER)
    post(database, other, renamed | {"facts": {"namespace": "retail", "name": "churn"}})
    found = {claim["kind"]: claim for claim in desk.claims()}

    kinds = set(found)
    assert "collision" in kinds
    assert found["collision"]["claimant"] == f"model:mlflow:{ONE}/churn"
    assert desk.decide(found["collision"], "same")[0] == 422
    assert desk.decide(found["collision"], "reject")[0] == 200
    assert "collision" not in {claim["kind"] for claim in desk.claims()}


def test_name_contested_after_replacement(database: Database, desk: Desk) -> None:
    """A new generation whose name the old one still bears waits for a person."""
    source = make_source(database)
    git = make_source(database, "git", kind="ci", precedence=70)
    post(database, source, model(created_at="2026-11-01T00:00:00Z"))
    post(database, git, manifest("churn", task="ranking"))
    post(database, source, model(at=LATER, created_at="2026-11-03T00:00:00Z"))
    (claim,) = desk.claims("?kind=name")
    assert (claim["entry_name"], claim["claimant"]) == ("retail/churn", f"mlflow:{ONE}/churn")
    assert desk.decide(claim, "merge")[0] == 409  # generations stay what they are
    assert desk.decide(claim, "reject")[0] == 200
    assert desk.claims("?kind=name") == []
    assert desk.claims("?kind=name&state=decided")[0]["decision"] == "reject"


def test_claims_seen_by_namespace(database: Database, desk: Desk) -> None:
    """SECURITY 2: who may not see one of the two is told of neither; an owner is for everybody."""
    ours = make_source(database)
    theirs = make_source(database, "mlflow-b", namespace="wholesale",
                         may_name=["wholesale", "retail"])  # fmt: skip
    post(database, ours, model("churn"))
    hidden = model("hidden", source="mlflow-b")
    post(database, theirs, hidden | {"facts": {"namespace": "wholesale", "name": "hidden"}})
    post(database, theirs, model("churn", source="mlflow-b", at=LATER) | {
        "subject": hidden["subject"]})  # fmt: skip
    for kind, scheme, values in (
        ("dataset", "uri", ("s3://lake/one", "s3://lake/two")),
        ("owner", "handle", ("ann", "anna")),
    ):
        one, two = ({"subject": about(kind, value, scheme), "facts": {}} for value in values)
        post(database, ours, one | {"observed_at": LATER})
        post(database, ours, two | {"observed_at": LATER})
        post(database, ours, same(two, one) | {"observed_at": "2026-11-22T00:00:00Z"})
        post(database, ours, two | {"observed_at": "2026-11-23T00:00:00Z"})

    def told(*namespaces: str) -> list[tuple[str, str]]:
        token = make_person(database, "reader", namespaces=list(namespaces))
        page = desk.ask("GET", "/contested-claims", token=token).json()["items"]
        lines = desk.ask("GET", "/contested-claims.csv", token=token).text.splitlines()
        assert len(lines) == 1 + len(page)
        return sorted((one["kind"], one["claimant"].partition(":")[0]) for one in page)

    every = [("name", "wholesale/hidden"), ("proposal", "model"), ("unsupported", "dataset"),
             ("unsupported", "owner")]  # fmt: skip
    assert told("retail", "wholesale") == every
    assert told("retail") == every[2:]
    assert told("wholesale") == every[3:]


def test_claims_pages_and_files(
    database: Database, desk: Desk, two: tuple[Harvester, Harvester], statements: Statements
) -> None:
    """Pages neither skip nor repeat; the file holds the same rows; statements stay the same."""
    first, second = two
    for number in range(7):
        first.push(manifest(f"m{number}", file=f"a{number}"))
        second.push(manifest(f"m{number}", file=f"b{number}"))
    seen, path = list[str](), "/contested-claims?page_size=3"
    while path and len(seen) < 20:
        page = desk.ask("GET", path).json()
        seen += [one["id"] for one in page["items"]]
        token = page["next_page_token"]
        path = f"/contested-claims?page_size=3&page_token={token}" if token else ""
    counts = set()
    for size in (1, 7):
        with statements() as said:
            assert len(desk.claims(f"?page_size={size}")) == size
        counts.add(len(said))
    csv = desk.ask("GET", "/contested-claims.csv").text.splitlines()
    elsewhere = make_person(database, "reader", namespaces=["wholesale"])

    assert len(seen) == len(set(seen)) == 7
    assert [line.split('"')[1] for line in csv[1:]] == seen
    assert len(counts) == 1
    assert desk.ask("GET", "/contested-claims", token=elsewhere).json()["items"] == []
    reader = make_person(database, "reader")
    denied = desk.ask("POST", f"/contested-claims/{seen[0]}:decide", token=reader,
                      json={"decision": "same", "reason": "tests"})  # fmt: skip
    assert denied.status_code == 403
    assert desk.decide({"id": "manifest-999999"}, "same")[0] == 404
