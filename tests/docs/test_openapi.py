"""The interface that is committed is the one that the application has."""

from tests.docs.openapi import openapi_text
from tests.docs.tables import DOCS


def test_openapi_committed() -> None:
    """docs/openapi.json is what the application says, so that a change of the contract shows."""
    committed = (DOCS / "openapi.json").read_text(encoding="utf-8")

    assert openapi_text() == committed, "run `make openapi`, and say in CHANGELOG.md what changed"
