"""The filter grammar: every field of every list, with every operator, and what is refused."""

import json
from typing import Any

import pytest

from schemas.filters import Form, facets, filterable, parameter, sortable
from schemas.identifiers import Kind
from service.catalog.listings import LISTINGS
from tests.support.catalog import NOON, make_source, model, post, version
from tests.support.http import Service, spoken
from tests.support.world import first_words, subject

ADA = {"owner": {"kind": "owner", "scheme": "email", "value": "ada@acme.example"}}
TEAM = {"owner": {"kind": "owner", "scheme": "handle", "value": "team:retention"}}
LAKE = {"kind": "dataset", "scheme": "uri", "value": "s3://lake/churn"}
RUN = {"kind": "training_run", "scheme": "mlflow", "value": "mlflow-prod/default/r1"}
REPOSITORY = {"kind": "repository", "scheme": "url", "value": "https://github.com/acme/churn"}
BUILD = {"kind": "build", "scheme": "github", "value": "github.com/acme/churn/1"}
NAMES = {"source": "mlflow-prod", "stale_source": "mlflow-prod", "namespace": "retail"}
SAMPLES = {Form.FLAG: "true", Form.MOMENT: "2026-01-01", Form.NUMBER: "7"}


def names(answer: Any) -> list[str]:
    """The listed names."""
    return [row["name"] for row in answer["items"]]


def said(about: dict[str, str], **facts: Any) -> Any:
    """An observation of anything."""
    return {"subject": about, "observed_at": NOON, "facts": facts}


@pytest.fixture
def world(service: Service) -> Service:
    """One thing of every kind, that two sources speak about."""
    sources = {
        name: make_source(service.database, name) for name in ("mlflow-prod", "mlflow-other")
    }
    for name, document in first_words("w"):
        post(service.database, sources[name], document)
    return service


@pytest.mark.parametrize("listing", LISTINGS.values(), ids=LISTINGS)
def test_every_parameter(world: Service, listing: Any) -> None:
    """Every filter, order and facet of a list is answered: none is accepted and fails later."""
    every = {
        parameter(field, operator): sample(field, operator)
        for field in filterable(listing.kind).values()
        for operator in field.asked
    }
    states = {name: "narrowed" for name in every if name.endswith("__is")}
    order = sortable(listing.kind)
    asked: list[dict[str, str]] = [
        every,
        states,
        dict.fromkeys(states, "empty"),
        {"sort": ",".join(order)},
        {"sort": ",".join(f"-{name}" for name in order)},
        {"facet": ",".join(facets(listing.kind)), "count": "exact", "q": "w"},
        {"facet": facets(listing.kind)[0], "gone": "false", "count": "estimated"},
        {"facet": ",".join(facets(listing.kind)), "as_of": "2026-01-01", **every},
    ]
    failed = {
        str(params): answer.text
        for params in asked
        if (answer := world.ask("GET", listing.name, world.reader, params=params)).status_code
        != 200
    }

    assert failed == {}
    assert len(world.get(listing.name)["items"]) > 0


def sample(field: Any, operator: str) -> str:
    """A value that a parameter takes."""
    if operator == "is":
        return "unknown"
    if field.name in NAMES:
        return NAMES[field.name]
    return field.choices[0] if field.choices else SAMPLES.get(field.form, "w")


@pytest.fixture
def varied(service: Service) -> Service:
    """Models that differ in everything that an operator can ask for."""
    prod = make_source(service.database, precedence=80)
    make_source(service.database, "mlflow-other", namespace="wholesale")
    post(
        service.database,
        prod,
        said(LAKE, name="churn", records=7),
        said(RUN, experiment="nightly", status="FINISHED", started_at="2026-11-01T00:00:00Z",
             datasets=[{"dataset": LAKE}], repository=REPOSITORY),
        model("a", lifecycle="production", downstream_dependents=3, tags=["pii=yes", "x"],
              owners=[ADA], created_at="2026-01-01T00:00:00Z"),
        model("b", lifecycle=None, downstream_dependents=10, tags=["x"], owners=[TEAM],
              created_at="2026-02-01T00:00:00Z", model_class={"one_of": ["agentic", "generative"]}),
        model("c", tags=[], owners=[], model_class="agentic", datasets=[{"dataset": LAKE}]),
        model("d", lifecycle="pilot", owners=[ADA | {"role": "developer"}]),
        version(1, "a", training_run=RUN), version(1, "d", build=BUILD),
        said(BUILD, repository=REPOSITORY),
    )  # fmt: skip
    return service


