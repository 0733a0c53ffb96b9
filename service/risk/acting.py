"""Who acts on what is decided about a model, in which roles, and why a step is refused."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import Kind
from schemas.problem import FieldProblem
from schemas.strict import Closed, Instant, Line
from service.access.policy import Caller
from service.access.tables import AccountRow
from service.catalog.owning import owned_entries, owns
from service.catalog.tables import Entry
from service.catalog.view import visible
from service.errors import CatalogError, Conflict, Invalid
from service.ledger.change import Actor, Cause, Change

NOTES: Final = "risk:notes"
SOFTWARE: Final = "software"  # who ends what nobody else ended
BY_CLOCK: Final = Cause(Actor("software", "risk"))
ORDER: Final = ("owner", "assignee", "reviewer", "approver")

account = AccountRow.__table__
written, home = Entry.__table__.alias("written"), Entry.__table__.alias("home")


class RoleMissing(CatalogError):
    """You do not have the role that this takes here.

    Owners answer and ask, reviewers review, approvers approve, each for the models of their
    namespaces. Being admin approves nothing.
    """

    status = 403


class StepImpossible(Conflict):
    """Its state has no such step.

    Read it again: somebody may have been faster, or its time is over.
    """


class NotIndependent(Conflict):
    """Whoever asked for it, or works on it, may not decide it.

    Two people are needed: let another one with the same role decide.
    """


class RuleBroken(Invalid):
    """A rule forbids this.

    `errors` names each rule, and says what to do instead.
    """


class AccountUnknown(Invalid):
    """No person with an account that is in use is called so.

    Name an account that can sign in; names are compared exactly.
    """


class Acting(NamedTuple):
    """Who acts, what the ledger is told, and which state the caller has read."""

    caller: Caller
    trace: str
    match: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Under which name it is kept."""
        return self.caller.id

    @property
    def cause(self) -> Cause:
        """Why models are evaluated again."""
        return Cause(self.caller.actor, request=self.trace)

    def change(self, op: str, kind: str, *, model: UUID, about: UUID, **said: Any) -> Change:
        """A row of the ledger, under the model's entry."""
        return Change(op, kind, self.caller.actor, entry=model, field=str(about),
                      request=self.trace, **said)  # fmt: skip


class Tagged(Closed):
    """What a tag stands for: a thing as it was changed last."""

    id: UUID
    changed_at: Instant
    state: Line


def clock(session: Session) -> datetime:
    """The database's clock, by which everything begins and ends."""
    found: datetime = session.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return found


def broken(rule: str, says: str, *, at: str = "", fix: str = "") -> RuleBroken:
    """The refusal that names one rule."""
    return RuleBroken(FieldProblem(pointer=at, message=f"{rule}: {says}", fix=fix))


def roles_in(
    session: Session, caller: Caller, *, model: UUID, namespace: str | None
) -> frozenset[str]:
    """What the caller is for a model: owner, reviewer, approver. Whoever may not act is nothing."""
    if not caller.may("risk:act"):
        return frozenset()
    found = {
        "owner": owns(session, caller, entry_id=model),
        "reviewer": caller.may_in("reviews:work", namespace),
        "approver": caller.may_in("approvals:grant", namespace),
    }
    return frozenset(name for name, holds in found.items() if holds)


def check_role(have: Collection[str], needed: Collection[str], *, namespace: str | None) -> None:
    """Does the caller have one of these roles? Raises `RoleMissing`."""
    if not set(have) & set(needed):
        roles = " or ".join(one for one in ORDER if one in needed)
        where = f" in namespace {namespace}" if namespace else ""
        raise RoleMissing(detail=f"It takes the {roles}{where}.")


def check_account(session: Session, name: str, *, at: str) -> None:
    """Is it a person's account that is in use? Raises `AccountUnknown`."""
    known = sa.select(account.c.id).where(
        account.c.name == name, account.c.kind == "person", account.c.disabled_at.is_(None)
    )
    if session.execute(known).first() is None:
        raise AccountUnknown(FieldProblem(pointer=at, message="is no such account"))


def at_home(table: sa.Table, *beside: Any) -> sa.Select[Any]:
    """Rows that stand under a model, with the model that it is or was merged into.

    Selects `model_id`, `model` and `namespace` of that one, and `written_on`.
    """
    own = [column for column in table.c if column.name != "model_id"]
    merged = sa.func.coalesce(written.c.merged_into, written.c.id)
    return (
        sa.select(*own, home.c.id.label("model_id"), home.c.natural_key.label("model"),
                  home.c.namespace, written.c.id.label("written_on"), *beside)
        .join_from(table, written, written.c.id == table.c.model_id)
        .join(home, home.c.id == merged)
    )  # fmt: skip


def seen_by(caller: Caller) -> sa.ColumnElement[bool]:
    """Rows of models that the caller may see."""
    return visible(caller, home, kind=Kind.MODEL)


def told_to(caller: Caller) -> sa.ColumnElement[bool]:
    """May the caller read all of a row: by a role in its namespace, or as an owner?"""
    within = caller.within(NOTES)
    if within is None:
        return sa.true()
    ways = [home.c.namespace.in_(sorted(within))]
    if caller.account is not None:
        ways.append(home.c.id.in_(owned_entries(caller.account)))
    return sa.func.coalesce(sa.or_(*ways), sa.false())
