"""Details of what has no name of its own: found by id or identifier; names of every spelling."""

from typing import Any, Final
from urllib.parse import quote

import pytest

from schemas.canonical import encode_segment, fold_name, path_segment
from service.db import Database
from tests.conftest import Statements
from tests.support.catalog import make_source, model, post, rows, version
from tests.support.http import Service
from tests.support.world import KINDS, SOURCES, facts, first_words, identity, subject

LATER: Final = "2026-11-21T00:00:00Z"
PLURALS: Final = {
    "training_run": "training-runs", "dataset": "datasets", "owner": "owners",
    "repository": "repositories", "build": "builds", "deployment": "deployments", "use": "uses",
}  # fmt: skip
HOSTILE: Final = (
    "a/b:c%2F\"'", "churn", "نموذج التنبؤ", "é", "100%", "#1", "?q=1&x", "a b", "..", "<b>", "名前",
    "x\\y", "semi;colon", "@home", "%", "a%2Fb",
)  # fmt: skip


def fill(database: Database, world: str) -> None:
    """Two sources say everything about a small world, each on a page of its own."""
    sources = {name: make_source(database, name) for name in SOURCES}
    for speaker, document in first_words(world):
        post(database, sources[speaker], document)
    for name, source in sources.items():
        for kind in KINDS:
            stated = {fact: values[-1] for fact, values in facts(kind, world, name).items()}
            if kind == "deployment":
                stated["version"] = subject("version", world, name)
            post(database, source, {
                "subject": subject(kind, world, name), "observed_at": LATER,
                "facts": identity(kind, world, name) | stated,
                "evidence": {"url": f"https://{name}.example/{kind}/{world}"},
            })  # fmt: skip


def address(kind: str, world: str, source: str = SOURCES[0]) -> str:
    """A detail by identifier, as a client writes it."""
    named = subject(kind, world, source)
    return f"{PLURALS[kind]}/{quote(named['scheme'] + ':' + named['value'], safe='')}"


@pytest.fixture
def world(service: Service) -> Service:
    """A service on a small world."""
    fill(service.database, "w")
    return service


@pytest.mark.parametrize("kind", PLURALS)
def test_entry_detail(world: Service, kind: str) -> None:
    """By identifier and by id the same: facts, pages in the sources, and where each comes from."""
    found = world.get(address(kind, "w"))
    whole = world.get(found["url"], provenance="true")

    assert found["kind"] == kind
    assert found["url"] == f"/api/v1/{PLURALS[kind]}/{found['id']}"
    assert whole | {"provenance": None} == found
    assert {page["url"] for page in found["links"]} == {
        f"https://{name}.example/{kind}/w"
        for name in SOURCES
        if subject(kind, "w", name) == subject(kind, "w") or name == SOURCES[0]
    }
    named = subject(kind, "w")
    assert f"{named['scheme']}:{named['value']}" in found["identifiers"]
    assert set(whole["provenance"]) == set(whole["facts"])
    for name, said in whole["provenance"].items():
        assert said["value"] == whole["facts"][name], name
        assert said["rule"] in {"top", "union", "latest", "owners"}
        assert said["confirmed_at"] >= said["observed_at"]
        assert said["precedence"] == 40


def test_entry_related(world: Service) -> None:
    """What an entry names has an address; what names it is counted by kind."""
    deployment, build = (world.get(address(kind, "w")) for kind in ("deployment", "build"))
    model = world.get("models/retail/w")

    assert {(one["fact"], one["kind"]) for one in deployment["references"]} == {
        ("build", "build"), ("version", "version"),
    }  # fmt: skip
    assert build["referred_by"] == {"deployment": 1, "version": 2}
    assert model["referred_by"] == {"use": 1, "version": 2}
    assert model["aliases"] == {"champion": "1"}
    assert [use["name"] for use in model["uses"]] == ["retail/w/offers"]
    for one in (*deployment["references"], *model["references"], *model["uses"]):
        there = world.get(one["url"])
        assert there["id"] == one["id"]
        assert one["identifier"] in there["identifiers"]