OPERATORS = {
    "lifecycle=production,pilot": "ad",
    "lifecycle__not=production": "bcd",
    "lifecycle__not=production,pilot": "bc",
    "lifecycle__is=known": "ad",
    "lifecycle__is=empty": "b",
    "lifecycle__is=unknown": "c",
    "lifecycle__is=narrowed": "",
    "model_class__is=narrowed": "b",
    "model_class__is=known": "c",
    "model_class__is=unknown": "ad",
    "model_class=agentic": "c",
    "tags__has=pii": "a",
    "tags__has=x,pii": "ab",
    "tags__not=x": "cd",
    "tags__is=known": "ab",
    "tags__is=empty": "c",
    "tags__is=unknown": "d",
    "downstream_dependents__gte=3": "ab",
    "downstream_dependents__gt=3": "b",
    "downstream_dependents__lt=10": "a",
    "downstream_dependents__lte=10": "ab",
    "created_at__gte=2026-02-01": "b",
    "created_at__gt=2026-02-01T00:00:00Z": "",
    "created_at__lt=2026-02-01": "a",
    "created_at__lte=2026-02-01T01:00:00%2B01:00": "ab",
    "created_at__is=unknown": "cd",
    "first_seen_at__gte=2026-01-01": "abcd",
    "updated_at__lt=2026-01-01": "",
    "owner=ada@acme.example": "a",
    "owner=ADA@acme.example,handle:team:retention": "ab",
    "owner=team:retention": "b",
    "owner__not=ada@acme.example": "bcd",
    "owner__is=known": "ab",
    "owner__is=empty": "cd",
    "developer=ada@acme.example": "d",
    "dataset=s3://lake/churn": "ac",
    "dataset=uri:s3://lake/churn": "ac",
    "repository=https://github.com/acme/churn.git": "ad",
    "source=mlflow-other": "",
    "source__not=mlflow-other": "abcd",
    "namespace__not=retail": "",
    "name__not=a": "bcd",
    "lifecycle=production&owner=ada@acme.example&tags__has=x": "a",
    "lifecycle=production&owner=team:retention": "",
}


def test_operators(varied: Service) -> None:
    """Three states and the narrowed one, comparisons, and what else an operator can say."""
    found = {asked: "".join(n[-1] for n in names(varied.get(f"models?{asked}")))
             for asked in OPERATORS}  # fmt: skip

    assert found == OPERATORS


def test_other_kinds(varied: Service) -> None:
    """The same grammar in lists of other things; references go by name or identifier."""
    found = {
        asked: len(varied.get(asked)["items"])
        for asked in (
            "training-runs?status=FINISHED&experiment=nightly", "training-runs?status=FAILED",
            "training-runs?started_at__gte=2026-11-01&started_at__lt=2026-11-02",
            "training-runs?dataset=s3://lake/churn", "datasets?uri=s3://lake/churn",
            "datasets?records__gte=7", "datasets?records__gt=7", "versions?model=retail/a",
            "versions?model=mlflow:mlflow-prod/default/a",
            "versions?training_run=mlflow-prod/default/r1",
            "builds?repository=https://github.com/acme/churn", "owners?stub=true", "repositories",
        )
    }  # fmt: skip

    assert list(found.values()) == [1, 0, 1, 1, 0, 1, 0, 1, 1, 1, 1, 2, 1]


def test_lists_below_entries(varied: Service) -> None:
    """A list below an entry is the same list with a condition, found from either end."""
    lake = varied.get("datasets")["items"][0]
    run = varied.get("training-runs")["items"][0]
    build = varied.get("builds")["items"][0]
    repository = varied.get("repositories")["items"][0]
    found = {
        path: names(varied.get(path))
        for path in (
            f"datasets/{lake['id']}/models", "datasets/uri:s3:%2F%2Flake%2Fchurn/models",
            f"training-runs/{run['id']}/models", f"builds/{build['id']}/models",
            f"repositories/{repository['id']}/models", "owners/email:ada@acme.example/models",
            "models/retail/a/versions", "models/retail/a/owners", "models/retail/b/uses",
            "models/retail/d/deployments", "owners/email:ada@acme.example/models?lifecycle=pilot",
        )
    }  # fmt: skip

    assert list(found.values()) == [
        ["retail/a", "retail/c"], ["retail/a", "retail/c"], ["retail/a"], ["retail/d"],
        ["retail/a", "retail/d"], ["retail/a", "retail/d"], ["retail/a/1"], ["ada@acme.example"],
        [], [], ["retail/d"],
    ]  # fmt: skip
    for path in ("datasets/uri:s3:%2F%2Fnowhere/models", "models/retail/nobody/owners"):
        assert varied.ask("GET", path, varied.reader).status_code == 404


