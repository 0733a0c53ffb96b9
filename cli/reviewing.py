"""What the commands of reviews share: addresses, steps, and what was decided as it is sent."""

import json
from typing import Any, Final

import typer

from cli.client import Client
from cli.exits import Exit, Stop
from cli.output import print_json, say
from schemas.canonical import path_segment

PATH: Final = "/api/v1/reviews"
LONGEST: Final = 60  # characters of a value that a row shows


def review_path(review: str) -> str:
    """Where a review is read."""
    return f"{PATH}/{path_segment(review)}"


def trying(*, dry_run: bool) -> dict[str, str]:
    """The query of a step that is only tried."""
    return {"dry_run": "true"} if dry_run else {}


def read_version(text: str) -> tuple[str, str]:
    """`namespace/model/version` as model and version."""
    namespace, _, rest = text.partition("/")
    model, _, number = rest.partition("/")
    if not (namespace and model and number):
        raise Stop(f"{text}: write namespace/model/version.", Exit.WRONG_USE)
    return f"{namespace}/{model}", number


def take_step(
    review: str,
    action: str,
    *,
    body: dict[str, Any] | None,
    dry_run: bool = False,
    as_json: bool,
) -> None:
    """Take a step from the state in which the review is now."""
    client, path = Client.from_environment(), review_path(review)
    done = client.change(
        "POST", f"{path}:{action}", body=body, match=client.tag(path), **trying(dry_run=dry_run)
    )
    print_done(done, dry_run=dry_run, as_json=as_json)


def decide_review(
    review: str,
    action: str,
    *,
    said: dict[str, Any],
    content: str | None,
    how: tuple[bool, bool],
) -> None:
    """Decide by the digests that are shown now, or by the one that was read."""
    found = Client.from_environment().get(review_path(review))
    now = found["now"]
    if now is None:
        raise Stop(f"It is {found['state']}: there is nothing to decide.", Exit.CONFLICT)
    seen = {"content_digest": content} if content else {}
    take_step(review, action, body={**said, **now, **seen}, dry_run=how[0], as_json=how[1])


def print_done(done: Any, *, dry_run: bool, as_json: bool) -> None:
    """What became of it."""
    if as_json:
        print_json(done)
        return
    tried = "Only tried: " if dry_run else ""
    decided = f", {done['outcome']}" if done["outcome"] else ""
    due = done["due_at"] or "its first production"
    say(f"{tried}{done['kind']} of {done['version']} is {done['state']}{decided}; due: {due}.")
    typer.echo(done["id"])


def read_lists(conditions: list[str] | None, evidence: list[str] | None) -> dict[str, Any]:
    """Conditions and evidence as they are sent."""
    return {"conditions": [_condition(one) for one in conditions or ()],
            "evidence": read_evidence(evidence)}  # fmt: skip


def _condition(text: str) -> dict[str, str]:
    due, equals, said = text.partition("=")
    if not equals or not said:
        raise Stop(f"{text}: write 2027-01-31T00:00:00Z=what is to be done.", Exit.WRONG_USE)
    return {"due_at": due, "text": said}


def read_evidence(given: list[str] | None) -> list[dict[str, str | None]]:
    """Links, each with its digest if it has one."""
    found = []
    for text in given or ():
        url, _, digest = text.rpartition("=sha256:")
        found.append({"url": url or text, "digest": f"sha256:{digest}" if url else None})
    return found


def shown(value: Any) -> str:
    """A value in a cell of a row."""
    if value is None:
        return "-"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
