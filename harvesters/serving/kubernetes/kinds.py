"""The kinds of objects that are read of a cluster: where its API lists them."""

from typing import Final, NamedTuple


class Resource(NamedTuple):
    """A kind as the API calls it; of several versions the first that is served is read."""

    plural: str
    kind: str
    group: str
    versions: tuple[str, ...]
    container: str | None = None  # the one that serves, where a name is agreed on
    owned: str | None = None  # the label of pods that names the object they belong to

    @property
    def is_kserve(self) -> bool:
        """Is each of them a deployment?"""
        return self.group == KSERVE


KSERVE: Final = "serving.kserve.io"
RESOURCES: Final = {
    one.plural: one
    for one in (
        Resource(
            "inferenceservices", "InferenceService", KSERVE, ("v1beta1", "v1"),
            container="kserve-container", owned="serving.kserve.io/inferenceservice",
        ),
        Resource(
            "llminferenceservices", "LLMInferenceService", KSERVE,
            ("v1alpha2", "v1alpha1", "v1beta1", "v1"), container="main",
        ),
        Resource("deployments", "Deployment", "apps", ("v1",)),
        Resource("statefulsets", "StatefulSet", "apps", ("v1",)),
        Resource("cronjobs", "CronJob", "batch", ("v1",)),
    )
}  # fmt: skip
BY_KIND: Final = {one.kind: one for one in RESOURCES.values()}
