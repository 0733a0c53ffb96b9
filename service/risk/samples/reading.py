"""Samples as they are read: cycles with what they prove, draws, frames."""

from functools import partial
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import Kind
from schemas.samples import (
    DrawFilters,
    DrawRow,
    FrameRow,
    SampledTier,
    SampleFilters,
    SampleRow,
    SampleShown,
)
from service.access.policy import Caller
from service.catalog.keyset import Keyset
from service.catalog.rows import API, entry_url
from service.catalog.sorting import Key
from service.catalog.tables import Entry
from service.catalog.view import visible
from service.errors import CatalogError, NotFound
from service.risk.decided_tables import ReviewRow
from service.risk.rules.active import read_policy
from service.risk.sample_tables import SampleCycleRow, SampleDrawRow
from service.risk.samples.drawing import proved

HOW: Final = """
The frame: GET {url}/frame?tier=TIER. Its ids, sorted, a line each, have the SHA-256 `frame_digest`;
the row of the ledger with the number `change` holds it.

The seed: the root, in hexadecimal, of the first checkpoint of the ledger that covers that row; its
size is `checkpoint`.

The order: SHA-256 over the seed as it is written, followed by a model's id as it is written,
ascending. `printf %s%s SEED ID | sha256sum` computes one.

Drawn: the first `size` of them; whoever had left production was replaced by the next rank. Once a
tier was not confirmed, as many again (`extended_at`).

The bound: the rate p at which as few tiers or fewer are not confirmed with the chance
1 - `confidence`: the sum of C(n,i) p^i (1-p)^(n-i), i up to `not_confirmed`, n = `decided`.
"""

cycle, draw, review, entry = (
    table.__table__ for table in (SampleCycleRow, SampleDrawRow, ReviewRow, Entry)
)
NEWEST: Final = (Key(cycle.c.cycle.collate("C"), descending=True), Key(cycle.c.tier.collate("C")))
BY_RANK: Final = (Key(cycle.c.tier.collate("C")), Key(draw.c.rank))


class SampleNotFound(NotFound):
    """No sample of this cycle and tier was framed.

    `GET /api/v1/samples` lists the cycles; a frame is made once a model belongs to it.
    """


class FrameNotYours(CatalogError):
    """A frame names models of every namespace, and you may not read them all.

    Its digest, its size and the draws of your namespaces are in `GET /api/v1/samples/{cycle}`.
    """

    status = 403


def samples(session: Session, asked: SampleFilters) -> Keyset:
    """The samples that match, the newest cycle first."""
    query = _select_cycles()
    if asked.cycle is not None:
        query = query.where(cycle.c.cycle.in_(asked.cycle))
    if asked.tier is not None:
        query = query.where(cycle.c.tier.in_(asked.tier))
    confidence = read_policy(session).document.sampling.confidence
    return Keyset(query, NEWEST, partial(sample_row, confidence=confidence))


def get_sample(session: Session, name: str) -> SampleShown:
    """The samples of a cycle. Raises `SampleNotFound`."""
    found = samples(session, SampleFilters(cycle=(name,)))
    query = found.query.order_by(*(key.ordered for key in found.order))
    rows = session.execute(query).mappings().all()
    if not rows:
        raise SampleNotFound(cycle=name)
    steps = HOW.format(url=_url(name)).strip().split("\n\n")
    how = tuple(" ".join(one.split()) for one in steps)
    return SampleShown(cycle=name, samples=tuple(map(found.as_row, rows)), how=how)


def draws(name: str, asked: DrawFilters, *, caller: Caller) -> Keyset:
    """The draws of a cycle whose models the caller may see, by tier and rank."""
    query = (
        sa.select(
            *cycle.c["cycle", "tier"],
            *draw.c["rank", "model_id", "state", "tier_confirmed"],
            entry.c.natural_key.label("model"),
            entry.c.namespace,
            review.c.id.label("review"),
            review.c.state.label("review_state"),
            review.c.due_at,
        )
        .join_from(draw, cycle, cycle.c.id == draw.c.cycle_id)
        .join(entry, entry.c.id == draw.c.model_id)
        .outerjoin(review, review.c.id == draw.c.review_id)
        .where(cycle.c.cycle == name, visible(caller, entry, kind=Kind.MODEL))
    )
    if asked.tier is not None:
        query = query.where(cycle.c.tier.in_(asked.tier))
    if asked.state is not None:
        query = query.where(draw.c.state.in_([one.upper() for one in asked.state]))
    return Keyset(query, BY_RANK, draw_row)


