"""Observations: closed and strict, one digest for one statement, no key gets in."""

import hashlib
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.digest import canonical_json
from schemas.facts import FACTS, merge_rules
from schemas.identifiers import Kind
from schemas.masking import SECRETS, mask_secrets
from schemas.observation import Observation, SightingBatch, contract_of, parse_observation
from tests.support.strategies import KEYS, as_document, documents, observations

NOON = "2026-11-20T12:00:00Z"
SUBJECTS: dict[str, Any] = {
    kind: {"kind": kind, "scheme": scheme, "value": value}
    for kind, scheme, value in [
        ("model", "mlflow", "mlflow-prod/default/churn"),
        ("version", "mlflow", "mlflow-prod/default/churn/7"),
        ("training_run", "mlflow", "mlflow-prod/default/ab"),
        ("deployment", "k8s", "prod/default/Deployment/churn"),
        ("use", "name", "retail/churn/offers"),
    ]
}
OWNER = {"kind": "owner", "scheme": "handle", "value": "team:retention-ds"}
LAKE = {"kind": "dataset", "scheme": "uri", "value": "S3A://Lake/churn/"}


def said(kind: str = "model", /, **facts: Any) -> dict[str, Any]:
    """An observation of a kind as it is posted."""
    return {"subject": SUBJECTS[kind], "observed_at": NOON, "facts": facts}


def digest(document: Any) -> str:
    """The digest of a posted observation."""
    return parse_observation(document).digest()


def refusal(document: Any) -> tuple[tuple[str | int, ...], str]:
    """Where a document is refused first, and by which rule."""
    with pytest.raises(ValidationError) as refused:
        parse_observation(document)
    error = refused.value.errors(include_input=False, include_context=False)[0]
    return error["loc"], error["type"]


@pytest.mark.parametrize("kind", Kind)
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_observation_round_trip(kind: Kind, data: st.DataObject) -> None:
    """parse(dump(x)) == x for every kind; a second reading changes neither text nor digest."""
    observation = data.draw(observations(kind))
    written = as_document(observation)
    again = parse_observation(written)

    assert again == observation
    assert as_document(again) == written
    assert again.digest() == observation.digest()
    assert again.stated() == (written.get("facts") or {}).keys()
    assert observation.stated() <= merge_rules(kind).keys()


@pytest.mark.parametrize("kind", Kind)
@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_digest_of_what_is_said(kind: Kind, data: st.DataObject) -> None:
    """When, on what evidence and in which order it is said changes no digest; NFD neither."""
    document = data.draw(documents(kind))
    other = document | {
        "observed_at": "2020-01-01T00:00:00+01:00",
        "evidence": {"url": "https://elsewhere.example/1", "digest": "y"},
        "marker": "another",
        "same_as": [*document.get("same_as", [])[::-1], *document.get("same_as", [])],
    }
    if "inferred" in document:
        other["inferred"] = document["inferred"][::-1] * 2
    if "facts" in document:
        other["facts"] = dict(reversed(decomposed(document["facts"]).items()))

    assert digest(other) == digest(document)


def decomposed(value: Any) -> Any:
    """The same document, its texts in the other Unicode form."""
    if isinstance(value, dict):
        return {name: decomposed(member) for name, member in value.items()}
    if isinstance(value, list):
        return [decomposed(member) for member in value]
    return unicodedata.normalize("NFD", value) if isinstance(value, str) else value


def test_digest_golden() -> None:
    """The digest is SHA-256 of canonical form 1, so that others can compute it too."""
    observation = parse_observation(
        said(
            "version",
            number="7",
            aliases=["b", "a", "a"],
            created_at="2026-11-20T13:00:00.5+01:00",
            metrics=[{"name": "auc", "value": 1}],
        )
    )
    text = (
        '{"facts":{"aliases":["a","b"],"created_at":"2026-11-20T12:00:00.500000Z",'
        '"metrics":[{"name":"auc","value":"1.0"}],"number":"7"},'
        '"subject":{"kind":"version","scheme":"mlflow","value":"mlflow-prod/default/churn/7"}}'
    )
    stated = observation.model_dump(mode="json", include={"subject", "facts"}, exclude_unset=True)

    assert canonical_json(stated) == text
    assert observation.digest() == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


