"""What people claim of a deployment, in labels, annotations or tags whose names begin as ours."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from harvesters.dropped import Dropped

OURS: Final = "model-catalog/"
BUILD: Final = re.compile(r"(github|gitlab|jenkins|azure|ci)[:/]\s*(\S{1,1000})", re.ASCII)
AS_STATED: Final = {
    "version": "claimed_version", "commit": "commit", "blueprint": "blueprint",
    "deployed-by": "deployed_by",
}  # fmt: skip


def of_ours(named: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Those of ours that say something, without what all their names begin with."""
    return {
        name.removeprefix(OURS): value.strip()
        for name, value in named
        if name.startswith(OURS) and value.strip()
    }


def claimed(claims: Mapping[str, str], dropped: list[Dropped]) -> dict[str, Any]:
    """The facts that are claimed. A label splits at the first dot: `retail.churn`."""
    stated: dict[str, Any] = {
        fact: claims[name] for name, fact in AS_STATED.items() if name in claims
    }
    if model := claims.get("model"):
        first, dot, rest = model.partition(".")
        stated["claimed_model"] = f"{first}/{rest}" if dot and "/" not in model else model
    if repository := claims.get("repository"):
        stated["repository"] = {"kind": "repository", "scheme": "url", "value": repository}
    if build := claims.get("build"):
        if found := BUILD.fullmatch(build):
            stated["build"] = {"kind": "build", "scheme": found[1], "value": found[2]}
        else:
            text = "build: write its scheme and its value, as github:github.com/1/2"
            dropped.append(Dropped("unusable", text))
    return stated
