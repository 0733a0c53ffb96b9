"""The interface as a document: OpenAPI with an example for every request and every error."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from schemas.harvest import CloseHarvest
from schemas.identifiers import Kind
from schemas.observation import SightingBatch, contract_of
from schemas.problem import FieldProblem, Problem
from service import errors
from service.access.policy import PUBLIC
from service.errors import CODES, PROBLEM_JSON, CatalogError, explained, find_error
from service.examples import BODIES, example_of
from service.exports.answer import TooManyStreams
from service.exports.negotiation import SUFFIX
from service.routing import CatalogRoute

REF: Final = "#/components/schemas/{model}"
OBSERVED: Final = tuple(contract_of({"subject": {"kind": kind}}) for kind in Kind)
READ_LATE: Final[Mapping[str, tuple[type[BaseModel], ...]]] = {  # bodies that routes take as bytes
    "post_sightings": (SightingBatch,),
    "close_harvest": (CloseHarvest,),
    "post_observations": OBSERVED,
    "push_observations": OBSERVED,
}
TRACE: Final = "5d7fe1f9ad2a03a32914eb47a769df1a"
WRONG: Final = FieldProblem(pointer="?page_size", message="String should match pattern", fix="")


class Documented(FastAPI):
    """An application that says everything about its interface."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI 3.1 document."""
        if self.openapi_schema is None:
            self.openapi_schema = completed(super().openapi(), routes_of(self))
        return self.openapi_schema


def routes_of(app: FastAPI) -> dict[str, CatalogRoute]:
    """The routes by operation."""
    found = (context.original_route for context in iter_route_contexts(app.routes))
    return {str(one.operation_id): one for one in found if isinstance(one, CatalogRoute)}


class Operation(NamedTuple):
    """One operation of the document, and the route behind it."""

    id: str
    said: dict[str, Any]
    route: CatalogRoute

    @property
    def guarded(self) -> bool:
        """Does it need a token?"""
        return self.route.declared.capability != PUBLIC


def completed(document: dict[str, Any], routes: Mapping[str, CatalogRoute]) -> dict[str, Any]:
    """The document with bodies, examples, errors and who may do what."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas |= {name: one for name, one in _late_schemas()[1].items() if name not in schemas}
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    responses = components.setdefault("responses", {})
    shared = _Shared(components.setdefault("parameters", {}))
    for item in document["paths"].values():
        for said in item.values():
            one = Operation(said["operationId"], said, routes[said["operationId"]])
            _say_who(one)
            _say_body(one)
            _say_errors(one, responses)
            said["parameters"] = [shared.of(one, given) for given in said.get("parameters", ())]
    return document


def _say_who(one: Operation) -> None:
    one.said["security"] = [{"token": []}] if one.guarded else []
    if one.guarded:
        one.said["x-capability"] = one.route.declared.capability


def _say_body(one: Operation) -> None:
    if models := READ_LATE.get(one.id):
        named = [_late_schemas()[0][model, "validation"] for model in models]
        schema: dict[str, Any] = named[0]
        if models is OBSERVED:
            listed = {"type": "array", "items": {"anyOf": named}, "maxItems": 1_000}
            schema = {
                "type": "object", "additionalProperties": False, "required": ["observations"],
                "properties": {"observations": listed},
            }  # fmt: skip
        content = {"application/json": {"schema": schema}}
        one.said["requestBody"] = {"required": True, "content": content}
    for written in one.said.get("requestBody", {}).get("content", {}).values():
        if one.id in BODIES:
            written["example"] = BODIES[one.id]


def _say_errors(one: Operation, responses: dict[str, Any]) -> None:
    """Each status with the errors behind it; those that all routes share stand in one place."""
    answers, codes = one.said["responses"], dict[int, list[str]]()
    for status in [status for status, answer in answers.items() if CODES in answer]:
        codes[int(status)] = answers.pop(status)[CODES]
    answers.pop(str(errors.Invalid.status), None)  # FastAPI's own says something else
    for error in _shared_errors(one):
        codes.setdefault(error.status, [])
        if error.code() not in codes[error.status]:
            codes[error.status].append(error.code())
    for status, known in sorted(codes.items()):
        name = "-".join(known)
        responses.setdefault(name, _response(known))
        answers[str(status)] = {"$ref": f"#/components/responses/{name}"}


def _shared_errors(one: Operation) -> Iterator[type[CatalogError]]:
    if one.guarded:
        yield errors.NotAuthenticated
        yield errors.InsufficientScope
        yield errors.Unavailable
    if one.route.path.endswith(SUFFIX):
        yield TooManyStreams
    if one.said.get("parameters") or "requestBody" in one.said:
        yield errors.Invalid
    if "requestBody" in one.said:
        yield errors.BadRequest
        yield errors.TooLarge
        yield errors.UnsupportedMedia


def _response(codes: list[str]) -> dict[str, Any]:
    found = [find_error(code) for code in codes]
    examples = {}
    for error in found:
        wrong = (WRONG,) if issubclass(error, errors.Invalid) else ()
        problem = explained(error, trace_id=TRACE, errors=wrong)
        examples[error.code()] = {"value": problem.model_dump(mode="json")}
    schema = {"$ref": REF.format(model=Problem.__name__)}
    return {
        "description": HTTPStatus(found[0].status).phrase,
        "content": {PROBLEM_JSON: {"schema": schema, "examples": examples}},
    }


class _Shared:
    """Parameters that several operations have alike stand once."""

    def __init__(self, components: dict[str, Any]) -> None:
        self.components, self._names = components, dict[str, str]()

    def of(self, one: Operation, given: dict[str, Any]) -> dict[str, Any]:
        """A reference to a parameter, completed."""
        schema = given["schema"]
        array = "array" in {part.get("type") for part in (schema, *schema.get("anyOf", ()))}
        whole = given | {"example": example_of(one.id, given["name"], schema=schema)}
        if array:  # a comma means or: each parameter is given once
            whole["explode"] = False
        text = json.dumps(whole, sort_keys=True)
        if text not in self._names:
            self._names[text] = f"{one.id}.{given['name']}"
            self.components[self._names[text]] = whole
        return {"$ref": f"#/components/parameters/{self._names[text]}"}


@cache
def _late_schemas() -> tuple[Mapping[Any, Any], dict[str, Any]]:
    """The contracts of bodies that FastAPI does not see, and of errors: references, and each."""
    models: dict[type[BaseModel], None] = dict.fromkeys(
        [*(m for several in READ_LATE.values() for m in several), Problem]
    )
    found, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template=REF
    )
    return found, definitions["$defs"]
