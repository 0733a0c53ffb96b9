"""Makes observations of what foreign systems say: what cannot be used of it is left out and told.

One bad field never costs a thing its entry; a thing without an identifier is not readable at all.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from harvesters.dropped import Dropped, reason, warnings_of
from harvesters.errors import RecordUnreadable
from schemas.digest import canonical_json, sha256
from schemas.facts import FACTS, Facts
from schemas.identifiers import Identifier
from schemas.masking_documents import mask_document
from schemas.observation import Evidence, Observation

MOST_ATTEMPTS: Final = 40  # fields that are left out, one after the other


def state(  # noqa: PLR0913  # what an observation is made of
    subject: Identifier,
    stated: Mapping[str, Any],
    *,
    at: datetime,
    raw: Any = None,
    url: str | None = None,
    same_as: Sequence[Identifier] = (),
    dropped: Sequence[Dropped] = (),
    inferred: Sequence[str] = (),
) -> Observation | RecordUnreadable:
    """What is said of a thing; members that are `...` were not read, None is stated empty.

    `raw` is what the system answered: its digest, secrets masked, is the evidence.
    """
    facts, left = facts_of(FACTS[subject.kind], stated)
    said = facts.model_fields_set - {"warnings"}
    more = {"warnings": warnings_of((*dropped, *left))} if dropped or left else {}
    facts = facts.model_copy(update=more) if more else facts
    try:
        return Observation(
            subject=subject,
            observed_at=at,
            same_as=tuple(dict.fromkeys(one for one in same_as if one != subject)),
            facts=facts,
            inferred=tuple(name for name in inferred if name in said),
            evidence=evidence_of(raw, url),
        )
    except ValidationError as error:
        return RecordUnreadable("unusable", reason(error), "", subject)


def facts_of(about: type[Facts], stated: Mapping[str, Any]) -> tuple[Facts, list[Dropped]]:
    """Facts of everything that can be used, and what could not be."""
    given = {name: value for name, value in stated.items() if value is not ...}
    left: list[Dropped] = []
    for _ in range(MOST_ATTEMPTS):
        try:
            return about.model_validate(given), left
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            name = str(first["loc"][0])
            why = first["msg"].removeprefix("Value error, ")
            left.append(Dropped("unusable", f"{name}: {why}"))
            given.pop(name, None)
    return about(), left


def evidence_of(raw: Any, url: str | None) -> Evidence | None:
    """Where it can be looked up, and the digest of what was read."""
    if raw is None and url is None:
        return None
    digest = None if raw is None else sha256(canonical_json(mask_document(raw)))
    try:
        return Evidence(url=url, digest=digest)
    except ValidationError:  # an address that cannot be shown
        return Evidence(digest=digest)
