"""What people decide about deployments: registered, linked, accepted, reopened.

A link is a pin of the deployment's `version`: it survives every fold, and the ledger tells it like
any other. What is registered is stated by the person's source. Only an acceptance changes no entry.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.deployments import DeploymentResolved, ResolveDeployment
from schemas.identifiers import Identifier, Kind, encode_segment, fold_name, natural_name
from schemas.imports import PEOPLE, EnterModel
from schemas.pins import AskedPin
from schemas.problem import FieldProblem
from schemas.strict import instant_text
from service.access.policy import Caller
from service.catalog.detail import ModelNotFound, VersionNotFound, find_model, find_version
from service.catalog.tables import SubjectRow
from service.deployments.tables import DeploymentDecisionRow
from service.deployments.unregistered import (
    DeploymentNotFound,
    evidence_of,
    find_judged,
    read_judged,
    unregistered_row,
)
from service.errors import Conflict, InsufficientScope, Invalid
from service.ingest.ingest import record_batch
from service.ingest.keys import uri_keys
from service.ingest.project import project
from service.ingest.sources import list_sources
from service.ledger.change import Change, record_changes
from service.people.attempt import LONGER
from service.people.enter import enter_model
from service.people.entered import spoken_at
from service.people.pinning import Held, Pinner, clock, hold_field
from service.people.pins import remove_pins, write_pin
from service.people.source import Speaker, speaking

FIELD: Final = "version"
LINKING: Final = ("register", "link")
LONGEST: Final = timedelta(days=366)  # for which something may be accepted
ACCEPTS: Final = "decisions:write"  # of reviewers and approvers; being admin approves nothing
ENTERS: Final = "models:enter"  # of these and admins

decision, subject = DeploymentDecisionRow.__table__, SubjectRow.__table__


class EvidenceMoved(Conflict):
    """Something else is wrong with the deployment now than what you read.

    Read it again, and decide by the `evidence` that it has now.
    """


class NothingWrong(Conflict):
    """Nothing is wrong with this deployment.

    What is accounted for needs no acceptance.
    """


class NothingDecided(Conflict):
    """No decision about this deployment holds.

    It may have been reopened, have expired, or what runs has changed since.
    """


class DigestProves(Conflict):
    """Its digest proves that the deployment serves another version.

    A person's word does not outweigh a digest. Deploy the version that it should be; or, if the
    digest is registered for the wrong one, mend that in the registry.
    """


class VersionRegistered(Conflict):
    """The model has this version already.

    Link the deployment to it, or register another number.
    """


class Resolver(NamedTuple):
    """Who decides about what, and by which list of approved blueprints it is judged."""

    by: Pinner
    approved: Sequence[str]

    @property
    def caller(self) -> Caller:
        """Who."""
        return self.by.caller


def resolve(
    session: Session, *, given: str, asked: ResolveDeployment, who: Resolver, dry_run: bool
) -> DeploymentResolved:
    """Decide about a deployment, and answer it as it is then. Raises what the decisions raise."""
    session.execute(LONGER)
    row = find_judged(session, given, caller=who.caller, approved=who.approved)
    _check_right(who.caller, ENTERS, namespace=row["namespace"])
    held = hold_field(session, Kind.DEPLOYMENT, entry=row["id"], field=FIELD)
    row = _judged(session, held.entry, who=who)  # as it stands while it is locked
    DECIDE[asked.decision](session, held, row=row, asked=asked, who=who)
    return DeploymentResolved(
        deployment=unregistered_row(_judged(session, held.entry, who=who)), dry_run=dry_run
    )


def _judged(session: Session, entry_id: UUID, *, who: Resolver) -> sa.RowMapping:
    row = read_judged(session, entry_id, caller=who.caller, approved=who.approved)
    if row is None:
        raise DeploymentNotFound
    return row


def _check_right(caller: Caller, capability: str, *, namespace: str | None) -> None:
    if not caller.may_in(capability, namespace):
        where = f"namespace {namespace}" if namespace else "every namespace"
        detail = f"It lacks {capability} in {where}."
        raise InsufficientScope(detail=detail, capability=capability)


def _accept(
    session: Session, held: Held, *, row: sa.RowMapping, asked: ResolveDeployment, who: Resolver
) -> None:
    """It may run as it is, until a day or until something else runs. Raises `EvidenceMoved`."""
    _check_right(who.caller, ACCEPTS, namespace=row["namespace"])
    if not row["causes"]:
        raise NothingWrong
    if evidence_of(row) != asked.evidence:
        raise EvidenceMoved
    now = clock(session)
    until = asked.expires_at
    if until is None or not now < until <= now + LONGEST:
        fix = "Give a time within a year from now."
        message = "must lie in the future, at most a year from now"
        raise Invalid(FieldProblem(pointer="/expires_at", message=message, fix=fix))
    _end(session, held.entry, kinds=("accept",), now=now)
    _keep(session, row, asked=asked, who=who, version=row["version_id"], now=now)


def _link(
    session: Session, held: Held, *, row: sa.RowMapping, asked: ResolveDeployment, who: Resolver
) -> None:
    """It serves a version that the catalog knows. Raises `DigestProves`, `VersionNotFound`."""
    namespace, name = _named(asked)
    _check_right(who.caller, ENTERS, namespace=fold_name(namespace))
    label = asked.version or ""
    found = find_version(session, (namespace, name), label=label, caller=who.caller)
    if row["matched"].get(FIELD, {}).get("by") == "digest" and row["version_id"] not in {
        None, found["id"],
    }:  # fmt: skip
        raise DigestProves
    pin = AskedPin(value=_identifier_of(session, found["id"]), reason=asked.reason)
    write_pin(session, held, asked=pin, value=pin.value, by=who.by)
    now = clock(session)
    _end(session, held.entry, kinds=("accept", *LINKING), now=now)
    _keep(session, row, asked=asked, who=who, version=found["id"], now=now)


def _register(
    session: Session, held: Held, *, row: sa.RowMapping, asked: ResolveDeployment, who: Resolver
) -> None:
    """Let the person's source state the version, its model where it is unknown, then link it."""
    namespace, name = _named(asked)
    _check_right(who.caller, ENTERS, namespace=fold_name(namespace))
    number = asked.version or ""
    try:
        find_version(session, (namespace, name), label=number, caller=who.caller)
    except ModelNotFound:
        speaker = Speaker(who.caller, PEOPLE, who.by.trace)
        enter_model(session, speaker=speaker, asked=EnterModel(
            namespace=namespace, name=name, reason=asked.reason
        ))  # fmt: skip
    except VersionNotFound:
        find_model(session, namespace, name=name, caller=who.caller)
    else:
        raise VersionRegistered
    _state_version(session, (namespace, name), row=row, asked=asked, who=who)
    _link(session, _again(session, held), row=row, asked=asked, who=who)