def test_entry_not_found(world: Service) -> None:
    """An unknown id, identifier or scheme, or one of another kind, is not there."""
    other = world.get(address("build", "w"))["id"]
    nobody = "0193a0f4-0000-7000-8000-000000000000"
    for wrong in (
        f"datasets/{nobody}",
        f"datasets/{other}",
        "datasets/uri:s3:%2F%2Flake%2Fnone",
        "datasets/nonsense",
        "datasets/handle:x",
        "datasets/uri:%2Flocal",
        "owners/email:nobody",
        "uses/name:retail%2Fw%2Fnone",
    ):
        answer = world.ask("GET", wrong, world.reader)  # fmt: skip
        assert (answer.status_code, answer.json()["code"]) == (404, "entry_not_found"), wrong
    answer = world.ask("GET", "datasets/nonsense", world.reader)
    assert "mlflow, omb, openlineage, uri" in answer.json()["detail"]
    assert "nonsense" not in answer.text


def test_entry_identifier_spellings(world: Service) -> None:
    """An identifier is found in any spelling of its canonical form, its slashes encoded once."""
    lake = world.get(address("dataset", "w"))["id"]
    repository = world.get(address("repository", "w"))["id"]
    for spelling in (
        "uri:s3:%2F%2Flake%2Fw",
        "uri:S3:%2F%2FLAKE%2Fw",
        "uri%3As3%3A%2F%2Flake%2Fw%2F",
    ):
        assert world.get(f"datasets/{spelling}")["id"] == lake
    for spelling in ("git@github.com:Acme/W.git", "https://github.com/acme/w/"):
        found = world.get(f"repositories/url:{quote(spelling, safe='')}")
        assert found["id"] == repository
    assert world.ask("GET", "datasets/uri:s3://lake/w", world.reader).status_code == 404


def test_entry_unchanged(world: Service) -> None:
    """A strong tag for each: 304 while nothing of it changes."""
    for kind in PLURALS:
        first = world.ask("GET", address(kind, "w"), world.reader)
        tag = {"If-None-Match": first.headers["etag"]}
        again = world.ask("GET", address(kind, "w"), world.reader, headers=tag)
        assert (again.status_code, again.content) == (304, b""), kind


def test_entry_visibility(world: Service) -> None:
    """Elsewhere nothing is there but owners; and nothing hidden is counted or referred to."""
    elsewhere = world.token(namespaces=["wholesale"])
    statuses = {
        kind: world.ask("GET", address(kind, "w"), elsewhere).status_code for kind in PLURALS
    }
    owner = world.get(address("owner", "w"), elsewhere)

    assert statuses == dict.fromkeys(PLURALS, 404) | {"owner": 200}
    assert owner["referred_by"] == {"owner": 1}
    assert [one["kind"] for one in owner["references"]] == ["owner"]


def test_entry_merged_and_replaced(service: Service) -> None:
    """The id of what was merged leads to the survivor; what was replaced keeps what was said."""
    source = make_source(service.database)
    served = {"kind": "deployment", "scheme": "k8s", "value": "prod/churn"}
    for number, created in enumerate(("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"), start=1):
        post(service.database, source, {
            "subject": served, "observed_at": f"2026-11-2{number}T00:00:00Z",
            "facts": {"created_at": created, "image": f"churn:{number}"},
        })  # fmt: skip
    email, handle = (
        {"kind": "owner", "scheme": scheme, "value": value}
        for scheme, value in (("email", "ada@acme.example"), ("handle", "ada"))
    )
    first = {"observed_at": LATER, "facts": {"display_name": "Ada"}}
    post(service.database, source, {"subject": email} | first, {"subject": handle} | first)
    before = {
        one: service.get(f"owners/{one}")["id"] for one in ("handle:ada", "email:ada@acme.example")
    }
    joined = {"subject": handle, "same_as": [email], "observed_at": "2026-11-22T00:00:00Z",
              "facts": {"display_name": "Ada"}}  # fmt: skip
    post(service.database, source, joined)
    after = [service.get(f"owners/{one}")["id"] for one in (*before, *before.values())]
    old = service.get("deployments/k8s:prod%2Fchurn")
    (replaced,) = rows(
        service.database, "SELECT id::text FROM entry WHERE replaced_by IS NOT NULL"
    )[0]
    kept = service.get(f"deployments/{replaced}", provenance="true")

    assert len(set(before.values())) == 2
    assert len(set(after)) == 1
    assert (old["facts"]["image"], old["replaced_by"]) == ("churn:2", None)
    assert (kept["facts"]["image"], kept["replaced_by"]) == ("churn:1", old["id"])
    assert kept["provenance"]["image"]["observed_at"] == "2026-11-21T00:00:00.000000Z"


