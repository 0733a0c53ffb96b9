"""A model's tier with everything that it rests on, what might change it, and who confirmed it."""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.canonical import path_segment
from schemas.policy_checks import REGULATED
from schemas.problem import FieldProblem
from schemas.tiers import (
    Confirmed,
    ConfirmTier,
    FactorReason,
    FloorReason,
    ModelTier,
    PolicyNamed,
    PreviewedTier,
    PreviewTier,
    QuestionNext,
    UseTier,
    WhatIfAnswer,
)
from service.access.policy import Caller
from service.catalog.detail import find_model
from service.catalog.owning import owns
from service.errors import CatalogError, Conflict, Invalid, NotFound
from service.invalid import document_pointer
from service.ledger.change import Cause, Change, record_changes
from service.risk.concessions.rules import UseNotFound
from service.risk.findings.opened import red_signals
from service.risk.locking import lock_models
from service.risk.looking import read_pictures
from service.risk.picture import UNDECLARED, Part, Picture
from service.risk.rules.active import ActivePolicy, read_policy
from service.risk.tables import AssessmentRow, ModelRiskRow
from service.risk.tiering import Explanation, FactRefused, ask_next, explain, grounds
from service.risk.tiers.facts import UseFacts, use_facts
from service.risk.touch import touch

assessment, model_risk = AssessmentRow.__table__, ModelRiskRow.__table__
FALSE: Final = "FALSE"
OF_ROW: Final = (
    "tier", "computed_tier", "status", "tier_low", "tier_high", "workflow_tier", "blocked",
    "override_id", "exemption_id", "provisional_since", "grace_end",
)  # fmt: skip
OF_MODEL: Final = (
    "tier", "computed_tier", "status", "tier_low", "tier_high", "workflow_tier", "blocked",
    "in_production", "grace_end", "facts_digest", "evaluated_at",
)  # fmt: skip


class NotRated(NotFound):
    """The model has not been evaluated yet.

    The worker does that within minutes; `model-catalog evaluate` does it at once.
    """


class FactsMoved(Conflict):
    """The facts have changed since you read them.

    Read the tier again and confirm the digest that it has now.
    """


class NotYoursToConfirm(CatalogError):
    """Its owner, a reviewer or an approver of its namespace confirms a tier.

    Ask one of them.
    """

    status = 403


def get_tier(session: Session, namespace: str, *, name: str, caller: Caller) -> ModelTier:
    """The tier of a model that the caller may see. Raises `ModelNotFound`, `NotRated`."""
    row = find_model(session, namespace, name=name, caller=caller)
    return read_tier(session, row["id"])


def read_tier(session: Session, model: UUID) -> ModelTier:
    """The tier of a model by its id. Raises `NotRated`."""
    found = session.execute(sa.select(model_risk).where(model_risk.c.model_id == model))
    risk = found.mappings().one_or_none()
    picture = read_pictures(session, [model]).get(model)
    if risk is None or picture is None:
        raise NotRated(model=model)
    policy = read_policy(session)
    stored = session.execute(sa.select(assessment).where(assessment.c.model_id == model))
    rows = {row["use_id"]: row for row in stored.mappings()}
    red = bool(red_signals(session, [model]))
    uses = tuple(
        _use_tier(picture, part, row=rows[use_id], policy=policy, red=red)
        for part, use_id in _uses(picture)
        if use_id in rows
    )
    deciding = next((o for o in uses if (o.use_id or model) == risk["deciding_use"]), None)
    return ModelTier(
        model=picture.name,
        **{name: risk[name] for name in OF_MODEL},
        deciding_use=deciding.use if deciding else UNDECLARED,
        policy=PolicyNamed(name=policy.name, version=policy.version, digest=policy.digest),
        confirmed=_confirmed(risk),
        uses=uses,
    )


def _uses(picture: Picture) -> list[tuple[Part | None, UUID]]:
    return [(one, one.id) for one in picture.declared] or [(None, picture.id)]


def _confirmed(risk: sa.RowMapping) -> Confirmed | None:
    if risk["confirmed_digest"] is None:
        return None
    return Confirmed(
        by=risk["confirmed_by"],
        at=risk["confirmed_at"],
        facts_digest=risk["confirmed_digest"],
        stale=risk["confirmed_digest"] != risk["facts_digest"],
    )


def _use_tier(
    picture: Picture, part: Part | None, *, row: sa.RowMapping, policy: ActivePolicy, red: bool
) -> UseTier:
    facts = use_facts(picture, part, rules=policy, red_signal=red)
    why = explain(policy.compiled, facts.values)
    rating = why.rating
    return UseTier(
        use=_name(part),
        use_id=part.id if part else None,
        **{name: row[name] for name in OF_ROW},
        materiality=(rating.materiality_low, rating.materiality_high),
        inherent=(rating.inherent_low, rating.inherent_high),
        reasons=tuple(_reasons(why, facts)),
        floors=tuple(_floors(why)),
        ask_next=_questions(picture, part, facts=facts.values, policy=policy),
        what_if=tuple(WhatIfAnswer(**one._asdict()) for one in why.what_if),
        facts=facts.values,
        outside=dict(facts.outside),
    )


