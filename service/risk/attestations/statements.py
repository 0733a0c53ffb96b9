"""The statements that owners attest, as data, and what speaks against each of them."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from schemas.attestations import Answer, Contradiction, Statements
from schemas.yaml_walk import read_typed

FILE: Final = "policies/attestation-v1.yaml"
YES, NO = "yes", "no"


@cache
def current_statements() -> Statements:
    """Those that are attested now."""
    raw = files("service.risk").joinpath(FILE).read_bytes()
    return Statements.model_validate(read_typed(raw))


def contradictions(said: Statements, signals: Mapping[str, int]) -> tuple[Contradiction, ...]:
    """What speaks against the statements, in their order; a signal counts how many there are."""
    return tuple(
        Contradiction(
            statement=one.id, code=code, says=text.format(count=signals[code]), count=signals[code]
        )
        for one in said.statements
        for code, text in one.against.items()
        if signals.get(code, 0) > 0
    )


def result_of(answers: Mapping[str, Answer]) -> str:
    """Confirmed, if every answer is yes."""
    return "confirmed" if all(one.answer == YES for one in answers.values()) else "deviating"


def faults_of(
    said: Statements, answers: Mapping[str, Answer], *, against: tuple[Contradiction, ...]
) -> Iterator[tuple[str, str]]:
    """What an attestation lacks: the statement, and why."""
    known = {one.id for one in said.statements}
    for name in sorted(known - answers.keys()):
        yield name, "statement_answered: has no answer"
    for name in sorted(answers.keys() - known):
        yield name, "statement_known: is no statement of this version"
    speaking = {one.statement: one.says for one in reversed(against)}
    for name, one in answers.items():
        if one.comment is not None or name not in known:
            continue
        if one.answer == NO:
            yield name, "no_needs_a_comment: say what is not so"
        elif name in speaking:
            yield name, f"yes_against_evidence_needs_a_comment: {speaking[name]}"
