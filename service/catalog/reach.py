"""Which models lead to another entry: by themselves, or through their versions and runs."""

from typing import Any

import sqlalchemy as sa

from schemas.identifiers import Kind
from service.catalog.view import View


def reaches(view: View, kind: Kind, *, wanted: Any) -> sa.ColumnElement[bool]:
    """Models that lead to one of the wanted entries of a kind.

    Each way there is a select of its own: an index answers it, which it does not for an `or`.
    """
    found = sa.union(*_ways(view, kind, wanted=wanted)).subquery("reaching")
    return view.entry.c.id.in_(sa.select(found.c[0]))


def _ways(view: View, kind: Kind, *, wanted: Any) -> list[sa.Select[Any]]:
    version, run, build = (view.of(k) for k in (Kind.VERSION, Kind.TRAINING_RUN, Kind.BUILD))
    if kind is Kind.OWNER:
        return [_linked(view, "owners", wanted=wanted)]
    if kind is Kind.DATASET:
        linked = _linked(view, "datasets", wanted=wanted)
        return [
            linked,
            _versions(version, version.c.id.in_(linked)),
            _versions(version, version.c.training_run_id.in_(linked)),
        ]
    if kind is Kind.REPOSITORY:
        runs = sa.select(run.c.id).where(run.c.repository_id.in_(wanted))
        builds = sa.select(build.c.id).where(build.c.repository_id.in_(wanted))
        return [
            _linked(view, "repositories", wanted=wanted),
            _versions(version, version.c.repository_id.in_(wanted)),
            _versions(version, version.c.training_run_id.in_(runs)),
            _versions(version, version.c.build_id.in_(builds)),
        ]
    if kind is Kind.DEPLOYMENT:
        deployment = view.of(Kind.DEPLOYMENT)
        served = sa.select(deployment.c.version_id).where(deployment.c.id.in_(wanted))
        return [_versions(version, version.c.id.in_(served))]
    column = {Kind.TRAINING_RUN: "training_run_id", Kind.BUILD: "build_id"}[kind]
    return [_versions(version, version.c[column].in_(wanted))]


def _linked(view: View, field: str, *, wanted: Any) -> sa.Select[Any]:
    link = view.link
    return sa.select(link.c.entry_id).where(link.c.field == field, link.c.target_id.in_(wanted))


def _versions(version: sa.FromClause, condition: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(version.c.model_id).where(condition)