def _name(part: Part | None) -> str:
    return (part.value("name") if part else None) or UNDECLARED


def _reasons(why: Explanation, facts: UseFacts) -> Iterator[FactorReason]:
    for one in why.reasons:
        said = facts.facts.get(one.factor)
        yield FactorReason(
            **one._asdict(),
            source=(said.source or None) if said else None,
            observed_at=(said.observed_at or None) if said else None,
        )


def _floors(why: Explanation) -> Iterator[FloorReason]:
    for one in why.floors:
        if one.state != FALSE:
            because = tuple(
                {"fact": ground.fact, "possible": list(ground.possible)} for ground in one.because
            )
            yield FloorReason(**{**one._asdict(), "because": because})


def _questions(
    picture: Picture, part: Part | None, *, facts: Mapping[str, Any], policy: ActivePolicy
) -> tuple[QuestionNext, ...]:
    return tuple(
        QuestionNext(**one._asdict(), pin=_where(picture, part, kind=one.kind, fact=one.fact))
        for one in ask_next(policy.compiled, facts)
    )


def _where(picture: Picture, part: Part | None, *, kind: str, fact: str) -> str:
    """The address of the pin that answers a question.

    What stands on versions or datasets may be answered for the model: it speaks for those of which
    nobody says it.
    """
    model = "/api/v1/models/" + "/".join(path_segment(one) for one in picture.name.split("/"))
    answered = "art6_3_ref" if fact == "art6_3_assessed" else fact
    of_use = f"/uses/{path_segment(_name(part))}" if kind == "use" else ""
    return f"{model}{of_use}/pins/{answered}"


def preview_tier(
    session: Session, namespace: str, *, name: str, asked: PreviewTier, caller: Caller
) -> PreviewedTier:
    """What a use's tier would be with other facts. Raises `UseNotFound`, `Invalid`."""
    row = find_model(session, namespace, name=name, caller=caller)
    picture = read_pictures(session, [row["id"]])[row["id"]]
    policy = read_policy(session)
    _check_read(asked.facts, policy=policy)
    chosen = [part for part, _ in _uses(picture) if asked.use in {None, _name(part)}]
    if not chosen:
        raise UseNotFound
    red = bool(red_signals(session, [picture.id]))
    known = use_facts(picture, chosen[0], rules=policy, red_signal=red).values
    facts = {k: v for k, v in {**known, **asked.facts}.items() if v is not None}
    try:
        why = grounds(policy.compiled, facts)
    except FactRefused as refused:
        raise Invalid(
            FieldProblem(pointer=f"/facts/{refused.fact}", message=str(refused))
        ) from None
    rating = why.rating
    return PreviewedTier(
        use=_name(chosen[0]),
        **{
            one: getattr(rating, one)
            for one in ("tier", "status", "tier_low", "tier_high", "blocked")
        },
        materiality=(rating.materiality_low, rating.materiality_high),
        inherent=(rating.inherent_low, rating.inherent_high),
        floors=tuple(_floors(why)),
        ask_next=_questions(picture, chosen[0], facts=facts, policy=policy),
    )


def _check_read(facts: Mapping[str, Any], *, policy: ActivePolicy) -> None:
    """A name that is misspelt would change nothing, and look like an answer. Raises `Invalid`."""
    known = {*policy.compiled.places, REGULATED}
    strange = sorted(facts.keys() - known)
    fix = f"Name one of {', '.join(sorted(known))}."
    if strange:
        raise Invalid(*(
            FieldProblem(pointer=document_pointer(("facts", one)), message="is read by no factor"
                         " and no floor of the policy", fix=fix) for one in strange
        ))  # fmt: skip


def confirm_tier(
    session: Session, at: tuple[str, str], *, asked: ConfirmTier, caller: Caller, trace: str
) -> ModelTier:
    """A person confirms the facts by their digest. Raises `FactsMoved`, `NotYoursToConfirm`."""
    row = find_model(session, at[0], name=at[1], caller=caller)
    model, namespace = row["id"], row["namespace"]
    now = lock_models(session, [model])
    found = session.execute(sa.select(model_risk).where(model_risk.c.model_id == model))
    known = found.mappings().one_or_none()
    if known is None:
        raise NotRated(model=model)
    decides = any(caller.may_in(one, namespace) for one in ("reviews:work", "approvals:grant"))
    if not decides and not owns(session, caller, entry_id=model):
        raise NotYoursToConfirm
    if known["facts_digest"] != asked.facts_digest:
        raise FactsMoved
    session.execute(
        sa.update(model_risk)
        .where(model_risk.c.model_id == model)
        .values(confirmed_digest=asked.facts_digest, confirmed_by=caller.id,
                confirmed_at=now)
    )  # fmt: skip
    cause = Cause(caller.actor, request=trace, reason=asked.comment)
    told = {"facts_digest": asked.facts_digest, "tier": known["tier"], "status": known["status"]}
    record_changes(session, [Change("confirm", "assessment", caller.actor, entry=model, new=told,
                                    reason=asked.comment, request=trace)])  # fmt: skip
    touch(session, [model], cause=cause)
    return read_tier(session, model)
