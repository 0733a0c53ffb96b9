"""What is said about a refused request: the place, the reason, the nearest name; no input."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from schemas.catalog import ModelQuery, Paging
from schemas.observation import contract_of, parse_observation
from schemas.problem import FieldProblem
from schemas.sources import SourcesFile
from service.db import Database
from service.errors import Invalid
from service.invalid import MOST, document_pointer, field_problems, invalid, pointer
from tests.support.catalog import make_source, model, post, version

HOSTILE = "<script>\u202e\ud800"


def refused(contract: type[BaseModel], document: Any) -> Invalid:
    """The error that a document is answered with."""
    with pytest.raises(ValidationError) as error:
        contract.model_validate(document)
    return invalid(error.value, model=contract)


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ((), ""),
        (("body",), ""),
        (("body", "observations", 3, "a/b~c"), "/observations/3/a~1b~0c"),
        (("path", "name"), "/name"),
        (("query", "page_size"), "?page_size"),
        (("query", "\ud800"), "?\\ud800"),
        (("body", "caf\u00e9\ud800\u202e"), "/caf\\xe9\\ud800\\u202e"),
        (("facts", "a" * 600), f"/facts/{'a' * 493}"),
    ],
)
def test_pointer_forms(location: tuple[str | int, ...], shown: str) -> None:
    """A JSON pointer in ASCII, escaped and cut; `?` before a query parameter."""
    assert pointer(location) == shown


def test_document_pointer_whole() -> None:
    """In a document, `body` and `query` are names like others."""
    assert document_pointer(("body", 0, "query")) == "/body/0/query"


@pytest.mark.parametrize(
    ("contract", "document", "problem"),
    [
        (ModelQuery, {"lifecylce": "x"},
         FieldProblem(pointer="/lifecylce", message="Extra inputs are not permitted",
                      fix="Did you mean lifecycle?")),
        (SourcesFile, {"apiVersion": "model-catalog/v1", "kind": "Sources",
                       "sources": [{"name": "a", "kind": "mlflow", "namespace": "n",
                                    "credentials": HOSTILE}]},
         FieldProblem(pointer="/sources/0/credentials", message="Extra inputs are not permitted",
                      fix="Did you mean credential?")),
        (SourcesFile, {"apiVersion": "model-catalog/v2", "kind": "Sources", "sources": []},
         FieldProblem(pointer="/apiVersion", message="Input should be 'model-catalog/v1'")),
    ],
)  # fmt: skip
def test_invalid_names_place_and_nearest(
    contract: type[BaseModel], document: Any, problem: FieldProblem
) -> None:
    """An unknown member is answered with the nearest name of its own place, however deep."""
    assert refused(contract, document).errors[0] == problem


def test_invalid_without_a_near_name() -> None:
    """Where no name is near, the known ones are listed; of very many the nearest is named."""
    (few,) = refused(Paging, {"zzzzz": HOSTILE[:-1]}).errors
    (many,) = refused(ModelQuery, {"zzzzz": HOSTILE[:-1]}).errors

    assert few.fix == "Known here: page_size, page_token."
    assert many.fix.startswith("Did you mean ")


def test_invalid_query_names() -> None:
    """Names that are given count; without any, nothing is proposed."""
    detail = {"loc": ("query", "pagesize"), "type": "extra_forbidden", "msg": "no"}
    asked = FieldProblem(pointer="?pagesize", message="no", fix="Did you mean page_size?")

    assert field_problems([detail], known=["page_size"]) == (asked,)
    assert field_problems([detail]) == (asked.model_copy(update={"fix": ""}),)


def test_invalid_never_echoes() -> None:
    """The input is not in the answer, and at most fifty things are said about it."""
    error = refused(ModelQuery, {f"field{n}": "secret-value" for n in range(500)})

    assert len(error.errors) == MOST
    assert "secret-value" not in str([one.model_dump() for one in error.errors])


@pytest.mark.parametrize(
    ("facts", "where", "message"),
    [
        ({"descripton": "x"}, "/facts/descripton",
         "Extra inputs are not permitted. Did you mean description?"),
        ({"owners": [{"owner": {"kind": "owner", "scheme": "handle", "value": "a"}, "rol": "x"}]},
         "/facts/owners/0/rol", "Extra inputs are not permitted. Did you mean role?"),
        ({"owners": [{"owner": {"kind": "owner", "scheme": "handle", "vlue": "a"}}]},
         "/facts/owners/0/owner/value", "Field required"),
        ({"namespace": "re.tail"}, "/facts/namespace",
         "must be at most 63 letters, digits, - and _, without a dot"),
        ({"name": "a\nb"}, "/facts/name", "holds a control or text direction character"),
        ({"\ud800": "x"}, "/facts",
         "Input should be a valid string, unable to parse raw data as a unicode string"),
    ],
)  # fmt: skip
def test_batch_names_place_and_nearest(
    database: Database, facts: Any, where: str, message: str
) -> None:
    """INTERFACES 1: unknown facts are refused with the nearest known name; the others recorded."""
    source = make_source(database)
    bad = model("bad") | {"facts": {"namespace": "retail", "name": "bad"} | facts}
    receipt = post(database, source, bad, model(), version(1))

    assert receipt.recorded == 2
    assert [(one.index, one.pointer, one.message) for one in receipt.refused] == [
        (0, where, message)
    ]


def test_batch_unknown_member() -> None:
    """Beside the facts, the nearest member of an observation is named."""
    document = model() | {"observedAt": "2026-11-20T12:00:00Z"}
    with pytest.raises(ValidationError) as error:
        parse_observation(document)
    details = error.value.errors(include_input=False)
    (problem,) = field_problems(details, model=contract_of(document))

    assert (problem.pointer, problem.fix) == ("/observedAt", "Did you mean observed_at?")