@pytest.mark.parametrize(
    ("kind", "name", "spellings"),
    [
        ("deployment", "traffic_percent", [1, 1.0, 1e0]),
        ("deployment", "traffic_percent", [0, -0.0]),
        ("version", "description", ["\u00e9", "e\u0301"]),
        ("version", "aliases", [["a", "b"], ["b", "a", "b"]]),
        ("version", "source_commit", ["AB" * 20, "ab" * 20]),
        ("model", "created_at", [NOON, "2026-11-20T13:00:00.000+01:00", "2026-11-20t12:00:00z"]),
        ("model", "model_class", [{"one_of": ["agentic", "generative"]},
                                  {"one_of": ["generative", "agentic", "generative"]}]),
        ("model", "owners", [[{"owner": OWNER}], [{"owner": OWNER, "role": "accountable"}]]),
        ("model", "datasets", [[{"dataset": LAKE, "role": None}],
                               [{"dataset": LAKE | {"value": "s3://lake/churn"}}]]),
        ("training_run", "params", [{"a": "1", "b": "2"}, {"b": "2", "a": "1"}]),
    ],
)  # fmt: skip
def test_digest_one_for_all_spellings(kind: str, name: str, spellings: list[Any]) -> None:
    """Equal values have one digest and one stored form, however they are written."""
    read = [parse_observation(said(kind, **{name: spelling})) for spelling in spellings]

    assert len({one.digest() for one in read}) == 1
    assert all(as_document(one) == as_document(read[0]) for one in read)


def test_digest_differs() -> None:
    """Gone, inferred, not stated, stated empty, order in a list: each says something else."""
    remark = [{"text": "a"}, {"text": "b"}]
    different = [
        said(),
        said(description=None),
        said(description=""),
        said(description="a"),
        said(description="a") | {"inferred": ["description"]},
        said(description="a") | {"same_as": [SUBJECTS["model"] | {"value": "x/y/z"}]},
        said(limitations=remark),
        said(limitations=remark[::-1]),
        said(tags=[]),
        {"subject": SUBJECTS["model"], "observed_at": NOON, "gone": True},
    ]
    assert len({digest(document) for document in different}) == len(different)
    explicit: dict[str, Any] = {
        "facts": None,
        "same_as": [],
        "inferred": [],
        "evidence": None,
        "marker": None,
    }
    assert digest(different[-1] | explicit) == digest(different[-1])


@pytest.mark.parametrize("key", KEYS)
def test_masking_before_the_digest(key: str) -> None:
    """LEAK-06: keys in facts, map keys, lists and links are masked before digest and storage."""
    masked = mask_secrets(key)
    assert masked != key
    places: list[dict[str, Any]] = [
        said(description=f"use {key}", tags=[key, "b"], links=[{"title": key, "url": key}]),
        said("training_run", params={key: key}, tags=[f"{key}=x"]),
        said(limitations=[{"text": key}]) | {"evidence": {"url": f"https://x.example/?t={key}"}},
    ]
    for place in places:
        stored = canonical_json(as_document(parse_observation(place)))
        assert key not in stored
        assert mask_secrets(stored) == stored
        assert digest(place) == digest(json_replaced(place, key, masked))


def json_replaced(value: Any, old: str, new: str) -> Any:
    """A document with one text for another, everywhere."""
    if isinstance(value, dict):
        return {json_replaced(k, old, new): json_replaced(v, old, new) for k, v in value.items()}
    if isinstance(value, list):
        return [json_replaced(item, old, new) for item in value]
    return value.replace(old, new) if isinstance(value, str) else value


@pytest.mark.parametrize(
    "key",
    [
        "ASIA" + "A" * 16, "github_pat_" + "a" * 30, "glpat-" + "a" * 20, "xoxb-" + "1" * 12,
        "hf_" + "a" * 30, "mcatp_" + "a" * 46, f"eyJ{'a' * 12}.eyJ{'b' * 12}.{'c' * 10}",
        "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----" + "a" * 20_000,
    ],
)  # fmt: skip
def test_masking_kinds_of_keys(key: str) -> None:
    """LEAK-06: each known kind of key is masked whole, also one whose end is missing."""
    assert "a" * 10 not in mask_secrets(f"before {key}")
    assert mask_secrets(mask_secrets(f"before {key} after")) == mask_secrets(f"before {key} after")
    assert SECRETS.search(mask_secrets(f"before {key}")) is None


