"""The interface says everything about itself, and its interactive page needs nobody else."""

import ast
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any, Final

import pytest
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from schemas.harvest import CloseHarvest
from schemas.observation import SightingBatch, parse_observation
from service.app import build
from service.db import Database
from service.documentation import routes_of
from service.edge import CSP
from service.examples import BODIES
from service.hooks.github import hints_of
from service.lineage.cloudevents import open_envelope
from service.lineage.openlineage import read_event
from service.refusals import REFUSALS
from tests.architecture.source import read_modules
from tests.docs.tables import documented, section
from tests.support.http import Service, make_settings

FOREIGN: Final = re.compile(r"""(?:https?:)?//[a-z]""")
NAMELESS: Final = "postgresql://nobody@127.0.0.1/nothing"
OF_IDENTITY: Final = {"exchange_identity"}  # asked without a token, to find out who one is
LATE: Final[dict[str, type[BaseModel]]] = {
    "post_sightings": SightingBatch, "close_harvest": CloseHarvest,
}  # fmt: skip


def read_lineage(event: Any) -> object:
    """As the intake of OpenLineage does."""
    return read_event(event, source="airflow", zone=None, now=datetime.now(UTC))


OF_OTHERS: Final[dict[str, Callable[[Any], Any]]] = {  # bodies in forms of others
    "post_lineage": read_lineage,
    "post_lineage_batch": lambda events: [read_lineage(one) for one in events],
    "post_events": open_envelope,
}


@pytest.fixture(scope="module")
def app() -> Any:
    """The application; nothing connects."""
    database = Database(NAMELESS)
    return build(make_settings(database), database)


@pytest.fixture(scope="module")
def document(app: Any) -> Any:
    """The OpenAPI document."""
    return app.openapi()


def operations(document: Any) -> Iterator[tuple[str, Any]]:
    """Every operation by its id."""
    for item in document["paths"].values():
        for said in item.values():
            yield said["operationId"], said


def resolved(document: Any, part: Any) -> Any:
    """What a reference leads to."""
    while "$ref" in part:
        found = document
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


class Loaded(HTMLParser):
    """What a page loads, and the scripts and styles that stand in it."""

    def __init__(self, page: str) -> None:
        """Read it."""
        super().__init__()
        self.addresses: list[str] = []
        self.inline: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what it loads."""
        given = dict(attrs)
        self.inline += [name for name in given if name.startswith("on") or name == "style"]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.inline.append(tag)
        if tag in {"script", "link", "img"}:
            self.addresses += [given.get("src") or given.get("href") or ""]


def test_documentation_page(service: Service) -> None:
    """All that the page loads comes from here, as the content policy asks, which is not relaxed."""
    page = service.ask("GET", "/docs")
    loaded = Loaded(page.text)
    parts = {one: service.ask("GET", one) for one in loaded.addresses}

    assert {one: part.headers["content-type"].split(";")[0] for one, part in parts.items()} == {
        "/docs/page.css": "text/css", "/docs/page.js": "text/javascript",
        "/docs/page.svg": "image/svg+xml",
    }  # fmt: skip
    assert loaded.inline == []
    for one in (page, *parts.values()):
        assert one.status_code == 200
        assert one.headers["content-security-policy"] == CSP
        assert "unsafe" not in one.headers["content-security-policy"]
        text = one.text.replace("http://www.w3.org/2000/svg", "")
        assert FOREIGN.findall(text) == []
        assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\b", one.text)
    assert '"/api/v1/openapi.json"' in parts["/docs/page.js"].text
    assert service.ask("GET", "/docs/page.html").status_code == 422
    assert service.ask("GET", "/docs/../settings.py").status_code == 404


def test_openapi_version(document: Any) -> None:
    """OpenAPI 3.1; every reference leads somewhere; each operation is named once."""
    named = [name for name, _ in operations(document)]

    assert document["openapi"].startswith("3.1.")
    assert len(named) == len(set(named))
    for reference in set(re.findall(r'"\$ref": ?"([^"]+)"', str(document).replace("'", '"'))):
        assert resolved(document, {"$ref": reference}) is not None
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_openapi_examples(document: Any) -> None:
    """An example for every parameter, every body and every error."""
    lacking = []
    for name, said in operations(document):
        for given in said["parameters"]:
            parameter = resolved(document, given)
            lacking += [(name, parameter["name"])] if "example" not in parameter else []
        for media, content in said.get("requestBody", {}).get("content", {}).items():
            lacking += [(name, media)] if "example" not in content else []
        for status, given in said["responses"].items():
            answer = resolved(document, given)
            if int(status) < 400:
                continue
            problems = answer["content"]["application/problem+json"]["examples"]
            statuses = {one["value"]["status"] for one in problems.values()}
            lacking += [(name, status)] if statuses != {int(status)} else []

    assert lacking == []


def test_openapi_guarded(document: Any, app: Any) -> None:
    """What needs a token says so, with the capability, and answers 401 and 403."""
    routes = routes_of(app)
    for name, said in operations(document):
        needed = routes[name].declared.capability
        guarded = needed != "public"
        assert (said["security"] != []) is guarded, name
        assert said.get("x-capability") == (needed if guarded else None), name
        refuses = {"401", "403"} <= said["responses"].keys()
        assert refuses is (guarded or name in OF_IDENTITY), name


def test_openapi_parameter_examples_hold(document: Any, app: Any) -> None:
    """Each parameter's example is one that its route takes."""
    for name, said in operations(document):
        models = [
            field.field_info.annotation for field in routes_of(app)[name].dependant.query_params
        ]
        given = [resolved(document, one) for one in said["parameters"]]
        for parameter in (one for one in given if one["in"] == "query"):
            example = parameter["example"]
            written = ",".join(map(str, example)) if isinstance(example, list) else example
            for model in models:
                assert model is not None
                model.model_validate(_whole(model) | {parameter["name"]: _text(written)})


