"""Which scopes of builds, deployments and deliveries a source of kind `github` has."""

from collections.abc import Iterator
from typing import Any

from harvesters.base import Harvester
from harvesters.ci.build_sweep import BuildSweep
from harvesters.ci.deployment_sweep import DeploymentSweep
from harvesters.ci.github.deliveries import Box, DeliverySweep
from harvesters.ci.github.deployments import DeploymentTeller
from harvesters.ci.github.host import GitHubDeployments, GitHubPlace, GitHubRuns
from harvesters.ci.github.runs import RunTeller
from harvesters.manifests.github import Ways
from harvesters.manifests.github.host import GitHubHost, Whose
from harvesters.manifests.github.listed import web_host
from harvesters.manifests.github.settings import GitHubSettings
from outbound.addresses import read_url
from schemas.sources import SourceSettings


def ci_scopes(
    source: SourceSettings, settings: GitHubSettings, *, ways: Ways
) -> Iterator[Harvester[Any]]:
    """Two a place with repositories, and one for each box of webhooks' deliveries.

    Deployments come first: builds of commits that they name are of interest.
    """
    for whose in _places(settings):
        yield from _place(source, settings, ways=ways, whose=whose)
    if source.webhook_secret and settings.redeliver == "failed" and ways.secret is not None:
        yield from _deliveries(source, settings, ways=ways)


def _places(settings: GitHubSettings) -> Iterator[Whose]:
    owners = [("orgs", name) for name in settings.organisations]
    owners += [("users", name) for name in settings.users]
    for owner in owners:
        yield Whose(owner=owner, others=settings.owners)
    if settings.repositories:
        yield Whose(single=settings.repositories, others=settings.owners)


def _place(
    source: SourceSettings, settings: GitHubSettings, *, ways: Ways, whose: Whose
) -> Iterator[Harvester[Any]]:
    way = ways.to(*(whose.owner or ("repos", *settings.repositories[0].split("/"))))
    host = GitHubHost(
        way.api, whose, seconds=settings.seconds, forks=settings.forks, selected=way.selected
    )
    place = GitHubPlace(host, settings)
    if settings.deployments != "none":
        yield DeploymentSweep(
            GitHubDeployments(way.api, place),
            DeploymentTeller(host.host, settings.environments),
            scope=named("deployments", whose.login),
            seconds=source.expected_interval,
        )
    if settings.builds != "none":
        yield BuildSweep(
            GitHubRuns(way.api, place),
            RunTeller(host.host),
            scope=named("builds", whose.login),
            workflows=settings.workflows,
            seconds=source.expected_interval,
        )


def _deliveries(
    source: SourceSettings, settings: GitHubSettings, *, ways: Ways
) -> Iterator[Harvester[Any]]:
    """An App has one box; else organisations and single repositories have their own."""
    if settings.app_id is not None:
        owner = next(_places(settings)).owner
        way = ways.to(*(owner or ("repos", *settings.repositories[0].split("/"))))
        if way.app is not None:
            yield DeliverySweep([Box(way.app, ("app", "hook"))], source.name, scope="deliveries")
        return
    for name in settings.organisations:
        box = Box(ways.to("orgs", name).api.client, ("orgs", name, "hooks"), many=True)
        yield DeliverySweep([box], source.name, scope=named("deliveries", name.lower()))
    if settings.repositories:
        boxes = [
            Box(
                ways.to("repos", *one.split("/")).api.client,
                ("repos", *one.split("/"), "hooks"),
                many=True,
            )
            for one in settings.repositories
        ]
        yield DeliverySweep(boxes, source.name, scope="deliveries")


def replayed(settings: GitHubSettings, scope: str) -> Harvester[Any] | None:
    """Who observes the recorded pages of a scope again; asks nobody."""
    what, host = scope.partition("/")[0], web_host(read_url(settings.url))
    if what == "builds":
        return BuildSweep(None, RunTeller(host), scope=scope)
    if what == "deployments":
        return DeploymentSweep(None, DeploymentTeller(host, settings.environments), scope=scope)
    return DeliverySweep([], "", scope=scope) if what == "deliveries" else None


def named(what: str, place: str | None) -> str:
    """The name of a scope."""
    return f"{what}/{place}" if place else what
