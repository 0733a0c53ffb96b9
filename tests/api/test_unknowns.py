"""What no source could tell: rows, filters, totals, pages and files; stated empty is known."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from schemas.harvest import Outcome, Skipped
from schemas.report_columns import REPORTS
from tests.api.test_stale import declare, put_back, sweep
from tests.conftest import Statements
from tests.support.catalog import NOON, Sweep, make_source, model, post, version
from tests.support.http import Service

ADA = {"kind": "owner", "scheme": "email", "value": "ada@acme.example"}
TEAM = {"kind": "owner", "scheme": "handle", "value": "team-x"}
DATA = {"dataset": {"kind": "dataset", "scheme": "uri", "value": "s3://lake/churn"}}
RUN = {"kind": "training_run", "scheme": "mlflow", "value": "mlflow-prod/default/r1"}
SERVED = {"kind": "version", "scheme": "mlflow", "value": "mlflow-prod/default/churn/1"}


def said(subject: Any, **facts: Any) -> Any:
    """An observation."""
    return {"subject": subject, "observed_at": NOON, "facts": facts}


def found(service: Service, token: str | None = None, **asked: str) -> set[tuple[str, str | None]]:
    """What is unknown of what."""
    rows = service.get("unknowns", token, page_size="1000", **asked)["items"]
    return {(row["what"], row["name"] or row["scope"] or row["source"]) for row in rows}


@pytest.fixture
def asked(service: Service) -> Service:
    """A catalog in which some things are known, some stated empty, and some nobody said."""
    source = make_source(service.database)
    k8s = {"kind": "deployment", "scheme": "k8s", "value": "cluster/one"}
    sweep(
        service.database, source,
        model(owners=[{"owner": ADA}], datasets=[]),
        version(1, training_run=RUN, datasets=[DATA]),
        version(2),
        model("bare"),
        model("nobody", owners=[]),
        model("helped", owners=[{"owner": TEAM, "role": "developer"}]),
        said(RUN, source_commit="a" * 40),
        said(k8s, version=SERVED),
        said({**k8s, "value": "cluster/two"}, platform="k8s"),
        said(ADA, active=False),
        scope="registry/default",
    )  # fmt: skip
    return service


def test_unknowns(asked: Service) -> None:
    """Not stated is unknown, stated empty is not; what a run says its versions know."""
    assert found(asked) == {
        ("model_without_owner", "retail/bare"), ("model_without_owner", "retail/helped"),
        *(("model_without_data", f"retail/{name}") for name in ("bare", "nobody", "helped")),
        *(("model_without_build", f"retail/{name}") for name in ("bare", "nobody", "helped")),
        ("version_without_training_run", "retail/churn/2"),
        ("version_without_data", "retail/churn/2"),
        ("version_without_build", "retail/churn/2"),
        ("deployment_without_version", "cluster/two"),
        ("stub", "s3://lake/churn"), ("stub", "team-x"),
        ("owner_left", "retail/churn"),
    }  # fmt: skip
    row = asked.get("unknowns", what="owner_left")["items"][0]
    assert (row["owner"], row["url"]) == ("ada@acme.example", "/api/v1/models/retail/churn")
    assert row["why"]
    assert row["todo"]


def test_repository_without_manifest(service: Service) -> None:
    """A repository that should hold a model and holds none is a gap, and no model."""
    source = make_source(service.database, "github-acme", kind="github", namespace="retail")
    expecting = {"expects_models": True}
    facts: tuple[dict[str, Any], ...] = (
        {"manifests": []} | expecting,
        {"manifests": ["model.yaml"]} | expecting,
        {"manifests": [], "expects_models": False},
        {"manifests": [], "archived": True} | expecting,
        expecting,
    )
    for number, stated in enumerate(facts, start=1):
        subject = {"kind": "repository", "scheme": "github", "value": f"github.com/{number}"}
        post(service.database, source, said(subject, **stated))

    asked: tuple[dict[str, str], ...] = ({}, {"namespace": "retail"}, {"source": "github-acme"})
    for also in asked:
        assert found(service, what="repository_without_manifest", **also) == {
            ("repository_without_manifest", "github.com/1"),
            ("repository_without_manifest", "github.com/5"),
        }
    assert service.get("models")["items"] == []


def test_unknowns_late(asked: Service) -> None:
    """Stated empty by a source that is late is no complete look: nobody knows."""
    put_back(asked.database, 5)

    assert ("model_without_owner", "retail/nobody") in found(asked)
    assert ("model_without_data", "retail/churn") not in found(asked)  # a version of it names some
    assert ("scope_late", "registry/default") in found(asked)


def test_unknowns_sources(service: Service) -> None:
    """Sources and scopes that nobody could read, or was allowed to, or that are in nobody's map."""
    prod = make_source(service.database, namespaces={"team-b": "wholesale"})
    make_source(service.database, "idle", namespace="wholesale")
    make_source(service.database, "ci", kind="ci")
    make_source(service.database, "off", enabled=False)
    denied = [Skipped(code="not_readable", message="403")]
    sweep(service.database, prod, model(), scope="registry/default", skipped=denied)
    for scope, error in (
        ("registry/team-b", "SourceUnavailable: timeout"),
        ("registry/team-c", "SourceRefused: namespace_unmapped: name one for team-c"),
        ("registry/team-d", "NotAllowed: list: PERMISSION_DENIED"),
    ):
        sweep(service.database, prod, scope=scope, outcome=Outcome.FAILED, error=error)
    whats = "source_not_permitted,source_never_harvested,source_disabled,scope_never_complete,"
    rows = found(service, what=whats + "scope_late,namespace_unmapped")

    assert rows == {
        ("source_not_permitted", "registry/default"), ("source_not_permitted", "registry/team-d"),
        ("source_never_harvested", "idle"), ("source_disabled", "off"),
        *(("scope_never_complete", f"registry/team-{letter}") for letter in "bcd"),
        ("namespace_unmapped", "registry/team-c"),
    }  # fmt: skip
    declare(service.database, "mlflow-prod", enabled=False)
    assert ("source_not_permitted", "registry/default") not in found(service)


