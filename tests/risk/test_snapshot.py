"""The document that controls read: every member is there, not stated, or stated empty."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import pytest

from service.risk.controls.snapshot import RiskSide, missing_required, snapshot
from service.risk.controls.snapshot_schema import ITEMS, Path, faults_of, three_state
from service.risk.picture import Looks, Part, Picture, Source
from tests.risk.pictures import SEEN, dataset, make_part, make_picture, owner, with_columns

NOW: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)
AN_HOUR_AGO: Final = NOW - timedelta(hours=1)
DIGEST, OTHER = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
REGISTRY: Final = Source("mlflow-prod", "mlflow", 3_600, AN_HOUR_AGO, 0)
CLUSTER: Final = Source("cluster", "kubernetes", 3_601, AN_HOUR_AGO, 2)
NEVER: Final = Source("late", "mlflow", 60, None, 4)
PUSHES: Final = Source("builds", "ci", 3_600, None, 0)
DECIDED: Final = (  # members that other steps hand over: looked at where these are tested
    ("risk", "override"), ("risk", "reviews"), ("risk", "waivers"),
)  # fmt: skip


def make_side(**more: Any) -> RiskSide:
    """What was computed of a model that nobody has decided anything about."""
    risk = {
        "tier": "HIGH", "status": "PROVISIONAL", "tier_low": "LOW", "tier_high": "HIGH",
        "workflow_tier": "MEDIUM", "grace_end": None, "facts_digest": "sha256:ff",
        "confirmed_facts_digest": None, "override": None, "reviewed": False,
        "next_review_due": None, "review_grace_end": None,
    }  # fmt: skip
    return RiskSide(risk=risk, **more)


def make_version(**facts: Any) -> Part:
    """Version 7, which a build made."""
    links = facts.pop("links", ())
    built = facts.pop("built", None)
    said = make_part("retail/churn/7", *links, **({"number": "7"} | facts))
    return with_columns(said, build_id=built and UUID(int=3))


def make_deployment(version: Part | None = None, **facts: Any) -> Part:
    """Something that serves in a cluster."""
    said = make_part("serving/churn", source="cluster", **facts)
    return with_columns(said, version_id=version.id if version else None)


def of(picture: Picture, **side: Any) -> Any:
    """The snapshot, which the schema allows."""
    found = snapshot(picture, make_side(**side), now=NOW)
    assert list(faults_of(found)) == []
    return found


def whole() -> Picture:
    """A model of which everything is stated."""
    version = make_version(
        digests=[DIGEST], datasets=[], source_commit="71ab", source_dirty=False,
        on_protected_branch=True, built=True,
        links=(dataset("s3://lake/a", digest="sha256:cc", attributes={"version": "3"}),),
    )  # fmt: skip
    return make_picture(
        make_part("retail/churn", owner("retention", "accountable", kind="team", active=True),
                  asset_kind="model", lifecycle="production"),
        uses=(make_part("offers", name="offers", purpose="Whom the call centre calls first."),),
        live=(version,),
        deployments=(make_deployment(version, environment_class="production", digest=DIGEST),),
        sources=(CLUSTER, REGISTRY),
        twins=("retail/churn-copy",),
        looks=SEEN,
    )  # fmt: skip


def stated(document: Any, path: Path) -> Iterator[bool]:
    """At every place that a path leads to: is something there?"""
    if not path:
        yield True
    elif path[0] == ITEMS:
        for item in document:
            yield from stated(item, path[1:])
    elif isinstance(document, Mapping) and path[0] in document:
        yield from stated(document[path[0]], path[1:])
    else:
        yield False


READ: Final = [
    path for path in three_state() if not any(path[: len(one)] == one for one in DECIDED)
]


@pytest.mark.parametrize("path", READ, ids=".".join)
def test_snapshot_states_every_member(path: Path) -> None:
    """What is stated of a model stands in its snapshot, each member in its place."""
    places = list(stated(of(whole(), material={make_version().id: []}), path))

    assert places == [True] * len(places) != []


@pytest.mark.parametrize("path", READ, ids=".".join)
def test_snapshot_leaves_out_what_nobody_states(path: Path) -> None:
    """Nothing that may be absent is there for a model of which nobody says anything."""
    bare = make_picture(
        uses=(make_part("offers", name="offers"),),
        live=(make_version(),),
        deployments=(make_deployment(),),
        sources=(NEVER,),
    )
    beside = {"model.versions", "model.deployments"}  # what is there to look into

    found = list(stated(of(bare), path))

    assert found == ([True] if ".".join(path) in beside else [False] * len(found))


@pytest.mark.parametrize(
    ("member", "look"),
    [
        ("owners", "registries"), ("versions", "registries"), ("datasets", "registries"),
        ("twins", "registries"), ("accounted_for_by", "registries"), ("deployments", "deployments"),
    ],
)  # fmt: skip
def test_snapshot_empty_lists(member: str, look: str) -> None:
    """Nothing found is an empty list only once everything that could show it was looked at."""
    others = SEEN._replace(**{look: False})

    assert member not in of(make_picture(looks=others))["model"]
    assert of(make_picture(looks=Looks(**{look: True})))["model"][member] == []


def test_snapshot_in_production() -> None:
    """Somebody says it, or everybody was asked; otherwise nobody knows."""
    bare = make_picture()
    assert "in_production" not in of(bare)["model"]
    assert of(make_picture(looks=SEEN))["model"]["in_production"] is False
    for says in (
        make_picture(make_part("retail/churn", lifecycle="production")),
        make_picture(live=(make_version(aliases=["Champion"]),)),
        make_picture(live=(make_version(stage="Production"),)),
        make_picture(deployments=(make_deployment(environment_class="production"),)),
    ):
        assert of(says)["model"]["in_production"] is True


def test_snapshot_last_seen() -> None:
    """When a serving source confirmed it last; null: all have looked and none has ever seen it."""
    runs = make_deployment(environment_class="production")
    assert of(make_picture(deployments=(runs,), sources=(CLUSTER,)))["model"][
        "last_seen_at"
    ] == AN_HOUR_AGO  # fmt: skip
    tests = make_deployment(environment_class="staging")
    assert "last_seen_at" not in of(make_picture(deployments=(tests,), sources=(CLUSTER,)))["model"]
    assert of(make_picture(looks=SEEN))["model"]["last_seen_at"] is None
    ended = make_picture(looks=SEEN, last_gone_at=AN_HOUR_AGO)
    assert of(ended)["model"]["last_seen_at"] == AN_HOUR_AGO


def test_snapshot_accounted_for_by() -> None:
    """By what speaks of the model or its versions, and by a build; never by what only serves it."""
    seen = make_deployment(environment_class="production")
    served = make_picture(deployments=(seen,), sources=(CLUSTER,), looks=SEEN)
    assert of(served)["model"]["accounted_for_by"] == []

    said = make_picture(
        make_part("retail/churn", source="code", description="x"),
        live=(make_version(built=True),),
        sources=(Source("code", "github", 60, None, 0), REGISTRY),
    )
    assert of(said)["model"]["accounted_for_by"] == ["build", "manifest", "registry"]


def test_snapshot_uses() -> None:
    """What nobody declared is implicit; answers to it too, until a use is declared."""
    answers = make_part("(undeclared)", name="(undeclared)", purpose=None)
    declared = make_part("offers", name="offers")

    assert of(make_picture())["model"]["uses"] == [{"name": "(undeclared)", "implicit": True}]
    assert of(make_picture(uses=(answers,)))["model"]["uses"] == [
        {"name": "(undeclared)", "implicit": True, "purpose": None}
    ]
    assert of(make_picture(uses=(answers, declared)))["model"]["uses"] == [
        {"name": "offers", "implicit": False}
    ]


def test_snapshot_version_three_states() -> None:
    """Stated empty is null: no digest, no commit, and after a complete look no build."""
    empty = make_version(digests=[], source_commit=None, source_dirty=None, datasets=[])
    found = of(make_picture(live=(empty,), looks=SEEN))["model"]["versions"]

    assert found == [
        {"number": "v7", "covered_by": "nothing", "digest": None, "source_commit": None,
         "training_datasets": [], "build": None}
    ]  # fmt: skip


def test_snapshot_protected_branch_of_the_build() -> None:
    """What the version does not say its build may; the version's own word comes first."""
    built = with_columns(make_version(built=True), built_protected=False)
    says = with_columns(make_version(built=True, on_protected_branch=True), built_protected=False)

    for version, protected in ((built, False), (says, True)):
        (found,) = of(make_picture(live=(version,)))["model"]["versions"]
        assert found["on_protected_branch"] is protected


