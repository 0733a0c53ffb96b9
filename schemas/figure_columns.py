"""The ordered columns of the files of deliveries, of samples, and of figures for leadership."""

from collections.abc import Mapping
from typing import Final

from schemas.columns import Column


def _named(**meanings: str) -> tuple[Column, ...]:
    return tuple(Column(name, meaning) for name, meaning in meanings.items())


FIGURE_REPORTS: Final[Mapping[str, tuple[Column, ...]]] = {  # by the name of the report
    "deliveries": _named(
        event="the event's id: the webhook-id of each try",
        type="what happened",
        subject="what it happened to",
        namespace="where that stands",
        at="when it happened",
        state="waiting, delivered or failed",
        attempts="how often it was tried",
        next_at="when it is tried again",
        last_at="when it was tried last",
        last_status="the status that was answered then",
        last_error="why that try failed",
        delivered_at="when the receiver took it",
    ),
    "samples": _named(
        cycle="the month, quarter or year",
        tier="LOW or NEGLIGIBLE",
        state="framed, drawn or decided",
        framed_at="when it was written down whom it may draw",
        frame_digest="the SHA-256 of the sorted ids of these models, a line each",
        change="the number of the ledger's row that holds it",
        population="how many models these are",
        size="how many are drawn at first",
        seed="the root of the checkpoint, in hexadecimal; empty until the frame is sealed",
        checkpoint="the size of the first checkpoint that covers that row",
        drawn_at="when it was drawn",
        extended_at="since when as many again are drawn: a tier was not confirmed",
        draws="how many were drawn",
        decided="of how many the review is decided",
        left="how many left production and were replaced",
        without_review="how many have no version that could be reviewed",
        not_confirmed="how many tiers were not confirmed",
        confidence="the confidence of the bound",
        upper_bound="the rate of wrong tiers that is not excluded; empty until all are decided",
        url="where the cycle is read",
    ),
    "draws": _named(
        cycle="the month, quarter or year",
        tier="LOW or NEGLIGIBLE",
        rank="its place in the order that the seed gives",
        model_id="the model's id",
        model="namespace/name",
        namespace="where it stands",
        state="drawn, left or decided",
        tier_confirmed="what the review says of its tier",
        review="the review's id",
        review_state="how far the review is",
        due_at="until when it is to be decided",
        url="where the model is read",
    ),
    "frame": _named(
        model_id="the model's id",
        hash="SHA-256 over the seed and the id: by it models are drawn, ascending",
    ),
    "kpis": _named(
        figure="what is counted or measured",
        by="tier, namespace or line_of_business; empty: everything",
        group="which of them; empty where nobody states it; UNRATED: the tier is not known yet",
        unit="what is counted, or what it is measured in",
        numerator="so many",
        denominator="of so many; of a median, bound or quantile: cases",
        unknown="of these, so many could be either",
        value="of a median, bound or quantile: the value",
        url="where the list is, as near as its filters come",
        meaning="the figure in words",
    ),
    "shared": _named(
        what="dataset, base_model or vendor",
        name="what it is called",
        models="how many models rest on it",
        in_use="how many of these are in production",
        high="how many of these are HIGH",
    ),
}
