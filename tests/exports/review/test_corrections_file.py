"""What the catalog learned later about a moment, in a bundle's file: what would have changed it."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from service.ingest.sources import SourceFacts
from tests.api.test_as_of import moment
from tests.exports.review.told import Record, cells, read_records
from tests.support.accounts import make_person, map_owner, owned_by
from tests.support.catalog import gone, make_reader, make_source, model, post, version
from tests.support.http import Service
from tests.support.pins import Owner

COMMIT: Final = "c" * 40
ORIGIN: Final = datetime.now(UTC).replace(microsecond=0)


def ago(hours: float) -> str:
    """A time before the tests."""
    return (ORIGIN - timedelta(hours=hours)).isoformat().replace("+00:00", "Z")


class Shop:
    """A catalog with a registry, and a source that counts for more."""

    def __init__(self, service: Service) -> None:
        """One model with one version, as of nine hours ago."""
        self.service, self.database = service, service.database
        self.registry = make_source(self.database)
        self.hub = make_source(self.database, "hub", kind="github", may_name=["retail"])
        self.say(model(at=ago(9), lifecycle="pilot", tags=["a", "b"], origin="in_house"),
                 version(1, at=ago(9)))  # fmt: skip

    def say(self, *documents: Any, source: SourceFacts | None = None) -> None:
        """Push, now."""
        assert post(self.database, source or self.registry, *documents).refused == ()

    def now(self) -> str:
        """A moment."""
        return moment(self.service)

    def learned(self, when: str, known: str, **asked: Any) -> list[tuple[str, ...]]:
        """What was learned between two moments: of what, which fact, by whom, then and later."""
        found = read_records(self.database, "corrections", when, known=known, **asked)
        columns = ("entry", "field", "source", "value_at_as_of", "value_learned")
        return cells(found, *columns)


@pytest.fixture
def shop(service: Service) -> Shop:
    """Some models."""
    return Shop(service)


def by_manifest(at: str, **facts: Any) -> Any:
    """What the source that counts for more says of the model."""
    named = {"namespace": "retail", "name": "churn"}
    subject = {"kind": "model", "scheme": "name", "value": "retail/churn"}
    return {"subject": subject, "observed_at": at, "facts": named | facts}


def test_late(shop: Shop) -> None:
    """A fact that was observed before and learned after is there, from when it was learned on."""
    when = shop.now()
    shop.say(model(at=ago(5), lifecycle="production", tags=["a"], origin="in_house",
                   description=None))  # fmt: skip
    known = shop.now()
    shop.say(model(at=ago(4), lifecycle="suspended"))
    assert shop.learned(when, when) == []
    [one, other] = read_records(shop.database, "corrections", when, known=known)
    assert cells([one, other], "entry", "field", "source", "value_at_as_of", "value_learned") == [
        ("retail/churn", "description", "mlflow-prod", "unknown", ""),
        ("retail/churn", "lifecycle", "mlflow-prod", "pilot", "production"),
    ]
    assert one["observed_at"] == ago(5)
    assert when[:19] <= one["recorded_at"][:19] <= known
    assert one["observation"].startswith("sha256:")


def test_newest(shop: Shop) -> None:
    """Of what a source had observed only the newest counts; what came after is no correction."""
    when = shop.now()
    shop.say(model(at=ago(10), lifecycle="validation"))  # older than what was known
    assert shop.learned(when, shop.now()) == []
    shop.say(model(at=ago(5), lifecycle="development"))
    shop.say(model(at=ago(4), lifecycle="suspended"))
    later = datetime.now(UTC).isoformat()
    shop.say(model(at=later, lifecycle="production"))
    assert shop.learned(when, shop.now()) == [
        ("retail/churn", "lifecycle", "mlflow-prod", "pilot", "suspended")
    ]


def test_rank(shop: Shop) -> None:
    """What counts for less than what decided then is none; what counts for more, or as much, is."""
    shop.say(by_manifest(ago(8), lifecycle="validation"), source=shop.hub)
    when = shop.now()
    shop.say(model(at=ago(5), lifecycle="production", origin="vendor_black_box"))
    shop.say(by_manifest(ago(5), lifecycle="suspended", origin="open_weights"), source=shop.hub)
    assert shop.learned(when, shop.now()) == [
        ("retail/churn", "lifecycle", "hub", "validation", "suspended"),
        ("retail/churn", "origin", "hub", "in_house", "open_weights"),
        ("retail/churn", "origin", "mlflow-prod", "in_house", "vendor_black_box"),
    ]


def test_ranks_of_then(shop: Shop) -> None:
    """How much a source counts is what it did then, whatever it does now."""
    shop.say(by_manifest(ago(8), lifecycle="validation"), source=shop.hub)
    when = shop.now()
    make_source(shop.database, precedence=95)
    shop.say(model(at=ago(5), lifecycle="production"))
    known = shop.now()
    assert shop.learned(when, known) == []
    assert shop.learned(known, shop.now()) == []  # observed before, and learned before


def test_inferred(shop: Shop) -> None:
    """What was only concluded then gives way to what is stated, however much its source counts."""
    guessed = by_manifest(ago(8), lifecycle="validation") | {"inferred": ["lifecycle"]}
    shop.say(model(at=ago(8)))
    shop.say(guessed, source=shop.hub)
    when = shop.now()
    shop.say(model(at=ago(5), lifecycle="production"))
    known = shop.now()
    assert shop.learned(when, known) == [
        ("retail/churn", "lifecycle", "mlflow-prod", "validation", "production")
    ]
    shop.say(guessed | {"observed_at": ago(4), "facts": guessed["facts"] | {"lifecycle": "pilot"}},
             source=shop.hub)  # fmt: skip
    assert shop.learned(known, shop.now()) == []


def test_pinned(shop: Shop) -> None:
    """What a person pinned stands, whatever sources said."""
    make_person(shop.database, "ann", ("reader", None))
    map_owner(shop.database, "handle:ann", "ann")
    make_source(shop.database, may_grant_ownership=True)
    shop.say(model(at=ago(7), owners=[owned_by("ann")]))
    owner = Owner(shop.service, shop.service.token_of("ann"))
    assert owner.put("lifecycle", value="suspended").status_code == 200
    when = shop.now()
    shop.say(model(at=ago(5), lifecycle="production", owners=[owned_by("bob"), owned_by("ann")]))
    assert shop.learned(when, shop.now()) == [
        ("retail/churn", "owners", "mlflow-prod", "ann accountable",
         "ann accountable; bob accountable")
    ]  # fmt: skip


def test_members(shop: Shop) -> None:
    """A set that had all of it before is the same; another member, or fewer, is a correction."""
    shop.say(version(1, at=ago(8), digests=[digest("a"), digest("b")]))
    when = shop.now()
    subject = {"kind": "version", "scheme": "number", "value": "retail/churn/1"}
    for_one = {"subject": subject, "observed_at": ago(5)}
    shop.say(for_one | {"facts": {"digests": [digest("a")]}}, source=shop.hub)
    assert shop.learned(when, shop.now()) == []
    both = f"{digest('a')}; {digest('b')}"
    shop.say(version(1, at=ago(4), digests=[digest("a")]))
    assert shop.learned(when, known := shop.now()) == [
        ("retail/churn/1", "digests", "mlflow-prod", both, digest("a"))
    ]
    other = for_one | {"observed_at": ago(3), "facts": {"digests": [digest("c")]}}
    shop.say(other, source=shop.hub)
    assert len(shop.learned(when, known)) == 1
    assert sorted(shop.learned(when, shop.now())) == [
        ("retail/churn/1", "digests", "hub", both, digest("c")),
        ("retail/churn/1", "digests", "mlflow-prod", both, digest("a")),
    ]


def test_choice(shop: Shop) -> None:
    """A fact that was narrowed before, or is now, is shown as the choice that it is."""
    when = shop.now()
    choice = {"one_of": ["in_house", "open_weights"]}
    shop.say(model(at=ago(5), lifecycle="pilot", origin=choice))
    known = shop.now()
    one_of = "one of in_house; open_weights"
    assert shop.learned(when, known) == [
        ("retail/churn", "origin", "mlflow-prod", "in_house", one_of)
    ]
    shop.say(model(at=ago(4), lifecycle="pilot", origin="open_weights"))
    assert shop.learned(known, shop.now()) == [
        ("retail/churn", "origin", "mlflow-prod", one_of, "open_weights")
    ]


def test_owner(shop: Shop) -> None:
    """What is learned of an owner is a correction of each model that names it, and visible."""
    shop.say(model("fraud", at=ago(8), owners=[owned_by("ann")]),
             model("churn", at=ago(8), owners=[owned_by("ann")]))  # fmt: skip
    when = shop.now()
    ann = {
        "subject": {"kind": "owner", "scheme": "handle", "value": "ann"},
        "observed_at": ago(5),
        "facts": {"email": "ann@acme.example", "active": False},
    }
    shop.say(ann)
    known = shop.now()
    found = read_records(shop.database, "corrections", when, known=known)
    assert cells(found, "model", "entry", "field", "value_learned") == [
        (name, "ann", field, learned)
        for name in ("retail/churn", "retail/fraud")
        for field, learned in (("active", "false"), ("email", "ann@acme.example"))
    ]
    assert len(read_records(shop.database, "corrections", when, known=known, name="fraud")) == 2
    elsewhere = make_reader(frozenset({"wholesale"}))
    assert shop.learned(when, known, by=elsewhere) == []


def test_gone(shop: Shop) -> None:
    """What a source had seen before it said that the thing is gone corrects nothing."""
    when = shop.now()
    shop.say(gone(model(), ago(4)))
    shop.say(model(at=ago(5), lifecycle="production"))
    assert shop.learned(when, shop.now()) == []


def digest(letter: str) -> str:
    """A digest."""
    return f"sha256:{letter * 64}"


def test_new_version(shop: Shop) -> None:
    """A version of which nothing was known yet: every fact of it; a reference by its name."""
    when = shop.now()
    trained = {"dataset": {"kind": "dataset", "scheme": "uri", "value": "s3://data/leavers"},
               "role": "training"}  # fmt: skip
    shop.say(version(2, at=ago(3), source_commit=COMMIT, datasets=[trained], created_at=ago(20)))
    found = {field: (entry, then, learned)
             for entry, field, _, then, learned in shop.learned(when, shop.now())}  # fmt: skip
    two = ("retail/churn/2", "unknown")
    assert found == {
        "number": (*two, "2"), "source_commit": (*two, f"git:{COMMIT}"),
        "datasets": (*two, "s3://data/leavers training"), "created_at": (*two, ago(20)),
    }  # fmt: skip


def test_references(shop: Shop) -> None:
    """Which version is served; the same one by another of its identifiers is no correction."""
    cluster = make_source(shop.database, "cluster", kind="kubernetes")
    shop.say(version(2, at=ago(8)))
    subject = {"kind": "deployment", "scheme": "kserve", "value": "cluster/serving/churn"}

    def serve(scheme: str, value: str, hours: float) -> None:
        served = {"version": {"kind": "version", "scheme": scheme, "value": value}}
        said = {"subject": subject, "observed_at": ago(hours), "facts": served}
        shop.say(said, source=cluster)

    serve("mlflow", "mlflow-prod/default/churn/1", 8)
    when = shop.now()
    serve("number", "retail/churn/1", 5)
    assert shop.learned(when, shop.now()) == []
    serve("mlflow", "mlflow-prod/default/churn/2", 4)
    [(entry, field, *_, then, learned)] = shop.learned(when, shop.now())
    assert (entry, field) == ("cluster/serving/churn", "version")
    assert (then, learned) == ("mlflow-prod/default/churn/1", "mlflow-prod/default/churn/2")


def test_past_stays(shop: Shop) -> None:
    """What is learned after `known_at` changes nothing in the file."""
    when = shop.now()
    shop.say(model(at=ago(5), lifecycle="production"))
    known = shop.now()
    past: list[Record] = read_records(shop.database, "corrections", when, known=known)
    shop.say(model(at=ago(4), lifecycle="suspended"), version(2, at=ago(6)))
    make_source(shop.database, precedence=1)
    assert read_records(shop.database, "corrections", when, known=known) == past
    assert len(past) > 0
