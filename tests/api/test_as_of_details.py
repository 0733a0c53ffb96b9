"""Details as they stood: names, versions, aliases, counts, whom they name, for ever the same."""

from typing import Any, Final

import pytest

from schemas.strict import instant_text
from tests.api.test_as_of import ADA, BOB, comparable, moment, writing
from tests.conftest import Statements
from tests.support.catalog import gone, make_source, model, post, rows, version
from tests.support.http import Service

LAKE: Final[dict[str, Any]] = {"kind": "dataset", "scheme": "uri", "value": "s3://lake/churn"}
RUN: Final = {"kind": "training_run", "scheme": "mlflow", "value": "mlflow-prod/default/run-1"}
USE: Final = {"kind": "use", "scheme": "name", "value": "retail/churn/offers"}
POD: Final = {"kind": "deployment", "scheme": "k8s", "value": "cluster/churn"}
LAKE_ADDRESS: Final = "datasets/uri:s3:%2F%2Flake%2Fchurn"
DETAILS: Final = (
    "models/retail/churn", "models/retail/churn?provenance=true",
    "models/retail/churn/versions/1", "models/retail/churn/versions/2",
    "models/retail/churn/versions/@champion", "models/retail/churn/versions/1/compare/2",
    LAKE_ADDRESS, "owners/email:ada@acme.example", "owners/email:bob@acme.example",
    "training-runs/mlflow:mlflow-prod%2Fdefault%2Frun-1", "uses/name:retail%2Fchurn%2Foffers",
    "deployments/k8s:cluster%2Fchurn",
    "models/retail/churn/versions", "models/retail/churn/uses", "models/retail/churn/owners",
    "models/retail/churn/deployments", f"{LAKE_ADDRESS}/models",
    "owners/email:ada@acme.example/models", "models/retail/churn/history",
    "models/retail/churn/versions/2/history", f"{LAKE_ADDRESS}/history", "namespaces",
)  # fmt: skip


def said(subject: Any, at: str, **facts: Any) -> Any:
    """An observation of anything."""
    return {"subject": subject, "observed_at": f"2026-11-{at}T00:00:00Z", "facts": facts}


def ask(service: Service, path: str, as_of: str = "") -> Any:
    """An address, perhaps of a moment."""
    asked = f"{'&' if '?' in path else '?'}as_of={as_of}" if as_of else ""
    return service.ask("GET", f"{path}{asked}", service.reader)


def shown(service: Service, as_of: str = "") -> dict[str, Any]:
    """What each address answers: its status, and its body where there is one."""
    found = {}
    for path in DETAILS:
        answer = ask(service, path, as_of)
        told = answer.json()
        told.pop("judgement", None)  # of now alone
        body = comparable(told) if answer.status_code == 200 else told["code"]
        found[path] = answer.status_code, body
    return found


def evidence(at: str, document: Any) -> Any:
    """The same observation with a page of its own."""
    return document | {"evidence": {"url": f"https://mlflow.acme.example/{at}"}}


@pytest.fixture
def changing(service: Service) -> tuple[Service, list[tuple[str, dict[str, Any]]]]:
    """A catalog in five states, each with the moment at which it was read."""
    source = make_source(service.database)
    batches: tuple[list[Any], ...] = (
        [evidence("1", model(owners=[ADA], description="first")),
         version(1, aliases=["champion"], training_run=RUN)],
        [version(2, datasets=[{"dataset": LAKE, "role": "training"}]),
         said(USE, "20", model=model()["subject"], name="offers"),
         said(POD, "20", version=version(1)["subject"])],
        [evidence("3", model(at="2026-11-21T00:00:00Z", owners=[BOB])),
         version(1, at="2026-11-21T00:00:00Z", aliases=[]),
         version(2, at="2026-11-21T00:00:00Z", aliases=["champion"], training_run=RUN),
         said(POD, "21", version=version(2)["subject"])],
        [model(at="2026-11-22T00:00:00Z", owners=[BOB], namespace="retail", description="fourth"),
         said(LAKE, "22", records=7), said(ADA["owner"], "22", display_name="Ada")],
        [gone(version(1), "2026-11-23T00:00:00Z"), gone({"subject": POD}, "2026-11-23T00:00:00Z")],
    )  # fmt: skip
    stood = []
    for batch in batches:
        assert post(service.database, source, *batch).refused == ()
        stood.append((moment(service), shown(service)))
    return service, stood


def test_details_as_of(changing: tuple[Service, list[tuple[str, dict[str, Any]]]]) -> None:
    """Each detail, each list below one and each history answers what it answered then."""
    service, stood = changing
    assert len({str(answers) for _, answers in stood}) == len(stood)
    for when, answers in stood:
        assert shown(service, as_of=when) == answers


def test_details_as_of_for_ever(changing: tuple[Service, Any]) -> None:
    """The same bytes under the same tag, whatever happens later."""
    service, stood = changing
    asked = f"models/retail/churn?as_of={stood[1][0]}"
    first = service.ask("GET", asked, service.reader)
    source = make_source(service.database)
    post(service.database, source, model(at="2026-11-24T00:00:00Z", description="later"))
    second = service.ask("GET", asked, service.reader)
    known = {"If-None-Match": first.headers["etag"]}

    assert (second.content, second.headers["etag"]) == (first.content, first.headers["etag"])
    assert service.ask("GET", asked, service.reader, headers=known).status_code == 304