def test_snapshot_training_datasets() -> None:
    """What it was trained on: with that role, or with none; also what the model names for all."""
    links = (dataset("b", role=None), dataset("c", role="test"), dataset("a"))
    model = make_part("retail/churn", dataset("all", role="training"))
    (found,) = of(make_picture(model, live=(make_version(links=links),)))["model"]["versions"]

    assert found["training_datasets"] == ["a", "all", "b"]


def test_snapshot_datasets_stated_empty_by_each_version() -> None:
    """Each live version says that it has none: then there is none, whoever has looked."""
    none, silent = make_version(datasets=[]), make_version()

    assert of(make_picture(live=(none,)))["model"]["datasets"] == []
    assert "datasets" not in of(make_picture(live=(none, silent)))["model"]


def test_snapshot_deployment_digests() -> None:
    """A deployment is compared with the digest that it should have."""
    version = make_version(digests=[OTHER, DIGEST])
    right, wrong, silent = (
        make_deployment(version, **said)
        for said in ({"digest": DIGEST}, {"digest": "sha256:dd"}, {})
    )
    elsewhere = make_deployment(make_part("retail/churn/8"), digest=DIGEST)
    picture = make_picture(live=(version,), deployments=(right, wrong, silent, elsewhere))
    found = of(picture)["model"]["deployments"]

    of_version = {"name": "serving/churn", "version": "v7"}
    assert found == [
        of_version | {"digest": DIGEST, "version_digest": DIGEST},
        of_version | {"digest": "sha256:dd", "version_digest": OTHER},
        of_version | {"version_digest": OTHER},
        {"name": "serving/churn", "digest": DIGEST},
    ]


