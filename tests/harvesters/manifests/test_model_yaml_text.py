"""Hostile and careless texts each give one clear problem; what is mechanical is mended."""

from typing import Final

import pytest

from harvesters.manifests.model_yaml import read_manifest
from harvesters.manifests.problems import CODES, Edit, apply_edits
from tests.support.manifests import FULL

HEAD: Final = b"apiVersion: model-catalog/v1\nkind: Model\nmetadata: {namespace: a, name: b}\n"
OWNERS: Final = b'  owners: [{ref: "team:a"}]\n'
BOMB: Final = b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.mark.parametrize(
    ("raw", "code", "line", "column"),
    [
        (HEAD + b"spec: " + b"[" * 100_000, "too_large", 4, 38),  # PARSE-01
        (HEAD + b"spec: " + b"{a: " * 40, "too_large", 4, 131),
        (HEAD + BOMB, "yaml_feature", 4, 4),  # PARSE-02
        (HEAD + b"spec: {license: *x}\n", "yaml_feature", 4, 17),
        (HEAD + b"spec: !!python/object/apply:os.system [ls]\n", "yaml_feature", 4, 7),  # PARSE-03
        (HEAD + b"spec: {card: !!binary aGVsbG8=}\n", "yaml_feature", 4, 14),
        (HEAD + b"spec: {<<: {license: MIT}}\n", "yaml_feature", 4, 8),
        (HEAD + b"spec: {[a]: b}\n", "yaml_feature", 4, 8),
        (HEAD + b"spec:\n  license: MIT\n  license: GPL-3.0\n", "duplicate_key", 6, 3),  # PARSE-04
        (HEAD + b"spec: {links: [" + b"a," * 30_000 + b"]}\n", "too_large", 4, None),  # PARSE-06
        (HEAD + b"spec: {card: " + b"a" * 70_000 + b"}\n", "too_large", 4, 14),
        (HEAD + b"#" * 300_000, "too_large", 1, 1),
        (HEAD + b"spec: {}\n---\n" + HEAD, "several_documents", 5, 1),
        (HEAD + b"spec: {card: \xff}\n", "encoding", 4, 1),
        (FULL.decode().encode("utf-16"), "encoding", 1, 1),
        (FULL.decode().encode("utf-32"), "encoding", 1, 1),
        (HEAD + b"spec: {card: a\x00b}\n", "control_character", 4, 15),
        (FULL.decode().encode("utf-16")[2:], "control_character", 1, 2),  # without its mark
        (HEAD + b'spec: {card: "a\\u202eb"}\n', "control_character", 4, 14),
        (HEAD + b'spec: {card: "a\\0b"}\n', "control_character", 4, 14),
        (HEAD + b"spec:\n\tcard: a\n", "tab", 5, 1),
        (HEAD + b"spec: {card: 'a}\n", "yaml", 4, 14),
        (HEAD + b"spec:\n  card: a: b\n", "yaml", 5, 10),
        (HEAD + b"spec:\n  card: @a\n", "yaml", 5, 9),
        (HEAD + b"spec: {card: [a\n", "yaml", 5, 1),
        (HEAD + b'spec: {card: "\\U00110000"}\n', "yaml", 4, 8),
        (HEAD + b"spec:\n  - a\n b: c\n", "yaml", 6, 2),
        (HEAD + b"text\n", "yaml", 5, 1),
    ],
)
def test_hostile(raw: bytes, code: str, line: int, column: int | None) -> None:
    """One problem, at its place, that says what to do and repeats nothing of the file."""
    reading = read_manifest(raw)

    if code == "control_character" and raw.startswith(b"a\x00"):
        assert not reading.ours  # nothing of ours can be seen in it
        return
    assert (reading.ours, reading.manifest) == (True, None)
    problem = reading.problems[0]
    assert (problem.code, problem.line) == (code, line)
    assert column in {None, problem.column}
    assert problem.fix
    assert len(problem.message) < 200
    assert CODES[code].explanation


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"  licence: MIT\n", b"  license: MIT\n"),
        (b"  LifeCycle: Production\n", b"  lifecycle: production\n"),
        (b"  model-class: Tree or Ensemble # ours\n", b"  model_class: tree_or_ensemble # ours\n"),
        (b"  uses: [{name: a, profiling: No}]\n", b"  uses: [{name: a, profiling: false}]\n"),
        (b"  uses: [{name: a, jurisdictions: [de, uk]}]\n",
         b'  uses: [{name: a, jurisdictions: ["DE", "GB"]}]\n'),
        (b"  uses: [{name: a, jurisdictions: de}]\n",
         b'  uses: [{name: a, jurisdictions: ["DE"]}]\n'),
        (b"  uses: [a, 'b c']\n", b'  uses: [{name: a}, {name: "b c"}]\n'),
        (b"  repositories: https://github.com/a/b\n",
         b'  repositories: [{url: "https://github.com/a/b"}]\n'),
        (b"  downstream_dependents: 1_200\n", b"  downstream_dependents: 1200\n"),
        (b"  tier: LOW\n  license: MIT\n", b"  license: MIT\n"),
        (b"  waivers: [{control: a, reason: b, expires_on: 2027/03/31}]\n",
         b"  waivers: [{control: a, reason: b, expires_on: 2027-03-31}]\n"),
        (b"  waivers: [{control: a, reason: b, expires_on: 31.03.2027}]\n",
         b"  waivers: [{control: a, reason: b, expires_on: 2027-03-31}]\n"),
        (b"  datasets: [{uri: s3://a/b, digest: 3F2A9C0DE1B24F6C8A7D5E4B9C0F1A2D}]\n",
         b'  datasets: [{uri: s3://a/b, digest: "md5:3f2a9c0de1b24f6c8a7d5e4b9c0f1a2d"}]\n'),
    ],
)  # fmt: skip
def test_mended(before: bytes, after: bytes) -> None:
    """Spelling is mended without asking, round by round, and nothing else moves."""
    assert mended(HEAD + b"spec:\n" + OWNERS + before) == HEAD + b"spec:\n" + OWNERS + after


