"""The documentation of `model.yaml` names every field and value of the schema, and no other."""

import re
from collections.abc import Iterator
from typing import Any, Final

from harvesters.manifests.model_yaml import read_manifest
from schemas.manifest_schema import manifest_schema
from schemas.manifest_words import PURPOSES
from tests.docs.tables import DOCS, documented_pairs
from tests.support.manifests import FULL, MINIMAL

TEXT: Final = (DOCS / "model-yaml.md").read_text(encoding="utf-8")
ROW: Final = re.compile(r"^\| `([^`]+)` \|.*◆ \|$", re.MULTILINE)
COMPUTED: Final = "Risk is computed from it."
MANY: Final = 30  # values that no table lists


def described(schema: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Every field with its schema, as the documentation writes its place."""
    for name, field in schema.get("properties", {}).items():
        if name == "one_of":
            continue
        place = f"{at}{name}[]" if "items" in field else f"{at}{name}"
        yield place, field
        item = field.get("items", field)
        for form in (item, *item.get("anyOf", ())):
            yield from described(form, f"{place}.")


def values(field: Any) -> set[str]:
    """The fixed values of a field."""
    item = field.get("items", field)
    forms = [item, *item.get("anyOf", ())]
    found = {value for form in forms for value in form.get("enum", ()) if value is not None}
    return found if len(found) < MANY else set()


def test_documentation_names_every_field() -> None:
    """No field is undocumented, none is made up."""
    assert {name for name, _ in documented_pairs(TEXT)} == {
        place for place, _ in described(manifest_schema())
    }


def test_documentation_names_every_value() -> None:
    """Each fixed value stands beside its field."""
    cells = dict(documented_pairs(TEXT))
    missing = [
        (place, value)
        for place, field in described(manifest_schema())
        for value in values(field)
        if f"`{value}`" not in cells[place]
    ]
    assert missing == []


def test_documentation_marks_what_risk_is_computed_from() -> None:
    """The same fields are marked as editors are told."""
    told = {
        place for place, field in described(manifest_schema()) if COMPUTED in field["description"]
    }
    assert set(ROW.findall(TEXT)) == told


def test_documentation_examples() -> None:
    """Both examples are what is tested everywhere else, and without a problem."""
    blocks = [block.encode() for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)]
    assert [block for block in blocks if b"apiVersion" in block] == [MINIMAL, FULL]
    assert all(read_manifest(raw).problems == () for raw in (MINIMAL, FULL))


def test_documentation_names_the_purposes() -> None:
    """Those of the default policy."""
    assert all(f"`{name}`" in TEXT for name in PURPOSES)
