"""Whoever owns the model does not take back what is found against it."""

from tests.risk.findings.test_steps import record
from tests.risk.parties import Parties


def test_owner_withdraws_nothing(parties: Parties) -> None:
    """Also where the owner is a reviewer, and gave the finding to somebody else."""
    parties.grant("anna", "reviewer")
    path = record(parties)
    parties.done("owner", path, "rebut", reason="it is none")
    answer = parties.step("owner", path, "withdraw", reason="as I said")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_independent")
    assert parties.done("reviewer", path, "withdraw", reason="so it is")["state"] == "WITHDRAWN"