@pytest.mark.parametrize(
    ("ref", "meant"),
    [("team retention", '"team:retention"'), ("Team:retention", '"team:retention"'),
     ("Anna <anna@example.com>", "anna@example.com"), ("mailto:a@example.com", "a@example.com")],
)  # fmt: skip
def test_mended_owner(ref: str, meant: str) -> None:
    """Owners as people write them."""
    raw = HEAD + f"spec:\n  owners:\n    - {ref}\n".encode()
    assert mended(raw) == HEAD + f"spec:\n  owners:\n    - {{ref: {meant}}}\n".encode()


@pytest.mark.parametrize(
    "raw",
    [
        b"\xef\xbb\xbf" + FULL,
        FULL.replace(b"\n", b"\r\n"),
        FULL.decode().encode("utf-16"),
        FULL.decode().encode("utf-32"),
        FULL.replace(b"model-catalog/v1", b"Model-Catalog/V1"),
        FULL.replace(b"kind: Model", b"kind: model"),
        FULL.replace(b"apiVersion", b"api_version"),
        FULL.replace(b"  ", b"\t").replace(b"churn,\t", b"churn,  "),
    ],
    ids=["mark", "crlf", "utf-16", "utf-32", "version", "kind", "key", "tabs"],
)
def test_mended_text(raw: bytes) -> None:
    """Encodings, line ends and the head are mended to what was meant."""
    assert read_manifest(mended(raw)).problems == ()


@pytest.mark.parametrize(
    "line",
    [b"exposure: web", b"update_mode: monthly", b"card: ../x", b"origin: null", b"nonsense: 1",
     b"uses: [{name: a, profiling: maybe}]", b"tier: [LOW]", b"y" * 70 + b": 1",
     "licence\ufeff: MIT".encode(), b"waivers: [{control: a, reason: b, expires_on: March}]",
     b"uses:\n    - tier: LOW\n      name: a",
     b"uses: [{name: a, people_affected_per_year: 1.200}]"],
)  # fmt: skip
def test_not_mended(line: bytes) -> None:
    """What only a person can mean is left alone."""
    raw = HEAD + b"spec:\n" + OWNERS + b"  " + line + b"\n"
    assert read_manifest(raw).problems[0].edit is None


def test_apply_edits() -> None:
    """Overlapping edits wait for the next round; places beyond the end are the end."""
    first, second = Edit(1, 1, 1, 4, "x"), Edit(1, 2, 1, 3, "y")
    assert apply_edits(b"abcd\nef", [first, second]) == b"xd\nef"
    assert apply_edits(b"ab\n", [Edit(9, 1, 9, 1, "z")]) == b"ab\nz"
    assert (
        apply_edits("a\u2028b: c\n".encode(), [Edit(2, 1, 2, 2, "d")]) == "a\u2028d: c\n".encode()
    )
    assert apply_edits(b"\xff\xfa", [first]) == b"\xff\xfa"


def test_codes() -> None:
    """Every code is explained; a wrong example comes with a right one."""
    for code, told in CODES.items():
        assert told.title, code
        assert len(told.explanation) > 40, code
        assert bool(told.wrong) == bool(told.right), code


@pytest.mark.parametrize("code", sorted(code for code, told in CODES.items() if told.wrong))
def test_codes_examples(code: str) -> None:
    """The examples are what they say: the wrong one has the problem, the right one has not."""
    wrong, right = (whole(text) for text in (CODES[code].wrong, CODES[code].right))

    found = {one.code for one in read_manifest(wrong).problems}
    if code == "not_ours":
        assert not read_manifest(wrong).ours
    else:
        assert code in found
    assert code not in {one.code for one in read_manifest(right).problems}


def whole(piece: str) -> bytes:
    """A piece of a manifest with what is missing around it."""
    key = piece.partition(":")[0]
    rest = {
        "apiVersion": "apiVersion: model-catalog/v1", "kind": "kind: Model",
        "metadata": "metadata: {namespace: a, name: b}", "spec": "spec: {}",
    }  # fmt: skip
    if key.startswith("$"):
        return piece.encode()
    if key in rest:
        del rest[key]
        rest |= {line.partition(":")[0]: "" for line in piece.splitlines() if line[0] != " "}
        return "\n".join([piece, *(line for line in rest.values() if line)]).encode()
    below = {
        "description": "metadata", "title": "metadata",
        "profiling": "use", "expires_on": "waiver", "url": "link",
    }.get(key, "spec")  # fmt: skip
    indented = "\n".join(f"  {line}" for line in piece.splitlines())
    if below == "metadata":
        rest["metadata"] = f"metadata:\n  namespace: a\n  name: b\n{indented}"
    elif below == "use":
        rest["spec"] = f"spec:\n  uses: [{{name: a, {piece}}}]"
    elif below == "waiver":
        rest["spec"] = f"spec:\n  waivers: [{{control: a, reason: b, {piece}}}]"
    elif below == "link":
        rest["spec"] = f"spec:\n  links: [{{title: a, {piece}}}]"
    else:
        rest["spec"] = f"spec:\n{indented}"
    return "\n".join(rest.values()).encode()


def mended(raw: bytes) -> bytes:
    """A file after all rounds of mending."""
    for _ in range(6):
        edits = [one.edit for one in read_manifest(raw).problems if one.edit is not None]
        if not edits:
            return raw
        raw = apply_edits(raw, edits)
    raise AssertionError("mending does not end")
