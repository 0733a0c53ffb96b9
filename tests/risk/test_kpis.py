"""Figures for leadership: right, honest about what is unknown, and each with its list."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from schemas.kpis import FIGURES
from schemas.report_columns import REPORTS
from service.db import Database
from service.risk.acting import BY_CLOCK
from service.risk.findings.opened import WantedFinding, open_findings
from tests.api.test_as_of import moment
from tests.conftest import Statements
from tests.risk.chance import Chance
from tests.support.accounts import make_person
from tests.support.catalog import NOON, make_source, model, post, rows, version
from tests.support.http import opened


@pytest.fixture
def chance(database: Database) -> Iterator[Chance]:
    """A catalog with an evaluated model or some."""
    with opened(database) as service:
        yield Chance(service)


def kpis(chance: Chance, token: str | None = None, **asked: Any) -> dict[tuple[Any, str], Any]:
    """Every figure by its group ("all": the total) and its name."""
    items = chance.service.get("kpis", token, **asked)["items"]
    found = {("all" if one["by"] is None else one["group"], one["figure"]): one for one in items}
    assert len(found) == len(items)
    return found


def parts(one: Any) -> tuple[int | None, int | None, int | None]:
    """So many, of so many, of which so many could be either."""
    return one["numerator"], one["denominator"], one["unknown"]


def use(of: str, name: str, **facts: Any) -> Any:
    """A use of a model as a source declares it."""
    about = {"kind": "model", "scheme": "mlflow", "value": f"mlflow-prod/default/{of}"}
    return {
        "subject": {"kind": "use", "scheme": "name", "value": f"retail/{of}/{name}"},
        "observed_at": NOON,
        "facts": {"model": about, "name": name} | facts,
    }


def test_empty(chance: Chance) -> None:
    """Of nothing there are zeros, and no median; what has no figure is named, not made up."""
    answer = chance.service.get("kpis")
    found = {one["figure"]: one for one in answer["items"]}

    assert parts(found["models_in_use"]) == (0, 0, 0)
    assert found["days_to_review"]["value"] is None
    assert set(answer["left_out"]) == set(FIGURES) - set(found)
    assert {"sample_bound", "sample_not_confirmed"} <= set(answer["left_out"])


def test_use(chance: Chance) -> None:
    """What is in production, what is not, and what nobody has looked at."""
    chance.add(2)
    post(chance.database, chance.source, model("idle"), version(1, "idle"))
    chance.change("UPDATE model_risk SET in_production = false FROM entry"
                  " WHERE entry.id = model_id AND natural_key = 'retail/idle'")  # fmt: skip
    post(chance.database, chance.source, model("dark"), version(1, "dark"))
    found = kpis(chance)

    assert parts(found["all", "models_in_use"]) == (2, 4, 1)
    assert parts(found["all", "provisional"]) == (2, 2, None)
    assert parts(found["all", "firm"]) == (0, 2, None)


def test_kind(chance: Chance) -> None:
    """Vendors' and generative models; what is narrowed or not stated is unknown, never no."""
    stated: list[dict[str, Any]] = [
        {"origin": "vendor_black_box"}, {"origin": "in_house"}, {},
        {"origin": {"one_of": ["in_house", "vendor_black_box"]}},
        {"origin": {"one_of": ["in_house", "open_weights"]}},
    ]  # fmt: skip
    for number, facts in enumerate(stated):
        name = f"m{number}"
        post(chance.database, chance.source, model(name, lifecycle="production", **facts))
    found = kpis(chance)

    assert parts(found["all", "vendor"]) == (1, 5, 2)
    assert parts(found["all", "generative_or_agentic"]) == (0, 5, 5)


def test_groups(chance: Chance) -> None:
    """By tier, where what is unrated is no tier; by namespace; by each line of business."""
    ids = chance.add(3)
    other = make_source(chance.database, "mlflow-two", namespace="wholesale")
    there = model("there", "mlflow-two", namespace="wholesale", lifecycle="production")
    post(chance.database, other, there)
    chance.change("UPDATE model_risk SET status = 'FIRM', tier = 'HIGH' WHERE model_id = :id",
                  id=ids[0])  # fmt: skip
    manifests = make_source(chance.database, "manifests", kind="ci")
    said = [use("m001", name, line_of_business=line) for name, line in
            (("one", "cards"), ("two", "loans"))]  # fmt: skip
    assert post(chance.database, manifests, *said).refused == ()

    tiers, spaces = kpis(chance, by="tier"), kpis(chance, by="namespace")
    assert {group for group, _ in tiers} == {"all", "HIGH", "UNRATED"}
    assert [tiers[one, "models_in_use"]["numerator"] for one in ("all", "HIGH", "UNRATED")] == [
        4, 1, 3,
    ]  # fmt: skip
    assert spaces["retail", "models_in_use"]["numerator"] == 3
    assert spaces["wholesale", "models_in_use"]["numerator"] == 1
    lines = kpis(chance, by="line_of_business")
    counted = {group: one["numerator"] for (group, name), one in lines.items()
               if name == "models_in_use"}  # fmt: skip
    assert counted == {"all": 4, "cards": 1, "loans": 1, None: 3}


