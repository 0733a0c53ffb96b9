"""How each sort is asked for, and brought into each of its states."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from service.risk.concessions.summary import lapse
from tests.risk.parties import CHURN, LUNCH, MEDIUM, Parties, in_days
from tests.support.catalog import version

PROOF: Final = [{"url": "https://wiki.acme.example/why"}]
WHY: Final = "people look at each of its outputs"
PATHS: Final = {
    "waiver": "waivers", "exception": "exceptions", "override": "overrides",
    "exemption": "exemptions",
}  # fmt: skip
WAYS: Final = {  # how each state is reached
    "REQUESTED": (),
    "IN_FORCE": ("approve",),
    "REJECTED": ("reject",),
    "REVOKED": ("approve", "revoke"),
    "LAPSED": ("approve", "lapse"),
}
TABLES: Final = {
    "waiver": "waiver", "exception": "risk_exception", "override": "tier_override",
    "exemption": "exemption",
}  # fmt: skip
WAIVER: Final[dict[str, Any]] = {
    "model": CHURN, "control": "BLD-01", "reason": "moves to CI in March",
    "compensating": "two people look at each upload", "expires_at": in_days(90),
}  # fmt: skip
EXCEPTION: Final[dict[str, Any]] = {
    "model": CHURN, "version": "7", "reason": "the old one fails", "limits": "new customers",
    "monitoring": "daily", "informed": ["head of retail"], "expires_at": in_days(60),
}  # fmt: skip
DOWN: Final[dict[str, Any]] = {
    "tier": "LOW", "reason": WHY, "evidence": PROOF, "expires_at": in_days(90),
}  # fmt: skip
ASKS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "waiver": ("waivers", WAIVER),
    "exception": ("exceptions", EXCEPTION),
    "override": (f"{LUNCH}/overrides", DOWN),
    "exemption": (f"{LUNCH}/exemptions", {"reason": WHY}),
}


def ready(parties: Parties, sort: str) -> None:
    """Let the rules allow such a one."""
    if sort == "exception":
        parties.say(version(8))
    if sort == "override":
        parties.declare(**MEDIUM)
    if sort == "exemption":
        parties.declare()


def ask(parties: Parties, sort: str, role: str = "owner", **more: Any) -> Any:
    """The answer to a request."""
    path, body = ASKS[sort]
    return parties.ask(role, "POST", path, json=body | more)


def asked(parties: Parties, sort: str, role: str = "owner", **more: Any) -> str:
    """Where a new request stands."""
    answer = ask(parties, sort, role, **more)
    assert answer.status_code == 201, answer.text
    return f"{PATHS[sort]}/{answer.json()['id']}"


def bring(parties: Parties, sort: str, state: str) -> str:
    """A new one in a state; no other one stands."""
    clear(parties, sort)
    path = asked(parties, sort)
    for step in WAYS[state]:
        if step == "lapse":
            end(parties, sort)
        else:
            parties.done("approver", path, step, reason=WHY)
    return path


def clear(parties: Parties, sort: str) -> None:
    """Let none of a sort wait or hold."""
    parties.write(
        f"UPDATE {TABLES[sort]} SET state = 'REJECTED', granted_at = NULL"  # noqa: S608  # ours
        " WHERE state IN ('REQUESTED', 'IN_FORCE')"
    )


def later(parties: Parties, sort: str, days: int = 400) -> None:
    """Let everything about those in force be so many days earlier."""
    moved = ", ".join(
        f"{name} = {name} - make_interval(days => {days})"
        for name in ("requested_at", "granted_at", "expires_at")
    )
    parties.write(f"UPDATE {TABLES[sort]} SET {moved} WHERE state = 'IN_FORCE'")  # noqa: S608


def end(parties: Parties, sort: str) -> None:
    """Let the time of those in force be over, and the clock write it down."""
    later(parties, sort, days=800)
    run_clock(parties)


def run_clock(parties: Parties, days: float = 0) -> int:
    """What the clock ends at a time from now on."""
    now = datetime.now(UTC) + timedelta(days=days)
    return parties.database.transact(lambda session: lapse(session, now))
