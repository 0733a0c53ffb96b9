"""Errors as they are answered: RFC 9457."""

from schemas.strict import Closed, Count, Text


class FieldProblem(Closed):
    """One thing that is wrong with a request: where, why, and how to mend it."""

    pointer: Text
    message: Text
    fix: Text = ""


class Problem(Closed):
    """An error. `type` is a page of ours, `code` is for programs, the rest is for people."""

    type: Text
    title: Text
    status: Count
    detail: Text = ""
    code: Text
    errors: tuple[FieldProblem, ...] = ()
    trace_id: Text
