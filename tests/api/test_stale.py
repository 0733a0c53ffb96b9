"""What is stale is marked in every list, file and detail; what is unseen is visible too."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from schemas.columns import TABLES
from schemas.harvest import Coverage, Outcome
from schemas.sources import SourceSettings
from service.db import Database
from service.ingest.declare import declare_source
from tests.conftest import Statements
from tests.support.catalog import NOON, OPERATOR, Sweep, make_source, model, post, rows, version
from tests.support.http import Service

RUN = {"subject": {"kind": "training_run", "scheme": "mlflow", "value": "mlflow-prod/default/r1"},
       "observed_at": NOON, "facts": {"status": "FINISHED"}}  # fmt: skip


def sweep(database: Database, source: Any, *documents: Any, scope: str, **closing: Any) -> None:
    """One full harvest from beginning to end."""
    made = Sweep(database, source, scope=scope)
    made.sweep(*documents)
    made.close(**closing)


def put_back(database: Database, hours: float, scope: str = "%") -> None:
    """Let the harvests of a scope have been so much earlier."""
    with database.writing() as session:
        for table, columns in (
            ("scope", ("full_opened_at", "full_closed_at", "delta_closed_at")),
            ("harvest", ("opened_at", "lease_until", "closed_at")),
        ):
            moved = ", ".join(f"{column} = {column} - :by" for column in columns)
            chosen = "SELECT id FROM scope WHERE name LIKE :scope"
            own = "id" if table == "scope" else "scope_id"
            statement = f"UPDATE {table} SET {moved} WHERE {own} IN ({chosen})"  # noqa: S608
            session.execute(sa.text(statement), {"by": timedelta(hours=hours), "scope": scope})


def declare(database: Database, name: str, **settings: Any) -> None:
    """Change a source."""
    asked = SourceSettings.model_validate(
        {"name": name, "kind": "mlflow", "namespace": "retail"} | settings
    )
    database.transact(lambda session: declare_source(session, asked, actor=OPERATOR, request=None))


def now(database: Database) -> str:
    """This moment, settled."""
    ((moment,),) = rows(database, "SELECT clock_timestamp()")
    return str(moment.isoformat())


@pytest.fixture
def two(service: Service) -> Service:
    """A source that reads two workspaces, one that is pushed to by people, and one beside them."""
    prod = make_source(
        service.database, namespaces={"team-b": "wholesale"}, may_name=["retail", "wholesale"]
    )
    other = make_source(service.database, "mlflow-other")
    ci = make_source(service.database, "ci", kind="ci")
    sweep(service.database, prod, model(), version(1), model("fraud"), scope="registry/default")
    sweep(service.database, prod, RUN, scope="runs/default")
    sweep(
        service.database,
        other,
        model(source="mlflow-other") | {"same_as": []},
        scope="registry/default",
    )
    post(
        service.database,
        ci,
        model("pushed", source="ci")
        | {"subject": {"kind": "model", "scheme": "name", "value": "retail/pushed"}},
    )
    return service


def stale(service: Service, path: str = "models", **asked: str) -> dict[str, list[str]]:
    """The stale sources of each entry of a list; its CSV says the same."""
    found = {row["name"]: row["stale"] for row in service.get(path, **asked)["items"]}
    text = service.ask("GET", f"{path}.csv", service.reader, params=asked).text
    own = path.rstrip("s").replace("-", "_")
    named = list(csv.DictReader(io.StringIO(text)))
    assert [row["stale"] for row in named] == [
        "; ".join(found[row[own] if own != "version" else f"{row['model']}/{row[own][1:]}"])
        for row in named
    ]
    return found


def test_stale_nothing(two: Service) -> None:
    """While every scope is in time nothing is marked, and no list pays for it."""
    assert stale(two) == {"retail/churn": [], "retail/fraud": [], "retail/pushed": []}
    assert two.get("models", stale="true")["items"] == []
    assert len(two.get("models", stale="false")["items"]) == 3


@pytest.mark.parametrize(("hours", "marked"), [(1.9, []), (2.1, ["mlflow-prod"])])
def test_stale_after_two_intervals(two: Service, hours: float, marked: list[str]) -> None:
    """After two missed intervals everything that a scope said is stale, and not before."""
    put_back(two.database, hours)
    both = [*(["mlflow-other"] if marked else []), *marked]

    assert stale(two) == {"retail/churn": both, "retail/fraud": marked, "retail/pushed": []}
    assert stale(two, "versions") == {"retail/churn/1": marked}
    assert stale(two, "training-runs") == {"mlflow-prod/default/r1": marked}


def test_stale_by_scope(two: Service) -> None:
    """A scope that is late marks its own facts; those of the source's other scopes stay fresh."""
    put_back(two.database, 5, "runs/default")

    assert stale(two, "training-runs") == {"mlflow-prod/default/r1": ["mlflow-prod"]}
    assert set(map(tuple, stale(two).values())) == {()}
    assert stale(two, "versions") == {"retail/churn/1": []}


