"""What the lists and groups of a manifest hold; every description is shown by editors."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from schemas import strict, values
from schemas.canonical import encode_segment
from schemas.identifiers import Identifier, Kind
from schemas.manifest_text import OrText, json, wrong
from schemas.manifest_values import (
    SCHEMES,
    TEXT,
    Count,
    DatasetUri,
    Day,
    Digest,
    Exact,
    Factor,
    Line,
    ListOf,
    Number,
    OwnerName,
    RepositoryUrl,
    Text,
    WebAddress,
)
from schemas.strict import Closed

FREE: str = "x-"  # keys that begin so are the author's own


class Written(Closed):
    """Names and values as an author wrote them. Left out: not stated."""

    @model_validator(mode="before")
    @classmethod
    def _without_free_keys(cls, written: object) -> object:
        if isinstance(written, Mapping):
            return {key: value for key, value in written.items() if not _is_free(key)}
        return written

    def states(self, name: str) -> bool:
        """Was a field written, be it as stated empty?"""
        return name in self.model_fields_set


def _is_free(key: object) -> bool:
    return isinstance(key, str) and key.startswith(FREE)


class Owner(Written):
    """A team or person that answers for the model or works on it."""

    ref: OwnerName = Field(
        description="Who: `team:…`, `user:…` or an e-mail address.",
        examples=["team:retention-ds", "user:anna", "anna@example.com"],
    )
    role: Literal["accountable", "developer", "delegate"] = Field(
        default="accountable",
        description="`accountable` (the default) answers for the model, `developer` works on it, "
        "`delegate` acts for the accountable one.",
    )


def _either(*needed: str, without: Sequence[str]) -> JsonDict:
    """What the published schema says of one way to write a group that can be written in two."""
    return {"required": [*needed], "not": {"anyOf": [{"required": [one]} for one in without]}}


class Registration(Written):
    """What the model is called elsewhere: in a source, or by an identifier."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                _either("source", "name", without=("scheme", "value")),
                _either("scheme", "value", without=("source", "name", "workspace")),
            ]
        }
    )

    source: Exact | None = Field(
        default=None,
        description="The catalog's name of the MLflow server that the model is registered in.",
        examples=["mlflow-prod"],
    )
    name: Exact | None = Field(
        default=None, description="The registered model's name there.", examples=["churn"]
    )
    workspace: Exact = Field(
        default="default",
        description="The workspace of the server, where it has some; without, `default`.",
    )
    scheme: SCHEMES | None = Field(
        default=None,
        description="Instead of `source` and `name`: the scheme of an identifier.",
        examples=["hf"],
    )
    value: Annotated[strict.Word, json(**TEXT, maxLength=1_024)] | None = Field(
        default=None,
        description="The identifier's value, with `scheme`.",
        examples=["hf://acme/churn"],
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        by_name = (self.source is not None, self.name is not None)
        by_value = (self.scheme is not None, self.value is not None)
        elsewhere = self.states("workspace") and any(by_value)
        if (all(by_name) and not any(by_value)) or (
            all(by_value) and not any(by_name) and not elsewhere
        ):
            self.identifier()
            return self
        reason = "must name source and name, or scheme and value, and not some of both"
        raise wrong("wrong_form", reason, fix="write it like {source: mlflow-prod, name: churn}")

    def identifier(self) -> Identifier:
        """What the model is called there. Raises `PydanticCustomError`."""
        try:
            if self.scheme is not None:
                return Identifier(kind=Kind.MODEL, scheme=self.scheme, value=self.value or "")
            parts = (self.source or "", self.workspace, self.name or "")
            value = "/".join(encode_segment(part) for part in parts)
            return Identifier(kind=Kind.MODEL, scheme="mlflow", value=value)
        except ValueError:
            reason = "is no identifier: it is too long, or holds what looks like a key"
            raise wrong("wrong_form", reason, fix="copy it from the model's page") from None


class Repository(Written):
    """Another repository that belongs to the model; the file's own is known."""

    url: RepositoryUrl = Field(
        description="Its address, as it is cloned or looked at.",
        examples=["https://github.com/acme/churn-serving"],
    )
    role: Literal["training", "serving", "docs"] | None = Field(
        default=None, description="What it is for."
    )


class Dataset(Written):
    """Data that the model was trained or evaluated on, or that it looks things up in."""

    uri: DatasetUri = Field(
        description="Where it is, as others can reach it; no local path.",
        examples=["s3://lake/churn", "snowflake://acme/crm.public.contracts"],
    )
    role: Literal["training", "validation", "test", "reference", "retrieval"] | None = Field(
        default=None, description="What it is used for."
    )
    digest: Digest | None = Field(
        default=None,
        description="Digest of the data that was used.",
        examples=["md5:3f2a9c0de1b24f6c8a7d5e4b9c0f1a2d", "delta:42"],
    )
    version: Line | None = Field(default=None, description="Its version, if it has one.")
    data_sensitivity: Factor[values.Sensitivity] = Field(
        default=None,
        description="The most sensitive data in it. Risk is computed from it.",
    )
    description: Text | None = Field(default=None, description="What is in it.")


class Vendor(Written):
    """Who supplies a model that is bought."""

    name: Line | None = Field(default=None, description="The vendor.", examples=["Acme AI"])
    contract: Line | None = Field(
        default=None, description="Number or address of the contract.", examples=["C-2026-117"]
    )
    disclosed: ListOf[Literal["code", "data", "method"]] = Field(
        default=(), description="What the vendor lets you look into."
    )


def _remark(written: object) -> object:
    return {"text": written} if isinstance(written, str) else written


class FullRemark(Written):
    """A limitation or assumption with how much it matters."""

    model_config = ConfigDict(title="Remark")

    text: Text = Field(description="What it is.")
    severity: Literal["low", "medium", "high"] | None = Field(
        default=None, description="How much it matters."
    )


Remark = Annotated[FullRemark, BeforeValidator(_remark), OrText()]


class Threshold(Written):
    """From which value of a metric on people are warned, or the model is in breach."""

    metric: Line = Field(description="Name of the metric.", examples=["auc"])
    warn: Number | None = Field(default=None, description="From here on people are warned.")
    breach: Number | None = Field(
        default=None, description="From here on the model must not be used as it is."
    )
    direction: Literal["above", "below"] = Field(
        description="Which side of the values is bad: `below` for a metric that should be high."
    )


class Monitoring(Written):
    """How the model is watched."""

    interval_days: Count | None = Field(
        default=None, description="How many days pass between two looks.", examples=[30]
    )
    url: WebAddress | None = Field(default=None, description="The page where people look.")
    thresholds: ListOf[Threshold] = Field(default=(), description="What the metrics must keep to.")


class Waiver(Written):
    """A request to be excused from a control; only people grant it."""

    control: Line = Field(description="Which control.", examples=["BLD-01"])
    reason: Text = Field(description="Why it cannot be met now.")
    expires_on: Day = Field(
        description="The last day of the waiver, year-month-day.", examples=["2027-03-31"]
    )
    compensating: Text | None = Field(
        default=None, description="What keeps the risk low in the meantime."
    )


class Link(Written):
    """A page that people should find from the model."""

    title: Line = Field(description="What it is.", examples=["Runbook"])
    url: WebAddress = Field(description="Its address.", examples=["https://wiki.example.com/churn"])
