"""What people are told to write instead: never a guess, always where it belongs."""

from typing import Final

import pytest

from harvesters.manifests.model_yaml import read_manifest
from harvesters.manifests.problems import Problem, apply_edits

HEAD: Final = "apiVersion: model-catalog/v1\nkind: Model\n"
NAMED: Final = f"{HEAD}metadata: {{namespace: a, name: b}}\n"
OWNED: Final = f'{NAMED}spec:\n  owners: [{{ref: "team:a"}}]\n'
PEOPLE: Final = "people_affected_per_year"
GROUPED: Final = (
    "write 50000, if that is meant: no point, comma or space parts the digits; or a band: "
    "none, lt_1k, 1k_50k, 50k_500k or gt_500k"
)
REGISTERED: Final = (
    "write it like {source: mlflow-prod, name: churn}, with the catalog's name of the server and "
    "the model's name there"
)


def problems(text: str) -> tuple[Problem, ...]:
    """What is said of a manifest."""
    return read_manifest(text.encode()).problems


@pytest.mark.parametrize(
    ("field", "written"),
    [
        (PEOPLE, "120k"), (PEOPLE, "100k"), (PEOPLE, "lt_10k"), (PEOPLE, "1k_5k"),
        ("financial_exposure_per_year", "1m"), ("financial_exposure_per_year", "500 000 EUR"),
    ],
)  # fmt: skip
def test_bands_are_not_guessed(field: str, written: str) -> None:
    """The band that is written alike may be far off: all of them are named, and none proposed."""
    (found,) = problems(f"{OWNED}  uses: [{{name: a, {field}: {written}}}]\n")

    assert found.code == "wrong_value"
    assert found.message.endswith(" or a number")
    assert found.fix == "write one of them, or the number itself, in digits alone"
    assert found.edit is None


def test_bands_one_of() -> None:
    """Among several bands a number is none; case and hyphens are spelling all the same."""
    listed = "[120k, 50K-500K]"
    number, spelling = problems(f"{OWNED}  uses: [{{name: a, {PEOPLE}: {{one_of: {listed}}}}}]\n")

    assert number.message.endswith("50k_500k or gt_500k")
    assert (number.fix, number.edit) == ("write one of them", None)
    assert spelling.fix == "write `50k_500k`"
    assert spelling.edit is not None


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        (f"{HEAD}metadata:\n  namespace: a\n  name: b\n  spec: {{}}\n", "top level: begin its"),
        (f"{NAMED}spec:\n  metadata: {{title: x}}\n", "into `metadata` of the top level"),
        (f"{NAMED}spec:\n  kind: Model\n", "into `kind` of the top level"),
        (NAMED.replace("b}", "b, display_name: x}") + "spec: {}\n", "write `title`"),
        (NAMED.replace("b}", "b, tags: {c: d}}") + "spec: {}\n", "write `labels`"),
        (
            NAMED.replace("b}", "b, stage: pilot}") + "spec: {}\n",
            "into spec as `lifecycle`",
        ),
        (f"{NAMED}spec:\n  tags: {{c: d}}\n", "move it into metadata as `labels`"),
        (f"{NAMED}spec:\n  displayName: x\n", "move it into metadata as `title`"),
    ],
)
def test_misplaced(text: str, fix: str) -> None:
    """A key is sent where it belongs, under the name that it has there, and is not missing too."""
    found = problems(text)

    assert [one.code for one in found] == ["unknown_key"]
    assert fix in found[0].fix
    assert found[0].edit is None


@pytest.mark.parametrize(
    ("wrong", "right", "line"),
    [
        ("metadata:\n  namespace:a\n  name: b\n", "metadata:\n  namespace: a\n  name: b\n", 4),
        ("metadata:\n  namespace: a\n  name:b\n", "metadata:\n  namespace: a\n  name: b\n", 5),
        ("metadata:\n  namespace:a\n  name:b\n  title: c\n",
         "metadata:\n  namespace: a\n  name: b\n  title: c\n", 4),
    ],
)  # fmt: skip
def test_space_after_colon(wrong: str, right: str, line: int) -> None:
    """YAML complains a line later; people are led to the colon, and it is mended."""
    raw = f'{HEAD}{wrong}spec:\n  owners:\n  - ref: "team:a"\n'.encode()
    found = read_manifest(raw).problems[0]

    assert (found.code, found.line) == ("yaml", line)
    assert "no space after the colon of `name" in found.message
    assert found.edit is not None
    mended = apply_edits(raw, [found.edit])
    assert mended == raw.replace(wrong.encode(), right.encode())


def test_space_after_colon_in_list() -> None:
    """The same for items of lists; text beside a known key is no such slip."""
    (found,) = problems(f"{NAMED}spec:\n  owners:\n  - ref:team:a\n    role: developer\n")
    (alone,) = problems(f"{NAMED}spec:\n  owners:\n  - ref:team:a\n")
    (text,) = problems(f"{NAMED}spec:\n  owners:\n  - team:a\n    role: developer\n")

    assert (found.line, found.message) == (6, "there is no space after the colon of `ref`")
    assert alone.fix == "put a space after the colon of `ref`"
    assert alone.edit is not None
    assert (alone.edit.column, alone.edit.text) == (9, " ")
    assert (text.line, text.edit) == (7, None)


def test_space_is_not_the_cause() -> None:
    """A text that only looks so, before a fault of another kind, is left alone."""
    raw = f"{OWNED}  limitations: [a]\n  card: |\n    name:b\n  license: a: b\n"
    (found,) = problems(raw)

    assert (found.line, found.edit) == (9, None)


