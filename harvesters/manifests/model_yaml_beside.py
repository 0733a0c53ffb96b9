"""What the contract of a manifest cannot see, or says only when all else is right."""

import re
from collections.abc import Iterator
from typing import Any, Final

from harvesters.errors import shown
from harvesters.manifests import model_yaml_edits as edits
from harvesters.manifests.model_yaml_errors import pointer_of
from harvesters.manifests.model_yaml_keys import known_keys, named, value_at
from harvesters.manifests.problems import Problem
from schemas.manifest import Manifest, repeated
from schemas.manifest_values import PURPOSE
from schemas.manifest_words import PURPOSES
from schemas.yaml_walk import Document, Path

TO_REVOKE: Final = "looks_like_secret"
SECRET_NAME: Final = re.compile(r"passw(?:or)?d|secret|api[_-]?key|token|credential", re.IGNORECASE)
POLICY: Final = "the tiering policy of your installation"


def beside(document: Document, manifest: Manifest | None) -> Iterator[Problem]:
    """All of it; `manifest` is None where the contract has found something."""
    spec = document.value.get("spec")
    written: dict[str, Any] = spec if isinstance(spec, dict) else {}
    uses = written.get("uses")
    yield from _repeated(document, uses)
    yield from _purposes(document, uses)
    if manifest is not None and not any(o.role == "accountable" for o in manifest.spec.owners):
        path: Path = ("spec", "owners") if "owners" in written else ("spec",)
        yield Problem(
            "no_owner", *document.key_of(path), "no owner answers for the model",
            'add one: `owners: [{ref: "team:..."}]`', pointer_of(path), "warning",
        )  # fmt: skip
    for path in document.ends:
        key = path[-1] if path else ""
        if isinstance(key, str) and SECRET_NAME.search(key) and key not in known_keys(path[:-1]):
            yield Problem(
                TO_REVOKE, *document.key_of(path),
                f"{named(path)} is named like a password", "revoke what it holds, then remove it",
                pointer_of(path), "warning",
            )  # fmt: skip


def _repeated(document: Document, uses: Any) -> Iterator[Problem]:
    if not isinstance(uses, list):
        return
    for index in repeated(use.get("name") if isinstance(use, dict) else None for use in uses):
        path: Path = ("spec", "uses", index, "name")
        yield Problem(
            "repeated", *document.value_of(path),
            f"item {index + 1} of `uses` has the name of one above, as names are compared",
            "give it a name of its own", pointer_of(path),
        )  # fmt: skip


def _purposes(document: Document, uses: Any) -> Iterator[Problem]:
    """Names that the default policy does not know: rated as if they were not there.

    Policies are data, so an installation may have them all the same: nothing is refused.
    """
    for index in range(len(uses) if isinstance(uses, list) else 0):
        path: Path = ("spec", "uses", index, "regulated_purposes")
        stated = value_at(document.value, path)
        words = stated if isinstance(stated, dict | list) else ()
        for part, word in enumerate(words):
            if not isinstance(word, str) or word in PURPOSES or not re.fullmatch(PURPOSE, word):
                continue
            if isinstance(stated, dict):
                place, mark = (*path, word), document.key_of((*path, word))
            else:
                place, mark = (*path, part), document.value_of((*path, part))
            near = edits.nearest(word, PURPOSES)
            meant = f"`{near}`" if near else f"one of {', '.join(PURPOSES)}"
            yield Problem(
                "unknown_purpose", *mark,
                f"`{shown(word)[:60]}` is no purpose of the default tiering policy, and counts for "
                f"nothing unless {POLICY} has it",
                f"write {meant}, or see that {POLICY} knows it", pointer_of(place), "warning",
            )  # fmt: skip
