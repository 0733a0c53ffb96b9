"""What differs from the last decision about a version, and how much a reviewer says it matters."""

from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session
from uuid_utils.compat import uuid7

from schemas.reviews import Changed, Changes, ClassifyChange
from service.access.policy import Caller
from service.catalog.detail import find_model, find_version
from service.errors import Conflict, NotFound
from service.ledger.change import record_changes
from service.risk.acting import Acting, NotIndependent, check_role, roles_in
from service.risk.decided_tables import ChangeClassRow, DecisionRow
from service.risk.locking import lock_models
from service.risk.reviews.builders import read_builders
from service.risk.reviews.content import Difference, differences, key_of, reclassed
from service.risk.reviews.deciding import IdentityUnknown
from service.risk.reviews.independence import judge, part_of, unresolved
from service.risk.reviews.rows import read_classed
from service.risk.reviews.shown import read_shown
from service.risk.rules.active import read_policy
from service.risk.tables import ModelRiskRow
from service.risk.touch import touch

KIND: Final = "review"
classed, decision, standing = (
    table.__table__ for table in (ChangeClassRow, DecisionRow, ModelRiskRow)
)
HIGH: Final = "HIGH"
At = tuple[str, str, str]  # namespace, name, version


class NothingReviewed(Conflict):
    """Nobody has decided about this version or its model yet, so nothing differs.

    Open a review of it.
    """


class ChangeNotFound(NotFound):
    """Nothing at this path differs from the last decision.

    `GET …/versions/{version}/changes` lists what does.
    """


class _About(NamedTuple):
    """A version of a model, and the decision that it is compared with."""

    model: sa.RowMapping
    version: UUID
    basis: Any


def changes(session: Session, at: At, *, caller: Caller) -> Changes:
    """What differs now. Raises `ModelNotFound`, `VersionNotFound`."""
    about = _find(session, at, caller=caller)
    return _answer(about, _differences(session, about))


def classify_change(session: Session, *, at: At, asked: ClassifyChange, by: Acting) -> Changes:
    """A reviewer says how much a difference matters; it holds until the value changes again.

    At HIGH an approver does, once everybody who built it is known. Raises `RoleMissing`,
    `NotIndependent`, `IdentityUnknown`, `NothingReviewed`, `ChangeNotFound`.
    """
    about = _find(session, at, caller=by.caller)
    model, namespace = about.model["id"], about.model["namespace"]
    roles = roles_in(session, by.caller, model=model, namespace=namespace)
    lock_models(session, [model])
    high = _is_high(session, model)
    check_role(roles, ("approver",) if high else ("reviewer",), namespace=namespace)
    _check_independent(session, about, by=by, known=high)
    if about.basis is None:
        raise NothingReviewed
    found = {one.path: one for one in _differences(session, about)}
    if asked.path not in found:
        raise ChangeNotFound(path=asked.path)
    _keep(session, found[asked.path], about=about, asked=asked, by=by)
    touch(session, [model], cause=by.cause)
    return _answer(about, _differences(session, about))


def _is_high(session: Session, model: UUID) -> bool:
    """Does it take the second line? What nobody has rated does."""
    query = sa.select(standing.c.workflow_tier).where(standing.c.model_id == model)
    return session.execute(query).scalar_one_or_none() in {HIGH, None}


def _check_independent(session: Session, about: _About, *, by: Acting, known: bool) -> None:
    """Who built it does not say that it hardly changed; at HIGH nobody may be unknown."""
    builders = read_builders(session, model=about.model["id"], about=about.version, identified={})
    found = judge(builders, person=by.name)
    if found == "FAIL":
        raise NotIndependent(detail=f"You had a part in it: {part_of(builders, person=by.name)}.")
    if known and found == "UNKNOWN":
        raise IdentityUnknown(
            detail=f"Not resolved: {', '.join(unresolved(builders)) or 'nobody'}."
        )


def _find(session: Session, at: At, *, caller: Caller) -> _About:
    version = find_version(session, (at[0], at[1]), label=at[2], caller=caller)["id"]
    model = find_model(session, at[0], name=at[1], caller=caller)
    own = (decision.c.version_id == version).desc()
    last = (
        sa.select(*decision.c["id", "content"])
        .where(decision.c.model_id == model["id"])
        .order_by(own, decision.c.decided_at.desc(), decision.c.id.desc())
        .limit(1)
    )
    return _About(model, version, session.execute(last).one_or_none())


def _differences(session: Session, about: _About) -> list[Difference]:
    shown = read_shown(session, model=about.model["id"], about=about.version)
    if about.basis is None or shown is None:
        return []
    material = read_policy(session).document.material_changes
    found = differences(
        about.basis.content, shown.content, material=material, sources=shown.sources
    )
    return reclassed(found, read_classed(session, [about.basis.id]), version=about.version)


def _keep(
    session: Session, found: Difference, *, about: _About, asked: ClassifyChange, by: Acting
) -> None:
    at, model = uuid7(), about.model["id"]
    told = {"path": asked.path, "change_class": asked.change_class, "version": str(about.version)}
    [change] = record_changes(session, [by.change(
        "classify", KIND, model=model, about=at, old={"change_class": found.change_class},
        new=told, reason=asked.reason,
    )])  # fmt: skip
    session.execute(sa.insert(classed).values(
        id=at, model_id=model, version_id=about.version, decision_id=about.basis.id,
        path=asked.path, digest=key_of(found), change_class=asked.change_class,
        reason=asked.reason, classed_by=by.name, classed_at=sa.func.clock_timestamp(),
        change_id=change,
    ))  # fmt: skip


def _answer(about: _About, found: list[Difference]) -> Changes:
    return Changes(
        model=about.model["natural_key"] or str(about.model["id"]),
        basis=about.basis.id if about.basis else None,
        changes=tuple(
            Changed.model_validate({name: getattr(one, name) for name in Changed.model_fields})
            for one in found
        ),
    )