def test_unknowns_filtered(asked: Service) -> None:
    """By kind, namespace, source and owner; a name that does not exist is answered with one."""
    make_source(asked.database, "mlflow-other", namespace="wholesale")

    assert found(asked, what="stub") == {("stub", "s3://lake/churn"), ("stub", "team-x")}
    assert found(asked, namespace="wholesale") == {("source_never_harvested", "mlflow-other")}
    assert found(asked, source="mlflow-other") == {("source_never_harvested", "mlflow-other")}
    assert found(asked, owner="ada@acme.example") == {
        ("owner_left", "retail/churn"),
        *((f"version_without_{name}", "retail/churn/2") for name in
          ("training_run", "data", "build")),
    }  # fmt: skip
    for wrong, near in (
        ("what=model_without_ownr", "model_without_owner"), ("namespace=retial", "retail"),
        ("source=mlflow-othr", "mlflow-other"), ("sort=what", ""), ("count=some", ""),
    ):  # fmt: skip
        answer = asked.ask("GET", f"unknowns?{wrong}", asked.reader)
        assert (answer.status_code, near in answer.text) == (422, True), wrong


def test_unknowns_visibility(asked: Service) -> None:
    """A reader of another namespace learns nothing of this one."""
    make_source(asked.database, "idle", namespace="wholesale")
    elsewhere = asked.token(namespaces=["wholesale"])

    assert found(asked, elsewhere) - {("stub", "team-x")} == {("source_never_harvested", "idle")}
    assert asked.get("unknowns", elsewhere, count="exact")["total"] == 2


def test_unknowns_pages_and_totals(asked: Service) -> None:
    """Pages go through every part in order, none twice; the totals are of all of it."""
    whole = asked.get("unknowns", page_size="1000", count="exact")
    for size in ("1", "2", "5"):
        page = asked.get("unknowns", page_size=size)
        listed = page["items"]
        while page["next_page_token"]:
            page = asked.get("unknowns", page_size=size, page_token=page["next_page_token"])
            listed += page["items"]
        assert listed == whole["items"]

    kinds = [row["what"] for row in whole["items"]]
    assert whole["totals"] == {what: kinds.count(what) for what in whole["totals"]}
    assert (whole["total"], len(whole["totals"])) == (len(kinds), 16)
    foreign = asked.ask("GET", f"unknowns?what=stub&page_token={'x' * 20}", asked.reader)
    assert foreign.status_code == 400


def test_unknowns_files(asked: Service) -> None:
    """CSV, JSON Lines and XLSX hold what the pages hold, in their order."""
    items = asked.get("unknowns", page_size="1000")["items"]
    text, lines, sheet = (
        asked.ask("GET", f"unknowns.{form}", asked.reader) for form in ("csv", "jsonl", "xlsx")
    )
    records = list(csv.DictReader(io.StringIO(text.text)))

    assert list(records[0]) == [column.name for column in REPORTS["unknowns"]]
    assert [json.loads(line) for line in lines.text.splitlines()] == items
    assert [(r["what"], r["name"]) for r in records] == [(i["what"], i["name"]) for i in items]
    assert sheet.status_code == 200
    assert asked.ask("GET", "unknowns.pdf", asked.reader).status_code == 404


