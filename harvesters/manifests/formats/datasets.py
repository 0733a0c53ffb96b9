"""Datasets that foreign files name: by an address, by their name on a hub, or in words."""

import re
from typing import Final, NamedTuple

from harvesters.manifests.formats.found import Found
from harvesters.manifests.formats.held import hold, identifier
from harvesters.redaction import redact_text
from schemas.identifiers import Identifier, Kind
from schemas.masking import drop_userinfo

HUB_PAGE: Final = re.compile(
    r"https?://(?:www\.)?huggingface\.co/datasets/(?P<name>[\w.-]+(?:/[\w.-]+)?)/?(?:[?#].*)?",
    re.ASCII,
)
HUB_NAME: Final = re.compile(r"\w[\w.-]{0,95}/\w[\w.-]{0,95}|[a-z0-9][\w.-]{0,95}", re.ASCII)
ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,30}://\S+", re.ASCII)

CREDENTIAL: Final = "uri: a credential in an address is left out; revoke it, and remove it there"


def dataset_uri(text: str) -> Identifier | None:
    """By its address; a page of the hub about a dataset stands for it. None for local paths."""
    if page := HUB_PAGE.fullmatch(text):
        text = f"hf://datasets/{page['name']}"
    if not ADDRESS.fullmatch(text):
        return None
    return identifier(Kind.DATASET, "uri", value=text)


class Called(NamedTuple):
    """What a dataset is called, its address where others can reach it, and what was left out."""

    name: str
    uri: Identifier | None = None
    dropped: tuple[str, ...] = ()


def called(text: str) -> Called:
    """A dataset by what a file calls it: an address in its canonical form, without a credential.

    Identifiers are made of the name: no secret may stand in it.
    """
    if "://" not in text:
        return Called(text)
    uri, public = dataset_uri(text), public_address(text)
    dropped = () if public == text else (CREDENTIAL,)
    return Called(public if uri is None else uri.value, uri, dropped)


def public_address(text: str) -> str:
    """Without who signs in there, and without what is named like a password."""
    return redact_text(drop_userinfo(text))


def named_dataset(text: str, *, role: str | None) -> Found:
    """A dataset as a model card names it: on the hub, where it reads like a name there."""
    name, uri, lost = called(text)
    if uri is None and HUB_NAME.fullmatch(text):
        uri = identifier(Kind.DATASET, "uri", value=f"hf://datasets/{text}")
    said = {"name": " ".join(name.split()), "uri": None if uri is None else uri.value}
    facts, dropped = hold(Kind.DATASET, said, dropped=lost)
    link = {"role": role} if role else {}
    same_as = () if uri is None else (uri,)
    return Found(Kind.DATASET, facts, name=name, same_as=same_as, dropped=dropped, links=(link,))
