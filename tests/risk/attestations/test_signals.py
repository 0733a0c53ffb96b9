"""Every code that a statement names is counted, and every one that is counted is named."""

from service.risk.attestations.signals import SIGNALS
from service.risk.attestations.statements import current_statements


def test_codes() -> None:
    """The statements are data; what they may be held against stands beside them."""
    named = {code for one in current_statements().statements for code in one.against}
    assert named == set(SIGNALS)
