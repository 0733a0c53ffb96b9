"""Full text: every word, or nearly, in the order of how well it matches; of visible things only."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.identifiers import encode_segment
from service.catalog import search
from service.catalog.search import distance, nearest
from tests.support.catalog import gone, make_source, model, post, rows, version
from tests.support.http import Service
from tests.support.world import first_words

ADA = {"owner": {"kind": "owner", "scheme": "email", "value": "ada.lovelace@acme.example"}}
WORDS = st.text("abc", max_size=6)


def names(answer: Any) -> list[str]:
    """The listed names."""
    return [row["name"] for row in answer["items"]]


@pytest.fixture
def searched(service: Service) -> Service:
    """Models that share words in different places."""
    prod = make_source(service.database)
    other = make_source(service.database, "mlflow-other", namespace="wholesale")
    post(
        service.database,
        prod,
        model("churn", description="How likely a customer leaves", tags=["domain=retention"]),
        model("churn-monthly", display_name="Abwanderung Kündigung"),
        model("fraud", description="Finds fraud before churn happens", owners=[ADA]),
        model("日本語モデル", tags=["pii"]),
        version(1, "churn", description="first", aliases=["champion"]),
        version(2, "churn"),
    )
    hidden = model("zanzibar", source="mlflow-other", description="of the churning sea")
    hidden["facts"]["namespace"] = "wholesale"
    post(service.database, other, hidden)
    return service


FOUND = {
    "churn": ["retail/churn", "retail/churn-monthly", "retail/fraud", "wholesale/zanzibar"],
    "CHURN": ["retail/churn", "retail/churn-monthly", "retail/fraud", "wholesale/zanzibar"],
    "chur mont": ["retail/churn-monthly"],
    "churn-monthly": ["retail/churn-monthly"],
    "churn customer": ["retail/churn"],
    "retention": ["retail/churn"],
    "domain=retention": ["retail/churn"],
    "lovelace": ["retail/fraud"],
    "ada.lovelace@acme.example": ["retail/fraud"],
    "kündigung": ["retail/churn-monthly"],
    "日本語": ["retail/日本語モデル"],
    "fruad": ["retail/fraud"],
    "chrun": ["retail/churn", "retail/churn-monthly", "retail/fraud", "wholesale/zanzibar"],
    "custmer": ["retail/churn"],
    "kundigung": ["retail/churn-monthly"],
    "lovelase fraud": ["retail/fraud"],
    "xylophone": [],
    "churn xylophone": [],
    "' | !! (churn": ["retail/churn", "retail/churn-monthly", "retail/fraud", "wholesale/zanzibar"],
    "\\": [],
}  # fmt: skip


def test_search(searched: Service) -> None:
    """Names before labels before texts, whole words before beginnings; a slip finds what was meant.

    A word that something has is never taken for another.
    """
    asked = [text for text in FOUND if text != "\\"]
    found = {text: names(searched.get("models", q=text)) for text in asked}

    assert found == {text: FOUND[text] for text in asked}


UGLY = {
    "a/b:c%2F": "retail/a%2fb:c%252f",
    "deep#end": "retail/deep%23end",
    "Weißstraße": "retail/weissstrasse",
    "Cafetière": "retail/cafetière",
}


def test_search_names_as_written(service: Service) -> None:
    """A name is found as somebody writes it, whatever its key encodes, folds or composes."""
    prod = make_source(service.database)
    for name in UGLY:
        stated = model(encode_segment(name))
        stated["facts"]["name"] = name
        post(service.database, prod, stated)

    for name, key in UGLY.items():
        for written in (name, unicodedata.normalize("NFD", name)):
            assert names(service.get("models", q=written)) == [key], written
    assert names(service.get("models", q="end")) == ["retail/deep%23end"]


def test_search_visible(searched: Service) -> None:
    """What a reader may not see neither matches, nor keeps a slip from being mended."""
    token = searched.token(namespaces=["retail"])

    assert names(searched.get("models", token, q="zanzibar")) == []
    assert names(searched.get("models", token, q="zanzibr")) == []
    assert "wholesale" not in searched.ask("GET", "models?q=churning", token).text
    post(
        searched.database, make_source(searched.database, "mlflow-x", namespace="hidden"),
        hidden("fruad"),
    )  # fmt: skip
    assert names(searched.get("models", token, q="fruad")) == ["retail/fraud"]
    assert names(searched.get("models", q="fruad")) == ["hidden/fruad"]


def hidden(name: str) -> Any:
    """A model that another source calls its own."""
    document = model(name, source="mlflow-x")
    document["facts"]["namespace"] = "hidden"
    return document


def test_search_every_kind(service: Service) -> None:
    """Each kind's things are found by what they are called."""
    sources = {
        name: make_source(service.database, name) for name in ("mlflow-prod", "mlflow-other")
    }
    for name, document in first_words("retention"):
        post(service.database, sources[name], document)
    lists = ("models", "versions", "uses", "training-runs", "datasets", "owners", "repositories",
             "builds", "deployments")  # fmt: skip

    for name in lists:
        whole = service.get(name)["items"]
        assert {row["id"] for row in service.get(name, q="retention")["items"]} == {
            row["id"] for row in whole
        }, name
        assert service.get(name, q="retentoin")["items"], name


