"""What serves versions of the models in scope, as it stood."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Final

import sqlalchemy as sa

from schemas.identifiers import Kind
from schemas.review_columns import DEPLOYMENTS
from service.catalog.view import View
from service.exports.record import BESIDE
from service.exports.review.confirmed import confirmed_of
from service.exports.review.entries import Entries, beside_models, version_text
from service.exports.review.reading import Reading
from service.exports.review.stated import stated
from service.exports.statement import NOT_STATED, Text, moment

DIGESTS: Final = "digests"


class Deployments(Entries):
    """The cells of the deployments' file."""

    @property
    def own(self) -> Mapping[str, Callable[[Any], Text]]:
        """How columns are written that show no fact."""
        return OWN

    def joined(self, view: View) -> sa.FromClause:
        """The deployments with the versions that they serve, and the models of those."""
        self.served = view.of(Kind.VERSION).alias("served")
        self.of_version = view.entry.alias("of_version")
        rows = view.rows.join(self.served, self.served.c.id == view.typed.c.version_id)
        rows = rows.join(self.of_version, self.of_version.c.id == self.served.c.id)
        return beside_models(self.reading, rows, of=self.served.c.model_id)

    @cached_property
    def called(self) -> Text:
        """The whole identifier that it was first known by."""
        return self.identifier_of(self.entry.c.id, Kind.DEPLOYMENT)

    @cached_property
    def confirmed(self) -> Any:
        """When a source last confirmed it."""
        table = confirmed_of(self.reading, Kind.DEPLOYMENT, among=self.found.rows)
        return self.beside_of(table, "of")


def select_deployments(reading: Reading) -> sa.Select[Any]:
    """Every deployment of a version of these models, ended ones too."""
    deployments = Deployments(reading, Kind.DEPLOYMENT, columns=DEPLOYMENTS)
    return deployments.shown(deployments.called)


def _version(of: Deployments) -> Text:
    label = of.label_of(of.served.c.id, Kind.VERSION)
    text = version_text(of.of_version, of.served.c.number, label=label)
    return of.reading.cells.words(text)


def _until(of: Deployments) -> Text:
    """When it says that it ended, else since when no source shows it."""
    column = next(one for one in of.columns if one.name == "to")
    ended, gone = of.typed.c.ended_at, of.entry.c.gone_since
    left = sa.and_(ended.is_(None), gone.is_not(None))
    return sa.case((left, moment(gone)), else_=of.fact(column))


def _seen(of: Deployments) -> Text:
    at = of.confirmed.c.at
    return sa.case((at.is_not(None), moment(at)), else_=NOT_STATED)


OWN: Final[Mapping[str, Callable[[Deployments], Text]]] = {
    "deployment": lambda of: of.reading.known(of.called),
    "version": _version,
    "version_digest": lambda of: stated(
        of.served, DIGESTS, written=of.reading.cells.document(of.served.c[DIGESTS])
    ),
    "to": _until,
    "last_seen_at": _seen,
    "source": BESIDE["sources"],
}