@pytest.mark.parametrize(
    ("document", "where", "rule"),
    [
        (None, (), "model_type"),
        ([], (), "model_type"),
        ({}, ("subject",), "missing"),
        ({"subject": 7}, ("subject",), "model_type"),
        (said("model") | {"subject": {"kind": 7}}, ("subject", "kind"), "enum"),
        (said(descripton="x"), ("facts", "descripton"), "extra_forbidden"),
        (said() | {"observedAt": NOON}, ("observedAt",), "extra_forbidden"),
        (said(name="\ud800"), ("facts", "name"), "string_unicode"),
        (said(**{"\ud800": "x"}), ("facts",), "string_unicode"),
        (said(description="\x00"), ("facts", "description"), "value_error"),
        (said(description="\u202e"), ("facts", "description"), "value_error"),
        (said(description="a" * 65_537), ("facts", "description"), "string_too_long"),
        (said(tags=["a"] * 1_001), ("facts", "tags"), "too_long"),
        (said(tags="a"), ("facts", "tags"), "tuple_type"),
        (said(name="a\nb"), ("facts", "name"), "value_error"),
        (said(name="\u00df" * 400), ("facts", "name"), "value_error"),
        (said(namespace="re.tail"), ("facts", "namespace"), "value_error"),
        (said("version", number="7@other"), ("facts", "number"), "value_error"),
        (said("version", number="7" * 201), ("facts", "number"), "value_error"),
        (said("version", size_bytes=2**63), ("facts", "size_bytes"), "less_than_equal"),
        (said("version", size_bytes=-1), ("facts", "size_bytes"), "greater_than_equal"),
        (said("version", size_bytes=True), ("facts", "size_bytes"), "int_type"),
        (said("version", size_bytes="1"), ("facts", "size_bytes"), "int_type"),
        (said("version", size_bytes=1.0), ("facts", "size_bytes"), "int_type"),
        (said("version", source_dirty=1), ("facts", "source_dirty"), "bool_type"),
        (said("version", source_commit="9f2c"), ("facts", "source_commit"), "value_error"),
        (said("version", model=OWNER), ("facts", "model"), "value_error"),
        (said("deployment", traffic_percent=True), ("facts", "traffic_percent"), "float_type"),
        (said("deployment", traffic_percent=10**400), ("facts", "traffic_percent"), "float_type"),
        (said("deployment", traffic_percent=float("nan")),
         ("facts", "traffic_percent"), "finite_number"),
        (said("deployment", traffic_percent=float("inf")),
         ("facts", "traffic_percent"), "finite_number"),
        (said("training_run", metrics={"a": float("nan")}),
         ("facts", "metrics", "a"), "finite_number"),
        (said(created_at="2026-11-20T12:00:00"), ("facts", "created_at"), "value_error"),
        (said(created_at=5), ("facts", "created_at"), "value_error"),
        (said(created_at="1969-12-31T23:59:59Z"), ("facts", "created_at"), "value_error"),
        (said(created_at="9999-12-31T23:59:59-23:59"), ("facts", "created_at"), "value_error"),
        (said(created_at="2026-02-30T00:00:00Z"),
         ("facts", "created_at"), "datetime_from_date_parsing"),
        (said() | {"observed_at": "2026-11-20"}, ("observed_at",), "value_error"),
        (said() | {"gone": True}, (), "value_error"),
        (said() | {"gone": 1}, ("gone",), "bool_type"),
        ({"subject": SUBJECTS["model"], "observed_at": NOON}, (), "value_error"),
        (said() | {"inferred": ["name"]}, (), "value_error"),
        (said() | {"same_as": [OWNER]}, (), "value_error"),
        (said("version") | {"same_as": [
            {"kind": "version", "scheme": "artifact", "value": "s3://lake/x"}]},
         (), "value_error"),
        (said("version") | {"subject":
            {"kind": "version", "scheme": "digest", "value": "a" * 64}}, (), "value_error"),
        (said() | {"evidence": {"url": "javascript:alert(1)"}}, ("evidence", "url"), "value_error"),
        (said() | {"evidence": {"url": "https://a:b@c.example"}},
         ("evidence", "url"), "value_error"),
        (said() | {"marker": "m" * 201}, ("marker",), "too_long"),
    ],
)  # fmt: skip
def test_observation_refused(document: Any, where: tuple[Any, ...], rule: str) -> None:
    """PARSE-07: what a source must not say is refused where it stands, never coerced."""
    assert refusal(document) == (where, rule)


