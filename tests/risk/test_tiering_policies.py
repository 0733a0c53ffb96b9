"""A tiering policy is refused as a whole, with the place of each thing that is wrong."""

from typing import Any, Final

import pytest
from pydantic import ValidationError

from schemas.digest import canonical_json, sha256
from schemas.policies import PolicyDocument, policy_digest
from tests.risk.strategies import default_document

GONE: Final = object()  # the member is left out
Place = tuple[str | int, ...]
FLOOR: Final = {"id": "F99", "title": "x", "regime": "firm", "hard": False, "to": "HIGH"}


def edited(*edits: tuple[Place, Any]) -> dict[str, Any]:
    """The shipped policy with other values in some places."""
    document = default_document()
    for path, value in edits:
        inner: Any = document
        for step in path[:-1]:
            inner = inner[step]
        if value is GONE:
            del inner[path[-1]]
        else:
            inner[path[-1]] = value
    return document


def problems(document: dict[str, Any]) -> list[tuple[Place, str]]:
    """Where a document is wrong, and what is said of it."""
    with pytest.raises(ValidationError) as refused:
        PolicyDocument.model_validate(document)
    return [(one["loc"], one["msg"]) for one in refused.value.errors()]


WRONG: Final[list[tuple[Place, Any, Place | None, str]]] = [
    # where the edit is, what stands there then, where the problem is (None: there), what it says
    (("tiers",), ["LOW", "MEDIUM", "HIGH"], None, "must read NEGLIGIBLE, LOW"),
    (("tiers", 3), "EXTREME", None, "'HIGH'"),
    (("bands", "HIGH"), 30, None, "must be more than MEDIUM"),
    (("bands", "MEDIUM"), 0, None, "greater than or equal to 1"),
    (("bands", "LOW"), 0, None, "not permitted"),
    (("axes", "materiality", "decision_role", "automated"), 36, ("axes", "materiality"), "101"),
    (("axes", "inherent", "origin", "in_house"), -1, None, "greater than or equal to 0"),
    (("axes", "inherent", "origin", "in_house"), "5", None, "valid integer"),
    (("axes", "inherent", "origin"), {"in_house": 0}, None, "at least 2"),
    (("axes", "inherent", "decision_role"), {"a": 0, "b": 0}, None, "stands on both axes"),
    (("axes", "inherent", "regulated_purposes"), {"a": 0, "b": 0}, ("axes",), "is no factor"),
    (("axes", "inherent", "colour"), {"a": 0, "b": 0}, ("questions",), "nothing of colour"),
    (("axes", "inherent", "colour"), {"a": 0, "b": 0}, ("ask_next", "order"), "leaves out colour"),
    (("matrix", "LOW", "HIGH"), GONE, None, "required"),
    (("matrix", "HIGH"), GONE, None, "required"),
    (("matrix", "LOW", "LOW"), "NEGLIGIBLE", None, "'LOW'"),
    (("matrix", "HIGH", "HIGH"), "LOW", None, "more inherent risk never lowers"),
    (("matrix", "MEDIUM", "LOW"), "HIGH", ("matrix", "HIGH", "LOW"), "materiality never lowers"),
    (("numeric", "colour"), {"a": 0, "b": 1}, None, "is no factor"),
    (("numeric", "downstream_dependents", "ge_10"), GONE, ("numeric", "downstream_dependents"),
     "each of 0, 1_2, 3_9, ge_10"),
    (("numeric", "downstream_dependents", "ge_10"), 3, None, "above the limit of 3_9"),
    (("numeric", "downstream_dependents", "1_2"), -1, None, "greater than or equal to 0"),
    (("purposes", "aml_of_record", "regime"), "mine", None, "no regime is called mine"),
    (("facts", "origin"), {"type": "boolean", "ask": "person", "question": "x?"}, None,
     "is a factor already"),
    (("facts", "regulated_purposes"), {"type": "boolean", "ask": "person", "question": "x?"}, None,
     "is the question for all purposes"),
    (("facts", "profiling", "question"), GONE, ("facts", "profiling"), "needs a question"),
    (("facts", "profiling", "values"), ["a", "b"], ("facts", "profiling"), "a boolean none"),
    (("facts", "art6_3_basis", "values"), ["none"], ("facts", "art6_3_basis"), "at least two"),
    (("facts", "art6_3_basis", "values"), ["none", "a", "a"], ("facts", "art6_3_basis"), "twice"),
    (("facts", "profiling"), {"type": "boolean", "ask": "catalog"}, ("facts", "profiling", "ask"),
     "computes only feeds_high_model, red_signal_open"),
    (("facts", "red_signal_open"), {"type": "boolean", "ask": "person", "question": "x?"}, None,
     "is computed"),
    (("questions", "colour"), {"kind": "use", "ask": "person", "question": "x?"}, None,
     "is no factor"),
    (("questions", "origin"), GONE, ("questions",), "nothing of origin"),
    (("questions", "origin", "ask"), "catalog", None, "'person' or 'source'"),
    (("floors", 0, "id"), "F2", ("floors", 1, "id"), "F2 is taken"),
    (("floors", 0, "regime"), "mine", None, "no regime is called mine"),
    (("floors", 0, "to"), "LOW", None, "'MEDIUM' or 'HIGH'"),
    (("floors", 0, "to"), GONE, ("floors", 0), "either to or raise_by"),
    (("floors", 0, "raise_by"), 1, ("floors", 0), "either to or raise_by"),
    (("floors", 9, "hard"), True, ("floors", 9), "a hard floor needs to"),
    (("floors", 5, "blocks"), True, ("floors", 5), "must be hard"),
    (("floors", 0, "when"), {"purpose": "tax"}, ("floors", 0, "when", "purpose"), "is no purpose"),
    (("floors", 5, "when", "fact"), "colour", None, "is no factor and no fact"),
    (("floors", 5, "when", "is"), "secret", None, "one of public, internal"),
    (("floors", 5, "when", "is"), True, None, "one of public, internal"),
    (("floors", 5, "when", "is"), 1, None, "must be true, false or a value"),
    (("floors", 8, "when", "is"), "true", None, "one of false, true"),
    (("floors", 6, "when", "all", 1, "in"), ["automated", "x"], None, "one of informational"),
    (("floors", 6, "when", "all"), [], None, "at least 1"),
    (("floors", 6, "when", "any"), [{"purpose": "aml_of_record"}], ("floors", 6, "when"),
     "must be {fact, is}"),
    (("floors", 5, "when"), {"fact": "origin"}, None, "must be {fact, is}"),
    (("floors", 5, "when"), {}, None, "must be {fact, is}"),
    (("floors", 5, "when"), {"cel": "true"}, ("floors", 5, "when", "cel"), "not permitted"),
    (("ask_next", "order", 0), "red_signal_open", None, "nothing that is asked for"),
    (("ask_next", "order", 1), "regulated_purposes", None, "stands here twice"),
    (("ask_next", "order", 0), "origin", ("ask_next", "order"), "leaves out regulated_purposes"),
    (("ask_next", "at_most"), 0, None, "greater than or equal to 1"),
    (("clocks", "grace_workflow_tier"), "NEGLIGIBLE", None, "'LOW'"),
    (("clocks", "provisional_grace_days"), -1, None, "greater than or equal to 0"),
    (("override", "up", "max_days"), 367, None, "less than or equal to 366"),
    (("override", "down", "by", 0), "admin", None, "'owner'"),
    (("override", "down", "approved_by"), GONE, None, "required"),
    (("exemption", "only_from"), "MEDIUM", None, "'LOW'"),
    (("exception", "not_with_floor"), "F0", None, "no floor is called F0"),
    (("waiver", "max_days"), 0, None, "greater than or equal to 1"),
    (("reviews", "LOW"), GONE, None, "required"),
    (("reviews", "HIGH", "overdue", 0), "stop", None, "'becomes_low'"),
    (("deploy_controls", 0), "own-01", None, "pattern"),
    (("sampling", "confidence"), 1.0, None, "less than 1"),
    (("triggers", "MEDIUM", 0), "full_moon", None, "'tier_up'"),
    (("material_changes", 0), "version.colour", None, "version.colour is no field"),
    (("material_changes", 0), "colour.version", None, "colour.version is no field"),
    (("regimes", "firm", "checked"), "twice", None, "'primary'"),
    (("regimes", "ca-osfi-e-23", "dates", "published"), 20250911, None, "a day of the calendar"),
    (("regimes", "ca-osfi-e-23", "dates", "published"), "2025-02-30", None, "date"),
    (("version",), "1.0", None, "pattern"),
    (("version",), "\u0661.0.0", None, "pattern"),  # a digit, though not one of an address
    (("currency",), "euro", None, "pattern"),
    (("effective_from",), "soon", None, "a day of the calendar"),
    (("colour",), "blue", None, "not permitted"),
]  # fmt: skip


