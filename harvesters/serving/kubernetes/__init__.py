"""Kubernetes: what KServe serves, and plain workloads that serve models."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harvesters.base import Harvester
from harvesters.http import PoliteClient
from harvesters.manners import USUAL_MANNERS, Manners
from harvesters.registry import Secret
from harvesters.serving.kubernetes.access import SERVICE_ACCOUNT, find_access
from harvesters.serving.kubernetes.api import Kubernetes
from harvesters.serving.kubernetes.observe import Cluster
from harvesters.serving.kubernetes.settings import KubernetesSettings
from harvesters.serving.kubernetes.sweep import ServingSweep
from harvesters.serving.settings import read_settings
from outbound.addresses import VARIABLE
from schemas.sources import SourceSettings

__all__ = ["KubernetesSettings", "cluster_of", "harvesters"]


def harvesters(  # noqa: PLR0917  # what every kind's factory is called with
    source: SourceSettings,
    secret: Secret | None,
    environ: Mapping[str, str],
    *,
    usual: Manners = USUAL_MANNERS,
    account: Path = SERVICE_ACCOUNT,
) -> Iterator[Harvester[Any]]:
    """One harvester for a cluster. Raises `SourceRefused` for what cannot be read safely."""
    settings = read_settings(source, KubernetesSettings)
    with tempfile.TemporaryDirectory(prefix="kubernetes-harvest-") as folder:
        access = find_access(
            settings, secret, environ=environ, folder=Path(folder), account=account
        )
        client = PoliteClient(
            access.url,
            allow=environ.get(VARIABLE, ""),
            auth=access.auth,
            ca_file=access.ca_file,
            manners=usual,
        )
        try:
            cluster = cluster_of(source, settings)
            yield ServingSweep(Kubernetes(client), cluster, seconds=source.expected_interval)
        finally:
            client.close()


def cluster_of(source: SourceSettings, settings: KubernetesSettings) -> Cluster:
    """What a cluster is called: as its settings say, else as its source."""
    url = settings.url.rstrip("/") if settings.url else None
    return Cluster(settings.cluster or source.name, settings, url)
