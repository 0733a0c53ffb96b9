"""A quarter's sample: framed, unknown until it is sealed, drawn, followed, proved."""

import csv
import hashlib
import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from schemas.report_columns import REPORTS
from service.db import Database
from tests.risk.chance import Chance
from tests.support.accounts import make_person
from tests.support.catalog import rows
from tests.support.http import opened


@pytest.fixture
def chance(database: Database) -> Iterator[Chance]:
    """A catalog whose models are sampled."""
    with opened(database) as service:
        yield Chance(service)


def expected(chance: Chance, frame: list[str]) -> list[str]:
    """The order of the draws, computed from the tables of the ledger and nothing else."""
    [[root]] = rows(
        chance.database,
        "SELECT encode(root, 'hex') FROM ledger_checkpoint WHERE size >= ("
        " SELECT seq FROM ledger_leaf JOIN sample_cycle USING (change_id)) ORDER BY size LIMIT 1",
    )
    return sorted(frame, key=lambda one: hashlib.sha256((root + one).encode()).hexdigest())


def test_framed(chance: Chance) -> None:
    """The frame is those of the tier in production; its digest is in the ledger before any seed."""
    low = chance.add(5)
    chance.add(2, tier="MEDIUM", prefix="medium")
    assert chance.run() == 1
    assert chance.run() == 0  # not sealed: nobody can know what is drawn

    shown = chance.sample()
    assert (shown["state"], shown["population"], shown["seed"], shown["size"]) == (
        "framed", 5, None, None,
    )  # fmt: skip
    lines = "".join(f"{one}\n" for one in sorted(low))
    digest = f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"
    assert shown["frame_digest"] == digest
    [told] = chance.ledger()
    assert (told["op"], told["new"]["frame_digest"], told["new"]["population"]) == (
        "frame", digest, 5,
    )  # fmt: skip


def test_new_catalog(chance: Chance) -> None:
    """A catalog's first day makes no frame: its first harvests would be all of it."""
    chance.add(3)
    chance.change("UPDATE entry SET first_seen_at = now() - interval '23 hours'")
    assert chance.run() == 0
    chance.older()

    assert chance.run() == 1


def test_drawn(chance: Chance) -> None:
    """The sample is what anybody computes from the seed; each draw has a review of 60 days."""
    low = chance.add(130)
    chance.run()
    chance.sealed()

    order = expected(chance, low)
    assert [one[1] for one in chance.draws()] == order[:110]
    assert [one[0] for one in chance.draws()] == list(range(1, 111))
    assert {(one[2], one[4]) for one in chance.draws()} == {("DRAWN", "REQUIRED")}
    [due] = rows(
        chance.database,
        "SELECT DISTINCT kind, due_at - opened_at = interval '60 days', opened_by FROM review"
        " WHERE kind = 'SAMPLE'",
    )
    assert due == ("SAMPLE", True, "software")
    shown = chance.sample()
    assert (shown["state"], shown["size"], shown["draws"]) == ("drawn", 110, 110)
    assert shown["upper_bound"] is None  # what is not decided proves nothing
    assert chance.run() == 0


def test_sealed_frame(chance: Chance) -> None:
    """What joins or leaves the tier after the frame is sealed changes neither frame nor order."""
    low = chance.add(6)
    chance.run()
    chance.add(4, prefix="late")
    chance.rate(low[:2], tier="HIGH")
    chance.sealed()

    assert [one[1] for one in chance.draws()] == expected(chance, low)
    assert chance.sample()["population"] == 6


def test_left_before(chance: Chance) -> None:
    """Who is gone before the draw is reported with its rank, and the next rank is drawn."""
    chance.change("UPDATE policy SET document = jsonb_set(document, '{sampling,tolerable_rate}',"
                  " '0.7'), digest = 'three'")  # fmt: skip
    low = chance.add(6)
    chance.run()
    chance.leave(*low[:2])
    chance.sealed()

    order = expected(chance, low)
    drawn = chance.draws()
    assert [one[1] for one in drawn] == order[: len(drawn)]
    assert {one[1] for one in drawn if one[2] == "LEFT"} == set(low[:2]) & set(order[: len(drawn)])
    assert sum(one[2] == "DRAWN" for one in drawn) == 3


def test_left_after(chance: Chance) -> None:
    """A draw that leaves production is reported and replaced; its review has no cause any more."""
    chance.change("UPDATE policy SET document = jsonb_set(document, '{sampling,tolerable_rate}',"
                  " '0.7'), digest = 'three'")  # fmt: skip
    low = chance.add(6)
    chance.run()
    chance.sealed()
    before = chance.draws()
    chance.leave(before[0][1])
    assert chance.run() == 2

    after = chance.draws()
    assert [one[1] for one in after] == expected(chance, low)[:4]
    assert [one[2] for one in after] == ["LEFT", "DRAWN", "DRAWN", "DRAWN"]
    assert after[0][4] == "CANCELLED"
    assert chance.sample()["left"] == 1
    assert [one["op"] for one in chance.ledger()].count("leave") == 1


