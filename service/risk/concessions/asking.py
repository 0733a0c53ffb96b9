"""What people ask for: waivers, exceptions, overrides and exemptions, as the rules allow them."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.concessions import AskException, AskExemption, AskOverride, AskWaiver
from schemas.policy_scale import TIERS
from service.catalog.detail import find_model, find_version
from service.risk.acting import Acting, check_role, clock, roles_in
from service.risk.concessions.ends import TABLES
from service.risk.concessions.machine import ASKS, RAISES, Sort
from service.risk.concessions.rules import (
    FoundUse,
    check_control,
    check_exception,
    check_exemption,
    check_lasting,
    check_override,
    find_use,
    longest_exemption,
    read_version,
)
from service.risk.concessions.writing import Request, keep_request
from service.risk.reviews.content import version_digest
from service.risk.rules.active import read_policy


def ask_waiver(session: Session, *, asked: AskWaiver, by: Acting) -> UUID:
    """A control need not pass for a while. Raises `RoleMissing`, `RuleBroken`, `AlreadyAsked`."""
    namespace, _, name = asked.model.partition("/")
    model = find_model(session, namespace, name=name, caller=by.caller)
    _check_asks(session, "waiver", model=model["id"], namespace=model["namespace"], by=by)
    check_control(session, asked.control)
    now = clock(session)
    days = read_policy(session).document.waiver.max_days
    check_lasting(asked.expires_at, now=now, days=days)
    about = {"control": asked.control, "item": asked.item, "compensating": asked.compensating}
    request = Request("waiver", model["id"], about, asked.reason, asked.evidence, asked.expires_at)
    return keep_request(session, request, by=by, now=now)


def ask_exception(session: Session, *, asked: AskException, by: Acting) -> UUID:
    """A version may be used before it is approved. Raises as above, and `VersionNotFound`."""
    namespace, _, name = asked.model.partition("/")
    label = asked.version
    found = find_version(session, (namespace, name), label=label, caller=by.caller)
    version = read_version(session, found["id"])
    model = find_model(session, namespace, name=name, caller=by.caller)
    _check_asks(session, "exception", model=model["id"], namespace=model["namespace"], by=by)
    now = clock(session)
    days = read_policy(session).document.exception.max_days
    check_lasting(asked.expires_at, now=now, days=days)
    check_exception(session, version, now=now)
    about = {
        "version_id": version["id"], "version_digest": version_digest(version["digests"] or ()),
        "limits": asked.limits, "monitoring": asked.monitoring, "informed": list(asked.informed),
    }  # fmt: skip
    request = Request(
        "exception", model["id"], about, asked.reason, asked.evidence, asked.expires_at
    )
    return keep_request(session, request, by=by, now=now)


def ask_override(
    session: Session, named: tuple[str, str, str], *, asked: AskOverride, by: Acting
) -> UUID:
    """Up at once; down waits for an approver. Raises as above, and `UseNotFound`."""
    use = find_use(session, named, caller=by.caller)
    return override_use(session, use, asked=asked, by=by)


def override_use(
    session: Session,
    use: FoundUse,
    *,
    asked: AskOverride,
    by: Acting,
    renews: sa.RowMapping | None = None,
) -> UUID:
    """The same of a use that is known; or the renewal of one."""
    now = clock(session)
    lower = _is_lower(session, use, asked=asked, now=now)
    allowed = ASKS["override"] if lower else RAISES
    have = roles_in(session, by.caller, model=use.model, namespace=use.namespace)
    check_role(have, allowed, namespace=use.namespace)
    check_override(use, asked, roles=have, now=now)
    about = {"use_id": use.id, "direction": use.direction(asked.tier), "tier": asked.tier}
    request = Request("override", use.model, about, asked.reason, asked.evidence, asked.expires_at,
                      renews)  # fmt: skip
    return keep_request(session, request, by=by, now=now, at_once=not lower)


def _is_lower(session: Session, use: FoundUse, *, asked: AskOverride, now: datetime) -> bool:
    """Would it lower the tier: below what the facts say, or below the override in force?

    To take the place of one upwards, and to end before it, lowers the tier too, only later.
    """
    table = TABLES["override"]
    stands = sa.select(*table.c["tier", "direction", "expires_at"]).where(
        table.c.use_id == use.id, table.c.state == "IN_FORCE", table.c.expires_at > now
    )
    return use.direction(asked.tier) == "down" or any(
        TIERS.index(asked.tier) < TIERS.index(one.tier)
        or (one.direction == "up" and asked.expires_at < one.expires_at)
        for one in session.execute(stands)
    )


def ask_exemption(
    session: Session, named: tuple[str, str, str], *, asked: AskExemption, by: Acting
) -> UUID:
    """NEGLIGIBLE, once an approver grants it. Raises as above."""
    use = find_use(session, named, caller=by.caller)
    return exempt_use(session, use, asked=asked, by=by)


def exempt_use(
    session: Session,
    use: FoundUse,
    *,
    asked: AskExemption,
    by: Acting,
    renews: sa.RowMapping | None = None,
) -> UUID:
    """The same of a use that is known; or the renewal of one."""
    _check_asks(session, "exemption", model=use.model, namespace=use.namespace, by=by)
    now = clock(session)
    until = asked.expires_at or longest_exemption(use.policy, now=now)
    check_exemption(use, until=until, now=now)
    about = {"use_id": use.id}
    request = Request("exemption", use.model, about, asked.reason, asked.evidence, until, renews)
    return keep_request(session, request, by=by, now=now)


def _check_asks(
    session: Session, sort: Sort, *, model: UUID, namespace: str | None, by: Acting
) -> None:
    have = roles_in(session, by.caller, model=model, namespace=namespace)
    check_role(have, ASKS[sort], namespace=namespace)
