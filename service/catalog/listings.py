"""Every list of the catalog, declared once: pages, exports and their documents follow from it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from schemas.catalog import DeploymentRow, EntryRow, ModelRow, OwnerRow, Page, UseRow, VersionRow
from schemas.columns import TABLES, Column
from schemas.identifiers import Kind
from schemas.problem import FieldProblem
from schemas.queries import ListExport, ListQuery, export_model, query_model
from service.access.policy import Caller
from service.catalog import rows, sorting
from service.catalog.conditions import conditions
from service.catalog.lateness import read_freshness
from service.catalog.moments import begin_at
from service.catalog.named import check_names
from service.catalog.search import Search, read_search
from service.catalog.select import select_entries
from service.catalog.stale import marked
from service.catalog.view import View
from service.errors import Invalid

Within = Callable[[View], sa.ColumnElement[bool]]  # the part of a list that stands below something
Part = Callable[[Session, datetime | None], Within]  # finds that something, as it is or as it was


class Selection(NamedTuple):
    """What a list selects: `rows` are all that match, in order."""

    rows: sa.Select[Any]
    keys: tuple[sorting.Key, ...]
    view: View
    where: tuple[sa.ColumnElement[bool], ...]
    search: Search | None = None


@cache
def page_of(row: type[EntryRow]) -> type[Page[Any]]:
    """A page of such rows; made once, since to make the model takes longer than to read a page."""
    page: Any = Page
    found: type[Page[Any]] = page[row]
    return found


class Listing(NamedTuple):
    """One list: what it lists, what can be asked of it, and how a row is shown."""

    kind: Kind
    name: str
    row: type[EntryRow] = EntryRow
    as_row: Callable[[sa.RowMapping], EntryRow] = rows.entry_row

    @property
    def query(self) -> type[ListQuery]:
        """All query parameters of its pages."""
        return query_model(self.kind)

    @property
    def export(self) -> type[ListExport]:
        """All query parameters of its exports."""
        return export_model(self.kind)

    @property
    def page(self) -> type[Page[Any]]:
        """What one of its pages is."""
        return page_of(self.row)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of its exports."""
        return TABLES.get(self.name, ())

    def select(
        self,
        session: Session,
        asked: ListQuery | ListExport,
        *,
        caller: Caller,
        part: Part | None = None,
    ) -> Selection:
        """Everything that matches and that the caller may see.

        Raises `Invalid` for names that do not exist, `MomentUnsettled` for what may still change.
        """
        begin_at(session, asked.as_of)
        within = None if part is None else part(session, asked.as_of)
        search = self._prepare(session, asked, caller=caller)
        fresh = read_freshness(session, asked.as_of)
        view = View(self.kind, caller, as_of=asked.as_of, by_card=True, freshness=fresh)
        also = () if within is None else (within(view),)
        found = () if search is None else (search.matches(view),)
        where = (*view.here(), *conditions(asked, view), *also, *found)
        keys = sorting.keys(view, asked.sort, search=search)
        ordered = select_entries(view).where(*where).order_by(*(key.ordered for key in keys))
        return Selection(marked(ordered, view), keys, view, where, search)

    def _prepare(
        self, session: Session, asked: ListQuery | ListExport, *, caller: Caller
    ) -> Search | None:
        """What has to be asked before: do names exist, how is what is searched spelled?"""
        check_names(session, asked, caller=caller)
        if asked.q is None:
            return None
        if asked.as_of is not None:
            problem = FieldProblem(
                pointer="?q", message="cannot be asked of the past", fix="Leave out as_of or q."
            )
            raise Invalid(problem)
        return read_search(session, View(self.kind, caller, by_card=True), asked=asked.q)


MODELS: Final = Listing(Kind.MODEL, "models", ModelRow, rows.model_row)
VERSIONS: Final = Listing(Kind.VERSION, "versions", VersionRow, rows.version_row)
USES: Final = Listing(Kind.USE, "uses", UseRow, rows.use_row)
TRAINING_RUNS: Final = Listing(Kind.TRAINING_RUN, "training-runs")
DATASETS: Final = Listing(Kind.DATASET, "datasets")
OWNERS: Final = Listing(Kind.OWNER, "owners", OwnerRow, rows.owner_row)
REPOSITORIES: Final = Listing(Kind.REPOSITORY, "repositories")
BUILDS: Final = Listing(Kind.BUILD, "builds")
DEPLOYMENTS: Final = Listing(Kind.DEPLOYMENT, "deployments", DeploymentRow, rows.deployment_row)

LISTINGS: Final[Mapping[str, Listing]] = {  # by name, which is also its address
    listing.name: listing
    for listing in (
        MODELS,
        VERSIONS,
        USES,
        TRAINING_RUNS,
        DATASETS,
        OWNERS,
        REPOSITORIES,
        BUILDS,
        DEPLOYMENTS,
    )
}
