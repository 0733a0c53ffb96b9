"""Rows of a registry as observations, without a server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvesters.dropped import Dropped
from harvesters.errors import RecordUnreadable
from harvesters.mlflow.names import Place
from harvesters.mlflow.observe import observe_model, observe_version
from harvesters.mlflow.rows import KnownModel
from harvesters.mlflow.tags import MODEL, USE, version_readers
from schemas.identifiers import Identifier, Kind
from schemas.observation import Observation, parse_observation

NOON: Final = datetime(2026, 11, 24, 12, tzinfo=UTC)
MORNING: Final = datetime(2026, 11, 24, 8, tzinfo=UTC)
CREATED: Final = int(MORNING.timestamp() * 1_000)
PLACE: Final = Place("mlflow-prod", "default", "retail", "https://mlflow.example")


@dataclass
class Model:
    """A registered model, as the client would answer it."""

    name: str = "churn"
    description: str | None = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, Any] = field(default_factory=dict)
    creation_timestamp: int | None = CREATED
    last_updated_timestamp: int | None = CREATED

    def _is_prompt(self) -> bool:
        return False


@dataclass
class Version:
    """A model version, as the client would answer it."""

    name: str = "churn"
    version: Any = "7"
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    creation_timestamp: int | None = CREATED
    last_updated_timestamp: int | None = CREATED
    current_stage: str | None = "None"
    status: str | None = "READY"
    run_id: str | None = ""
    source: str | None = "s3://models/churn"
    user_id: str | None = ""


def stated(row: Model | Version, *, place: Place = PLACE, **model: Any) -> dict[str, Any]:
    """The facts of a row."""
    said = told(row, place=place, **model).said
    assert isinstance(said, Observation), said
    assert said.facts is not None
    return said.facts.model_dump(exclude_unset=True)


def told(row: Model | Version, *, place: Place = PLACE, **model: Any) -> Any:
    """What a row says, observed at noon."""
    if isinstance(row, Model):
        return observe_model(row, place, at=NOON)
    known = KnownModel.of(Model(name=row.name, **model), kept=True)
    return observe_version(row, place, at=NOON, model=known)


def said_of_uses(row: Model) -> dict[str, Any]:
    """A tag that lists uses and names none that can be read states that there are none."""
    return {"uses": ()} if "catalog.use" in row.tags else {}


def test_observe_model_bare() -> None:
    """What is read and empty is stated empty; the natural name is its second name."""
    said = told(Model()).said
    assert said.model_dump(mode="json", exclude_unset=True, exclude={"facts"}) == {
        "subject": {"kind": "model", "scheme": "mlflow", "value": "mlflow-prod/default/churn"},
        "observed_at": "2026-11-24T12:00:00.000000Z",
        "same_as": [{"kind": "model", "scheme": "name", "value": "retail/churn"}],
        "evidence": {"url": "https://mlflow.example/#/models/churn"},
        "marker": str(CREATED),
    }
    assert stated(Model()) == {
        "namespace": "retail", "name": "churn", "description": None, "created_at": MORNING,
        "tags": (), "warnings": (),
    }  # fmt: skip


def test_observe_version_bare() -> None:
    """Stage `None` and no training run are stated empty; aliases come from the model."""
    model = Identifier(kind=Kind.MODEL, scheme="mlflow", value="mlflow-prod/default/churn")
    facts = stated(Version(), aliases={"champion": 7, "best": "7", "old": "6"})
    assert facts == {
        "model": model.model_dump(), "number": "7", "description": None,
        "aliases": ("best", "champion"), "stage": None, "status": "READY", "tags": (),
        "training_run": None, "logged_model": None, "source_uri": "s3://models/churn",
        "created_by": None, "created_at": MORNING, "warnings": (),
    }  # fmt: skip


def test_observe_version_origin() -> None:
    """A training run is referred to, a logged model is looked up by."""
    logged = "models:/m-0123456789abcdef0123456789abcdef"
    row = Version(run_id="72602678", source=logged, current_stage="Production", user_id="ada")
    facts = stated(row, place=PLACE._replace(workspace="team/b"))
    assert facts["training_run"]["value"] == "mlflow-prod/team%2Fb/72602678"
    assert facts["logged_model"] == f"mlflow-prod/team%2Fb/{logged.removeprefix('models:/')}"
    assert (facts["source_uri"], facts["stage"], facts["created_by"]) == (
        logged,
        "Production",
        "ada",
    )


def test_observe_model_catalog_tags() -> None:
    """Tags in `catalog.` state facts and are no tags; MLflow's own are neither."""
    tags = {
        "catalog.name": "Churn Propensity",
        "catalog.display_name": "Churn propensity",
        "catalog.lifecycle": "production",
        "catalog.task": " classification ",
        "catalog.license": "",
        "catalog.base_model": "hf://org/name",
        "catalog.owner": "team:retention-ds, Owner@Example.com",
        "catalog.repository": "git@github.com:Acme/Churn.git",
        "catalog.link": "https://wiki.example/churn",
        "mlflow.note": "internal",
        "domain": "retention",
    }
    said = told(Model(tags=tags))
    facts = stated(Model(tags=tags))
    owners = [one["owner"]["scheme"] + " " + one["owner"]["value"] for one in facts["owners"]]
    assert said.dropped == ()
    assert str(said.said.same_as[0]) == "model:name:retail/churn propensity"
    assert owners == ["email owner@example.com", "handle team:retention-ds"]
    assert facts["repositories"][0]["repository"]["value"] == "https://github.com/acme/churn"
    assert facts["links"] == ({"title": "wiki.example/churn", "url": "https://wiki.example/churn"},)
    assert {name: facts[name] for name in ("name", "lifecycle", "task", "license", "tags")} == {
        "name": "Churn Propensity", "lifecycle": "production", "task": "classification",
        "license": None, "tags": ("domain=retention",),
    }  # fmt: skip