def test_detail_statements(service: Service, statements: Statements) -> None:
    """Each detail costs the same few statements, whatever it holds: one more with provenance."""
    fill(service.database, "w")
    paths = [*(address(kind, "w") for kind in PLURALS), "models/retail/w",
             "models/retail/w/versions/1", "models/retail/w/versions/@champion"]  # fmt: skip

    def counted(**asked: str) -> list[int]:
        found = []
        for path in paths:
            with statements() as said:
                service.get(path, **asked)
            found.append(len([one for one in said if "FROM token" not in one]))
        return found

    judged = "deployment"  # one more: what is wrong with it
    few = [4 + (kind == judged) for kind in PLURALS] + [3, 3, 3]
    counted()
    assert (counted(), counted(provenance="true")) == (few, [one + 1 for one in few])
    more = [version(number, "w", aliases=[f"a{number}"], datasets=[
        {"dataset": subject("dataset", "w")}]) for number in range(2, 30)]  # fmt: skip
    post(service.database, make_source(service.database), *more)
    assert (counted(), counted(provenance="true")) == (few, [one + 1 for one in few])


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_name_round_trip(service: Service, name: str) -> None:
    """Whatever a model is called, its address leads to it, to its versions, aliases and history."""
    source = make_source(service.database)
    value = f"mlflow-prod/default/{encode_segment(name)}"
    said = model("x") | {"subject": {"kind": "model", "scheme": "mlflow", "value": value}}
    said["facts"]["name"] = name
    one = version(1, "x", aliases=[name])
    one["subject"]["value"] = f"{value}/1"
    one["facts"]["model"] = said["subject"]
    receipt = post(service.database, source, said, one)
    (listed,) = service.get("models")["items"]
    (numbered,) = service.get("versions")["items"]
    alias = f"{listed['url']}/versions/@{path_segment(encode_segment(name))}"

    assert receipt.refused == ()
    assert listed["facts"]["name"] == name
    assert listed["url"] == f"/api/v1/models/retail/{path_segment(fold_name(encode_segment(name)))}"
    assert service.get(listed["url"])["id"] == listed["id"]
    assert service.get(numbered["url"])["id"] == numbered["id"] == service.get(alias)["id"]
    assert service.get(f"{numbered['url']}/compare/1")["model"] == listed["name"]
    assert len(service.get(f"{listed['url']}/history")["items"]) >= 1
    assert service.get("explain", mlflow=value)["verdict"] == "in_catalog"
    assert service.get(f"{listed['url']}/versions", page_size="1")["items"] == [numbered]


def test_names_alike(service: Service) -> None:
    """Names that differ only by case or normal form are one: the second is refused, and says so."""
    source = make_source(service.database)
    pairs: tuple[Any, ...] = (("Churn", "churn"), ("\u00e9tude", "e\u0301tude"))
    for first, second in pairs:
        post(service.database, source, model(first))
        receipt = post(service.database, source, model(second))
        composed = first.isascii()
        assert [one.code for one in receipt.refused] == (["name_collision"] if composed else [])
    assert {one["facts"]["name"] for one in service.get("models")["items"]} == {"Churn", "étude"}
    for spelling in ("CHURN", "churn", "%C3%A9tude", "e%CC%81tude", "%C3%89TUDE"):
        assert service.get(f"models/retail/{spelling}")["gone_since"] is None
    refused = service.get("explain", mlflow="mlflow-prod/default/churn")
    assert (refused["verdict"], refused["refusals"][0]["code"]) == ("quarantined", "name_collision")