def _state_version(
    session: Session,
    of: tuple[str, str],
    *,
    row: sa.RowMapping,
    asked: ResolveDeployment,
    who: Resolver,
) -> None:
    """By the route of all observations; what that refuses is an error here."""
    speaker = Speaker(who.caller, PEOPLE, who.by.trace)
    source = speaking(session, speaker, within=[of[0]])
    named = natural_name(*of)
    number = asked.version or ""
    value = f"{named}/{encode_segment(number)}"
    said = {
        "subject": {"kind": Kind.VERSION, "scheme": "number", "value": value},
        "observed_at": spoken_at(session),
        "facts": {
            "model": {"kind": Kind.MODEL, "scheme": "name", "value": named},
            "number": number,
            **_made_as(row),
        },
    }
    recorded = record_batch(session, [said], source=source, cause=speaker.cause(asked.reason))
    if refused := recorded.receipt.refused:
        problems = (FieldProblem(pointer="/version", message=one.message) for one in refused)
        raise Invalid(*problems)


def _made_as(row: sa.RowMapping) -> dict[str, Any]:
    """By what the version is found again: its address; without one, the digest of what runs.

    With an address the digest is that of the server around the model, which many may share.
    """
    uri, digest = row["artifact_uri"], row["digest"]
    if uri is not None and any(uri_keys(uri)):
        return {"source_uri": uri}
    return {} if digest is None or uri is not None else {"digests": [digest]}


