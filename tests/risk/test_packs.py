"""Loading a pack of controls: the default one loads, and each way to spoil one is refused."""

from collections.abc import Callable
from copy import deepcopy
from itertools import chain
from typing import Any, Final

import pytest

from schemas.controls import Example, PackDocument
from service.risk.controls.judging import evaluate_one
from service.risk.controls.pack_examples import TooMuchWork, Trial, changed
from service.risk.controls.packed import Control
from service.risk.controls.packs import (
    PACK,
    PackRefused,
    default_pack,
    load_pack,
    pack_digest,
    pack_json,
    parse_pack,
    read_pack,
)

Change = Callable[[dict[str, Any]], object]
DEFAULT: Final = default_pack()
WRITTEN: Final = pack_json(DEFAULT)
LOADED: Final = load_pack(DEFAULT)


def spoilt(control: str, change: Change) -> PackDocument:
    """The default pack with one control alone, which something was done to."""
    document: dict[str, Any] = deepcopy(WRITTEN)
    document["controls"] = [one for one in document["controls"] if one["id"] == control]
    change(document["controls"][0])
    return parse_pack(document)


def refusals(document: PackDocument) -> list[tuple[str, str]]:
    """Where a pack is refused, and why; there is always something to do about it."""
    with pytest.raises(PackRefused) as refused:
        load_pack(document)
    assert all(problem.fix for problem in refused.value.problems)
    return [(problem.where, problem.message) for problem in refused.value.problems]


def sets(**members: object) -> Change:
    """Change members of the control."""
    return lambda control: control.update({n.rstrip("_"): value for n, value in members.items()})


def test_load_default() -> None:
    """The pack that ships loads, whole."""
    assert (LOADED.name, LOADED.version) == ("default", "1.0.0")
    assert [control.text.id for control in LOADED.controls] == [c.id for c in DEFAULT.controls]
    assert len(LOADED.controls) == 24


@pytest.mark.parametrize(
    ("control", "example"),
    [(control, example) for control in LOADED.controls for example in control.text.examples],
    ids=[
        f"{control.text.id}-{index}"
        for control in LOADED.controls
        for index in range(len(control.text.examples))
    ],
)
def test_default_example(control: Control, example: Example) -> None:
    """Each example of the default pack finds what it says."""
    found = evaluate_one(control, changed(DEFAULT.base, example))

    assert (found.result, found.pack_defect) == (example.expect, None)


def test_load_once() -> None:
    """A pack is known by what it says: JSON and YAML of it are one, and it is loaded once."""
    again = parse_pack(pack_json(DEFAULT))

    assert again == DEFAULT
    assert pack_digest(again) == pack_digest(DEFAULT) == LOADED.digest
    assert load_pack(again) is LOADED


def test_digest_of_what_is_said() -> None:
    """Another word is another digest."""
    other = DEFAULT.model_copy(update={"version": "1.0.1"})

    assert pack_digest(other) != pack_digest(DEFAULT)


