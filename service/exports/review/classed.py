"""How versions differ from what was decided about, as reviewers say."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from schemas.identifiers import Kind
from service.catalog.typed import TYPED
from service.catalog.view import ENTRY
from service.exports.review.decided import decisions_of, home_of
from service.exports.review.reading import Reading
from service.exports.statement import EMPTY, NOT_STATED, constant, item, joined
from service.risk.decided_tables import ChangeClassRow

CLASSED: Final = ChangeClassRow.__table__
VERSION: Final = TYPED[Kind.VERSION]
MATERIAL: Final = "material"
NEVER: Final = constant("not_applicable")  # nobody has reviewed anything that it could differ from


def classed_of(reading: Reading) -> sa.Subquery:
    """Cells of each version: `change_class` is the weightiest, `material_changes` are paths.

    A version is compared with the last decision about it, else with the last about its model. What
    no reviewer has classed is `unknown`.
    """
    basis, said = _basis(reading), _said(reading)
    same = sa.and_(said.c.version_id == basis.c.of, said.c.decision_id == basis.c.decision_id)
    material = said.c.change_class == MATERIAL
    any_said, any_material = sa.func.count(said.c.path) > 0, sa.func.bool_or(material)
    weightiest = sa.case((any_material, constant(MATERIAL)), else_=constant("minor"))
    paths = sa.func.coalesce(joined(item(said.c.path), where=material), EMPTY)
    unsaid = (
        (basis.c.decision_id.is_(None), NEVER),
        (~any_said, NOT_STATED),
    )
    return (
        sa.select(
            basis.c.of,
            sa.case(*unsaid, else_=weightiest).label("change_class"),
            sa.case(*unsaid, else_=reading.cells.words(paths)).label("material_changes"),
        )
        .select_from(basis.outerjoin(said, same))
        .group_by(basis.c.of, basis.c.decision_id)
        .subquery()
    )


def _basis(reading: Reading) -> sa.Subquery:
    """The decision that each version is compared with, if there is any."""
    version, every, homes = reading.at(VERSION).alias("its"), decisions_of(reading), reading.homes
    own = sa.func.coalesce(every.c.version_id == version.c.id, sa.false())
    latest: Any = (own.desc(), every.c.decided_at.desc().nulls_last(), every.c.id.desc())
    return (
        sa.select(version.c.id.label("of"), every.c.id.label("decision_id"))
        .select_from(version)
        .join(homes, homes.c.id == version.c.model_id)
        .outerjoin(every, every.c.model_id == homes.c.home)
        .ext(distinct_on(version.c.id))
        .order_by(version.c.id, *latest)
        .subquery()
    )


def _said(reading: Reading) -> sa.Subquery:
    """The last word of reviewers on each difference of a version from a decision."""
    home = reading.at(ENTRY).alias("home")
    about = (home_of(home), CLASSED.c.decision_id, CLASSED.c.path)
    return (
        sa.select(
            home_of(home).label("version_id"), *CLASSED.c["decision_id", "path", "change_class"]
        )
        .join_from(CLASSED, home, home.c.id == CLASSED.c.version_id)
        .where(reading.past(CLASSED.c.classed_at))
        .ext(distinct_on(*about))
        .order_by(*about, CLASSED.c.classed_at.desc(), CLASSED.c.id.desc())
        .subquery()
    )