def test_details_as_of_renamed(service: Service) -> None:
    """A model is found by the name that it had, with its versions; today's name meant nothing."""
    source = make_source(service.database)
    post(service.database, source, model(), version(1, aliases=["champion"]))
    entry, before = service.get("models/retail/churn")["id"], moment(service)
    renamed = model(at="2026-11-21T00:00:00Z") | {"facts": {"namespace": "retail", "name": "loss"}}
    post(service.database, source, renamed)

    for name, as_of, status in (
        ("churn", before, 200), ("loss", before, 404), ("churn", "", 404), ("loss", "", 200),
    ):  # fmt: skip
        for below in ("", "/versions/1", "/versions/@champion", "/history", "/versions"):
            path = f"models/retail/{name}{below}" + (f"?as_of={as_of}" if as_of else "")
            answer = service.ask("GET", path, service.reader)
            assert answer.status_code == status, path
            if not below and status == 200:
                assert (answer.json()["id"], answer.json()["name"]) == (entry, f"retail/{name}")
    told = service.get("models/retail/loss/history")["items"]
    assert {("create", None), ("update", "name")} <= {(one["op"], one["field"]) for one in told}


def test_details_as_of_merged(service: Service) -> None:
    """What was merged since stood alone then, under its own name and identifiers."""
    source, other = (make_source(service.database, name) for name in ("mlflow-prod", "mlflow-two"))
    theirs = model("loss", source="mlflow-two")
    post(service.database, source, model(), version(1))
    post(service.database, other, theirs, version(7, "loss", "mlflow-two"))
    both = [service.get(f"models/retail/{name}") for name in ("churn", "loss")]
    before = moment(service)
    joined = theirs | {"observed_at": "2026-11-21T00:00:00Z", "same_as": [model()["subject"]]}
    assert post(service.database, other, joined).refused == ()
    then = [service.get(f"models/retail/{name}", as_of=before) for name in ("churn", "loss")]

    assert then == both
    assert both[0]["id"] != both[1]["id"]
    assert then[1]["identifiers"] == ["mlflow:mlflow-two/default/loss", "name:retail/loss"]
    assert service.get("models/retail/loss/versions", as_of=before)["items"] != []
    now = service.get("models/retail/loss")
    assert "mlflow:mlflow-two/default/loss" in now["identifiers"]


def test_details_as_of_refused(changing: tuple[Service, Any]) -> None:
    """The future is no moment, and one that is not settled names the latest that is."""
    service, _ = changing
    with writing(service.database) as connection:
        connection.exec_driver_sql("SELECT 1")
        now = rows(service.database, "SELECT clock_timestamp()")[0][0]
        for path in DETAILS:
            future = ask(service, path, "2999-01-01")
            assert future.status_code == 422, path
            refused = ask(service, path, instant_text(now))
            assert (refused.status_code, refused.json()["code"]) == (409, "moment_unsettled"), path
            named = refused.json()["errors"][0]["fix"].rpartition(": ")[2].rstrip(".")
            accepted = ask(service, path, named)
            assert accepted.status_code in {200, 404}, path


def test_details_as_of_todays_rights(changing: tuple[Service, Any]) -> None:
    """Who may not see a namespace today sees nothing of its past."""
    service, stood = changing
    token = service.token(namespaces=["wholesale"])
    for path in ("models/retail/churn", "models/retail/churn/versions/1", LAKE_ADDRESS):
        answer = service.ask("GET", path, token, params={"as_of": stood[-1][0]})
        assert answer.status_code == 404, path


def test_details_as_of_statements(changing: tuple[Service, Any], statements: Statements) -> None:
    """The past costs as many statements however much happened; one more tells what is settled."""
    service, stood = changing
    for path, present in (("models/retail/churn", 3), (LAKE_ADDRESS, 4)):
        for asked, expected in ({}, present), ({"as_of": stood[0][0]}, present + 1), (
            {"as_of": stood[-1][0]}, present + 1,
        ):  # fmt: skip
            if path == LAKE_ADDRESS and asked.get("as_of") == stood[0][0]:
                continue  # nobody had named it then
            with statements() as said:
                service.get(path, **asked)
            found = [one for one in said if "FROM token" not in one]
            assert len(found) == expected, (path, asked, [one[:90] for one in found])


def test_namespace_that_is_past(service: Service) -> None:
    """A namespace that nobody writes into any more can still be asked for in the past."""
    source = make_source(service.database, may_name=["retail", "loans"])
    loans = model() | {"facts": {"namespace": "loans", "name": "churn"}}
    post(service.database, source, loans)
    before = moment(service)
    make_source(service.database, may_name=["retail"])
    post(service.database, source, model(at="2026-11-21T00:00:00Z"))

    found = service.get("models", namespace="loans", as_of=before)["items"]
    assert [one["name"] for one in found] == ["loans/churn"]
    refused = service.ask("GET", "models?namespace=loans", service.reader)
    assert refused.status_code == 422
    nowhere = service.ask("GET", f"models?namespace=loan&as_of={before}", service.reader)
    assert nowhere.json()["errors"][0]["fix"] == "Did you mean loans?"
