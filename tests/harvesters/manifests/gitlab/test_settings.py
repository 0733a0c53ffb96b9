"""What a source of kind `gitlab` may be told; what is refused says how to mend it."""

from typing import Any

import pytest

from harvesters.errors import SourceRefused
from harvesters.manifests.gitlab.settings import GitLabSettings
from harvesters.manifests.gitlab.site import Site
from harvesters.manifests.settings import read_settings
from schemas.sources import SourceSettings

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "name at least one group"),
    ({"groups": ["acme/../other"]}, "'acme/../other' is neither a full path like acme/ml nor"),
    ({"groups": ["acme?x=1"]}, "neither a full path"),
    ({"groups": ["acme#x"]}, "neither a full path"),
    ({"groups": ["/acme"]}, "neither a full path"),
    ({"groups": ["-1"], "projects": ["churn"]}, "neither a full path like acme/churn nor"),
    ({"groups": ["acme"], "projects": ["acme/churn"]}, "acme/churn is read with the group acme"),
    ({"groups": ["acme", "Acme/ml"]}, "Acme/ml is read with the group acme already"),
    ({"groups": ["acme", "ACME"]}, "a group stands twice"),
    ({"projects": ["a/b", "A/B"]}, "a project stands twice"),
    ({"groups": ["acme"], "url": "https://gitlab.com/api/v4"}, "without /api/v4"),
    ({"groups": ["acme"], "url": "https://gitlab.com/?x=1"}, "without /api/v4, ? and #"),
    ({"groups": ["acme"], "tokens": "x"}, "settings.tokens"),
]


def make_source(settings: dict[str, Any]) -> SourceSettings:
    """A source of this kind."""
    return SourceSettings.model_validate(
        {"name": "gitlab", "kind": "gitlab", "namespace": "retail", "settings": settings}
    )


@pytest.mark.parametrize(("settings", "message"), REFUSED)
def test_settings_refused(settings: dict[str, Any], message: str) -> None:
    """Before anything is asked."""
    with pytest.raises(SourceRefused, match="source gitlab") as refused:
        read_settings(make_source(settings), GitLabSettings)
    assert message in str(refused.value)


def test_settings_read() -> None:
    """Numbers may stand beside paths; without subgroups a group below is another one."""
    told = {"groups": ["acme", "acme/ml", "42"], "projects": ["acme/ml/x/churn", "7"],
            "include_subgroups": False}  # fmt: skip
    settings = read_settings(make_source(told), GitLabSettings)
    assert settings.url == "https://gitlab.com"
    assert settings.lies_in("acme/churn", "ACME")
    assert not settings.lies_in("acme/ml/churn", "acme")
    assert not settings.lies_in("acme-2/churn", "acme")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://GitLab.com/", "gitlab.com"),
        ("https://git.example.com:8443/gitlab", "git.example.com:8443"),
        ("http://127.0.0.1:3000", "127.0.0.1:3000"),
    ],
)
def test_site(url: str, host: str) -> None:
    """The host as it stands in identifiers."""
    site = Site.of(url)
    assert site.host == host
    identity = site.identity(7)
    assert site.number_of(identity) == "7"
    assert site.path_of(f"{url.rstrip('/')}/acme/churn/-/tree/main") == "acme/churn"


@pytest.mark.parametrize("url", ["gitlab.com", "file:///etc", "https://a:b@gitlab.com", "https://"])
def test_site_refused(url: str) -> None:
    """An address that carries a credential, or is none."""
    with pytest.raises(SourceRefused):
        Site.of(url)
