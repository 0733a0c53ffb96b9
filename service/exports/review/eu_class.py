"""How the EU AI Act classes a model: by the worst of its uses, as far as that is known."""

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from service.exports.statement import NOT_STATED, Text, constant

if TYPE_CHECKING:
    from service.exports.review.model_record import ModelRecord

WORST_FIRST: Final = ("prohibited", "high_risk", "unknown", "exempt_6_3", "not_listed")
GROUNDS: Final = (  # of Article 6(3)
    "narrow_procedural_task", "improves_completed_activity", "detects_patterns", "preparatory_task",
)  # fmt: skip


def class_of_use(facts: Any) -> Text:
    """The class of one use, from the facts that its tier was computed from (floors F1 and F2)."""
    purposes = facts[constant("regulated_purposes")]

    def purpose(name: str) -> Text:
        return sa.func.coalesce(purposes[constant(name)].astext, constant("?"))

    def fact(name: str) -> Text:
        return sa.func.coalesce(facts[constant(name)].astext, constant("?"))

    true, false = constant("true"), constant("false")
    annex_i, annex_iii = purpose("annex_i_product"), purpose("annex_iii_area")
    exempt = sa.and_(
        fact("profiling") == false,
        fact("art6_3_basis").in_([constant(one) for one in GROUNDS]),
        fact("art6_3_assessed") == true,
    )
    refuted = sa.or_(
        fact("profiling") == true, fact("art6_3_basis") == constant("none"),
        fact("art6_3_assessed") == false,
    )  # fmt: skip
    return sa.case(
        (purpose("prohibited_practice") == true, constant("prohibited")),
        (annex_i == true, constant("high_risk")),
        (sa.and_(annex_iii == true, refuted), constant("high_risk")),
        (
            sa.and_(annex_iii == true, exempt, annex_i == false,
                    purpose("prohibited_practice") == false),
            constant("exempt_6_3"),
        ),
        (
            sa.and_(annex_i == false, annex_iii == false,
                    purpose("prohibited_practice") == false),
            constant("not_listed"),
        ),
        else_=constant("unknown"),
    )  # fmt: skip


def eu_class(record: "ModelRecord") -> Text:
    """The class of the model."""
    found = record.eu_classes
    tests = [(found.c[one], constant(one)) for one in WORST_FIRST]
    return sa.case(*tests, else_=NOT_STATED)
