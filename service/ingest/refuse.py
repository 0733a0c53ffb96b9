"""Why identity refuses an observation, in words that say what to do."""

from schemas.identifiers import Identifier
from schemas.observation import Refusal
from service.ingest.batch import Item


def collision(item: Item) -> Refusal:
    """Two things of one source would bear one name."""
    return Refusal(
        index=item.position,
        subject=item.subject,
        pointer="/facts/name",
        code="name_collision",
        message="another subject of this source has the same name when case is ignored; "
        "tag one of them with catalog.name",
    )


def foreign_name(item: Item, named: Identifier, *, source: str) -> Refusal:
    """It mentions what nobody described, in a namespace where the source may create nothing."""
    return Refusal(
        index=item.position,
        subject=item.subject,
        pointer="/facts",
        code="namespace_not_allowed",
        message=f"{named.value} is not known, and source {source} may not create it; an admin can "
        "add its namespace to the source's may_name",
    )


def foreign_same_as(item: Item, position: int, *, source: str) -> Refusal:
    """It says to be what stands in a namespace where the source may name nothing."""
    return Refusal(
        index=item.position,
        subject=item.subject,
        pointer=f"/same_as/{position}/value",
        code="namespace_not_allowed",
        message=f"it stands in a namespace in which source {source} may not name anything; an "
        "admin can add it to the source's may_name",
    )


def unnameable(item: Item) -> Refusal:
    """Model and number together are longer than a name can be."""
    return Refusal(
        index=item.position,
        subject=item.subject,
        pointer="/facts/number",
        code="invalid",
        message="model and number together are longer than the 1,024 bytes that a name may have",
    )
