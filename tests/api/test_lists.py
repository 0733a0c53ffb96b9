"""Lists: which entries match, in pages that neither skip nor repeat."""

import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest

from schemas.identifiers import encode_segment
from service.catalog.listings import LISTINGS
from tests.conftest import Statements
from tests.support.catalog import gone, make_source, model, post, rows, version
from tests.support.http import Service

OWNER = {"owner": {"kind": "owner", "scheme": "email", "value": "ada@acme.example"}}
NASTY = (
    "a/b", "a%2Fb", "a%b", "100%", "a#b", "a:b", "a b", " lead", "a.b", "a+b", "a&b=c", "a;b",
    "é", "e\u0301x", "日本語", "😀", "ß", "İ", "_", "-", "~", "'", '"', "\\", "a,b", "@champion",
    "Z", ".", "..", "a?b", "ﬁ", "{0}", "%252F", "zz" * 200,
)  # fmt: skip
NUMBERS = [name for name in NASTY if "@" not in name and len(name) < 200]


def names(answer: Any) -> list[str]:
    """The listed names."""
    return [row["name"] for row in answer["items"]]


@pytest.fixture
def listed(service: Service) -> Service:
    """Models that differ in everything that a filter can ask for."""
    database = service.database
    prod = make_source(database, precedence=80)
    other = make_source(database, "mlflow-other", namespace="wholesale")
    developer = OWNER | {"role": "developer"}
    post(
        database,
        prod,
        model("churn", tags=["pii", "team=a"], owners=[OWNER], lifecycle="production"),
        model("fraud", tags=["pii=yes", "a,b"], owners=[], lifecycle="pilot", task="ranking"),
        model("prices", tags=["piiless"], owners=[developer], asset_kind="ai_system"),
        model("offers", tags=[]),
        version(1, "churn", aliases=["champion"], tags=["gpu"]),
        version(2, "churn"),
        version(10, "churn", aliases=["champion"]),
        version(9, "churn"),
        version(1, "fraud", aliases=["a,b"]),
        version(1, "nobody"),
    )
    post(database, prod, gone(version(10, "churn"), "2026-11-21T00:00:00Z"))
    mine = model("churn", source="mlflow-other")
    mine["facts"]["namespace"] = "wholesale"
    post(database, other, mine)
    return service


FILTERED = {
    "": ["retail/churn", "retail/fraud", "retail/offers", "retail/prices", "wholesale/churn", None],
    "stub=false": ["retail/churn", "retail/fraud", "retail/offers", "retail/prices",
                   "wholesale/churn"],
    "stub=true": [None],
    "namespace=wholesale": ["wholesale/churn"],
    "namespace=WHOLESALE": ["wholesale/churn"],
    "name=churn": ["retail/churn", "wholesale/churn"],
    "name=CHURN,fraud": ["retail/churn", "retail/fraud", "wholesale/churn"],
    "namespace=retail&name=churn": ["retail/churn"],
    "lifecycle=production": ["retail/churn"],
    "lifecycle=production,pilot": ["retail/churn", "retail/fraud"],
    "task=ranking": ["retail/fraud"],
    "asset_kind=ai_system": ["retail/prices"],
    "source=mlflow-other": ["wholesale/churn"],
    "source=mlflow-other,mlflow-prod&stub=false": [
        "retail/churn", "retail/fraud", "retail/offers", "retail/prices", "wholesale/churn"],
    "owner=ada@acme.example": ["retail/churn"],
    "owner=ADA@acme.example,nobody": ["retail/churn"],
    "owner__is=known": ["retail/churn"],
    "owner__is=empty": ["retail/fraud", "retail/prices"],
    "owner__is=unknown": ["retail/offers", "wholesale/churn", None],
    "tags__has=pii": ["retail/churn", "retail/fraud"],
    "tags__has=pii=yes": ["retail/fraud"],
    "tags__has=pii=": [],
    "tags__has=team": ["retail/churn"],
    r"tags__has=a\,b": ["retail/fraud"],
    "tags__has=a,b": [],
    "tags__has=p%25": [],
    "tags__has=p__": [],
    "tags__has=%25": [],
    "name=%27 OR 1=1 --": [],
    "gone=true": [],
    "gone=false&stub=true": [None],
}  # fmt: skip


def test_models_filtered(listed: Service) -> None:
    r"""One grammar: conditions hold together, a comma is or, `\,` a comma; INJ-02, INJ-03."""
    found = {asked: names(listed.get(f"models?{asked}")) for asked in FILTERED}

    assert found == FILTERED


