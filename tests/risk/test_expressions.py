"""The language of conditions: what it names and refuses, and that nothing in it is unbounded."""

from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.risk.controls.expressions import Answer, compile_expression, evaluate
from service.risk.controls.syntax import (
    DEEPEST,
    LONGEST,
    MOST_PARTS,
    MOST_SUMS,
    SyntaxRefused,
    read_syntax,
)

NOON: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)
DOCUMENT: Final = {
    "now": NOON,
    "model": {"name": "retail/é", "twins": [], "seen": NOON, "nothing": None, "count": 3},
}
REFUSED: Final = {
    "": "ends too early",
    "model.name ==": "ends too early",
    "model.name 'x'": "has \"'x'\" at character 12, where it means nothing",
    "(model.flag": "has its end at character 12",
    "model.twins[0] == 'a'": "picks a member at character 12",
    "model['name'] == 'a'": "picks a member at character 6",
    "[1, 2][0] == 1": "picks a member at character 7",
    "(model).name == 'a'": "reads name of a computed value at character 9",
    "size(model.twins).x": "reads x of a computed value",
    "{'a': 1}.a == 1": "cannot be read from character 1 on",
    "model.twins.all(x, x == 'a')": "runs all() over a list at character 13",
    "model.twins.exists(x, true)": "runs exists() over a list",
    "model.twins.exists_one(x, true)": "runs exists_one() over a list",
    "size(model.twins.map(x, x)) > 0": "runs map() over a list",
    "model.twins.filter(x, true) == []": "runs filter() over a list",
    "cel.bind(x, 1, x) == 1": "runs bind() over a list",
    "duration('1h') == now - now": "calls duration() at character 1, which is none of contains",
    "timestamp('2026-01-01T00:00:00Z') < now": "calls timestamp()",
    "string(model.count) == '3'": "calls string()",
    "model.name.days(1) == now": "calls days()",
    "has('x')": "has \"'x'\" at character 5",
    "has(model)": "does not compile",
    "size() > 0": "gives size() 0 arguments",
    "model.name.contains('a', 'b')": "gives contains() 2 arguments",
    "model.name.matches(model.name)": "gives matches() no plain text at character 20",
    "model.name.matches('a' + 'b')": "gives matches() no plain text",
    "model.name.matches('(')": "has a pattern that is none: unclosed group",
    "model.name.matches('a{1000}')": "has a costly pattern",
    r"model.name.matches('\\w\\w\\w\\w\\w')": "has a costly pattern",
    f"model.name.matches('{'a' * 201}')": "has a costly pattern",
    "||".join(["model.name.matches('a')"] * 3): "has more than 2 patterns",
    "99999999999999999999 > 1": "does not compile",
    "model.in == 1": "has 'in' at character 7",
    "as == 1": "does not compile",
    "b'a' == b'a'": "where it means nothing",
    '"""a""" == "a"': "where it means nothing",
    "true // a comment": "where it means nothing",
    "true; false": "cannot be read from character 5 on",
    "'a\x00' == 'a' \x00": "cannot be read from character 13 on",
    "(" * (DEEPEST + 1) + "true" + ")" * (DEEPEST + 1): f"more than {DEEPEST} levels deep",
    "size(" * 30 + "model.twins" + ")" * 30: f"more than {DEEPEST} levels deep",
    "[" * 200 + "]" * 200: f"more than {DEEPEST} levels deep",
    "+".join(["model.name"] * (MOST_SUMS + 2)): f"adds more than {MOST_SUMS} times",
    "+".join(["[model.twins]"] * (MOST_SUMS + 2)): f"adds more than {MOST_SUMS} times",
    "!" * (MOST_PARTS + 1) + "true": f"has more than {MOST_PARTS} parts",
    f"model.name == '{'a' * LONGEST}'": f"is longer than {LONGEST} characters",
}


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_compile_refused(text: str) -> None:
    """What is not of the language is refused with its place, and with what to write instead."""
    with pytest.raises(SyntaxRefused) as refused:
        compile_expression(text)

    assert REFUSED[text] in str(refused.value)
    assert refused.value.fix


def test_read_syntax_names() -> None:
    """Paths are told apart: read, asked for by has(), before a method; literals name nothing."""
    found = read_syntax(
        'has(use.purpose) && use.purpose.matches("^a.b (c|d)") && !model.flag && '
        'size(model.twins) + -1 < days(params.n) ? now in [review.due_at, null] : "a.b" != "x"'
    )

    assert found.reads == {
        ("use", "purpose"), ("model", "flag"), ("model", "twins"), ("params", "n"), ("now",),
        ("review", "due_at"),
    }  # fmt: skip
    assert found.checks == {("use", "purpose")}
    assert found.patterns == ('"^a.b (c|d)"',)


EVALUATED: Final[dict[str, Answer]] = {
    "model.name.size() == 9": Answer(value=True),  # bytes
    "model.lacks == 1": Answer(unstated="lacks"),
    "model.lacks == 1 || true": Answer(value=True),
    "false && model.lacks == 1": Answer(value=False),
    "null == model.count": Answer(value=False),
    "now < model.seen + days(14)": Answer(value=True),
    "model.seen + hours(model.count) == now": Answer(value=False),
    "model.count": Answer(value=3),
}