def test_stale_filtered_and_counted(two: Service) -> None:
    """`stale` and `stale_source` choose rows, `facet=stale` counts them; a wrong source is told."""
    put_back(two.database, 5, "registry/default")
    put_back(two.database, -5, "nothing")
    declare(two.database, "mlflow-other", enabled=False)
    asked = {"stale": "true", "count": "exact", "facet": "stale"}
    page = two.get("models", **asked)

    assert [row["name"] for row in page["items"]] == ["retail/churn", "retail/fraud"]
    assert (page["total"], page["facets"]["stale"]["values"]) == (
        2,
        [{"value": "true", "count": 2}],
    )
    assert [row["name"] for row in two.get("models", stale="false")["items"]] == ["retail/pushed"]
    other = two.get("models", stale_source="mlflow-other")["items"]
    assert [row["name"] for row in other] == ["retail/churn"]
    assert two.get("models", stale_source="ci")["items"] == []
    wrong = two.ask("GET", "models?stale_source=mlflow-othr", two.reader)
    assert (wrong.status_code, "mlflow-other" in wrong.text) == (422, True)
    for bad in ("stale=maybe", "stale__is=known", "sort=stale", "stale_source="):
        assert two.ask("GET", f"models?{bad}", two.reader).status_code == 422, bad


def test_stale_disabled(two: Service) -> None:
    """A disabled source's facts are stale at once, pushed ones too; enabled again they are not."""
    declare(two.database, "ci", kind="ci", enabled=False)
    assert stale(two) == {"retail/churn": [], "retail/fraud": [], "retail/pushed": ["ci"]}

    declare(two.database, "ci", kind="ci", enabled=True)
    assert stale(two)["retail/pushed"] == []


def test_stale_never_complete(two: Service) -> None:
    """What a scope said whose harvests never got to their end is stale as well, in time."""
    source = make_source(two.database, "mlflow-third")
    sweep(two.database, source, model("third", source="mlflow-third"), scope="registry/default",
          outcome=Outcome.FAILED, error="cut")  # fmt: skip
    post(two.database, source, model("fourth", source="mlflow-third"))
    assert stale(two)["retail/third"] == []
    with two.database.writing() as session:
        session.execute(sa.text("UPDATE harvest SET opened_at = opened_at - interval '3 hours' "
                                "WHERE outcome = 'failed'"))  # fmt: skip

    assert stale(two)["retail/third"] == stale(two)["retail/fourth"] == ["mlflow-third"]


def test_stale_late_again_fresh(two: Service) -> None:
    """The next complete harvest, a delta too, makes the facts fresh; a failed one does not."""
    put_back(two.database, 9)
    source = make_source(
        two.database, namespaces={"team-b": "wholesale"}, may_name=["retail", "wholesale"]
    )
    sweep(two.database, source, scope="registry/default", outcome=Outcome.FAILED, error="no")
    assert stale(two)["retail/fraud"] == ["mlflow-prod"]

    Sweep(two.database, source, coverage=Coverage.DELTA).close()
    assert stale(two)["retail/fraud"] == []


def test_stale_as_of(two: Service) -> None:
    """The past says what was stale then: when asked again, after later harvests, the same bytes."""
    put_back(two.database, 5, "runs/default")
    declare(two.database, "ci", kind="ci", enabled=False)
    when, shown = (
        now(two.database),
        {p: stale(two, p) for p in ("models", "versions", "training-runs")},
    )
    files = {
        p: two.ask("GET", f"{p}.csv", two.reader, params={"as_of": when}).content for p in shown
    }
    assert {p: stale(two, p, as_of=when) for p in shown} == shown
    assert shown["training-runs"] == {"mlflow-prod/default/r1": ["mlflow-prod"]}

    declare(two.database, "ci", kind="ci", enabled=True)
    source = make_source(
        two.database, namespaces={"team-b": "wholesale"}, may_name=["retail", "wholesale"]
    )
    sweep(two.database, source, RUN, scope="runs/default")

    assert stale(two, "training-runs") == {"mlflow-prod/default/r1": []}
    for path, content in files.items():
        again = two.ask("GET", f"{path}.csv", two.reader, params={"as_of": when})
        assert again.content == content
    assert two.get("models", stale="true", as_of=when)["items"][0]["name"] == "retail/pushed"


