"""Repositories harvested into the real service: what moves, breaks off, is refused or held back."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from harvesters.runner import harvest
from harvesters.sink import CatalogUnavailable, HttpSink
from schemas.harvest import HarvestOpened, HarvestReport, Limits, OpenHarvest
from schemas.observation import Receipt
from service.db import Database
from tests.support.catalog import make_source, rows
from tests.support.harvester import BASE, make_token, served
from tests.support.identity import settled
from tests.support.shelf import Shelf, make_sweep, model_yaml

SOURCE = "github-acme"


class Harvested:
    """A shelf, and the catalog that it is harvested into over HTTP."""

    def __init__(self, database: Database, client: Any) -> None:
        """As a source of kind `github`."""
        self.database, self.shelf = database, Shelf()
        self.sink = HttpSink(BASE, make_token(database, SOURCE), source=SOURCE)
        client.headers.update(self.sink.http.headers)
        self.sink.http = client

    def harvest(self) -> HarvestReport:
        """Once, by the real runner."""
        sweep = make_sweep(self.shelf)
        sweep.clock = lambda: datetime.now(UTC)
        self.shelf.asked.clear()
        return harvest(sweep, self.sink)

    def models(self) -> dict[str, str | None]:
        """The licences of models that are not gone."""
        query = (
            "SELECT natural_key, license FROM entry JOIN model USING (id) "
            "WHERE merged_into IS NULL AND gone_since IS NULL"
        )
        return dict(rows(self.database, query))


@pytest.fixture
def harvested(database: Database) -> Iterator[Harvested]:
    """One repository with a manifest, harvested once."""
    make_source(database, SOURCE, kind="github")
    with served(database) as client:
        made = Harvested(database, client)
        made.shelf.add(1, "acme/churn", model_yaml=model_yaml(license="MIT"))
        made.shelf.add(2, "acme/other", README_md="# Other\n")
        made.harvest()
        yield made


def test_unchanged(harvested: Harvested) -> None:
    """Nothing is read again, nothing written."""
    before = rows(harvested.database, "SELECT count(*) FROM change")
    report = harvested.harvest()

    assert (report.created, report.changed, report.refused) == (0, 0, 0)
    assert dict(harvested.shelf.asked) == {"list": 1, "head": 2}
    assert rows(harvested.database, "SELECT count(*) FROM change") == before


@pytest.mark.parametrize("elsewhere", [False, True])
def test_manifest_moves(harvested: Harvested, *, elsewhere: bool) -> None:
    """To another folder, or another repository, in one push: the model goes on at once."""
    kept = harvested.shelf.kept
    kept[1].push(model_yaml=None, README_md="# Moved\n")
    kept[2 if elsewhere else 1].push(models__churn__model_yaml=model_yaml(license="MIT"))
    harvested.harvest()

    assert harvested.models() == {"retail/churn": "MIT"}
    waiting = rows(harvested.database, "SELECT code FROM quarantine WHERE resolved_at IS NULL")
    assert waiting == []
    settled(harvested.database)


def test_refused_until_allowed(harvested: Harvested) -> None:
    """A namespace that is not allowed is told each time, and read anew once it is."""
    kept = harvested.shelf.kept[2]
    kept.push(model_yaml=model_yaml("far").replace("namespace: retail", "namespace: other"))
    for _ in range(2):
        report = harvested.harvest()
        assert [one.code for one in report.skipped] == ["namespace_not_allowed"]

    with harvested.database.writing() as session:
        session.execute(sa.text('UPDATE source SET may_name = \'["retail", "other"]\''))
    report = harvested.harvest()
    assert report.skipped == ()
    assert harvested.models().keys() == {"retail/churn", "other/far"}


def test_broken_off(harvested: Harvested, monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalog goes away between two batches: the next harvest reads all of it again."""
    harvested.shelf.kept[1].push(model_yaml=model_yaml(license="GPL-3.0-only"))
    opened, sent, count = harvested.sink.open, harvested.sink.send, [0]

    def small(asked: OpenHarvest, *, dry_run: bool) -> HarvestOpened:
        limits = Limits(observations=1, sightings=1)
        return opened(asked, dry_run=dry_run).model_copy(update={"limits": limits})

    def once(to: UUID, batch: bytes) -> Receipt:
        count[0] += 1
        if count[0] > 1:
            raise CatalogUnavailable("it restarts")
        return sent(to, batch)

    with monkeypatch.context() as patched:
        patched.setattr(harvested.sink, "open", small)
        patched.setattr(harvested.sink, "send", once)
        with pytest.raises(CatalogUnavailable):
            harvested.harvest()
    assert harvested.models() == {"retail/churn": "MIT"}

    harvested.harvest()
    assert harvested.models() == {"retail/churn": "GPL-3.0-only"}
    harvested.harvest()
    assert dict(harvested.shelf.asked) == {"list": 1, "head": 2}


def test_held_back(harvested: Harvested) -> None:
    """Many manifests are gone at once: held back until a person decides, whatever comes next."""
    names = [f"m{number}__model_yaml" for number in range(15)]
    kept = harvested.shelf.add(
        3, "acme/many", **{name: model_yaml(name.partition("_")[0]) for name in names}
    )
    harvested.harvest()
    kept.push(README_md="# Emptied\n", **dict.fromkeys(names))
    for _ in range(3):
        report = harvested.harvest()
        assert (report.held_back, report.skipped) == (15, ())

    assert len(harvested.models()) == 16
    open_ones = rows(harvested.database, "SELECT what FROM quarantine WHERE resolved_at IS NULL")
    assert open_ones == [("held_back",)]


def test_unreadable_excuses_all(harvested: Harvested) -> None:
    """One record in the report excuses all that stands in a repository."""
    harvested.shelf.unreadable[1] = "answers 403"
    report = harvested.harvest()

    assert [one.code for one in report.skipped] == ["not_readable"]
    assert report.unseen == 0