def test_duplicate_key() -> None:
    """Both places are named."""
    (found,) = problems(f"{NAMED}spec:\n  license: MIT\n  card: a\n  license: GPL-3.0\n")

    assert (found.line, found.code) == (7, "duplicate_key")
    assert found.message == "the key 'license' stands twice, first in line 5"


def test_owner_form() -> None:
    """What is written out can be typed."""
    (found,) = problems(f"{NAMED}spec:\n  owners: [{{ref: Anna}}]\n")

    assert found.message == "`ref` must be team:..., user:... or an e-mail address"


def test_secret_once() -> None:
    """A key that its name and its look give away is one warning, not two."""
    spec = "  x-api_key: glpat-abcdefghijklmnopqrstu\n  x-password: hidden\n"
    found = problems(f"{OWNED}{spec}")

    assert [(one.code, one.line, one.severity) for one in found] == [
        ("looks_like_secret", 6, "warning"), ("looks_like_secret", 7, "warning"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("stated", "columns"),
    [
        ("[creditworthines, aml_of_record]", [41]),
        ("{creditworthines: true, us_high_impact: false}", [41]),
    ],
)
def test_purpose_misspelled(stated: str, columns: list[int]) -> None:
    """A purpose that is not known counts for nothing: it is said, and refuses nothing."""
    text = f"{OWNED}  uses: [{{name: u, regulated_purposes: {stated}}}]\n"
    found = problems(text)

    assert [(one.code, one.severity, one.line, one.column) for one in found] == [
        ("unknown_purpose", "warning", 6, column) for column in columns
    ]
    assert found[0].fix.startswith("write `creditworthiness`, or see that")
    assert found[0].edit is None, "an installation's policy may have the word"
    assert read_manifest(text.encode()).manifest is not None


def test_purpose_unknown() -> None:
    """Of a word that is like none of them, all are named; further errors change nothing."""
    uses = "  uses: [{name: u, regulated_purposes: [xyzzy], nmae: v}]\n"
    assert [one.code for one in problems(OWNED + uses)] == ["unknown_key", "unknown_purpose"]
    assert "creditworthiness, insurance_pricing" in problems(OWNED + uses)[1].fix


@pytest.mark.parametrize("scheme", ["javascript", "JavaScript", "data", "vbscript", "file"])
def test_links_without_scripts(scheme: str) -> None:
    """Pages show both as links: a browser would run them."""
    base, link = problems(
        f"{OWNED}  base_model: {scheme}:alert(1)\n"
        f"  links: [{{title: x, url: '{scheme}:alert(1)'}}]\n"
    )
    assert (base.code, base.pointer) == ("wrong_form", "/spec/base_model")
    assert (link.code, link.pointer) == ("wrong_form", "/spec/links/0/url")
    assert problems(f"{OWNED}  base_model: llama3:8b\n") == ()


@pytest.mark.parametrize(
    ("field", "fix"),
    [
        ("monitoring: {thresholds: [{metric: auc, warn: 0,74, direction: below}]}",
         "write decimals with a point, like 0.74: a comma in braces begins the next key"),
        (f"uses: [{{name: u, {PEOPLE}: 50.000}}]", GROUPED),
        ("registered_as: [mlflow-prod/churn]", REGISTERED),
        ("links: [https://wiki.example.com]",
         'write it like {title: Runbook, url: "https://wiki.example.com/churn"}'),
        ("vendor: Acme", "write {name: ...}"),
    ],
)  # fmt: skip
def test_written_shorter(field: str, fix: str) -> None:
    """What stands in a word or a comma where more is needed is answered by how it is written."""
    (found,) = problems(f"{OWNED}  {field}\n")
    assert found.fix == fix


@pytest.mark.parametrize(
    "field",
    [
        "repositories: [{url: 'https://u:pw@git.example.com/a/b'}]",
        "links: [{title: x, url: 'https://u:pw@wiki.example.com/x'}]",
        "datasets: [{uri: 's3://key:secret@lake/x'}]",
    ],
)
def test_credential_in_address(field: str) -> None:
    """The contract judges an address that is masked by then, and says what is in the way."""
    error, warning = problems(f"{OWNED}  {field}\n")
    assert error.message.endswith("is an address, and must not hold a user's name and password")
    assert (error.code, warning.code) == ("wrong_form", "looks_like_secret")


def test_owner_of_code_host() -> None:
    """A team as CODEOWNERS has it needs one round, not one for the group and one for the name."""
    group, name = '{ref: "team:x"}', '"team:x"'
    for owners, written in (
        ('["@acme/x"]', group), ("[acme/x]", group), ('[{ref: "@acme/x"}]', name),
    ):  # fmt: skip
        (found,) = problems(f"{NAMED}spec:\n  owners: {owners}\n")
        assert found.code == "wrong_owner"
        assert found.fix == f"write {written}, with the name that the catalog knows"
        assert found.edit is None


@pytest.mark.parametrize(
    "key", ["risk_tier", "riskLevel", "eu_ai_act", "eu-ai-act-class", "ai_act_class"]
)
def test_computed_by_other_names(key: str) -> None:
    """What the catalog computes is told as that under the names that people have for it."""
    (found,) = problems(f"{OWNED}  {key}: high\n")
    assert found.code == "computed_field"
    assert found.edit is not None
