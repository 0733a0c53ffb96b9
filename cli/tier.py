"""Commands of tiers: how risky a model is and why, what to answer next, what an answer would do."""

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import typer

from cli.client import Client
from cli.exits import Exit, Stop
from cli.output import Json, print_json, print_rows, say
from cli.pins import read_value, show_changed
from cli.show import address_of
from schemas.canonical import path_segment

app = typer.Typer(no_args_is_help=True, help="How risky a model is, why, and what to answer next.")
UNDECLARED: Final = "(undeclared)"
Model = Annotated[str, typer.Argument(metavar="MODEL", help="namespace/name")]
Use = Annotated[
    str | None, typer.Option(help="Which use; without it the one that decides the tier.")
]
Facts = Annotated[
    list[str] | None,
    typer.Option("--fact", help="As it might be: decision_role=assists. Text, or JSON; `null`."),
]


@app.command()
def show(model: Model, *, use: Use = None, as_json: Json = False) -> None:
    """Say how risky a model is: points a factor with their source, floors, what to ask."""
    found = _read(model)
    if as_json:
        print_json(found)
        return
    say(_headline(found))
    for one in _chosen(found, use):
        say(f"\n{one['use']}: {_range(one)}")
        rows = (
            (r["axis"], r["factor"], _possible(r["possible"]), _points(r), r["source"] or "-")
            for r in one["reasons"]
        )
        print_rows(("axis", "factor", "may be", "points", "source"), rows)
        for floor in one["floors"]:
            say(f"floor {floor['id']} ({floor['title']}): {floor['state']}")
        _show_questions(one)


@app.command()
def ask(model: Model, *, use: Use = None, as_json: Json = False) -> None:
    """List what to answer next, most telling first; on a terminal, take the answers."""
    found = _read(model)
    chosen = _chosen(found, use or found["deciding_use"])
    if as_json:
        print_json({one["use"]: one["ask_next"] for one in chosen})
        return
    for one in chosen:
        if not one["ask_next"]:
            say(f"{one['use']}: {_range(one)}; no answer would change that.")
        _show_questions(one)
        if one["ask_next"] and sys.stdin.isatty():
            _take_answers(model, one["use"])


@app.command()
def answer(  # noqa: PLR0917  # the arguments of a command
    model: Model,
    fact: Annotated[str, typer.Argument(help="The fact, as `tier ask` calls it.")],
    value: Annotated[str, typer.Argument(help="Text, or JSON: assists, true, '[]'.")],
    *,
    reason: Annotated[str, typer.Option(help="How you know; it is kept.")],
    use: Use = None,
    as_json: Json = False,
) -> None:
    """Answer a question: your word is pinned, and outranks what sources say."""
    found = _read(model)
    (one,) = _chosen(found, use or found["deciding_use"])
    asked = {question["fact"]: question["pin"] for question in one["ask_next"]}
    path = asked.get(fact) or _pin(model, one["use"], fact=fact)
    _put(path, fact, value=value, reason=reason, as_json=as_json)


@app.command()
def preview(model: Model, *, facts: Facts = None, use: Use = None, as_json: Json = False) -> None:
    """Say what the tier would be if some facts were others; nothing is stored."""
    body: dict[str, Any] = {"facts": dict(map(_stated, facts or ()))}
    body |= {"use": use} if use else {}
    found = Client.from_environment().post(f"{address_of(model, None)}/tier:preview", body)
    if as_json:
        print_json(found)
        return
    say(f"{found['use']}: {_range(found)}")
    _show_questions(found)


@app.command()
def confirm(
    model: Model,
    *,
    comment: Annotated[str | None, typer.Option(help="What you looked at; it is kept.")] = None,
    as_json: Json = False,
) -> None:
    """Confirm that the facts are right as they stand now."""
    found = _read(model)
    body = {"facts_digest": found["facts_digest"]} | ({"comment": comment} if comment else {})
    done = Client.from_environment().post(f"{address_of(model, None)}/tier:confirm", body)
    if as_json:
        print_json(done)
    else:
        say(f"{_headline(done)} Confirmed: {done['facts_digest']}.")


def _read(model: str) -> Any:
    return Client.from_environment().get(f"{address_of(model, None)}/tier")


def _chosen(found: Mapping[str, Any], use: str | None) -> Sequence[Mapping[str, Any]]:
    chosen = [one for one in found["uses"] if use in {None, one["use"]}]
    if not chosen:
        known = ", ".join(one["use"] for one in found["uses"])
        raise Stop(f"There is no use {use}; there is {known}.", Exit.NOT_FOUND)
    return chosen


def _headline(found: Mapping[str, Any]) -> str:
    policy = found["policy"]
    rules = f"reviewed as {found['workflow_tier']}"
    return (
        f"{found['model']}: {_range(found)}, {rules},"
        f" by {policy['name']} {policy['version']}; {found['deciding_use']} decides."
    )


def _range(one: Mapping[str, Any]) -> str:
    """`HIGH FIRM`, or `LOW to HIGH, PROVISIONAL`."""
    if one["tier_low"] == one["tier_high"]:
        return f"{one['tier']} {one['status']}"
    return f"{one['tier_low']} to {one['tier_high']}, {one['status']}"


def _points(reason: Mapping[str, Any]) -> str:
    low, high = reason["points_low"], reason["points_high"]
    return str(low) if low == high else f"{low} to {high}"


def _possible(values: Sequence[Any]) -> str:
    return " or ".join(str(value) for value in values)


def _show_questions(one: Mapping[str, Any]) -> None:
    rows = (
        (q["fact"], q["question"], ", ".join(map(str, q["answers"])), q["who"])
        for q in one["ask_next"]
    )
    if one["ask_next"]:
        print_rows(("fact", "question", "answers", "who knows"), rows)


def _take_answers(model: str, use: str) -> None:
    """One by one, until nothing is left to ask or the person stops."""
    while True:
        (one,) = _chosen(_read(model), use)
        if not one["ask_next"]:
            say(f"{use}: {_range(one)}; no answer would change that.")
            return
        question = one["ask_next"][0]
        say(f"\n{question['question']} ({', '.join(map(str, question['answers']))})")
        value = typer.prompt(question["fact"], default="", show_default=False)
        if not value:
            return
        reason = typer.prompt("How do you know", default="", show_default=False)
        _put(question["pin"], question["fact"], value=value,
             reason=reason or "answered on a terminal", as_json=False)  # fmt: skip


def _pin(model: str, use: str, *, fact: str) -> str:
    return f"{address_of(model, None)}/uses/{path_segment(use)}/pins/{path_segment(fact)}"


def _put(path: str, fact: str, *, value: str, reason: str, as_json: bool) -> None:
    client = Client.from_environment()
    body = {"value": read_value(fact, value), "reason": reason}
    found = client.change("PUT", path, body=body, match=_tag(client, path))
    if as_json:
        print_json(found)
    else:
        show_changed(found, as_json=False, dry_run=False)


def _tag(client: Client, path: str) -> str | None:
    """The tag of the pin; none where the use begins with this answer."""
    try:
        return client.tag(path)
    except Stop as stop:
        if stop.code != Exit.NOT_FOUND:
            raise
        return None


def _stated(text: str) -> tuple[str, Any]:
    name, between, value = text.partition("=")
    if not between:
        raise Stop(f"Write --fact {name}=VALUE.", Exit.WRONG_USE)
    return name, read_value(name, value)
