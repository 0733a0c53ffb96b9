"""What the tables refuse, whatever a program writes."""

import pytest
import sqlalchemy as sa

from tests.risk.concessions.asking import PATHS, TABLES, asked, ready
from tests.risk.parties import Parties

GRANTED = "state = 'IN_FORCE', granted_at = now(), approved_by = 'bert'"
WRONG = {  # of every sort
    "granted_by_another": "state = 'IN_FORCE', granted_at = now(), approved_by = requested_by",
    "granted_when": "state = 'IN_FORCE', approved_by = 'bert'",
    "state_known": "state = 'APPROVED', granted_at = now(), approved_by = 'bert'",
    "ends_in_time": "expires_at = requested_at + interval '800 days'",
}
ALONE = {
    "waiver": {"approved": "state = 'IN_FORCE', granted_at = now()",
               "renewed_once": "renewals = 2"},
    "exception": {"approved": "state = 'IN_FORCE', granted_at = now()",
                  "renewed_once": "renewals = 2",
                  "ends_in_time": "expires_at = requested_at + interval '91 days'"},
    "override": {"approved": "state = 'IN_FORCE', granted_at = now()",
                 "tier_known": "tier = 'NEGLIGIBLE'", "direction_known": "direction = 'sideways'"},
    "exemption": {"approved": "state = 'IN_FORCE', granted_at = now()"},
}  # fmt: skip


@pytest.mark.parametrize("sort", PATHS)
def test_checks(parties: Parties, sort: str) -> None:
    """Self-approval, no approval, no grant, a late end, a second renewal: none can be stored."""
    ready(parties, sort)
    asked(parties, sort)
    for name, changed in (*WRONG.items(), *ALONE[sort].items()):
        with pytest.raises(sa.exc.IntegrityError) as refused:
            parties.write(f"UPDATE {TABLES[sort]} SET {changed}")  # noqa: S608  # ours
        assert f"ck_{TABLES[sort]}_{name}" in str(refused.value), name
    with pytest.raises(sa.exc.IntegrityError):
        parties.write(f"UPDATE {TABLES[sort]} SET expires_at = NULL")  # noqa: S608  # ours
    parties.write(f"UPDATE {TABLES[sort]} SET {GRANTED}")  # noqa: S608  # ours


@pytest.mark.parametrize("sort", ["override", "exemption"])
def test_one_in_force(parties: Parties, sort: str) -> None:
    """Of a use, one override and one exemption hold at most."""
    ready(parties, sort)
    asked(parties, sort)
    table = TABLES[sort]
    parties.write(f"UPDATE {table} SET {GRANTED}")  # noqa: S608  # ours
    columns = "model_id, use_id, reason, evidence, requested_by, requested_at, expires_at"
    own = ", direction, tier" if sort == "override" else ""
    with pytest.raises(sa.exc.IntegrityError):
        parties.write(
            f"INSERT INTO {table} (id, state, granted_at, approved_by, renewals, {columns}{own})"  # noqa: S608
            f" SELECT gen_random_uuid(), state, granted_at, approved_by, 0, {columns}{own}"
            f" FROM {table}"
        )