def test_observe_model_named_elsewhere() -> None:
    """`catalog.name` may name the namespace too; the service decides who may."""
    facts = stated(Model(tags={"catalog.name": "wholesale/Churn"}))
    assert (facts["namespace"], facts["name"]) == ("wholesale", "Churn")


def test_observe_version_catalog_tags() -> None:
    """A version's tags state its commit, its digests and what class of model it is."""
    digest = f"sha256:{'0' * 64}"
    tags = {
        "catalog.commit": "A" * 40,
        "catalog.digest": digest,
        "catalog.risk.model_class": "deep_learning",
    }
    facts = stated(Version(tags=tags))
    assert (facts["source_commit"], facts["digests"]) == ("a" * 40, (digest,))
    assert facts["model_class"] == "deep_learning"


@pytest.mark.parametrize(
    ("tag", "value", "reason", "hint"),
    [
        ("licence", "MIT", "catalog_tag_unknown", "the nearest is catalog.license"),
        ("lifecycle", "prod", "catalog_tag_unusable", "the nearest is production"),
        ("name", "", "catalog_tag_unusable", "namespace/name"),
        ("name", "a.b/c", "catalog_tag_unusable", "without a dot"),
        ("owner", "nobody", "catalog_tag_unusable", "e-mail"),
        ("repository", "/srv/git/churn", "catalog_tag_unusable", "local path"),
        ("link", "javascript:alert(1)", "catalog_tag_unusable", "http"),
        ("lifecycle", "decomissioned", "catalog_tag_unusable", "the nearest is decommissioned"),
        ("use", "a\0b", "catalog_tag_unusable", "U+0000"),
        ("usage", "offers", "catalog_tag_unknown", "the nearest is catalog.use"),
        ("risk.tier", "high", "catalog_tag_unknown", "catalog.risk.tier"),
        ("risk.exposure", "", "catalog_tag_unusable", "cannot be stated empty"),
        ("risk.exposure", "internal", "catalog_tag_unusable", "the nearest is internal_api"),
        ("risk.decision_role", "assist", "catalog_tag_unusable", "the nearest is assists"),
        ("risk.profiling", "yes", "catalog_tag_unusable", "true or false"),
        ("risk.people_affected_per_year", "-1", "catalog_tag_unusable", "catalog.risk.people"),
        ("risk.downstream_dependents", "many", "catalog_tag_unusable", "integer"),
    ],
)
def test_observe_model_bad_catalog_tag(tag: str, value: str, reason: str, hint: str) -> None:
    """A tag that cannot be read is dropped alone and says why; the model is observed."""
    row = Model(tags={f"catalog.{tag}": value})
    (dropped,) = told(row).dropped
    assert stated(row) == stated(Model()) | {"warnings": (dropped.about,)} | said_of_uses(row)
    assert told(row).uses == []
    assert dropped.reason == reason
    assert hint in dropped.about