def test_search_pages(searched: Service) -> None:
    """Pages by relevance neither skip nor repeat, also where many match equally well."""
    source = make_source(searched.database)
    post(searched.database, source, *(model(f"churn-{n:03}", tags=["same"]) for n in range(40)))
    whole = names(searched.get("models", q="churn"))
    seen, asked = [], {"q": "churn", "page_size": "7"}
    while True:
        page = searched.get("models", **asked)
        seen += names(page)
        if page["next_page_token"] is None:
            break
        asked["page_token"] = page["next_page_token"]

    assert seen == whole
    assert len(set(seen)) == 44
    sorted_ = names(searched.get("models", q="same", sort="-name"))
    assert sorted_ == sorted(sorted_, reverse=True)


def test_search_follows_changes(searched: Service) -> None:
    """A new description, a new owner and a rename are found, what is gone stays as gone."""
    source = make_source(searched.database)
    later = "2026-11-21T00:00:00Z"
    changed = model("churn", at=later, description="Walrus", owners=[ADA])
    post(searched.database, source, changed, gone(version(2, "churn"), later))

    assert names(searched.get("models", q="walrus")) == ["retail/churn"]
    assert names(searched.get("models", q="leaves")) == []
    assert names(searched.get("models", q="lovelace")) == ["retail/churn", "retail/fraud"]
    assert names(searched.get("versions", q="churn", gone="true")) == ["retail/churn/2"]


def test_cards_are_what_entries_say(searched: Service) -> None:
    """Each entry that stands for itself has a card, as it would be made now; others have none."""
    same = {"same_as": [version(1, "churn")["subject"]]}
    post(
        searched.database, make_source(searched.database),
        version(2, "churn", at="2026-11-21T00:00:00Z") | same,
    )  # fmt: skip
    before = rows(searched.database, "SELECT * FROM index_card ORDER BY id")
    with searched.database.writing() as session:
        session.connection().exec_driver_sql("SELECT refresh_cards(ARRAY(SELECT id FROM entry))")
    expected = rows(searched.database, "SELECT id FROM entry WHERE merged_into IS NULL ORDER BY id")

    assert [(card[0],) for card in before] == expected
    assert rows(searched.database, "SELECT * FROM index_card ORDER BY id") == before
    assert rows(searched.database, "SELECT count(*) FROM entry WHERE merged_into IS NOT NULL") == [
        (1,)
    ]


@given(WORDS, WORDS)
def test_distance(one: str, other: str) -> None:
    """Typing errors from one word to another: none to itself, the same both ways, few at most."""
    assert distance(one, other) == distance(other, one)
    assert (distance(one, other) == 0) == (one == other)
    assert abs(len(one) - len(other)) <= distance(one, other) <= max(len(one), len(other))


def test_distance_of_slips() -> None:
    """Missing, added, wrong and swapped letters count one each."""
    slips = {"churn": 0, "chrun": 1, "chur": 1, "churnn": 1, "chorn": 1, "hcrun": 2}

    assert {slip: distance("churn", slip) for slip in slips} == slips


@given(st.text("abcde", min_size=1, max_size=7), st.lists(WORDS, max_size=8))
def test_nearest_of_all(word: str, among: list[str]) -> None:
    """What is passed over unmeasured would not have been near: as if each word were measured."""
    allowed = 0 if len(word) < 3 else 1 if len(word) < 6 else 2
    far = {o: min(distance(word, o), distance(word, o[: len(word)])) for o in among}
    least = min(far.values(), default=9)
    near = sorted(other for other, errors in far.items() if errors == least <= allowed)

    assert nearest(word, among) == near[:8]


def test_nearest_measures_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many words only those are measured, letter by letter, that can be near."""
    measured: list[str] = []

    def far(_word: str, other: str) -> int:
        measured.append(other)
        return 9

    monkeypatch.setattr(search, "distance", far)

    assert nearest("prediction", ["churn", "retention", "xylophones", "predicate"]) == []
    assert measured == ["predicate"]


def test_nearest() -> None:
    """Only the nearest words count, and short words have to be right."""
    assert nearest("chrun", ["churn", "charm", "fraud"]) == ["churn"]
    assert nearest("retentoin", ["retention", "retentions", "detention"]) == [
        "retention", "retentions",
    ]  # fmt: skip
    assert nearest("ab", ["abc", "ac"]) == ["abc"]
    assert nearest("zebra", ["churn", "fraud"]) == []
    assert nearest("zebra", []) == []