def test_versions_filtered(listed: Service) -> None:
    """Versions by model and number, naturally ordered; a gone one stays listed, as gone."""
    churn = [f"retail/churn/{number}" for number in (1, 2, 9, 10)]
    found = {
        asked: names(listed.get(f"versions?{asked}"))
        for asked in (
            "model=retail/churn", "model=Retail/CHURN,retail/fraud&gone=false", "alias=champion",
            "alias=champion&gone=false", r"alias=a\,b", "tags__has=gpu", "namespace=wholesale",
            "source=mlflow-other", "gone=true",
        )
    }  # fmt: skip

    assert found == {
        "model=retail/churn": churn,
        "model=Retail/CHURN,retail/fraud&gone=false": [*churn[:3], "retail/fraud/1"],
        "alias=champion": [churn[0], churn[3]],
        "alias=champion&gone=false": churn[:1],
        r"alias=a\,b": ["retail/fraud/1"],
        "tags__has=gpu": churn[:1],
        "namespace=wholesale": [],
        "source=mlflow-other": [],
        "gone=true": churn[3:],
    }
    below = listed.get("models/retail/churn/versions")
    assert names(below) == churn
    assert (
        names(listed.get("models/retail/churn/versions", gone="false", page_size="2")) == churn[:2]
    )
    shown = listed.get("models/retail/churn")
    assert (shown["versions"], shown["newest_version"]) == (3, "9")


def paged(service: Service, path: str, **asked: str) -> Iterator[list[Any]]:
    """Every page, followed by its token; `Link` says the same."""
    answer = service.ask("GET", path, service.reader, params=asked)
    while True:
        said = answer.json()
        yield said["items"]
        token = said["next_page_token"]
        if token is None:
            assert "link" not in answer.headers
            return
        address = answer.headers["link"].removeprefix("<").removesuffix('>; rel="next"')
        assert token in address
        answer = service.ask("GET", address, service.reader)


def saying(document: Any, **facts: str) -> Any:
    """An observation that says this too."""
    return document | {"facts": document["facts"] | facts}


def numbered(name: str, number: str) -> Any:
    """A version of a number that is none."""
    said = saying(version(1, name), number=number)
    said["subject"]["value"] = f"mlflow-prod/default/{name}/{encode_segment(number)}"
    return said


def test_pages_nasty_names(service: Service) -> None:
    """Every name is listed once, bytewise in order; each `url` answers exactly that entry."""
    source = make_source(service.database)
    receipt = post(
        service.database,
        source,
        *(saying(model(f"{n}"), name=name) for n, name in enumerate(NASTY)),
        *(numbered(f"{n}", number) for n, number in enumerate(NUMBERS)),
    )
    assert receipt.refused == ()
    for kind, size, count in (("models", "7", len(NASTY)), ("versions", "5", len(NUMBERS))):
        listed = [row for page in paged(service, kind, page_size=size) for row in page]
        keys = [row["name"] for row in listed]

        assert keys == sorted(keys, key=lambda name: name.split("/"))
        assert len(set(keys)) == len(keys) == count
        for row in listed:
            detail = service.get(row["url"])
            assert {name: detail[name] for name in row} == row
            assert detail["identifiers"]
    by_name = {
        row["facts"]["name"]: row for row in service.get("models", page_size="1000")["items"]
    }
    for name in NASTY:
        found = service.get("models", name=name.replace(",", "\\,"))["items"]
        assert found == [by_name[unicodedata.normalize("NFC", name)]], name


def test_pages_rows_inserted_between(service: Service) -> None:
    """A row that was there is on exactly one page, whatever is inserted meanwhile."""
    source = make_source(service.database)
    before = [f"m{number:02d}" for number in range(0, 40, 2)]
    post(service.database, source, *(model(name) for name in before))
    seen = []
    for number, page in enumerate(paged(service, "models", page_size="3")):
        seen += [row["facts"]["name"] for row in page]
        post(service.database, source, *(model(f"m{n:02d}") for n in (number, 39 - number)))

    assert seen == sorted(set(seen))
    assert set(before) <= set(seen)