@pytest.mark.parametrize(
    ("kind", "name", "value", "places"),
    [
        ("model", "origin", None, 2),
        ("model", "origin", "unknown", 2),
        ("model", "origin", {"one_of": ["in_house", "in_house"]}, 2),
        ("model", "origin", {"one_of": ["in_house", "bought"]}, 2),
        ("model", "origin", {"one_of": []}, 2),
        ("use", "people_affected_per_year", -1, 3),
    ],
)
def test_factor_refused(kind: str, name: str, value: Any, places: int) -> None:
    """A factor is one of its values, or narrowed to several of them; it cannot be empty."""
    with pytest.raises(ValidationError) as refused:
        parse_observation(said(kind, **{name: value}))
    assert {error["loc"][:2] for error in refused.value.errors()} == {("facts", name)}
    assert refused.value.error_count() <= places


def test_observation_keeps_three_states() -> None:
    """Left out is not stated; null and an empty list are stated empty."""
    observation = parse_observation(said(description=None, tags=[]))

    assert observation.stated() == {"description", "tags"}
    assert as_document(observation)["facts"] == {"description": None, "tags": []}


def test_observation_of_a_dataset() -> None:
    """A dataset's `schema` is called so by everybody but Python."""
    document = {"subject": LAKE, "observed_at": NOON, "facts": {"schema": "a int"}}
    observation = parse_observation(document)

    assert observation.stated() == {"schema"}
    assert as_document(observation)["facts"] == {"schema": "a int"}
    assert refusal(document | {"facts": {"data_schema": "x"}})[1] == "extra_forbidden"


def test_observation_mentions() -> None:
    """Every other thing that the facts name is found, in references, lists and links."""
    repository = {"kind": "repository", "scheme": "url", "value": "https://github.com/acme/churn"}
    observation = parse_observation(
        said(
            owners=[{"owner": OWNER}],
            datasets=[{"dataset": LAKE}],
            repositories=[{"repository": repository}],
            tags=["a"],
            description="b",
        )
    )
    members = parse_observation(
        {"subject": OWNER, "observed_at": NOON, "facts": {"members": [OWNER]}}
    )
    version = parse_observation(said("version", model=SUBJECTS["model"]))
    gone = parse_observation({"subject": OWNER, "observed_at": NOON, "gone": True})

    assert sorted(map(str, observation.mentioned())) == [
        "dataset:uri:s3://lake/churn",
        "owner:handle:team:retention-ds",
        "repository:url:https://github.com/acme/churn",
    ]
    assert [str(one) for one in members.mentioned()] == ["owner:handle:team:retention-ds"]
    assert [str(one) for one in version.mentioned()] == ["model:mlflow:mlflow-prod/default/churn"]
    assert gone.mentioned() == ()


def test_facts_of_every_kind() -> None:
    """Each kind has facts, and every fact has a merge rule."""
    assert FACTS.keys() == set(Kind)
    assert all(merge_rules(kind) for kind in Kind)
    assert {contract_of({"subject": {"kind": kind}}).__name__ for kind in Kind} == {
        f"{facts.__name__}Observation" for facts in FACTS.values()
    }
    assert contract_of({"subject": {"kind": []}}) is contract_of(None) is Observation


def test_observation_facts_of_another_kind() -> None:
    """Facts that were built as another kind's cannot be attached to a subject."""
    version = parse_observation(said("version", number="7"))
    with pytest.raises(ValidationError, match="states facts of a version about a model"):
        Observation(
            subject=parse_observation(said()).subject,
            observed_at=version.observed_at,
            facts=version.facts,
        )


def test_sighting_digest_has_one_form() -> None:
    """A sighting's digest is `sha256:` and 64 lower-case hex digits; a batch has some."""
    subject = SUBJECTS["model"]
    good = {"subject": subject, "digest": digest(said())}
    SightingBatch.model_validate({"sightings": [good] * 5_000})
    for wrong in [[], [good] * 5_001, [good | {"digest": "SHA256:" + "a" * 64}]]:
        with pytest.raises(ValidationError):
            SightingBatch.model_validate({"sightings": wrong})
