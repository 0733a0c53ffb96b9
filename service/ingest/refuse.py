"""Why identity refuses an observation, in words that say what to do."""

from schemas.identifiers import Identifier, Kind
from schemas.observation import Refusal
from service.ingest.batch import Item


def collision(item: Item) -> Refusal:
    """Two things of one source would bear one name."""
    numbered = item.subject.kind is Kind.VERSION
    fact = "number" if numbered else "name"
    remedy = "give it another number" if numbered else "tag one of them with catalog.name"
    return _refusal(
        item,
        f"/facts/{fact}",
        code="name_collision",
        message=f"another subject of this source has the same {fact} when case is ignored; "
        f"{remedy}",
    )


def contested(claimant: Identifier, *, position: int = 0) -> Refusal:
    """A manifest of another repository holds the name: the first one keeps it."""
    return Refusal(
        index=position,
        subject=claimant,
        pointer="/subject/value",
        code="contested_claim",
        message="a manifest of another repository describes this model already; it keeps the name "
        "until an admin decides the claim, which is listed among the contested claims",
    )


def foreign_model(item: Item, *, source: str) -> Refusal:
    """It would stand below a model of others; whether there is one is not told."""
    return _refusal(
        item,
        "/facts/model",
        code="namespace_not_allowed",
        message=f"source {source} may not add anything below this model: it is in no namespace of "
        "the source's may_name, which an admin can change",
    )


def other_model(item: Item) -> Refusal:
    """A registry's version names another model than the one that its identifier stands below."""
    return _refusal(
        item,
        "/facts/model",
        code="invalid",
        message="is not the model in the subject's identifier; state the one that stands there",
    )


def foreign_name(item: Item, named: Identifier, *, source: str) -> Refusal:
    """It mentions what nobody described, in a namespace where the source may create nothing."""
    return _refusal(
        item,
        "/facts",
        code="namespace_not_allowed",
        message=f"{named.value} is not known, and source {source} may not create it; an admin can "
        "add its namespace to the source's may_name",
    )


def foreign_same_as(item: Item, position: int, *, source: str) -> Refusal:
    """It says to be what stands in a namespace where the source may name nothing."""
    return _refusal(
        item,
        f"/same_as/{position}/value",
        code="namespace_not_allowed",
        message=f"it stands in a namespace in which source {source} may not name anything; an "
        "admin can add it to the source's may_name",
    )


def undescribed(item: Item, model: Identifier) -> Refusal:
    """It belongs to a model of a file, and that file was refused or never sent."""
    return _refusal(
        item,
        "/same_as" if model in item.observation.same_as else "/facts/model",
        code="model_not_described",
        message="the model that it belongs to is not in the catalog, or in no namespace of the "
        "source's may_name: see whether its manifest was refused; this is taken once it is in",
    )


def two_manifests(item: Item) -> Refusal:
    """A file would make the models of two manifests one."""
    return _refusal(
        item,
        "/same_as",
        code="invalid",
        message="names two manifests; a file stands by one, say the same of each in its own record",
    )


def foreign_subject(item: Item, *, source: str) -> Refusal:
    """It speaks about a model of a file that stands in somebody else's namespace."""
    return _refusal(
        item,
        "/subject/value",
        code="namespace_not_allowed",
        message=f"its model stands in a namespace in which source {source} may not name anything; "
        "an admin can add it to the source's may_name",
    )


def unnameable(item: Item) -> Refusal:
    """Model and number together are longer than a name can be."""
    return _refusal(
        item,
        "/facts/number",
        code="invalid",
        message="model and number together are longer than the 1,024 bytes that a name may have",
    )


def _refusal(item: Item, pointer: str, *, code: str, message: str) -> Refusal:
    return Refusal(
        index=item.position, subject=item.subject, pointer=pointer, code=code, message=message
    )