@pytest.mark.parametrize("text", EVALUATED)
def test_evaluate_answers(text: str) -> None:
    """A value, or the member that is not stated; an absent one may not matter."""
    assert evaluate(compile_expression(text), DOCUMENT) == EVALUATED[text]


@pytest.mark.parametrize(
    "text",
    [
        "!" * (MOST_PARTS - 2) + "true",
        "-" * (MOST_PARTS - 3) + "1 < 2",
        " && ".join(["true"] * (MOST_PARTS // 2)),
        "false ? false : " * 80 + "true",
        "(" * DEEPEST + "true" + ")" * DEEPEST,
        " || ".join(["model.lacks == 1"] * (MOST_PARTS // 6)) + " || true",
    ],
)
def test_evaluate_largest(text: str) -> None:
    """As much as the language allows is evaluated without harm."""
    assert evaluate(compile_expression(text), DOCUMENT).value is True


@pytest.mark.parametrize(
    "text",
    [
        "model.nothing < 1",
        "size(model.nothing) > 0",
        "1 / 0 == 1",
        "model.count + 1.5 > 1",
        "9223372036854775807 + model.count > 1",
        "model.seen + days('a') < now",
        "model.seen + days(true) < now",
        "model.seen + days(99999999) < now",
        "model.seen + days(1e300) < now",
        "mistaken.root == 1",
        "!model.count",
    ],
)
def test_evaluate_defect(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    """What goes wrong is said and never raised, and the evaluator does not crash over it."""
    answer = evaluate(compile_expression(text), DOCUMENT)

    assert answer.defect
    assert answer.value is None
    assert capfd.readouterr().err == ""


def test_evaluate_linear_pattern() -> None:
    """A pattern that makes others backtrack for ever is matched in linear time."""
    document = {"model": {"name": "a" * 60_000 + "!"}}
    condition = compile_expression("model.name.matches('^(a+)+$')")

    assert evaluate(condition, document) == Answer(value=False)


def test_evaluate_latest_calendar() -> None:
    """The longest span from the last day of the calendar is still no crash."""
    last = {"model": {"seen": datetime(9999, 12, 31, tzinfo=UTC)}, "now": NOON}
    added = "model.seen" + " + days(36600)" * MOST_SUMS

    assert evaluate(compile_expression(f"now < {added}"), last).unstated is None


def test_evaluate_named_paths() -> None:
    """What a condition does not name is not looked at, whatever it is, and nothing is changed."""
    document: dict[str, Any] = {
        "model": {"part": {"a": 1, "b": object()}, "huge": object()},
        "now": NOON,
    }
    before = {"model": {**document["model"], "part": {**document["model"]["part"]}}, "now": NOON}

    assert evaluate(compile_expression("model.part.a == 1"), document) == Answer(value=True)
    assert evaluate(compile_expression("model.part.c == 1"), document) == Answer(unstated="c")
    assert evaluate(compile_expression("has(model.part.c)"), document) == Answer(value=False)
    assert evaluate(compile_expression("model.none.c == 1"), document) == Answer(unstated="none")
    whole = compile_expression("model.part != null && model.part.a == 1")
    assert evaluate(whole, {"model": {"part": {"a": 1}}}) == Answer(value=True)
    assert evaluate(whole, {"model": {"part": None}}) == Answer(value=False)
    assert "ValueError" in (evaluate(whole, document).defect or "")
    assert document == before


def test_evaluate_in_threads() -> None:
    """A condition that was compiled in one thread is evaluated in another."""
    condition, found = compile_expression("model.count == 3"), []
    thread = Thread(target=lambda: found.append(evaluate(condition, DOCUMENT)))
    thread.start()
    thread.join()

    assert found == [Answer(value=True)]


def test_evaluate_microseconds() -> None:
    """Times are compared to the microsecond, as the database keeps them."""
    tick = timedelta(microseconds=1)
    condition = compile_expression("now < model.seen")

    assert evaluate(condition, {"now": NOON - tick, "model": {"seen": NOON}}).value is True
    assert evaluate(condition, {"now": NOON, "model": {"seen": NOON}}).value is False


PIECES: Final = st.sampled_from(
    ["model.name", "model", "now", "has(", "(", ")", "[", "]", "'a'", '"', "&&", "||", "!", "-",
     "<", "==", "+", "in", "?", ":", ".", ",", "size(", "days(", "1", "1.5", "null", "true", " ",
     ".matches('a')", ".all(x, true)", "\\", "{", "}", "é", "\n", "/", "//"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=24).map("".join) | st.text(max_size=60))
def test_compile_any_text(text: str) -> None:
    """Any text is refused, or compiled and evaluated: nothing else happens."""
    try:
        condition = compile_expression(text)
    except SyntaxRefused:
        return
    answer: Any = evaluate(condition, DOCUMENT)

    assert isinstance(answer, Answer)