def _reopen(
    session: Session, held: Held, *, row: sa.RowMapping, asked: ResolveDeployment, who: Resolver
) -> None:
    """The latest decision that holds ends; with a link its pin. Raises `NothingDecided`."""
    standing = (
        sa.select(decision.c.id, decision.c.decision)
        .where(decision.c.entry_id == held.entry, decision.c.ended_at.is_(None))
        .order_by(decision.c.id.desc())
        .limit(1)
    )
    found = session.execute(standing).one_or_none()
    if found is None:
        raise NothingDecided
    now, cause = clock(session), who.by.cause(asked.reason)
    if found.decision in LINKING and held.pins:
        remove_pins(session, held, cause=cause)
        project(session, {held.entry}, sources=list_sources(session), cause=cause)
    _end(session, held.entry, kinds=(found.decision,), now=now)
    _tell(session, row, asked=asked, who=who, told={"ends": found.decision})


DECIDE: Final = {"accept": _accept, "link": _link, "register": _register, "reopen": _reopen}


def _named(asked: ResolveDeployment) -> tuple[str, str]:
    """`retail/churn`, or `retail.churn` as labels write it. Raises `Invalid`."""
    text = asked.model or ""
    between = "/" if "/" in text else "."
    namespace, _, name = text.partition(between)
    if not namespace or not name:
        raise Invalid(FieldProblem(pointer="/model", message="should read namespace/name"))
    return namespace, name


def _again(session: Session, held: Held) -> Held:
    """What was registered may have folded it."""
    return hold_field(session, held.kind, entry=held.entry, field=held.field)


def _identifier_of(session: Session, version: UUID) -> dict[str, Any]:
    """By what a source calls it: that outlives a model's new name."""
    found = session.execute(
        sa.select(*subject.c["kind", "scheme", "value"])
        .where(subject.c.entry_id == version)
        .order_by(subject.c.scheme == "number", subject.c.id)
        .limit(1)
    ).one()
    return Identifier.model_validate(dict(found._mapping)).model_dump(mode="json")


def _end(session: Session, entry_id: UUID, *, kinds: Sequence[str], now: datetime) -> None:
    ended = sa.update(decision).where(
        decision.c.entry_id == entry_id,
        decision.c.ended_at.is_(None),
        decision.c.decision.in_(kinds),
    )
    session.execute(ended.values(ended_at=now))


def _keep(  # what is decided, on what it rests
    session: Session,
    row: sa.RowMapping,
    *,
    asked: ResolveDeployment,
    who: Resolver,
    version: UUID | None,
    now: datetime,
) -> None:
    """Write the decision and its ledger row."""
    until = asked.expires_at and instant_text(asked.expires_at)
    told = {"version": version and str(version), "expires_at": until, "running": row["running"],
            "grounds": row["grounds"]}  # fmt: skip
    change_id = _tell(session, row, asked=asked, who=who, told=told)
    new = {
        "entry_id": row["id"], "decision": asked.decision, "reason": asked.reason,
        "decided_by": who.caller.id, "decided_at": now, "expires_at": asked.expires_at,
        "running": row["running"], "version_id": version, "grounds": row["grounds"],
        "change_id": change_id,
    }  # fmt: skip
    session.execute(sa.insert(decision).values(**new))


def _tell(
    session: Session,
    row: sa.RowMapping,
    *,
    asked: ResolveDeployment,
    who: Resolver,
    told: dict[str, Any],
) -> int:
    change = Change(
        asked.decision, Kind.DEPLOYMENT, who.caller.actor, entry=row["id"], new=told,
        reason=asked.reason, request=who.by.trace,
    )  # fmt: skip
    return record_changes(session, [change])[0]
