"""The contract of `model.yaml`, which a repository says with what its model is and is used for."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from schemas import values
from schemas.identifiers import encode_segment, fold_name
from schemas.manifest_parts import (
    Dataset,
    Link,
    Monitoring,
    Owner,
    Registration,
    Remark,
    Repository,
    Vendor,
    Waiver,
    Written,
)
from schemas.manifest_text import wrong
from schemas.manifest_use import Use
from schemas.manifest_values import (
    BaseModel,
    Blueprint,
    Factor,
    FilePath,
    Labels,
    License,
    Line,
    ListOf,
    ModelPath,
    Name,
    Namespace,
    Notes,
    StatedCount,
    Text,
)

API_VERSION: Final = "model-catalog/v1"
KIND: Final = "Model"
COMPUTED: Final = ("tier", "eu_class")  # by the catalog, from what is stated
ALSO_COMPUTED: Final = (  # what authors call them
    "risk", "risk_tier", "risk_level", "risk_class", "risk_rating", "risk_score", "risk_category",
    "risk_classification", "model_tier", "model_risk_tier", "criticality", "eu_ai_act", "ai_act",
    "eu_ai_act_class", "eu_ai_act_risk", "eu_ai_act_risk_class", "eu_ai_act_category", "eu_risk",
    "eu_risk_class", "ai_act_class", "ai_act_risk", "ai_act_risk_class", "ai_act_category",
)  # fmt: skip


def repeated(names: Iterable[object]) -> Iterator[int]:
    """Which names of uses are, as the catalog compares them, one that stands before."""
    seen: set[str] = set()
    for index, name in enumerate(names):
        if isinstance(name, str):
            folded = fold_name(encode_segment(name))
            if folded in seen:
                yield index
            seen.add(folded)


def _each_once(uses: tuple[Use, ...]) -> tuple[Use, ...]:
    for _ in repeated(use.name for use in uses):
        reason = "holds two uses of one name; case makes no difference"
        raise wrong("repeated", reason, fix="give each use a name of its own")
    return uses


class Metadata(Written):
    """What the model is called."""

    namespace: Namespace = Field(
        description="The namespace that the model belongs to: whoever reads it sees the model.",
        examples=["retail"],
    )
    name: Name = Field(
        description="The model's name in its namespace; it stays when the title changes.",
        examples=["churn"],
    )
    title: Line | None = Field(
        default=None, description="What people read in lists.", examples=["Churn propensity"]
    )
    description: Text | None = Field(
        default=None,
        description="What the model does, in a few sentences.",
        examples=["Monthly score per contract."],
    )
    labels: Labels | None = Field(
        default=None,
        description="Names and values to find the model by; they become tags.",
        examples=[{"domain": "retention"}],
    )
    annotations: Notes | None = Field(
        default=None,
        description="Names and values for tools of your own: checked, and kept in the file alone. "
        "What the catalog should know stands in `labels`.",
    )


class Spec(Written):
    """What the model is, where it is, and what it is used for."""

    asset_kind: values.AssetKind | None = Field(
        default=None, description="What kind of thing it is.", examples=["model"]
    )
    lifecycle: values.Lifecycle | None = Field(
        default=None,
        description="Where the model is in its life; while it is left out, `proposed`.",
    )
    owners: ListOf[Owner] = Field(
        default=(), description="Who answers for the model, and who works on it."
    )
    registered_as: Annotated[ListOf[Registration], Field(max_length=20)] = Field(
        default=(),
        description="What the model is called in registries, so that all they know comes together.",
    )
    repositories: ListOf[Repository] = Field(
        default=(), description="Further repositories; the one of this file is known."
    )
    datasets: ListOf[Dataset] = Field(default=(), description="What it was trained and tested on.")
    task: values.Task | None = Field(default=None, description="What kind of task it solves.")
    model_class: Factor[values.ModelClass] = Field(
        default=None, description="What kind of model it is. Risk is computed from it."
    )
    origin: Factor[values.Origin] = Field(
        default=None, description="Who built it. Risk is computed from it."
    )
    vendor: Vendor | None = Field(default=None, description="Who supplies it, when it is bought.")
    license: License | None = Field(
        default=None,
        description="The licence of the model, as an SPDX expression.",
        examples=["Apache-2.0"],
    )
    base_model: BaseModel | None = Field(
        default=None,
        description="The model that it was made from: `hf://org/name@revision`, a name in the "
        "catalog or an address; null: none.",
        examples=["hf://acme/encoder@main", "retail/churn-base"],
    )
    update_mode: Factor[values.UpdateMode] = Field(
        default=None, description="How it changes after release. Risk is computed from it."
    )
    explainability: Factor[values.Explainability] = Field(
        default=None,
        description="Whether a single output can be explained: by the model itself, by a method "
        "applied to it, or not at all. Risk is computed from it.",
    )
    data_sensitivity: Factor[values.Sensitivity] = Field(
        default=None,
        description="The most sensitive data it uses, where a dataset says nothing. Risk is "
        "computed from it.",
    )
    downstream_dependents: StatedCount = Field(
        default=None,
        description="How many systems consume its output; what the catalog counts can only raise "
        "it. Risk is computed from it.",
    )
    depends_on: Annotated[ListOf[ModelPath], Field(max_length=1_000)] = Field(
        default=(),
        description="Models of the catalog whose output this one consumes; they are told so. Risk "
        "is computed from it.",
        examples=[["retail/churn"]],
    )
    exposure: Factor[values.Exposure] = Field(
        default=None,
        description="Who can send it input, in all uses that do not say it themselves. Risk is "
        "computed from it.",
    )
    uses: Annotated[ListOf[Use], AfterValidator(_each_once)] = Field(
        default=(), description="What the model is used for; each use is rated by itself."
    )
    limitations: ListOf[Remark] = Field(
        default=(), description="What it cannot do: a text, or text and severity."
    )
    assumptions: ListOf[Remark] = Field(
        default=(), description="What it rests on: a text, or text and severity."
    )
    monitoring: Monitoring | None = Field(default=None, description="How the model is watched.")
    waivers: ListOf[Waiver] = Field(
        default=(), description="Requests to be excused from controls; only people grant them."
    )
    blueprint: Blueprint | None = Field(
        default=None,
        description="The template that the project was made from, with its version.",
        examples=["batch-scoring@2"],
    )
    card: FilePath | None = Field(
        default=None,
        description="Path of the model card, from the root of the repository.",
        examples=["models/churn/CARD.md"],
    )
    links: ListOf[Link] = Field(default=(), description="Pages that people should find from here.")


class Manifest(Written):
    """A model, as its repository declares it."""

    api_version: Literal["model-catalog/v1"] = Field(
        alias="apiVersion", description="The version of this format: `model-catalog/v1`."
    )
    kind: Literal["Model"] = Field(description="What the file describes: `Model`.")
    metadata: Metadata = Field(description="What the model is called.")
    spec: Spec = Field(description="What the model is, where it is, and what it is used for.")
