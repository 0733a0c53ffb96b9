"""What a reviewer is shown: what moves its digest, how two differ, and what that sets off."""

from typing import Any, Final
from uuid import UUID, uuid4

import pytest

from service.risk.picture import Linked, Part, Picture
from service.risk.reviews.content import (
    differences,
    material_changes,
    show,
    triggers_of,
    version_digest,
)

VERSION, MODEL = uuid4(), uuid4()
MATERIAL: Final = (
    "version.training_datasets", "version.input_schema", "model.update_mode", "use.purpose",
    "use.jurisdictions", "deployment.environment_class",
)  # fmt: skip


def part(at: UUID, called: str, *links: Linked, **facts: Any) -> Part:
    """Something of which a source states facts."""
    row = {
        **facts, "provenance": {fact: [0] for fact in facts},
        "statements": [{"source": "registry", "observed_at": "x"}], "narrowed": {},
        "version_id": str(VERSION),
    }  # fmt: skip
    return Part(at, called, row, links)


def data(name: str, role: str | None = "training", digest: str | None = None) -> Linked:
    """A dataset link of a version."""
    return Linked("datasets", role, digest, {}, part(uuid4(), name))


def shown(
    *links: Linked, uses: Any = None, deployments: Any = (), model: Any = None, **facts: Any
) -> Any:
    """What is shown of a version like this."""
    about = part(VERSION, "retail/churn/1", *links, **facts)
    whole = Picture(
        model=part(MODEL, "retail/churn", **(model or {})),
        namespace="retail",
        gone=False,
        uses=tuple(part(uuid4(), name, name=name, **said) for name, said in (uses or {}).items()),
        live=(about,),
        deployments=tuple(part(uuid4(), f"d{n}", **one) for n, one in enumerate(deployments)),
    )
    return show(whole, about)


def changed(old: Any, new: Any) -> dict[str, str]:
    """What differs, and how much that matters."""
    found = differences(old.content, new.content, material=MATERIAL, sources=new.sources)
    return {one.path: one.change_class for one in found}


@pytest.mark.parametrize("facts", [
    {"status": "READY"}, {"warnings": ["x"]}, {"tags": ["a"]},
])  # fmt: skip
def test_volatile(facts: dict[str, Any]) -> None:
    """What changes while nothing else does moves no digest."""
    assert shown(number="1").content_digest == shown(number="1", **facts).content_digest


def test_order_is_nothing() -> None:
    """Neither is the order in which a source lists things."""
    first = shown(data("a"), data("b"), digests=["sha256:1", "sha256:2"])
    second = shown(data("b"), data("a"), digests=["sha256:2", "sha256:1"])
    assert first.content_digest == second.content_digest
    assert first.version_digest == second.version_digest
    assert version_digest([]) is None


def test_stated_and_narrowed() -> None:
    """Not stated, stated empty and stated are three things."""
    digests = {
        shown().content_digest, shown(description=None).content_digest,
        shown(description="x").content_digest,
    }  # fmt: skip
    assert len(digests) == 3


def test_classes() -> None:
    """Material by the policy; unknown where one side does not state it; minor else."""
    old = shown(input_schema="a", framework="x", model={"update_mode": "static"})
    new = shown(input_schema="b", framework="y", model={})
    assert changed(old, new) == {
        "version.input_schema": "material", "version.framework": "minor",
        "model.update_mode": "unknown",
    }  # fmt: skip
    found = differences(old.content, new.content, material=MATERIAL, sources=new.sources)
    assert {one.path: one.source for one in found}["version.input_schema"] == "registry"
    assert material_changes(found) == ["version.input_schema"]
    assert material_changes([one for one in found if one.change_class != "material"]) is None
    assert material_changes([one for one in found if one.change_class == "minor"]) == []


def test_datasets() -> None:
    """Other training data are material where both sides say which; another state is a trigger."""
    said: dict[str, Any] = {"datasets": None}
    old = shown(data("a", digest="1"), **said)
    assert changed(old, shown(data("b"), **said))["version.training_datasets"] == "material"
    assert changed(old, shown())["version.training_datasets"] == "unknown"
    assert changed(old, shown(data("a", digest="1"), data("t", "test"), **said)) == {
        "dataset[t (test)]": "minor"
    }
    moved = differences(
        old.content, shown(data("a", digest="2"), **said).content, material=MATERIAL
    )
    assert triggers_of(moved) == {"dataset_change"}


def test_uses() -> None:
    """Another use is material; the first one only says what nobody had said."""
    scoring = {"scoring": {"purpose": "x", "jurisdictions": ["DE"]}}
    old = shown(uses=scoring)
    more = differences(
        old.content, shown(uses=scoring | {"pricing": {}}).content, material=MATERIAL
    )
    assert triggers_of(more) == {"material_change", "new_use"}
    assert set(changed(shown(), old).values()) == {"unknown"}
    assert set(changed(old, shown()).values()) == {"minor"}
    wider = {"scoring": {"purpose": "x", "jurisdictions": ["DE", "FR"]}}
    found = differences(old.content, shown(uses=wider).content, material=MATERIAL)
    assert triggers_of(found) == {"material_change", "new_jurisdiction"}


def test_going_to_production() -> None:
    """That an approved version is deployed is what it was approved for."""
    old = shown(deployments=[])
    new = shown(deployments=[{"environment_class": "production"}])
    assert changed(old, new) == {"deployment[d0]": "minor"}
    staged = shown(deployments=[{"environment_class": "staging"}])
    assert changed(staged, new) == {"deployment[d0].environment_class": "material"}