def test_reviews(chance: Chance) -> None:
    """Open reviews, those past due, how long decisions took; the sample and what it proves."""
    chance.add(3)
    chance.run()
    chance.sealed()
    first, second, _ = [one[3] for one in chance.draws()]
    chance.change("UPDATE review SET opened_at = now() - interval '10 days' WHERE id = :id",
                  id=first)  # fmt: skip
    chance.decide(first)
    chance.change("UPDATE review SET due_at = now() - interval '1 day' WHERE id = :id", id=second)
    chance.run()
    found = kpis(chance)

    [[is_open]] = rows(chance.database, "SELECT count(*) FROM review WHERE state = 'REQUIRED'")
    overdue, whole, _ = parts(found["all", "reviews_overdue"])
    assert (overdue, whole) == (1, is_open)
    took = found["all", "days_to_review"]
    assert (round(took["value"], 3), took["denominator"]) == (10.0, 1)
    assert parts(found["all", "sample_not_confirmed"]) == (0, 1, 2)
    assert found["all", "sample_bound"]["value"] is None


def test_findings(chance: Chance) -> None:
    """All findings, open ones, those past due, and how long closing took."""
    [one] = chance.add(1)
    wanted = [
        WantedFinding(UUID(one), None, "person", f"person:{number}", "data", "low", "x", "y")
        for number in range(3)
    ]
    chance.database.transact(
        lambda session: open_findings(session, wanted, cause=BY_CLOCK, now=datetime.now(UTC))
    )
    before = kpis(chance)["all", "findings_open"]
    chance.change("UPDATE finding SET due_at = now() - interval '1 day' WHERE cause = 'person:0'")
    chance.change("UPDATE finding SET state = 'CLOSED', opened_at = now() - interval '4 days',"
                  " closed_at = now(), closed_by = 'rita' WHERE cause = 'person:1'")  # fmt: skip
    found = kpis(chance)

    many = before["denominator"]
    assert parts(before)[:2] == (many, many)
    assert many >= 3
    assert parts(found["all", "findings_open"])[:2] == (many - 1, many)
    assert parts(found["all", "findings_past_due"])[:2] == (1, many - 1)
    chance.change(
        "UPDATE finding SET state = 'RISK_ACCEPTED', accepted_by = 'rita',"
        " accepted_until = now() + interval '9 days' WHERE cause = 'person:0'"
    )
    assert parts(kpis(chance)["all", "findings_past_due"])[:2] == (0, many - 1)
    assert round(found["all", "days_to_close"]["value"], 3) == 4


def test_controls(chance: Chance) -> None:
    """The results of controls that apply add up."""
    chance.add(2)
    found = kpis(chance)
    names = ("pass", "fail", "unknown", "waived")
    numbers = [found["all", f"controls_{name}"]["numerator"] for name in names]
    [[whole]] = rows(
        chance.database, "SELECT count(*) FROM control_result WHERE result <> 'NOT_APPLICABLE'"
    )

    assert sum(numbers) == whole == found["all", "controls_pass"]["denominator"]


def test_seen(chance: Chance) -> None:
    """A reader of one namespace gets the figures of that one alone."""
    chance.add(2)
    make_person(chance.database, "elsewhere", ("reader", "wholesale"))
    token = chance.service.token_of("elsewhere")
    found = kpis(chance, token, by="namespace")

    assert parts(found["all", "models_in_use"]) == (0, 0, 0)
    assert {group for group, _ in found} == {"all"}


def test_as_of(chance: Chance) -> None:
    """The past is told as it was; what it cannot tell is left out and named."""
    chance.add(2)
    before = moment(chance.service)
    chance.add(1, prefix="later")
    answer = chance.service.get("kpis", as_of=before)
    found = {one["figure"]: one for one in answer["items"]}

    assert parts(found["models_in_use"])[:2] == (2, 2)
    assert kpis(chance)["all", "models_in_use"]["denominator"] == 3
    gone = {"unregistered_deployments", "ghosts", "time_to_catalog_p95", "sample_bound"}
    assert gone <= set(answer["left_out"])
    assert before in found["models_in_use"]["url"].replace("%3A", ":")


def test_links(chance: Chance) -> None:
    """The list behind each figure is there."""
    chance.add(1)
    chance.run()
    for by in ("tier", "namespace", "line_of_business"):
        for one in chance.service.get("kpis", by=by)["items"]:
            answer = chance.service.ask("GET", one["url"], chance.service.reader)
            assert answer.status_code == 200, (one["url"], answer.text)


def test_shared(chance: Chance) -> None:
    """A vendor and a base model that two models rest on; what one alone rests on is not shared."""
    for name in ("one", "two"):
        post(chance.database, chance.source,
             model(name, lifecycle="production", vendor_name="Acme"),
             version(1, name, base_model="llama"))  # fmt: skip
    post(chance.database, chance.source, model("three", vendor_name="Other"))
    found = chance.service.get("kpis/shared")["items"]

    assert {(one["what"], one["name"], one["models"], one["in_use"]) for one in found} == {
        ("vendor", "Acme", 2, 2), ("base_model", "llama", 2, 2),
    }  # fmt: skip


def test_files(chance: Chance) -> None:
    """As CSV, in documented columns, with the same rows."""
    chance.add(1)
    text = chance.service.ask("GET", "kpis.csv", chance.service.reader, params={"by": "tier"}).text
    found = list(csv.DictReader(io.StringIO(text)))
    items = chance.service.get("kpis", by="tier")["items"]

    assert list(found[0]) == [column.name for column in REPORTS["kpis"]]
    assert [(one["figure"], one["group"]) for one in found] == [
        (one["figure"], one["group"] or "") for one in items
    ]
    shared = chance.service.ask("GET", "kpis/shared.csv", chance.service.reader)
    assert shared.status_code == 200


def test_statements(chance: Chance, statements: Statements) -> None:
    """As many models as you like take no more statements."""
    counted = []
    kpis(chance)  # its reader's token was used now
    for prefix in ("a", "b"):
        chance.add(1 if prefix == "a" else 20, prefix=prefix)
        with statements() as said:
            kpis(chance, by="namespace")
        counted.append(len(said))

    assert counted[0] == counted[1]