def test_page_token_bound(listed: Service) -> None:
    """INJ-09: a token is good for one list, one set of filters and one caller; edited for none."""
    asked = {"stub": "false", "page_size": "2"}
    token = listed.get("models", **asked)["next_page_token"]
    again = listed.get("models", **asked, page_token=token)

    assert names(again) == ["retail/offers", "retail/prices"]
    assert names(listed.get("models", stub="false", page_size="1", page_token=token)) == [
        "retail/offers"
    ]
    changed = [
        token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        for place in range(len(token))
    ]
    others: list[tuple[str, str, dict[str, str]]] = [
        ("models", listed.reader, {"stub": "true", "page_token": token}),
        ("models", listed.reader, {"page_token": token}),
        ("versions", listed.reader, {"stub": "false", "page_token": token}),
        ("models", listed.token(), {"stub": "false", "page_token": token}),
        *(
            ("models", listed.reader, {"stub": "false", "page_token": wrong})
            for wrong in (*changed, token + "=", token + "AA", token[:-1], "", "e30", "é", "!" * 40)
        ),
    ]
    for path, who, params in others:
        answer = listed.ask("GET", path, who, params=params)

        assert (answer.status_code, answer.json()["code"]) == (400, "page_token_refused"), params


def test_invariant_12_statements_per_page(service: Service, statements: Statements) -> None:
    """Work per request is bounded: a page costs the same few statements, however long it is."""
    source = make_source(service.database)
    post(service.database, source, model(tags=["x"], owners=[OWNER]), version(1, datasets=[]))
    service.get("models")
    asked = (
        "models", "versions", "models/retail/churn", "models/retail/churn?provenance=true",
        "models/retail/churn/versions", "models/retail/churn/versions/1?provenance=true",
        "models/retail/churn/versions/@none", "models.csv", "changes",
        *(name for name in LISTINGS if name not in {"models", "versions"}),
        "models/retail/churn/uses", "owners/email:ada@acme.example/models",
    )  # fmt: skip

    def counted() -> list[int]:
        counts = []
        for path in asked:
            with statements() as said:
                service.ask("GET", path, service.reader)
            counts.append(len([one for one in said if "FETCH" not in one]))
        return counts

    few = counted()
    for number in range(5):
        post(
            service.database,
            source,
            *(model(f"m{number}-{n}", owners=[OWNER], tags=["x"]) for n in range(40)),
            *(version(n, aliases=["a"]) for n in range(number * 40 + 2, number * 40 + 42)),
        )

    many = counted()

    assert many == few
    assert many[9:] == [4, 4, 4, 3, 4, 4, 4, 5, 4]  # one more where the page is empty


def test_replaced_model_keeps_no_address(service: Service) -> None:
    """A model that was made again under its name: the old one is listed without a `url`."""
    source = make_source(service.database)
    post(service.database, source, model(created_at="2026-01-01T00:00:00Z"), version(1))
    post(
        service.database,
        source,
        model(at="2026-11-21T00:00:00Z", created_at="2026-11-20T20:00:00Z"),
        version(1, at="2026-11-21T00:00:00Z", created_at="2026-11-20T20:00:00Z"),
    )
    listed = service.get("models")["items"] + service.get("versions")["items"]

    assert len(listed) >= 3
    for row in listed:
        if row["url"] is not None:
            assert service.get(row["url"])["id"] == row["id"]
    assert len({row["url"] for row in listed if row["url"]}) == len(
        [row for row in listed if row["url"]]
    )


def test_counts_without_replaced(service: Service) -> None:
    """What a model's list of versions shows as live is what `versions` counts."""
    source = make_source(service.database)
    post(service.database, source, model(), *(version(number) for number in range(1, 4)))
    for day in (21, 22, 23):
        moment = f"2026-11-{day}T00:00:00Z"
        post(service.database, source, version(2, at=moment, created_at=moment))
    live = service.get("models/retail/churn/versions", gone="false")["items"]
    replaced = rows(
        service.database,
        "SELECT count(*) FROM entry WHERE replaced_by IS NOT NULL AND kind = 'version'",
    )

    assert replaced == [(2,)]
    assert service.get("models/retail/churn")["versions"] == len([r for r in live if r["url"]]) == 3


def test_counts_without_merged(service: Service) -> None:
    """A version that turned out to be another one is neither listed nor counted twice."""
    source = make_source(service.database)
    post(service.database, source, model(), version(1), version(2), version(3))
    same = {"same_as": [version(2)["subject"]]}
    post(service.database, source, version(3, at="2026-11-21T00:00:00Z") | same)
    live = service.get("models/retail/churn/versions", gone="false")["items"]
    merged = rows(service.database, "SELECT count(*) FROM entry WHERE merged_into IS NOT NULL")

    assert merged == [(1,)]
    assert service.get("models/retail/churn")["versions"] == len(live) == 2