def test_stale_detail(two: Service) -> None:
    """A detail says it, and with provenance for every field who is stale."""
    put_back(two.database, 5)
    found = two.get("models/retail/churn", provenance="true")

    assert found["stale"] == ["mlflow-other", "mlflow-prod"]
    assert {name: field["stale"] for name, field in found["provenance"].items()} == {
        "name": True, "namespace": True,
    }  # fmt: skip
    assert all(
        one["stale"] for field in found["provenance"].values() for one in field["contenders"]
    )
    pushed = two.get("models/retail/pushed", provenance="true")
    assert pushed["stale"] == []
    assert not any(field["stale"] for field in pushed["provenance"].values())


def test_unseen(two: Service) -> None:
    """One complete harvest that did not see it: not seen since, in lists, files and the past."""
    source = make_source(
        two.database, namespaces={"team-b": "wholesale"}, may_name=["retail", "wholesale"]
    )
    before = now(two.database)
    sweep(two.database, source, model(), scope="registry/default")
    ((opened,),) = rows(two.database, "SELECT max(opened_at) FROM harvest")
    found = {row["name"]: row["unseen_since"] for row in two.get("models")["items"]}
    seen = now(two.database)

    assert found.keys() == {"retail/churn", "retail/fraud", "retail/pushed"}
    assert found["retail/fraud"].startswith(opened.astimezone().isoformat()[:4])
    assert (found["retail/churn"], found["retail/pushed"]) == (None, None)
    assert unseen_cells(two, "models") == unseen_cells(two, "models", stale="false") == {
        "fraud": opened.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }  # fmt: skip
    assert unseen_cells(two, "models", as_of=before) == {}
    assert unseen_cells(two, "models", as_of=seen) == unseen_cells(two, "models")
    assert list(unseen_cells(two, "versions")) == ["v1"]  # its model is there, it is not

    sweep(two.database, source, model(), version(1), model("fraud"), scope="registry/default")
    assert unseen_cells(two, "models") == unseen_cells(two, "versions") == {}
    assert list(unseen_cells(two, "models", as_of=seen)) == ["fraud"]


def unseen_cells(service: Service, path: str, **asked: str) -> dict[str, str]:
    """What a file says; its pages say the same."""
    text = service.ask("GET", f"{path}.csv", service.reader, params=asked).text
    key = {"models": "model", "versions": "version"}[path]
    cells = [
        (row[key].rpartition("/")[2], row["unseen_since"])
        for row in csv.DictReader(io.StringIO(text))
    ]
    pages = service.get(path, **asked)["items"]
    assert [bool(row["unseen_since"]) for row in pages] == [bool(cell) for _, cell in cells]
    return {name: cell for name, cell in cells if cell}


def test_unseen_by_one_source_only(two: Service) -> None:
    """What another source still shows is not unseen."""
    source = make_source(
        two.database, namespaces={"team-b": "wholesale"}, may_name=["retail", "wholesale"]
    )
    sweep(two.database, source, model("fraud"), scope="registry/default")

    assert unseen_cells(two, "models") == {}
    assert list(unseen_cells(two, "versions")) == ["v1"]


def test_stale_statements(two: Service, statements: Statements) -> None:
    """A list costs the same few statements, stale or not, however much there is."""

    def counted() -> list[int]:
        found = []
        for path in ("models", "models.csv", "models?stale=true&facet=stale"):
            with statements() as said:
                two.ask("GET", path, two.reader)
            found.append(
                len([one for one in said if "FROM token" not in one and "FETCH" not in one])
            )
        return found

    two.get("models")
    few = counted()
    put_back(two.database, 5, "runs/default")
    assert counted() == few


def test_columns_end_with_marks() -> None:
    """The marks are the last columns of every list, where readers of files look for them."""
    for table in TABLES.values():
        assert [column.name for column in table[-2:]] == ["stale", "unseen_since"]
