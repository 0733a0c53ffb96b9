"""What a deployment's detail says beside its facts: what is wrong with it now."""

from collections.abc import Sequence

from sqlmodel import Session

from schemas.catalog import EntryRow
from schemas.deployments import Judgement
from schemas.details import DeploymentDetail
from service.access.policy import Caller
from service.deployments.unregistered import judgement, read_judged


def with_judgement(
    session: Session, found: EntryRow, *, caller: Caller, approved: Sequence[str]
) -> EntryRow:
    """A deployment with what is known of how it came, and what is wrong; others as they are.

    Of what does not run any more nothing is said.
    """
    if not isinstance(found, DeploymentDetail):
        return found
    row = read_judged(session, found.id, caller=caller, approved=approved)
    if row is None:
        return found
    return found.model_copy(update={"judgement": Judgement(**judgement(row))})
