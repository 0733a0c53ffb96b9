"""What a source of kind `kubernetes` is told, in `settings` of the sources file."""

import re
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from harvesters.environments import Environments
from schemas.strict import Closed, Count, Flag, Line, Word

NAMESPACE: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
KindOfObject = Literal[
    "inferenceservices", "llminferenceservices", "deployments", "statefulsets", "cronjobs"
]
EVERY_KIND: Final[tuple[KindOfObject, ...]] = (
    "inferenceservices", "llminferenceservices", "deployments", "statefulsets", "cronjobs",
)  # fmt: skip
SERVING_IMAGES: Final = (
    "*vllm*", "*tritonserver*", "*triton-server*", "*mlflow*", "*mlserver*", "*tensorflow/serving*",
    "*tensorflow-serving*", "*torchserve*", "*text-generation-inference*", "*sglang*", "*llm-d*",
    "*huggingfaceserver*", "*lmdeploy*", "*bentoml*", "*ollama*", "*openvino/model_server*",
    "*kserve/*server*", "*seldonio/*server*", "*ray-llm*",
)  # fmt: skip
SERVING_NAMES: Final = ("*-model", "*-predictor", "*-inference", "*model-serv*")
Namespaces = Annotated[tuple[Word, ...], Field(min_length=1, max_length=100)]
Globs = Annotated[tuple[Word, ...], Field(max_length=200)]


class KubernetesSettings(Closed):
    """Where the cluster is (`url`, `in_cluster` or `kubeconfig`), and what of it is read.

    `cluster` is what the cluster is called in identifiers; without, as the source. `serving_images`
    and `serving_names`: patterns of images and names that make a plain workload a deployment.
    `environment_label`: the label that names an environment; without, or where an object lacks it,
    its namespace does. `list_every`: seconds after which everything is listed again, at the latest
    after the source's interval; a harvest before that watches what changed, `watch_seconds` for
    each kind and namespace.
    """

    url: Line | None = None
    in_cluster: Flag = False
    kubeconfig: Line | None = None
    context: Word | None = None
    ca_file: Line | None = None
    cluster: Word | None = None
    namespaces: Namespaces | Literal["all"] = "all"
    exclude: Globs = ("kube-*",)
    kinds: Annotated[tuple[KindOfObject, ...], Field(min_length=1)] = EVERY_KIND
    serving_images: Globs = SERVING_IMAGES
    serving_names: Globs = SERVING_NAMES
    environments: Environments = Field(default={})
    environment_label: Word | None = None
    pods: Flag = True
    list_every: Annotated[Count, Field(le=86_400)] | None = None
    watch_seconds: Annotated[Count, Field(ge=1, le=20)] = 3

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        ways = [self.url is not None, self.in_cluster, self.kubeconfig is not None]
        if sum(ways) != 1:
            raise ValueError("say exactly one of `url`, `in_cluster: true` and `kubeconfig`")
        if self.ca_file is not None and self.url is None:
            raise ValueError("`ca_file` belongs to `url`; elsewhere the certificate is known")
        if self.context is not None and self.kubeconfig is None:
            raise ValueError("`context` is one of a `kubeconfig`")
        return self

    @model_validator(mode="after")
    def _named(self) -> Self:
        for name in () if self.namespaces == "all" else self.namespaces:
            if not NAMESPACE.fullmatch(name):
                message = f"{name[:100]!r} is no name of a namespace"
                raise ValueError(message)
        for told in (self.namespaces, self.kinds):
            if told != "all" and len({*told}) < len(told):
                raise ValueError("names something twice in `namespaces` or `kinds`")
        return self
