"""The versions of the models in scope, as they stood."""

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any, Final

import sqlalchemy as sa

from schemas.identifiers import Kind
from schemas.review_columns import VERSIONS
from service.exports.review.classed import classed_of
from service.exports.review.decided import newest_of
from service.exports.review.entries import Entries, version_text
from service.exports.review.produced import produced_of
from service.exports.review.reading import Reading
from service.exports.review.standing import cases_of
from service.exports.statement import EMPTY, NOT_STATED, Text, as_text, flag, moment
from service.risk.tables import ModelRiskRow

RISK: Final = ModelRiskRow.__table__


class Versions(Entries):
    """The cells of the versions' file."""

    @property
    def own(self) -> Mapping[str, Callable[[Any], Text]]:
        """How columns are written that show no fact."""
        return OWN

    @cached_property
    def called(self) -> Text:
        """What it is called."""
        label = self.label_of(self.entry.c.id, Kind.VERSION)
        return version_text(self.entry, self.typed.c.number, label=label)

    @cached_property
    def stands(self) -> Any:
        """Where its model stands."""
        return self.beside_of(self.reading.at(RISK).alias("stands"), "model_id", of=self.models)

    @cached_property
    def produced(self) -> Any:
        """When it was first deployed to production."""
        return self.beside_of(produced_of(self.reading), "of")

    @cached_property
    def decided(self) -> Any:
        """The newest decision about it."""
        return self.beside_of(newest_of(self.reading), "version_id")

    @cached_property
    def classed(self) -> Any:
        """What a reviewer says about how it differs."""
        return self.beside_of(classed_of(self.reading), "of")

    @cached_property
    def case(self) -> Any:
        """What its review state follows from."""
        return self.beside_of(cases_of(self.reading), "of")


def select_versions(reading: Reading) -> sa.Select[Any]:
    """Every version, retired ones too; what people have decided of it is written by Python."""
    versions = Versions(reading, Kind.VERSION, columns=VERSIONS)
    return versions.shown(versions.called)


def _live(of: Versions) -> Text:
    known = of.stands.c.live.has_key(as_text(of.entry.c.id))
    return sa.case((known.is_not(None), flag(known)), else_=NOT_STATED)


def _first_production(of: Versions) -> Text:
    """Nothing found is a statement only where everybody who could see it has looked."""
    looked = of.stands.c.in_production.is_(sa.false())
    known = of.produced.c.at
    return sa.case((known.is_not(None), moment(known)), (looked, EMPTY), else_=NOT_STATED)


def _decided(name: str, of: Versions) -> Text:
    return of.reading.words(of.decided.c[name])


OWN: Final[Mapping[str, Callable[[Versions], Text]]] = {
    "version": lambda of: of.reading.cells.words(of.called),
    "live": _live,
    "first_production_at": _first_production,
    "change_class": lambda of: of.classed.c.change_class,
    "material_changes": lambda of: of.classed.c.material_changes,
    "review_state": lambda of: sa.func.coalesce(as_text(of.case.c.document), NOT_STATED),
    "reviewer": partial(_decided, "reviewer"),
    "approver": partial(_decided, "approver"),
    "decided_at": lambda of: of.reading.when(of.decided.c.decided_at),
}
