"""Visibility: a namespace is the boundary, in every list, detail, count, export and feed."""

from typing import Any

import pytest
import sqlalchemy as sa

from service.catalog.select import entry, visible
from tests.support.catalog import make_reader, make_source, model, post, version
from tests.support.http import Service, wait_for_feed

HIDDEN = "zz-hidden"
RUN = {"kind": "training_run", "scheme": "mlflow", "value": "mlflow-b/default/zz-hidden-run"}
OWNER = {"owner": {"kind": "owner", "scheme": "email", "value": "ada@acme.example"}}


@pytest.fixture
def divided(service: Service) -> Service:
    """Two namespaces: `retail` has a public model, `hidden` one that nobody else may notice."""
    a = make_source(service.database, "mlflow-a")
    b = make_source(service.database, "mlflow-b", namespace="hidden", may_name=["hidden", "retail"])
    post(
        service.database,
        a,
        model(source="mlflow-a", description="open", owners=[OWNER]),
        version(1, source="mlflow-a"),
    )
    hidden = model(HIDDEN, source="mlflow-b", description=HIDDEN, tags=[HIDDEN], owners=[OWNER])
    hidden["facts"]["namespace"] = "hidden"
    numbered = version(1, HIDDEN, source="mlflow-b", training_run=RUN, aliases=[HIDDEN])
    post(service.database, b, hidden, numbered)
    wait_for_feed(service.database)
    return service


def everything(service: Service, token: str) -> dict[str, Any]:
    """All that a caller can read, by address."""
    paths = (
        "models", "versions", "models.csv", "versions.csv", "changes", "models?gone=true",
        f"models?name={HIDDEN}", f"models?namespace=hidden,retail&tags__has={HIDDEN}",
        f"versions?alias={HIDDEN}", "models?source=mlflow-b", "models?owner=ada@acme.example",
        "models/retail/churn?provenance=true", "models/retail/churn/versions",
        "models/retail/churn/versions/1?provenance=true",
    )  # fmt: skip
    return {path: service.ask("GET", path, token).text for path in paths}


def test_visibility_nothing_of_another_namespace(divided: Service) -> None:
    """AUTHZ-04, AUTHZ-06: absent everywhere, counts included, for whoever may not read it."""
    mine = everything(divided, divided.token(namespaces=["retail"]))
    all_of_it = everything(divided, divided.reader)

    assert [path for path, said in mine.items() if HIDDEN in said] == []
    assert [path for path in mine if HIDDEN in all_of_it[path]] == [
        "models", "versions", "models.csv", "versions.csv", "changes", f"models?name={HIDDEN}",
        f"models?namespace=hidden,retail&tags__has={HIDDEN}", f"versions?alias={HIDDEN}",
        "models?source=mlflow-b", "models?owner=ada@acme.example",
    ]  # fmt: skip
    assert mine["models"].count('"id"') == 1
    assert "mlflow-b" not in "".join(mine.values())


def test_visibility_foreign_like_missing(divided: Service) -> None:
    """AUTHZ-04: what is hidden answers exactly like what does not exist, tag and length too."""
    token = divided.token(namespaces=["retail"])
    pairs = (
        (f"models/hidden/{HIDDEN}", "models/hidden/zz-missing"),
        (f"models/hidden/{HIDDEN}/versions", "models/hidden/zz-missing/versions"),
        (f"models/hidden/{HIDDEN}/versions/1", "models/hidden/zz-missing/versions/1"),
        (f"models/hidden/{HIDDEN}/versions/@{HIDDEN}", "models/hidden/zz-missing/versions/@x"),
    )
    for hidden, missing in pairs:
        answers = [divided.ask("GET", path, token) for path in (hidden, missing)]
        changing = {"x-trace-id": "", "date": ""}

        assert [answer.status_code for answer in answers] == [404, 404]
        one, other = (answer.json() | {"trace_id": ""} for answer in answers)
        assert one == other
        one, other = (dict(answer.headers) | changing for answer in answers)
        assert one == other
        assert divided.ask("GET", hidden, divided.reader).status_code == 200


def test_visibility_exact_names(divided: Service) -> None:
    """AUTHZ-17: a namespace grants itself, not what begins like it."""
    for namespace in ("retai", "retail-x", "hidde", "ret_il", "nobody"):
        token = divided.token(namespaces=[namespace])
        assert divided.get("models", token)["items"] == []
        assert {c["kind"] for c in divided.get("changes", token)["items"]} <= {"owner"}
        assert divided.ask("GET", "models/retail/churn", token).status_code == 404
        assert divided.ask("GET", "models.csv", token).text.count("\r\n") == 1


def test_visibility_of_what_is_said_about_an_entry(divided: Service) -> None:
    """Who may see an entry sees all that is said about it, whichever source says it.

    A source whose `may_name` includes a namespace speaks there: its statement is part of the entry,
    its own namespace stays unseen.
    """
    b = make_source(divided.database, "mlflow-b", namespace="hidden", may_name=["hidden", "retail"])
    also = model("churn", source="mlflow-b", at="2026-11-21T00:00:00Z", description="contender")
    post(divided.database, b, also)
    token = divided.token(namespaces=["retail"])
    found = divided.get("models/retail/churn", token, provenance="true")
    said = found["provenance"]["description"]

    assert found["sources"] == ["mlflow-a", "mlflow-b"]
    assert {said["source"], *(c["source"] for c in said["contenders"])} == {"mlflow-a", "mlflow-b"}
    assert found["identifiers"] == [
        "mlflow:mlflow-a/default/churn", "mlflow:mlflow-b/default/churn", "name:retail/churn",
    ]  # fmt: skip
    assert [row["name"] for row in divided.get("models", token)["items"]] == ["retail/churn"]


def test_visibility_feed(divided: Service) -> None:
    """AUTHZ-07: readers see changes of what they may read; tokens and sources are the admins'."""
    bound, free = divided.token(namespaces=["retail"]), divided.reader
    admin = divided.token("admin")
    kinds = {
        who: {change["kind"] for change in divided.get("changes", token, page_size="1000")["items"]}
        for who, token in (("bound", bound), ("free", free), ("admin", admin))
    }

    assert kinds["bound"] == {"model", "version", "owner"}
    assert kinds["free"] <= {"model", "version", "owner", "training_run"}
    assert kinds["admin"] >= kinds["free"] | {"source", "token"}


def test_visibility_through_links(divided: Service) -> None:
    """What has no namespace is seen through those of what links to it; owners by every reader."""
    with divided.database.reading() as session:
        seen = {
            namespace: [
                row.kind
                for row in session.execute(
                    sa.select(entry.c.kind)
                    .where(visible(make_reader(frozenset({namespace}))))
                    .order_by(entry.c.kind)
                )
            ]
            for namespace in ("retail", "hidden", "nobody")
        }

    assert seen == {
        "retail": ["model", "owner", "version"],
        "hidden": ["model", "owner", "training_run", "version"],
        "nobody": ["owner"],
    }