def frame(session: Session, name: str, *, tier: SampledTier, caller: Caller) -> Keyset:
    """The models of a frame, by id. Raises `SampleNotFound`, `FrameNotYours`."""
    if caller.namespaces is not None:
        raise FrameNotYours
    own = sa.and_(cycle.c.cycle == name, cycle.c.tier == tier)
    if session.execute(sa.select(cycle.c.id).where(own)).first() is None:
        raise SampleNotFound(cycle=name)
    each = sa.func.jsonb_array_elements_text(cycle.c.frame).table_valued("id", name="framed")
    listed = each.render_derived()
    hashed = sa.func.sha256(sa.func.convert_to(cycle.c.seed + listed.c.id, "UTF8"))
    query = (
        sa.select(
            sa.cast(listed.c.id, sa.Uuid).label("model_id"),
            sa.func.encode(hashed, "hex").label("hash"),
        )
        .select_from(cycle.join(listed, sa.true()))
        .where(own)
    )
    return Keyset(query, (Key(listed.c.id.collate("C")),), frame_row)


def sample_row(row: sa.RowMapping, *, confidence: float) -> SampleRow:
    """A sample as it is shown."""
    members = {name: row[name] for name in SampleRow.model_fields if name in row}
    stand, decided = row["draws"] - row["left"], row["decided"]
    wanted = None
    if row["size"] is not None:
        twice = row["size"] * (1 if row["extended_at"] is None else 2)
        wanted = min(row["population"] - row["left"], twice)
    done = wanted is not None and decided == stand >= wanted and decided > 0
    bound = None
    if done:
        bound = proved(row["not_confirmed"], decided, population=row["population"],
                       confidence=confidence)  # fmt: skip
    state = "decided" if done else "framed" if row["seed"] is None else "drawn"
    return SampleRow.model_validate(members | {
        "state": state, "confidence": confidence, "upper_bound": bound, "url": _url(row["cycle"]),
    })  # fmt: skip


def draw_row(row: sa.RowMapping) -> DrawRow:
    """A draw as it is shown."""
    shown = {name: row[name] for name in DrawRow.model_fields if name in row}
    about = {"state": row["state"].lower(), "url": entry_url(Kind.MODEL, row["model"])}
    return DrawRow.model_validate(shown | about)


def frame_row(row: sa.RowMapping) -> FrameRow:
    """A model of a frame."""
    return FrameRow(model_id=row["model_id"], hash=row["hash"])


def _select_cycles() -> sa.Select[Any]:
    number = sa.func.count()
    unreviewed = sa.and_(draw.c.state == "DRAWN", draw.c.review_id.is_(None))
    counted = (
        sa.select(
            draw.c.cycle_id,
            number.label("draws"),
            number.filter(draw.c.state == "DECIDED").label("decided"),
            number.filter(draw.c.state == "LEFT").label("left"),
            number.filter(unreviewed).label("without_review"),
            number.filter(draw.c.tier_confirmed.is_(sa.false())).label("not_confirmed"),
        )
        .group_by(draw.c.cycle_id)
        .subquery("counted")
    )
    figures = ("draws", "decided", "left", "without_review", "not_confirmed")
    return sa.select(
        *cycle.c["cycle", "tier", "framed_at", "frame_digest", "size", "seed", "drawn_at"],
        cycle.c.extended_at,
        cycle.c.change_id.label("change"),
        cycle.c.checkpoint_size.label("checkpoint"),
        sa.func.jsonb_array_length(cycle.c.frame).label("population"),
        *(sa.func.coalesce(counted.c[name], 0).label(name) for name in figures),
    ).outerjoin_from(cycle, counted, counted.c.cycle_id == cycle.c.id)


def _url(name: str) -> str:
    return f"{API}/samples/{name}"
