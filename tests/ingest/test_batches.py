"""One batch over HTTP: refused whole, refused one by one, quarantined, and in the ledger."""

import json
from typing import Any

import pytest
import sqlalchemy as sa
from uuid_utils.compat import uuid7

from service.db import Database
from tests.support.catalog import changes, entries, make_source, model, rows, version, written
from tests.support.harvester import Harvester

NAN = b'{"observations": [{"facts": {"downstream_dependents": NaN}}]}'
LATER = "2026-11-20T13:00:00Z"


def refused(answer: tuple[int, Any]) -> tuple[int, str]:
    """Status and code of a refusal."""
    return answer[0], answer[1]["code"]


def test_push_without_harvest(harvester: Harvester, database: Database) -> None:
    """What a deploy script posts with curl is recorded at once; repeating it changes nothing."""
    assert harvester.push(model(), version(1)) == (
        200, {"recorded": 2, "unchanged": 0, "refused": [], "ahead": 0},
    )  # fmt: skip
    before = written(database)

    assert harvester.push(model(), version(1)) == (
        200, {"recorded": 0, "unchanged": 2, "refused": [], "ahead": 0},
    )  # fmt: skip
    assert harvester.push() == (200, {"recorded": 0, "unchanged": 0, "refused": [], "ahead": 0})
    assert written(database) == before


def test_source_disabled(harvester: Harvester, database: Database) -> None:
    """A disabled source opens nothing and pushes nothing."""
    make_source(database, enabled=False)

    assert refused(harvester.open()) == (409, "source_disabled")
    assert refused(harvester.push(model())) == (409, "source_disabled")