def test_unknowns_statements(asked: Service, statements: Statements) -> None:
    """A page costs the same few statements, whatever is unknown, and however much."""

    def counted() -> int:
        with statements() as said:
            asked.get("unknowns", page_size="3")
        return len([one for one in said if "FROM token" not in one])

    few = counted()
    source = make_source(asked.database)
    post(asked.database, source, *(model(f"m{n}") for n in range(50)))
    assert (few, counted()) == (few, few)
    assert few <= 4


def test_coverage_waiting(service: Service) -> None:
    """Coverage tells what waits in quarantine of a scope, and what was pushed beside it."""
    source = make_source(service.database)
    made = Sweep(service.database, source)
    made.send(model(), {"subject": "nothing"})
    made.close()
    post(service.database, source, {"x": 1}, {"x": 2})
    (row,) = service.get("coverage")["items"]

    assert (row["refused_open"], row["held_back_open"], row["pushed_refused_open"]) == (1, 0, 2)
    assert (row["refused"], row["error"], row["ahead"]) == (1, None, 0)
    sweep(service.database, source, scope="registry/default", outcome=Outcome.FAILED, error="boom")
    assert service.get("coverage")["items"][0]["error"] == "boom"
    wrong = service.ask("GET", "coverage?source=mlflow-prd", service.reader)
    assert (wrong.status_code, "mlflow-prod" in wrong.text) == (422, True)


@pytest.mark.parametrize(
    ("path", "name", "role"),
    [("coverage", "coverage", "reader"), ("sources", "sources", "admin"),
     ("sources/mlflow-prod/harvests", "harvests", "admin"), ("quarantine", "quarantine", "admin")],
)  # fmt: skip
def test_operation_files(service: Service, path: str, name: str, role: str) -> None:
    """Lists of operation as files: the columns that are documented, the rows that pages hold."""
    source = make_source(service.database)
    made = Sweep(service.database, source)
    made.send(model(), {"subject": "=cmd()"})
    made.close(skipped=[Skipped(code="not_readable", message="403")] * 3, counts={"excluded": 2})
    token = service.token(role)
    answer = service.get(path, token)
    items = answer if isinstance(answer, list) else answer["items"]
    text, lines, sheet = (
        service.ask("GET", f"{path}.{form}", token) for form in ("csv", "jsonl", "xlsx")
    )
    records = list(csv.DictReader(io.StringIO(text.text)))

    assert [answer.status_code for answer in (text, lines, sheet)] == [200] * 3, text.text
    assert list(records[0]) == [column.name for column in REPORTS[name]]
    assert len(records) == len(items) == len(lines.text.splitlines()) == 1
    if name != "sources":
        without_age = [
            {**json.loads(line), "age_seconds": None} for line in lines.text.splitlines()
        ]
        assert (
            without_age == [{**item, "age_seconds": None} for item in items] or name != "coverage"
        )
    if name in {"coverage", "harvests"}:
        assert records[0]["left_out"] == "excluded=2"
        assert records[0]["skipped"] == "not_readable=3"
        assert records[0]["seen"] == "1"
    assert service.ask("GET", f"{path}.csv?dialect=odd", token).status_code == 422
    assert service.ask("GET", f"{path}.csv?page_size=1", token).status_code == 422
    negotiated = service.ask("GET", path, token, headers={"Accept": "text/csv"})
    assert negotiated.headers["content-type"].startswith("text/csv")


def test_sources_file_late(service: Service) -> None:
    """The file of sources names the scopes that are late."""
    source = make_source(service.database)
    sweep(service.database, source, model(), scope="registry/default")
    sweep(service.database, source, scope="runs/default")
    put_back(service.database, 3, "registry/default")
    text = service.ask("GET", "sources.csv", service.token("admin")).text
    (row,) = csv.DictReader(io.StringIO(text))

    assert (row["scopes"], row["late_scopes"]) == ("2", "registry/default")
    assert row["expected_interval_seconds"] == "3600"


def test_owner_left_at(service: Service) -> None:
    """Who left in the past has left; who will leave has not yet."""
    source = make_source(service.database)
    with service.database.reading() as session:
        now = session.execute(sa.select(sa.func.now())).scalar_one()
    later = (now + timedelta(days=30)).isoformat()
    post(service.database, source, model(owners=[{"owner": ADA}]),
         model("f", owners=[{"owner": TEAM}]), said(ADA, left_at="2020-01-01T00:00:00Z"),
         said(TEAM, left_at=later))  # fmt: skip

    assert found(service, what="owner_left") == {("owner_left", "retail/churn")}
