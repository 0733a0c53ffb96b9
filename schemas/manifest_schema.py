"""The JSON Schema of `model.yaml`, which editors complete, explain and check by."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from pydantic.json_schema import JsonSchemaValue

from schemas.manifest import Manifest
from schemas.manifest_parts import FREE
from schemas.manifest_values import EMAIL, USER

Draft = Literal["2020-12", "07"]
DRAFTS: Final[Mapping[Draft, str]] = {
    "2020-12": "https://json-schema.org/draft/2020-12/schema",
    "07": "http://json-schema.org/draft-07/schema#",
}
TITLE: Final = "model.yaml of the model catalog"
NULL: Final = {"type": "null"}
OF_TEXTS: Final = frozenset({"type", "enum", "pattern", "minLength", "maxLength"})
FLAG_ALONE: Final = {"not": {"type": ["string", "number", "object", "array", "null"]}}
ITEMS: Final = {"minLength": "minItems", "maxLength": "maxItems"}  # the limits of a list


def manifest_schema(
    *,
    draft: Draft = "2020-12",
    teams: Sequence[str] | None = None,
    namespaces: Sequence[str] | None = None,
) -> JsonSchemaValue:
    """The schema in one of two drafts: they differ in nothing but their name.

    `teams` (`team:retention-ds`) and `namespaces` are an installation's own; without them any will
    do. It takes what YAML readers make of plain texts too: numbers, and true or false.
    """
    written = Manifest.model_json_schema(by_alias=True)
    schema = _group(written, written.pop("$defs", {}))
    of_metadata = schema["properties"]["metadata"]["properties"]
    if namespaces is not None:
        said = of_metadata["namespace"]["description"]
        of_metadata["namespace"] = {
            "description": said, "type": "string", "enum": [*namespaces]
        }  # fmt: skip
    if teams is not None:
        of_owner = schema["properties"]["spec"]["properties"]["owners"]["items"]["properties"]
        of_owner["ref"] = {
            "description": of_owner["ref"]["description"],
            "anyOf": [
                {"type": "string", "enum": [*teams]},
                {"type": "string", "pattern": USER},
                {"type": "string", "pattern": EMAIL},
            ],
        }
    return {"$schema": DRAFTS[draft], "title": TITLE} | schema


def _plain(schema: object, defined: JsonSchemaValue) -> object:
    """A schema, or what stands in one."""
    if isinstance(schema, list):
        return [_plain(one, defined) for one in schema]
    return _group(schema, defined) if isinstance(schema, dict) else schema


def _group(schema: JsonSchemaValue, defined: JsonSchemaValue) -> JsonSchemaValue:
    """Without references, which hide descriptions in older drafts, and without made-up titles."""
    if "$ref" in schema:
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return _group(defined[schema["$ref"].rpartition("/")[2]] | beside, defined)
    properties = schema.get("properties")
    plain = {
        key: value if key in {"examples", "enum", "const"} else _plain(value, defined)
        for key, value in schema.items()
        if key not in {"discriminator", "default", "properties", "title"}
    }
    if properties is not None:  # editors name groups by it
        plain["title"] = "OneOf" if "one_of" in properties else schema["title"]
    if plain.get("type") == "array":
        plain = {ITEMS.get(key, key): value for key, value in plain.items()}
    if properties is not None:
        plain["properties"] = {key: _plain(one, defined) for key, one in properties.items()}
    if plain.get("additionalProperties") is False and "one_of" not in (properties or ()):
        plain["patternProperties"] = {f"^{FREE}": {}}
    return _joined(_quietly(plain))


def _quietly(schema: JsonSchemaValue) -> JsonSchemaValue:
    """A text that other readers take for true or false: accepted, and not offered."""
    types = schema.get("type")
    if not isinstance(types, list) or "boolean" not in types:
        return schema
    texts = {key: value for key, value in schema.items() if key in OF_TEXTS}
    others = [one for one in types if one != "boolean"]
    beside = {key: value for key, value in schema.items() if key not in OF_TEXTS}
    return beside | {"anyOf": [texts | {"type": others}, FLAG_ALONE]}


def _joined(schema: JsonSchemaValue) -> JsonSchemaValue:
    """Alternatives under one name, and `null` beside a type instead of in a branch of its own."""
    alternatives = schema.pop("anyOf", None)
    if "oneOf" in schema and "properties" not in schema:
        alternatives = schema.pop("oneOf")
    if alternatives is None:
        return schema
    flat = [inner for one in alternatives for inner in _branches(one)]
    others = [one for one in flat if one != NULL]
    if NULL in flat:
        others[0] = others[0] | _or_null(others[0])
    if len(others) > 1:
        return schema | {"anyOf": others}
    if "items" in others[0]:
        schema = {ITEMS.get(key, key): value for key, value in schema.items()}
    return others[0] | schema


def _branches(schema: JsonSchemaValue) -> list[JsonSchemaValue]:
    return schema["anyOf"] if set(schema) == {"anyOf"} else [schema]


def _or_null(schema: JsonSchemaValue) -> JsonSchemaValue:
    types = schema.get("type", [])
    listed = types if isinstance(types, list) else [types]
    wider: JsonSchemaValue = {"type": [*listed, "null"]} if listed else {}
    return wider | ({"enum": [*schema["enum"], None]} if "enum" in schema else {})