@pytest.mark.parametrize(
    "created", [0, None, -1, 10**18, 631_151_999_000, CREATED + 2 * 86_400_000]
)
def test_observe_model_odd_time(created: int | None) -> None:
    """A time before 1990 or after tomorrow is not stated."""
    said = told(Model(creation_timestamp=created))
    assert "created_at" not in said.said.stated()
    why = "no time at which it can have been created, in milliseconds"
    assert said.dropped == (Dropped("time_dropped", f"{created}: {why}"),)
    assert said.said.facts.warnings == (f"{created}: {why}",)


def test_observe_model_odd_tags() -> None:
    """Tags that are too long, hold controls, or are too many are dropped and counted."""
    many = {f"k{number:04}": "v" for number in range(1_001)}
    assert [one.about for one in told(Model(tags=many)).dropped] == [
        "k1000: there are more than 1,000 tags"
    ]
    odd = {"long": "x" * 4_096, "nul": "\0", "bidi": "\u202e", "lines": "a\nb"}
    said = told(Model(tags=odd))
    holds = "the tag holds a character that no text may hold"
    assert said.said.facts.warnings == (
        f"bidi: {holds}", "long: the tag is longer than 4,096 characters", f"nul: {holds}",
    )  # fmt: skip
    assert stated(Model(tags=odd))["tags"] == ("lines=a\nb",)


@pytest.mark.parametrize("name", ["a\tb", "a\nb", "\u202e", "x" * 1_100, ""])
def test_observe_odd_name(name: str) -> None:
    """A name that no identifier can hold makes its row unreadable, and nothing else."""
    for row in (Model(name=name), Version(name=name)):
        said = told(row).said
        assert isinstance(said, RecordUnreadable)
        assert (said.code, said.subject) == ("name_unreadable", None)


def test_observe_odd_values() -> None:
    """A value that no fact can hold is dropped alone, and the entry says so."""
    (model, dropped), version = (told(Model(description="\0"))[:2], told(Version(user_id="\0")))
    said = "holds the character U+0000, which no text may hold"
    assert (dropped, version.dropped) == (
        (Dropped("value_dropped", f"description: {said}"),),
        (Dropped("value_dropped", f"created_by: {said}"),),
    )
    assert model.facts.warnings == (f"description: {said}",)
    assert model.stated() == told(Model()).said.stated() - {"description"}
    assert version.said.stated() == told(Version()).said.stated() - {"created_by"}


def test_observe_version_unreadable() -> None:
    """A name that no entry can bear is pointed at; the record is refused alone."""
    said = told(Version(version="7@2")).said
    assert isinstance(said, RecordUnreadable)
    assert (said.code, said.pointer) == ("record_unreadable", "/facts/number")
    assert said.subject is not None
    assert said.subject.value == "mlflow-prod/default/churn/7@2"
    assert "must not hold @" in said.message


def test_observe_evidence_of_files() -> None:
    """A database or folder has no page to look at."""
    place = PLACE._replace(uri="sqlite:///file:/data/mlflow.db?mode=ro&uri=true")
    assert told(Version(), place=place).said.evidence is None


def test_observe_evidence_long() -> None:
    """An address that is too long is left out."""
    assert told(Model(name="é" * 300)).said.evidence is None


KEYS = st.sampled_from(
    [f"catalog.{key}" for key in (*MODEL.by_key, *USE.by_key, *version_readers("x").by_key, "use")]
)
VALUES = st.text() | st.sampled_from(["a, b", "assists", "true", "-1", "7", "https://x/y", "a/b"])


@given(st.text(max_size=40), st.text(max_size=40), st.dictionaries(st.text() | KEYS, VALUES))
def test_observe_anything(name: str, text: str, tags: dict[str, str]) -> None:
    """Whatever a registry holds, a row is an observation that survives its JSON, or unreadable."""
    for row in (
        Model(name=name, description=text, tags=tags),
        Version(name=name, description=text, tags=tags, source=text, run_id=text),
    ):
        observed = told(row)
        if isinstance(observed.said, Observation):
            assert PLACE.names_in(observed.said.subject) is not None
            for said in (observed.said, *observed.uses):
                read = parse_observation(said.model_dump(mode="json", exclude_unset=True))
                assert read.digest() == said.digest()


@given(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1))
def test_place_names(name: str) -> None:
    """A free name is found again in the identifier made of it, but for its normal form."""
    place = PLACE._replace(workspace="a/b")
    subject = place.version(name[:80], "7")
    again = place.names_in(subject)
    assert again is not None
    assert place.version(*again) == subject
    assert PLACE.names_in(subject) is None