def test_cancelled(chance: Chance) -> None:
    """No sample gets thinner: a cancelled review of a model still in production opens again."""
    chance.add(2)
    chance.run()
    chance.sealed()
    first = chance.draws()[0][3]
    chance.change("UPDATE review SET state = 'CANCELLED', closed_at = now() WHERE id = :id",
                  id=first)  # fmt: skip
    chance.run()

    assert chance.draws()[0][3] != first
    assert {one[4] for one in chance.draws()} == {"REQUIRED"}
    dues = "SELECT DISTINCT due_at FROM review WHERE kind = 'SAMPLE' AND state = 'REQUIRED'"
    [(due,)] = rows(chance.database, dues)  # cancelling wins no time
    again = chance.draws()[0][3]
    chance.change("UPDATE review SET state = 'CANCELLED', closed_at = now(),"
                  " due_at = due_at - interval '9 days' WHERE id = :id", id=again)  # fmt: skip
    chance.run()
    assert sorted(rows(chance.database, dues)) == [(due - timedelta(days=9),), (due,)]


def test_decided(chance: Chance) -> None:
    """All of a frame confirmed: no tier is wrong, and that is no estimate."""
    chance.add(4)
    chance.run()
    chance.sealed()
    for *_, review, _ in chance.draws():
        chance.decide(review)
    assert chance.run() == 4

    shown = chance.sample()
    assert (shown["state"], shown["decided"], shown["not_confirmed"], shown["upper_bound"]) == (
        "decided", 4, 0, 0.0,
    )  # fmt: skip
    assert {one[2] for one in chance.draws()} == {"DECIDED"}
    assert chance.run() == 0


def test_bound(chance: Chance) -> None:
    """110 of more, all confirmed: a rate of 2.69 % is excluded with 95 % confidence."""
    chance.add(111)
    chance.run()
    chance.sealed()
    for *_, review, _ in chance.draws():
        chance.decide(review)
    chance.run()

    assert round(100 * chance.sample()["upper_bound"], 2) == 2.69


def test_not_confirmed(chance: Chance) -> None:
    """A wrong tier is a finding, and as many again are drawn, once."""
    chance.change("UPDATE policy SET document = jsonb_set(document, '{sampling,tolerable_rate}',"
                  " '0.7'), digest = 'three'")  # fmt: skip
    low = chance.add(9)
    chance.run()
    chance.sealed()
    wrong = chance.draws()[0]
    chance.decide(wrong[3], confirmed=False)
    chance.run()

    assert [one[1] for one in chance.draws()] == expected(chance, low)[:6]
    assert rows(chance.database, "SELECT model_id::text, category FROM finding"
                " WHERE cause LIKE 'sample:%'") == [(wrong[1], "tier")]  # fmt: skip
    for *_, state, review, _ in chance.draws()[1:]:
        chance.decide(review, confirmed=state == "never")
    chance.run()
    assert len(chance.draws()) == 6
    shown = chance.sample()
    assert (shown["state"], shown["decided"], shown["not_confirmed"]) == ("decided", 6, 6)


def test_exempt(chance: Chance) -> None:
    """Of what is exempt a twentieth is drawn, rounded up, in a sample of its own."""
    chance.add(21, tier="NEGLIGIBLE")
    chance.run()
    chance.sealed()

    shown = chance.sample()
    assert (shown["tier"], shown["population"], shown["size"], shown["draws"]) == (
        "NEGLIGIBLE", 21, 2, 2,
    )  # fmt: skip


def test_read(chance: Chance) -> None:
    """Readers see the draws of their namespaces; the frame is for those who read all of them."""
    low = chance.add(3)
    chance.run()
    chance.sealed()
    cycle = chance.sample()["cycle"]
    shown = chance.service.get(f"samples/{cycle}")
    assert [one["tier"] for one in shown["samples"]] == ["LOW"]
    assert len(shown["how"]) == 5

    frame: list[Any] = chance.service.get(f"samples/{cycle}/frame")["items"]
    ranked = sorted(frame, key=lambda one: one["hash"])
    draws: list[Any] = chance.service.get(f"samples/{cycle}/draws")["items"]
    assert [one["model_id"] for one in ranked] == [one["model_id"] for one in draws]
    assert sorted(low) == [one["model_id"] for one in frame]

    make_person(chance.database, "elsewhere", ("reader", "wholesale"))
    elsewhere = chance.service.token_of("elsewhere")
    assert chance.service.get(f"samples/{cycle}/draws", elsewhere)["items"] == []
    assert chance.service.ask("GET", f"samples/{cycle}/frame", elsewhere).status_code == 403
    assert chance.service.ask("GET", "samples/2020Q1", elsewhere).status_code == 404


def test_files(chance: Chance) -> None:
    """As CSV: cycles, draws and frames, in documented columns."""
    chance.add(3)
    chance.run()
    chance.sealed()
    cycle = chance.sample()["cycle"]
    places = {"samples": "samples", f"samples/{cycle}/draws": "draws",
              f"samples/{cycle}/frame": "frame"}  # fmt: skip
    for place, name in places.items():
        text = chance.service.ask("GET", f"{place}.csv", chance.service.reader).text
        found = list(csv.DictReader(io.StringIO(text)))
        assert list(found[0]) == [column.name for column in REPORTS[name]]
        assert len(found) == (1 if name == "samples" else 3)
