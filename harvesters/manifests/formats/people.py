"""Authors as foreign files name them: developers by e-mail address, never by name alone."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from harvesters.manifests.bots import is_bot
from harvesters.manifests.formats.held import one_line, text_of
from schemas.identifiers import Identifier, email_identifier

WRITTEN: Final = re.compile(r"(?P<name>[^<>]{0,300})<(?P<email>[^<>\s]{3,320})>")


def developers(people: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Ownerships of those who have an address; accounts of machines are left out."""
    found = {owner: None for person in people if (owner := _owner(person)) is not None}
    return [{"owner": one.model_dump(mode="json"), "role": "developer"} for one in found]


def _owner(person: Mapping[str, Any]) -> Identifier | None:
    address = text_of(person.get("email"))
    if address is None or is_bot(address) or is_bot(one_line(person.get("name")) or ""):
        return None
    try:
        return email_identifier(address)
    except ValueError:
        return None


def written_people(texts: Iterable[str]) -> Iterator[dict[str, Any]]:
    """`Name <address>`, as some files write a person."""
    for text in texts:
        if found := WRITTEN.fullmatch(text.strip()):
            yield {"name": found["name"].strip(), "email": found["email"]}