REFUSED = {
    "lifecicle=production": ("?lifecicle", "Did you mean lifecycle?"),
    "lifecycle__has=production": ("?lifecycle__has", "Did you mean lifecycle__"),
    "created_at=2026-01-01": ("?created_at", "Did you mean created_at__"),
    "lifecycle=productoin": ("?lifecycle/0", "did you mean production?"),
    "lifecycle__is=maybe": ("?lifecycle__is", "'known', 'unknown', 'empty' or 'narrowed'"),
    "sort=naem": ("?sort/0", "did you mean name?"),
    "sort=-updated": ("?sort/0", "did you mean -updated_at?"),
    "facet=owners": ("?facet/0", "did you mean owner?"),
    "source=mlflow-prd": ("?source/0", "Did you mean mlflow-prod?"),
    "namespace=retial": ("?namespace/0", "Did you mean retail?"),
    "created_at__gte=soon": ("?created_at__gte", "must be a time like"),
    "downstream_dependents__gte=many": ("?downstream_dependents__gte", "must be a number"),
    "downstream_dependents__gte=nan": ("?downstream_dependents__gte", "finite"),
    "count=all": ("?count", "'exact' or 'estimated'"),
    "as_of=2999-01-01": ("?as_of", "lies in the future"),
    "as_of=2026-01-01&q=churn": ("?q", "cannot be asked of the past"),
    "q=!!!": ("?q", "holds no word"),
    "name=": ("?name/0", "must not be empty"),
    "stub=yes": ("?stub", "'true' or 'false'"),
    "page_size=1001": ("?page_size", ""),
}  # fmt: skip


def test_refused(varied: Service) -> None:
    """What is not known is refused, and the answer names the nearest that is; never the input."""
    for asked, (pointer, hint) in REFUSED.items():
        answer = varied.ask("GET", f"models?{asked}", varied.reader)
        said = answer.json()

        assert answer.status_code == 422, asked
        assert [problem["pointer"] for problem in said["errors"]] == [pointer], asked
        told = said["errors"][0]["message"] + said["errors"][0]["fix"]
        assert hint in told, (asked, told)


def test_sources_and_namespaces_of_others(varied: Service) -> None:
    """A reader of one namespace is told of no other, nor of sources that do not speak there."""
    token = varied.token(namespaces=["retail"])
    for asked in ("source=mlflow-other", "source=mlflow-othe", "namespace=wholesale"):
        answer = varied.ask("GET", f"models?{asked}", token)

        assert answer.status_code == 422
        assert "wholesale" not in answer.text
        assert "mlflow-other" not in answer.text


def test_namespace_that_no_source_writes_any_more(varied: Service) -> None:
    """What stands in a namespace is found there, also when its source has moved elsewhere."""
    database = varied.database
    make_source(database, "mlflow-moved", namespace="left")
    stated = model("m", source="mlflow-moved")
    stated["facts"]["namespace"] = "left"
    post(database, make_source(database, "mlflow-moved", namespace="left"), stated)
    make_source(database, "mlflow-moved", namespace="moved")
    of_left, of_retail = (varied.token(namespaces=[name]) for name in ("left", "retail"))

    assert names(varied.get("models?namespace=Left")) == ["left/m"]
    assert names(varied.get("models?namespace=left", of_left)) == ["left/m"]
    refused = varied.ask("GET", "models?namespace=left", of_retail)
    missing = varied.ask("GET", "models?namespace=never", of_retail)
    assert refused.status_code == missing.status_code == 422
    assert refused.json()["errors"] == missing.json()["errors"]


def test_too_many_filters(varied: Service) -> None:
    """10,000 filters, or as many values as a line can hold, are refused at once, in few words.

    A long line is refused before anything of ours reads it: from 32 KiB on by the edge, from 64
    by the parser of HTTP.
    """
    hostile = {
        "&".join(["x=1"] * 7_000): 422,
        "&".join(f"{n:x}=1" for n in range(4_000)): 422,
        "name=" + ",".join("a" * 15_000): 422,
        "name=" + "a" * 30_000: 422,
        "x" * 30_000 + "=1": 422,
        "sort=" + ",".join(f"{n:x}" for n in range(5_000)): 422,
        "facet=" + ",".join(["owner"] * 5_000): 422,
        "&".join(["x=1"] * 10_000): 431,
        "name=" + "a" * 60_000: 431,
        "name=" + "a" * 100_000: 400,
        "&".join(f"f{n}=1" for n in range(10_000)): 400,
    }
    for asked, status in hostile.items():
        request = (
            f"GET /api/v1/models?{asked} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
            f"Authorization: Bearer {varied.reader}\r\n\r\n"
        )
        head, _, body = spoken(varied.port, request.encode()).partition(b"\r\n\r\n")

        assert int(head.split()[1]) == status, (asked[:40], head)
        assert len(body) < 40_000
        assert status == 400 or json.loads(body)["status"] == status


def test_worlds_things_listed(world: Service) -> None:
    """Each kind's list shows its thing with an address that answers it."""
    shown = {listing.kind: world.get(name)["items"] for name, listing in LISTINGS.items()}
    twice = {Kind.TRAINING_RUN: 2, Kind.VERSION: 2}  # each source's own

    assert {kind: len(rows) for kind, rows in shown.items()} == dict.fromkeys(shown, 1) | twice
    for rows in shown.values():
        for row in rows:
            detail = world.get(row["url"])
            assert {name: detail[name] for name in row} == row
    assert names({"items": shown[Kind.DATASET]}) == [subject("dataset", "w")["value"]]