@pytest.mark.parametrize(("edit", "value", "at", "says"), WRONG)
def test_policy_refused(edit: Place, value: Any, at: Place | None, says: str) -> None:
    """Whatever is wrong is refused in its place, with what would be right."""
    found = problems(edited((edit, value)))

    assert any(place == (at or edit) and says in said for place, said in found), found


def test_policy_all_problems() -> None:
    """Everything that does not fit together is said at once."""
    document = edited(
        (("bands", "HIGH"), 1),
        (("exception", "not_with_floor"), "F0"),
        (("floors", 0, "when", "purpose"), "tax"),
    )

    assert [place for place, _ in problems(document)] == [
        ("bands", "HIGH"),
        ("floors", 0, "when", "purpose"),
        ("exception", "not_with_floor"),
    ]


def test_policy_nested_too_deep() -> None:
    """A condition that nobody could read is refused before anything walks it."""
    when: dict[str, Any] = {"purpose": "aml_of_record"}
    for _ in range(30):
        when = {"not": when}
    document = default_document()
    document["floors"].append(FLOOR | {"when": when})

    assert problems(document) == [
        (("floors", 11, "when"), "is nested too deep: at most ten levels")
    ]


def test_policy_sound() -> None:
    """What ships is a policy, and so is one with its dates set and a part left out."""
    document = edited(
        (("effective_from",), "2026-12-01"),
        (("triggers", "HIGH"), GONE),
        (("numeric", "downstream_dependents"), GONE),
        (("floors", 5, "when"), {"not": {"fact": "profiling", "in": [False]}}),
    )

    assert PolicyDocument.model_validate(document).triggers.HIGH == ()
    assert PolicyDocument.model_validate(default_document()).policy == "default-tiering"


def test_policy_digest() -> None:
    """The digest is that of the document's canonical form, read once more or not."""
    policy = PolicyDocument.model_validate(default_document())
    again = PolicyDocument.model_validate_json(policy.model_dump_json(exclude_unset=True))
    kept = PolicyDocument.model_validate(policy.model_dump(exclude_unset=True))
    other = PolicyDocument.model_validate(edited((("bands", "HIGH"), 56)))

    assert policy_digest(policy) == sha256(canonical_json(default_document()))
    assert policy_digest(again) == policy_digest(kept) == policy_digest(policy)
    assert policy_digest(other) != policy_digest(policy)