def test_snapshot_sources() -> None:
    """Sources that are read, with their interval in whole hours; what only pushes has none."""
    found = of(make_picture(sources=(PUSHES, CLUSTER, NEVER)))["model"]["sources"]

    assert found == [
        {"name": "cluster", "interval_hours": 2, "consecutive_failures": 2,
         "last_complete_at": AN_HOUR_AGO},
        {"name": "late", "interval_hours": 1, "consecutive_failures": 4},
    ]  # fmt: skip


def test_snapshot_missing_required() -> None:
    """Fields that the tier asks for and nobody states; the model may speak for its parts."""
    model = make_part("retail/churn", description="x", asset_kind="model", lifecycle="pilot",
                      task="classification", origin="in_house", update_mode=None,
                      exposure="internal_api", model_class="tree_or_ensemble")  # fmt: skip
    use = make_part("offers", name="offers", decision_role="informs", regulatory_use="none",
                    people_affected_per_year=3, financial_exposure_per_year=0,
                    regulated_purposes=[], line_of_business="retail")  # fmt: skip
    picture = make_picture(model, uses=(use,), live=(make_version(framework="xgboost"),))

    assert missing_required(picture, "LOW") == ["jurisdictions"]
    assert "limitations" in missing_required(picture, "MEDIUM")
    second = make_picture(model, uses=(use, make_part("b", name="b")), live=picture.live)
    assert "decision_role" in missing_required(second, "NEGLIGIBLE")
