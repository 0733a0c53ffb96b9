"""Compares entries before and after a batch, and says what would stay unknown. Pure."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final
from uuid import UUID

from schemas.identifiers import Identifier, Kind
from schemas.observation import Receipt
from schemas.preview import EntryPreview, FieldPreview, Known, Missing, ModelPreview, Preview
from service.catalog.typed import BORROWING, PARENTS_FIRST
from service.ingest.preview_rows import Rows, Shown, Tiers

MODEL_FACTS: Final = (  # what a tier reads of a model, where its versions and datasets say nothing
    "origin", "update_mode", "explainability", "model_class", "data_sensitivity",
    "downstream_dependents",
)  # fmt: skip
USE_FACTS: Final = (
    "decision_role", "people_affected_per_year", "financial_exposure_per_year", "regulatory_use",
    "harm_reversibility", "exposure", "regulated_purposes",
)  # fmt: skip
OF_THE_MODEL: Final = frozenset({"exposure"})  # stated there, it holds for all uses


def answer(  # noqa: PLR0913  # what was, what would be
    receipt: Receipt,
    told: Mapping[UUID, Identifier],
    *,
    before: Rows,
    there: AbstractSet[UUID],
    after: Rows,
    uses: Rows,
    joined: Mapping[UUID, UUID],
    bound: bool,
    tiers: tuple[Tiers, Tiers] = ({}, {}),
) -> Preview:
    """What would begin or change. `there`: entries that exist already, whoever may see them.

    What exists and could not be seen before stays unseen, also where the batch would let it be. Who
    is `bound` to namespaces could tell that from what begins: so datasets and the like that begin
    are not told either. `tiers` of models: as they are, and would be.
    """
    found = []
    for one, row in after.items():
        if one not in before and (one in there or (bound and row.kind in BORROWING)):
            continue
        was = before.get(one)
        names = sorted(
            before[other].name or str(other)
            for other, into in joined.items()
            if into == one and other in before
        )
        shown = _entry(row, was, subject=told.get(one), joined=names)
        same = was is not None and not (shown.fields or names or shown.conflicts or shown.retired)
        rated = tiers[0].get(one) != tiers[1].get(one)
        if same and not (row.kind is Kind.MODEL and (one in told or rated)):
            continue
        if row.kind is Kind.MODEL and not row.gone:
            model = _model(one, row, uses=uses).model_copy(update=_tier(one, tiers=tiers))
            shown = shown.model_copy(update={"model": model})
        found.append(shown)
    order = [*reversed(PARENTS_FIRST)]
    found.sort(key=lambda one: (one.kind is not Kind.MODEL, order.index(one.kind), one.name or ""))
    return Preview(receipt=receipt, entries=tuple(found))


def _entry(
    row: Shown, was: Shown | None, *, subject: Identifier | None, joined: list[str]
) -> EntryPreview:
    old = was.facts if was else {}
    return EntryPreview(
        kind=row.kind,
        name=row.name,
        subject=str(subject) if subject else None,
        created=was is None,
        retired=row.gone and not (was is not None and was.gone),
        stub=row.stub,
        fields=tuple(_fields(old, row.facts)),
        conflicts=tuple(sorted(set(row.conflicts) - set(was.conflicts if was else ()))),
        joined=tuple(joined),
    )


def _fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[FieldPreview]:
    for name in sorted(old.keys() | new.keys()):
        before, after = _known(old, name), _known(new, name)
        if before != after:
            yield FieldPreview(field=name, before=before, after=after)


def _known(facts: Mapping[str, Any], name: str) -> Known | None:
    return Known(value=facts[name]) if name in facts else None


def _model(entry: UUID, row: Shown, *, uses: Rows) -> ModelPreview:
    own = [use for use in uses.values() if use.model == entry]
    parts = [Missing(kind=Kind.MODEL, name=row.name, facts=_unstated(row.facts, MODEL_FACTS))]
    implied = OF_THE_MODEL & row.facts.keys()
    wanted = tuple(name for name in USE_FACTS if name not in implied)
    if not own:
        parts.append(Missing(kind=Kind.USE, name=None, facts=wanted))
    parts += [
        Missing(kind=Kind.USE, name=use.name, facts=_unstated(use.facts, wanted))
        for use in sorted(own, key=lambda use: use.name or "")
    ]
    missing = tuple(one for one in parts if one.facts)
    return ModelPreview(owner_known=row.accountable, missing=missing)


def _tier(one: UUID, *, tiers: tuple[Tiers, Tiers]) -> dict[str, str]:
    """How risky it is, and would be."""
    before, after = (found.get(one) for found in tiers)
    told = {"tier": after.tier, "tier_status": after.status} if after else {}
    if before:
        told |= {"tier_before": before.tier, "tier_status_before": before.status}
    return told


def _unstated(facts: Mapping[str, Any], wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Narrowed is stated in part: only what nobody says anything about is missing."""
    return tuple(name for name in wanted if name not in facts)