def _whole(model: Any) -> dict[str, Any]:
    """What a query must have."""
    return {
        name: "for a reason" for name, field in model.model_fields.items() if field.is_required()
    }


def _text(value: Any) -> str:
    """As it stands in an address."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_openapi_body_examples_hold(document: Any, app: Any) -> None:
    """Each body's example is one that its route takes."""
    for name, said in operations(document):
        if "requestBody" not in said:
            continue
        example = BODIES[name]
        body = routes_of(app)[name].body_field
        if name.endswith("_observations"):
            for record in example["observations"]:
                parse_observation(record)
        elif name in OF_OTHERS:
            OF_OTHERS[name](example)
        elif name in LATE:
            LATE[name].model_validate(example)
        elif name == "receive_delivery":  # of any host: read when it is proved
            assert hints_of("push", example, host="github.com")
        elif body is not None:
            model = body.field_info.annotation
            assert model is not None
            model.model_validate(example)
        else:
            assert isinstance(example, str)  # a file


def test_openapi_late_bodies(document: Any) -> None:
    """Bodies that are read as bytes are described like the others, fact by fact."""
    _, schemas = models_json_schema([(CloseHarvest, "validation")])
    said = dict(operations(document))
    body = said["push_observations"]["requestBody"]["content"]["application/json"]["schema"]
    kinds = body["properties"]["observations"]["items"]["anyOf"]

    assert (
        schemas["$defs"]["CloseHarvest"]["properties"].keys()
        == resolved(
            document, said["close_harvest"]["requestBody"]["content"]["application/json"]["schema"]
        )["properties"].keys()
    )
    assert len(kinds) == 9
    facts = {resolved(document, one)["title"] for one in kinds}
    assert {"ModelFactsObservation", "UseFactsObservation"} <= facts


def test_refusal_pages(service: Service) -> None:
    """Every code that a record can be refused with has a page that says what to do."""
    for code, meaning in REFUSALS.items():
        page = service.get(f"/errors/{code}")
        assert page == {"code": code, "status": None, "title": meaning.title, "detail": meaning.fix}
    assert service.ask("GET", "/errors/nonsense").status_code == 404
    assert service.get("/errors/tag_stale")["status"] == 412


def test_refusals_complete(service: Service) -> None:
    """Each code that the service's own code names, and each documented one, can be looked up."""
    used = set[str]()
    for module in read_modules():
        if module.path.as_posix().startswith(("service/ingest/", "service/people/")):
            for node in ast.walk(module.tree):
                if isinstance(node, ast.keyword) and node.arg == "code":
                    used |= _literal(node.value)
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Refused":
                    used |= _literal(node.args[0])
    answered = {code: service.ask("GET", f"/errors/{code}").status_code for code in used}

    assert len(used) >= 5
    assert answered == dict.fromkeys(used, 200)
    assert documented(section("errors.md", "Codes of records")) == list(REFUSALS)


def _literal(node: ast.expr) -> set[str]:
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()