MUTATIONS: Final[tuple[tuple[str, Change, str, str], ...]] = (
    # names
    ("INV-04", sets(expression="size(model.twinz) == 0"), "expression",
     "model.twinz is not in the snapshot"),
    ("INV-04", sets(expression="size(modle.twins) == 0"), "expression",
     "modle.twins is not in the snapshot"),
    ("INV-04", sets(expression="model.owners.name == 'a'"), "expression",
     "model.owners.name is not in the snapshot"),
    ("INV-04", sets(expression="'twins' in model"), "expression", "model is an object"),
    ("BLD-01", sets(expression="version.built != null"), "expression",
     "version.built is not in the snapshot"),
    ("BLD-01", sets(expression="'build' in version"), "expression", "version is not in"),
    ("BLD-01", sets(applies_when="version.build != null"), "applies_when",
     "version.build is an item"),
    ("INV-02", sets(clock="model.last_seen_at + days(params.days)"), "clock",
     "params.days is none of the control's params"),
    ("BLD-01", sets(expression="version.number in model.twins"), "expression",
     "model.twins is a list, which would be gone through for every item"),
    ("INV-04", sets(needs=["model.twins", "model.twin"]), "needs", "model.twin is not in"),
    ("BLD-01", sets(over="model.version"), "over", "model.version is no list of objects"),
    ("BLD-01", sets(over="model.twins"), "over", "model.twins is no list of objects"),
    ("BLD-01", sets(as_="model", expression="model.build != null"), "as",
     "model already has a meaning"),
    ("INV-04", sets(message="{model.nam} is twice"), "message", "{model.nam}: model.nam is not"),
    ("INV-04", sets(message="{model.name is twice"), "message", "holds a bracket"),
    ("INV-04", sets(fix="Merge {items}."), "fix", "{items}: items is not in the snapshot"),
    ("BLD-01", sets(message="{version.number} was not built"), "message", "is an item"),
    # language
    ("INV-04", sets(expression="size(model.twins) =="), "expression", "ends too early"),
    ("INV-04", sets(expression="model.twins == [1 2]"), "expression", "where it means nothing"),
    ("INV-04", sets(expression="model.twins.all(t, t == '')"), "expression", "runs all()"),
    ("INV-04", sets(expression="timestamp(model.name) < now"), "expression", "calls timestamp()"),
    ("INV-04", sets(expression="size(model.twins) == 0 " + "|| true " * 260), "expression",
     "is longer than 2000 characters"),
    # what is not stated
    ("INV-04", sets(needs=[]), "needs", "model.twins may not be stated"),
    ("BLD-01", sets(needs=["model.in_production"]), "needs", "model.versions may not be stated"),
    ("BLD-01", sets(needs=["model.versions"]), "needs", "model.in_production may not be stated"),
    ("BLD-01", sets(expression="!has(version.build) || version.build != null"), "examples[2]",
     "expects UNKNOWN, and finds PASS"),
    # time
    ("VAL-03", sets(clock=None), "clock", "is missing, and the control reads now"),
    ("VAL-03", sets(clock="now + days(1)"), "clock", "reads now, and so never comes"),
    ("VAL-03", sets(clock="risk.next_review_due + days(900)"), "examples[0]",
     "which clock does not tell"),
    ("VAL-03", sets(expression="now <= risk.review_grace_end"), "examples[0]",
     "which clock does not tell"),
    ("VAL-03", sets(clock="risk.status"), "examples[0]", "which clock does not tell"),
    # examples
    ("INV-04", sets(examples=[]), "examples", "none of them expects PASS"),
    ("INV-04", sets(examples=[{"expect": "PASS"}]), "examples", "none of them expects FAIL"),
    ("INV-04", lambda c: c["examples"].append({"expect": "FAIL"}), "examples[3]",
     "expects FAIL, and finds PASS"),
    ("INV-04", lambda c: c["examples"][1].update(set={"model.twin": []}), "examples[1]",
     "model.twin is no member of a snapshot"),
    ("INV-04", lambda c: c["examples"][1].update(set={"model.twins": "a"}), "examples[1]",
     "model.twins must be a list of texts"),
    ("INV-04", lambda c: c["examples"][1].update(set={"model.name": None}), "examples[1]",
     "model.name is null"),
    ("INV-04", lambda c: c["examples"][1].update(unset=["model.name"]), "examples[1]",
     "model.name is missing"),
    ("INV-04", lambda c: c["examples"][1].update(unset=["model.owners[7].name"]), "examples[1]",
     "model.owners[7].name leads nowhere"),
    ("INV-04", lambda c: c["examples"][1].update(set={"model.owners[0": 1}), "examples[1]",
     "model.owners[0 leads nowhere"),
    ("INV-04", lambda c: c["examples"][1].update(set={"model.name.first": ""}), "examples[1]",
     "model.name.first leads nowhere"),
    ("INV-04", lambda c: c["examples"][1].update(unset=["model.gone"]), "examples[1]",
     "model.gone leads nowhere"),
    ("INV-04", lambda c: c["examples"][1].update(set={"model.owners[0]": "a"}), "examples[1]",
     "model.owners[0] must be an object"),
    ("INV-04", lambda c: c["examples"][1].update(set={"model.owners[9]": {}}), "examples[1]",
     "model.owners[9] leads nowhere"),
    # what examples show
    ("INV-04", sets(expression="size(model.twins) > null"), "examples[0]", "expression: TypeError"),
    ("INV-04", sets(expression="size(model.twins)"), "examples[0]", "neither true nor false"),
    ("INV-01", sets(applies_when="size(model.deployments)"), "examples[0]",
     "applies_when: answers neither true nor false"),
    ("BLD-03", sets(expression="has(version.source_dirty) ? !version.source_dirty "
                               "&& version.source_commit != null : null"),
     "examples[0]", "breaks without model.versions[0].source_dirty"),
    ("LIN-02", sets(expression="!has(dataset.digest) || dataset.digest != null",
                    examples=[{"expect": "PASS"},
                              {"expect": "FAIL", "set": {"model.datasets[0].digest": None}}]),
     "examples[1]", "finds PASS in place of FAIL when model.datasets[0].digest is not stated"),
    ("BLD-01", sets(applies_when="has(model.asset_kind) && model.in_production"),
     "examples[1]", "finds NOT_APPLICABLE in place of FAIL when model.asset_kind is not stated"),
    ("INV-01", sets(expression="model.accounted_for_by != ['registry', 'manifest'] "
                               "&& size(model.accounted_for_by) > 0"),
     "examples[0]", "when lists are reversed"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("control", "change", "where", "message"), MUTATIONS, ids=range(len(MUTATIONS))
)
def test_load_mutated(control: str, change: Change, where: str, message: str) -> None:
    """Each way to spoil a control is refused, where it is and saying why."""
    found = refusals(spoilt(control, change))

    assert any(place == where and message in said for place, said in found), found


@pytest.mark.parametrize(
    ("control", "index"),
    [(c.text.id, index) for c in LOADED.controls for index in range(len(c.text.examples))],
)
def test_load_wrong_example(control: str, index: int) -> None:
    """An example that expects anything else than what is found is refused, whichever it is."""
    other = {"PASS": "FAIL", "FAIL": "PASS"}

    def flip(written: dict[str, Any]) -> None:
        example = written["examples"][index]
        example["expect"] = other.get(example["expect"], "PASS")

    assert f"examples[{index}]" in dict(refusals(spoilt(control, flip)))


@pytest.mark.parametrize(
    ("control", "need"), [(c.text.id, need) for c in LOADED.controls for need in c.text.needs]
)
def test_load_missing_need(control: str, need: str) -> None:
    """Every need of the default pack is one: without it, the pack is refused."""

    def forget(written: dict[str, Any]) -> None:
        written["needs"] = [one for one in written["needs"] if one != need]

    found = refusals(spoilt(control, forget))

    assert ("needs", f"{need} may not be stated, is read, and is not needed") in found


def test_load_nearest_name() -> None:
    """A misspelt path comes with what was probably meant."""
    with pytest.raises(PackRefused) as refused:
        load_pack(spoilt("INV-04", sets(expression="size(model.twinz) == 0")))

    assert [problem.fix for problem in refused.value.problems] == ["write model.twins"]
    assert [error.pointer for error in refused.value.errors] == ["/INV-04/expression"]


def test_load_all_problems() -> None:
    """All that is wrong is said at once, of each control."""
    document: dict[str, Any] = deepcopy(WRITTEN)
    document["controls"][0]["expression"] = "1 +"
    document["controls"][2]["message"] = "{nothing}"
    document["controls"][3]["examples"] = []
    document["controls"][4]["id"] = "INV-03"

    with pytest.raises(PackRefused) as refused:
        load_pack(parse_pack(document))

    assert {(problem.control, problem.where) for problem in refused.value.problems} == {
        ("INV-01", "expression"), ("INV-03", "message"), ("INV-03", "id"), ("INV-04", "examples"),
    }  # fmt: skip


def test_load_base_is_no_snapshot() -> None:
    """A base that no model can have is refused before anything is tried on it."""
    document: dict[str, Any] = deepcopy(WRITTEN)
    document["base"]["model"]["twin"] = []
    document["base"]["risk"]["reviews"][0]["due_at"] = "soon"
    del document["base"]["model"]["versions"][0]["covered_by"]

    with pytest.raises(PackRefused) as refused:
        load_pack(parse_pack(document))

    assert {(p.control, p.where, p.message) for p in refused.value.problems} == {
        (PACK, "base.model.twin", "is no member of a snapshot"),
        (PACK, "base.risk.reviews[0].due_at", "must be a time"),
        (PACK, "base.model.versions[0].covered_by",
         "is missing, and is always there in a snapshot"),
    }  # fmt: skip


def test_trial_too_much_work() -> None:
    """A pack may cost so much to try, and no more: what is slow is refused, not waited for."""
    trial = Trial(DEFAULT.base, most=2_000)

    with pytest.raises(TooMuchWork):
        list(chain.from_iterable(map(trial.problems, LOADED.controls)))


def test_load_slow_pack() -> None:
    """A pack that multiplies items, examples and long conditions is refused in reasonable time."""
    document: dict[str, Any] = deepcopy(WRITTEN)
    item = {"name": "a", "role": "developer", "kind": "person", "active": True}
    document["base"]["model"]["owners"] = [item] * 350
    slow = next(one for one in document["controls"] if one["id"] == "OWN-02")
    slow["expression"] += " || owner.name.matches('(a|b|c|d)+$') && owner.kind == ''" * 2
    document["controls"] = [
        slow | {"id": f"OWN-{number:02}", "examples": slow["examples"] * 8}
        for number in range(10, 90)
    ]

    found = refusals(parse_pack(document))

    assert ("examples", "trying the examples takes too long") in found


DEEP: Final[dict[str, Any]] = {}
for _ in range(30):
    DEEP = {"a": DEEP}  # type: ignore[misc]  # made step by step
FORMS: Final[tuple[tuple[Change, str, str, str], ...]] = (
    (lambda d: d.update(snapshot=2), PACK, "snapshot", "1"),
    (lambda d: d.update(pack="No Name"), PACK, "pack", "pattern"),
    (lambda d: d.update(version=1.0), PACK, "version", "string"),
    (lambda d: d.update(more=1), PACK, "more", "not permitted"),
    (lambda d: d.update(controls=[]), PACK, "controls", "at least 1"),
    (lambda d: d.update(base=DEEP), PACK, "base.a", "more than 12 levels deep"),
    (lambda d: d["base"].update(model=["a"] * 3_000), PACK, "base", "more than 2000 values"),
    (lambda d: d["base"].update(model={"A b": 1}), PACK, "base.model", "not written like"),
    (lambda d: d["base"].update(model="a" * 2_001), PACK, "base.model", "over 2000 characters"),
    (lambda d: d["base"].update(model="a\u202e"), PACK, "base.model", "control characters"),
    (lambda d: d["base"].update(model=float("nan")), PACK, "base.model", "no text, number"),
    (lambda d: d["base"].update(model=2**60), PACK, "base.model", "no text, number"),
    (lambda d: d["base"].update(model=b"a"), PACK, "base.model", "no text, number"),
    (lambda d: d["base"].update(now="0999-01-01T00:00:00Z"), PACK, "base.now", "1970"),
    (lambda d: d["controls"][0].pop("fix"), "INV-01", "fix", "required"),
    (lambda d: d["controls"][0].update(id="one"), "one", "id", "pattern"),
    (lambda d: d["controls"][0].update(id="\x00"), "controls[0]", "id", "U+0000"),
    (lambda d: d["controls"][0].update({"a\x00": 1}), "INV-01", "a?", "not permitted"),
    (lambda d: d["controls"][0]["severity"].update(LOW="some"), "INV-01", "severity.LOW", "none"),
    (lambda d: d["controls"][0].update(over="model.uses"), "INV-01", "", "holds_for and empty"),
    (lambda d: d["controls"][0].update(params={"a": [1]}), "INV-01", "params.a", "must be a text"),
    (lambda d: d["controls"][0].update(examples=[{"expect": "MAYBE"}]), "INV-01",
     "examples.0.expect", "PASS"),
    (lambda d: d["controls"][0].update(examples=[{"expect": "PASS"}] * 41), "INV-01", "examples",
     "at most 40"),
)  # fmt: skip


@pytest.mark.parametrize(("change", "control", "where", "message"), FORMS, ids=range(len(FORMS)))
def test_parse_pack_refused(change: Change, control: str, where: str, message: str) -> None:
    """What has not the form of a pack is refused at its place, and its input is not echoed."""
    document: dict[str, Any] = deepcopy(WRITTEN)
    change(document)

    with pytest.raises(PackRefused) as refused:
        parse_pack(document)

    found = [(one.control, one.where, one.message) for one in refused.value.problems]
    assert any(one[:2] == (control, where) and message in one[2] for one in found), found


def test_parse_pack_no_object() -> None:
    """A document that is none is refused like any other."""
    documents: tuple[object, ...] = (
        None, [], "pack", {"controls": {"0": 1}}, {"controls": [None]},
    )  # fmt: skip
    for document in documents:
        with pytest.raises(PackRefused):
            parse_pack(document)


def test_parse_pack_times() -> None:
    """A text that reads as a time is one, in any zone; one of no calendar stays text."""
    document: dict[str, Any] = deepcopy(WRITTEN)
    document["base"]["now"] = "2026-11-23T13:00:00+01:00"
    document["controls"][0]["params"] = {"never": "2026-13-01T00:00:00Z", "day": "2026-10-01"}

    parsed = parse_pack(document)

    assert parsed.base["now"] == DEFAULT.base["now"]
    assert parsed.controls[0].params == {"never": "2026-13-01T00:00:00Z", "day": "2026-10-01"}


def test_read_pack_refused() -> None:
    """What is no YAML is refused with its line."""
    with pytest.raises(PackRefused) as refused:
        read_pack(b"pack: default\nversion: &a 1.0.0\n")

    [problem] = refused.value.problems
    assert (problem.control, problem.where) == (PACK, "file")
    assert "line 2, column 10: anchors are not read" in problem.message


def test_read_pack_types() -> None:
    """Quoted scalars are texts in a pack, plain ones what they look like."""
    base = DEFAULT.base["model"]

    assert isinstance(base, dict)
    assert base["versions"][0]["build"]["id"] == "4711"
    assert base["sources"][0]["interval_hours"] == 1
    pinned = next(c for c in DEFAULT.controls if c.id == "LIN-02").examples[3]
    assert pinned.set["model.datasets[0].dataset_version"] == "2026-10-01"
