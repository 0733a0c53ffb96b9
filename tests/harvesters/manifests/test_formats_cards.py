"""Front matter of model cards and READMEs, and whatever else may stand there."""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from harvesters.manifests.formats.found import FileRefused
from schemas.facts import FACTS
from schemas.identifiers import Kind
from tests.support.foreign import TOKEN, read

CARD: Final = """\
---
language: no
license: apache-2.0
library_name: transformers
pipeline_tag: text-classification
base_model: acme/encoder
tags: [churn, "1.10", 0123456, 2026-11-20]
datasets:
- acme/calls
- Calls from several years
model-index:
- name: Churn classifier
  results: []
---

# Churn
"""


def test_model_card() -> None:
    """Scalars stay as they are written; datasets are those of the hub, or are only named."""
    model, calls, words = read("model_card", CARD)

    assert model.facts == {
        "license": "apache-2.0", "base_model": "hf://acme/encoder", "task": "classification",
        "tags": [
            "churn", "1.10", "0123456", "2026-11-20", "language=no", "library=transformers",
        ],
        "display_name": "Churn classifier",
    }  # fmt: skip
    assert (model.inferred, model.dropped) == ((), ())
    assert calls.facts == {"name": "acme/calls", "uri": "hf://datasets/acme/calls"}
    assert [one.value for one in calls.same_as] == ["hf://datasets/acme/calls"]
    assert calls.links == ({"role": "training"},)
    assert (words.facts, words.same_as) == ({"name": "Calls from several years"}, ())


@pytest.mark.parametrize(
    ("front", "facts"),
    [
        ("license: [mit]", {"license": "mit"}),
        ("license: [mit, cc-by-4.0]", {"license": "mit, cc-by-4.0"}),
        ("license: other\nlicense_name: acme-1.0", {"license": "acme-1.0"}),
        ('license: ""\ntags: a', {"tags": ["a"]}),
        ("license: null\ntags: [a, {b: c}, 1]", {"tags": ["a", "1"]}),
        ("pipeline_tag: fill-mask", {"task": "other"}),
        ("base_model: [acme/a, acme/b]", {"tags": ["base_model=acme/a", "base_model=acme/b"]}),
        ("base_model: ./local", {"base_model": "./local"}),
        ("title: A  readme\ndescription: Of a model.", {
            "display_name": "A readme", "description": "Of a model.",
        }),
    ],
)  # fmt: skip
def test_model_card_forms(front: str, facts: Mapping[str, Any]) -> None:
    """Texts and lists read alike; what says nothing is not stated."""
    (model,) = read("model_card", f"---\n{front}\n---\n")

    assert model.facts == facts


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"# Churn\n", b"\n\n# Churn\n---\na: b\n---\n", b"---\n---\n", b"---\n\n---\ntext",
        b"---\nthumbnail: x.png\n---\n", b"---\n\n# A line first\n", b"---\r\n\r\n",
        b"\n\n\n\n\n---\nlicense: mit\n---\n", b"---\nsdk: gradio\nlicense: mit\n---\n",
        b"<!-- ---\nlicense: mit\n--- -->",
    ],
)  # fmt: skip
def test_model_card_nothing(raw: bytes) -> None:
    """No front matter, an empty one, one of an application: nothing is said, nothing refused."""
    assert read("model_card", raw) == []


@pytest.mark.parametrize(
    "raw",
    [
        b"\xef\xbb\xbf---\nlicense: mit\n---\n",
        b"---\r\nlicense: mit\r\n---\r\n# Churn\r\n",
        b"\n\n---\nlicense: mit\n---",
        b"---  \nlicense: mit\n---  \n",
        b"---\nlicense: mit\n---\n" + b"\xff\xfe not UTF-8 any more",
    ],
)
def test_model_card_written_oddly(raw: bytes) -> None:
    """A mark, other ends of lines, blank lines before; what follows is not read."""
    assert read("model_card", raw)[0].facts == {"license": "mit"}


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"---\nlicense: mit\n", "not_yaml"),
        (b"---\nlicense: mit\nlicense: gpl\n---\n", "not_yaml"),
        (b"---\nlicense: {{ license }}\n---\n", "template"),
        (b"---\nlicense: '{{ license }}'\n---\n", "template"),
        (b"---\nlicense: {license}\n---\n", "template"),
        (b"---\n- a\n- b\n---\n", "other_format"),
        (b"---\na: &x 1\nb: *x\n---\n", "not_yaml"),
        (b"---\na: !!python/object/apply:os.system [id]\n---\n", "not_yaml"),
        (b"---\n\tlicense: mit\n---\n", "not_yaml"),
        (b"---\nlicense: \xe9\n---\n", "not_utf8"),
        ("---\nlicense: mit\n---\n".encode("utf-16"), "not_utf8"),
        (b"---\na: " + b"x" * 70_000 + b"\n---\n", "too_large"),
        (b"---\nlicense: mit\n" + b"# more\n" * 20_000, "too_large"),
        (b"---\na: " + b"[" * 40 + b"]" * 40 + b"\n---\n", "not_yaml"),
    ],
)
def test_model_card_refused(raw: bytes, code: str) -> None:
    """Front matter that cannot be trusted is refused, with where and why."""
    with pytest.raises(FileRefused) as refused:
        read("model_card", raw)

    assert refused.value.code == code


def test_model_card_dropped() -> None:
    """What no fact can hold is dropped alone, and said; keys are masked."""
    (model,) = read(
        "model_card",
        f'---\nlicense: "a\\u202eb"\npipeline_tag: mind-reading\ntags: [ok, {"x" * 5_000}]\n'
        f"description: uses {TOKEN}\n---\n",
    )

    assert set(model.facts) == {"tags", "description"}
    assert model.facts["tags"] == ["ok"]
    assert FACTS[Kind.MODEL].model_validate(dict(model.facts)).model_dump()["description"] == (
        "uses [masked hf token]"
    )
    assert [one.partition(":")[0] for one in model.dropped] == ["task", "license", "tags"]


def test_model_card_of_dataset() -> None:
    """A card of a dataset says nothing of the model beside it."""
    (dataset,) = read(
        "model_card", "---\npretty_name: Calls\nlicense: mit\nsize_categories: [n<1K]\n---\n"
    )

    assert (dataset.kind, dataset.facts) == (Kind.DATASET, {"name": "Calls", "license": "mit"})