REFUSED_WHOLE = {
    "not json": (b"{", 400),
    "nothing": (b"", 400),
    "a list": (b"[]", 422),
    "no list": (b'{"observations": {}}', 422),
    "unknown member": (b'{"observations": [], "x": 1}', 422),
    "not a number": (NAN, 400),
    "infinite": (NAN.replace(b"NaN", b"-Infinity"), 400),
    "too large a number": (NAN.replace(b"NaN", b"1e999"), 400),
    "too long a number": (NAN.replace(b"NaN", b"1" * 5_000), 400),
    "key twice": (b'{"observations": [], "observations": []}', 400),
    "not utf-8": ('{"observations": ["é"]}'.encode("latin-1"), 400),
    "utf-16": ('{"observations": []}'.encode("utf-16"), 400),
    "byte order mark": (b'\xef\xbb\xbf{"observations": []}', 400),
    "nested": (b'{"observations": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
    "too many": (b'{"observations": [' + b"0," * 1_000 + b"0]}", 413),
    "too large": (b'{"observations": []}' + b" " * (8 * 1024 * 1024 - 19), 413),
}


@pytest.mark.parametrize("case", REFUSED_WHOLE)
def test_batch_refused_whole(harvester: Harvester, database: Database, case: str) -> None:
    """A batch that cannot be read, or is too large, is refused whole and leaves nothing."""
    body, expected = REFUSED_WHOLE[case]
    before = written(database)
    status, problem = harvester.post_bytes("/sources/mlflow-prod/observations", body)

    assert (status, sorted(problem)) == (
        expected, ["code", "detail", "errors", "status", "title", "trace_id", "type"],
    )  # fmt: skip
    assert written(database) == before


def test_batch_largest(harvester: Harvester) -> None:
    """8 MiB to the byte and 1,000 observations are still taken."""
    body = json.dumps({"observations": [model(f"m{n}") for n in range(1_000)]}).encode()
    status, receipt = harvester.post_bytes(
        "/sources/mlflow-prod/observations", body.ljust(8 * 1024 * 1024)
    )

    assert (status, receipt["recorded"], receipt["refused"]) == (200, 1_000, [])


def bad(**members: Any) -> Any:
    """An observation of the model `bad` with other members."""
    return model("bad") | members


def stating(**facts: Any) -> Any:
    """An observation of the model `bad` with other facts."""
    return bad(facts={"namespace": "retail", "name": "bad"} | facts)


NESTED: list[Any] = []
for _ in range(90):
    NESTED = [NESTED]
# case → (document, code, pointer)
REFUSED_ALONE: dict[str, tuple[Any, str, str]] = {
    "null": (None, "invalid", ""),
    "a number": (7, "invalid", ""),
    "empty": ({}, "missing", "/subject"),
    "no subject": (bad(subject=None), "invalid", "/subject"),
    "unknown kind": (bad(subject={"kind": "x", "scheme": "y", "value": "z"}), "invalid",
                     "/subject/kind"),
    "unknown member": (bad(observedAt="x"), "unknown_fact", "/observedAt"),
    "unknown fact": (stating(descripton="x"), "unknown_fact", "/facts/descripton"),
    "surrogate": (stating(description="\ud800"), "invalid", "/facts/description"),
    "surrogate as key": (stating(**{"\ud800": 1}), "invalid", "/facts"),
    "nul": (stating(description="a\0b"), "invalid", "/facts/description"),
    "nul in a name": (bad(subject={"kind": "model", "scheme": "mlflow",
                                   "value": "mlflow-prod/default/a\0"}), "invalid",
                      "/subject/value"),
    "huge text": (stating(description="x" * 65_537), "invalid", "/facts/description"),
    "huge value": (bad(subject={"kind": "model", "scheme": "mlflow",
                                "value": "mlflow-prod/default/" + "x" * 2_000}), "invalid",
                   "/subject/value"),
    "negative": (stating(downstream_dependents=-1), "invalid", "/facts/downstream_dependents"),
    "absurd": (stating(downstream_dependents=10**39), "invalid", "/facts/downstream_dependents"),
    "text for a number": (stating(downstream_dependents="7"), "invalid",
                          "/facts/downstream_dependents"),
    "true for a number": (stating(downstream_dependents=True), "invalid",
                          "/facts/downstream_dependents"),
    "nested": (stating(tags=NESTED), "invalid", "/facts/tags/0"),
    "no time": (bad(observed_at="yesterday"), "invalid", "/observed_at"),
    "a naive time": (bad(observed_at="2026-11-20T09:13:22"), "invalid", "/observed_at"),
    "year 10000": (bad(observed_at="10000-01-01T00:00:00Z"), "invalid", "/observed_at"),
    "a number for a time": (bad(observed_at=1_700_000_000), "invalid", "/observed_at"),
    "facts and gone": (bad(gone=True), "invalid", ""),
    "another source": (model("bad", source="mlflow-other"), "foreign_source", "/subject/value"),
    "another namespace": (stating(namespace="wholesale"), "namespace_not_allowed",
                          "/facts/namespace"),
}  # fmt: skip


def test_batch_refused_alone(harvester: Harvester, database: Database) -> None:
    """Bad observations among 975 good ones are refused by index, pointer and code; HARV-10."""
    good = [model(f"m{n}") for n in range(1_000 - len(REFUSED_ALONE))]
    documents = [*good, *(document for document, _, _ in REFUSED_ALONE.values())]
    status, receipt = harvester.push(*documents)

    assert (status, receipt["recorded"], receipt["unchanged"]) == (200, len(good), 0)
    found = {
        case: (refusal["code"], refusal["pointer"])
        for case, refusal in zip(REFUSED_ALONE, receipt["refused"], strict=True)
    }
    assert found == {case: expected for case, (_, *rest) in REFUSED_ALONE.items()
                     for expected in [tuple(rest)]}  # fmt: skip
    assert [refusal["index"] for refusal in receipt["refused"]] == list(range(len(good), 1_000))
    assert rows(database, "SELECT count(*) FROM entry") == [(len(good),)]


def test_batch_refused_repeatedly(
    harvester: Harvester, admin: Harvester, database: Database
) -> None:
    """A record that stays bad is one item, counted, however often and whenever it is read.

    A later good one of the same subject settles it; HARV-10.
    """
    for hour in ("01", "02", "03"):
        late = {"observed_at": f"2026-11-20T{hour}:00:00Z"}
        harvester.push(stating(descripton=hour) | late, {"x": 1} | late)
    listed = admin.get("/quarantine")[1]["items"]
    assert sorted((one["code"], one["times"]) for one in listed) == [
        ("missing", 3), ("unknown_fact", 3),
    ]  # fmt: skip
    assert sorted(json.loads(one["payload"])["observed_at"] for one in listed) == [
        "2026-11-20T03:00:00Z",
        "2026-11-20T03:00:00Z",
    ]

    harvester.push(stating(description="x"))
    assert [one["code"] for one in admin.get("/quarantine")[1]["items"]] == ["missing"]
    assert rows(database, "SELECT count(*) FROM quarantine") == [(2,)]


def test_refusal_echoes_nothing(harvester: Harvester) -> None:
    """A refusal says where and why, never what stood there."""
    canary = "cAnArY-7"
    documents = [stating(origin=canary), bad(observed_at=canary), {canary: 1}, canary]
    answers = [harvester.push(*documents)[1]["refused"]]
    answers.append(harvester.post("/sources/mlflow-prod/observations", [canary])[1])

    said = json.dumps([[one["message"] for one in answers[0]], answers[1]])
    assert canary not in said


def test_ledger_names_the_request(harvester: Harvester, database: Database) -> None:
    """A change says who, by which token, in which request and harvest; AUD-01."""
    harvester.open(harvest := uuid7())
    harvester.send(harvest, model())
    (created,) = [
        change for change in changes(database) if change["op"] == "create" and change["entry"]
    ]

    assert (created["op"], created["source"], created["harvest"]) == (
        "create", "mlflow-prod", str(harvest),
    )  # fmt: skip
    assert (created["actor"]["kind"], created["actor"]["authn"]) == ("source", "token")
    assert len(created["actor"]["token"]) == 8
    assert len(created["request"]) == 32


@pytest.mark.parametrize("sqlstate", ["42501", "53100"])
def test_ledger_refuses(
    harvester: Harvester, database: Database, owner_database: Database, sqlstate: str
) -> None:
    """What cannot be recorded in the ledger does not happen; AUD-02, AUD-03."""
    harvester.push(model())
    before = entries(database), rows(database, "SELECT count(*) FROM observation")
    with owner_database.writing() as session:
        session.execute(sa.text(
            "CREATE FUNCTION full_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" RAISE EXCEPTION 'no' USING ERRCODE = '{sqlstate}'; END $$;"
            "CREATE TRIGGER full_up BEFORE INSERT ON change"
            " FOR EACH ROW EXECUTE FUNCTION full_up()"
        ))  # fmt: skip
    status, problem = harvester.push(model(at=LATER, description="B"), version(1))

    assert (status, problem["code"]) == {
        "42501": (500, "right_missing"), "53100": (503, "database_full"),
    }[sqlstate]  # fmt: skip
    assert (entries(database), rows(database, "SELECT count(*) FROM observation")) == before
    assert harvester.get("/sources/mlflow-prod")[0] == 200  # reads go on
