"""Which scopes of builds and deployments a source of kind `gitlab` has."""

from collections.abc import Iterator
from typing import Any

from harvesters.base import Harvester
from harvesters.ci.build_sweep import BuildSweep
from harvesters.ci.deployment_sweep import DeploymentSweep
from harvesters.ci.gitlab.deployments import DeploymentTeller
from harvesters.ci.gitlab.host import GitLabDeployments, GitLabPipelines, GitLabPlace
from harvesters.ci.gitlab.pipelines import PipelineTeller
from harvesters.manifests.gitlab.api import GitLab
from harvesters.manifests.gitlab.host import GitLabHost, GroupHost, ProjectsHost
from harvesters.manifests.gitlab.settings import GitLabSettings
from harvesters.manifests.gitlab.site import Site
from schemas.sources import SourceSettings


def ci_scopes(
    source: SourceSettings, settings: GitLabSettings, *, gitlab: GitLab, site: Site
) -> Iterator[Harvester[Any]]:
    """Two a place with projects; deployments first, for they name commits."""
    for host, name in _places(settings, gitlab=gitlab, site=site):
        place = GitLabPlace(host, settings)
        if settings.deployments != "none":
            yield DeploymentSweep(
                GitLabDeployments(gitlab, place),
                DeploymentTeller(site.host, settings.environments),
                scope=f"deployments/{name}" if name else "deployments",
                seconds=source.expected_interval,
            )
        if settings.builds != "none":
            yield BuildSweep(
                GitLabPipelines(gitlab, place),
                PipelineTeller(site.host),
                scope=f"builds/{name}" if name else "builds",
                workflows=settings.workflows,
                seconds=source.expected_interval,
            )


def _places(
    settings: GitLabSettings, *, gitlab: GitLab, site: Site
) -> Iterator[tuple[GitLabHost, str]]:
    for group in settings.groups:
        yield GroupHost(gitlab, site, settings=settings, group=group), group
    if settings.projects:
        yield ProjectsHost(gitlab, site, settings=settings), ""


def replayed(settings: GitLabSettings, scope: str) -> Harvester[Any] | None:
    """Who observes the recorded pages of a scope again; asks nobody."""
    what, host = scope.partition("/")[0], Site.of(settings.url).host
    if what == "builds":
        return BuildSweep(None, PipelineTeller(host), scope=scope)
    if what == "deployments":
        return DeploymentSweep(None, DeploymentTeller(host, settings.environments), scope=scope)
    return None
