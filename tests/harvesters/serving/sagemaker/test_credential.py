"""Where a key of AWS goes, and what a source of endpoints is told."""

from contextlib import closing
from typing import Any

import pytest

from harvesters.errors import SourceRefused
from harvesters.registry import Secret, find_factory
from harvesters.serving.sagemaker import harvesters
from schemas.sources import SourceSettings


@pytest.mark.parametrize(
    ("text", "host", "why"),
    [
        ("id:canary", "sagemaker.example.com", "does not go to"),
        ("id:canary", "notamazonaws.com", "does not go to"),
        ("canary", "amazonaws.com", "no access key"),
        ("id:canary:", "amazonaws.com", "no access key"),
        ("a:b:c:canary", "amazonaws.com", "no access key"),
        ("id:can ary", "amazonaws.com", "no access key"),
        (None, "", "needs a `credential`"),
    ],
)
def test_sagemaker_credential(text: str | None, host: str, why: str) -> None:
    """A key goes to its host, or to hosts below it; what is none is refused, and not shown."""
    source = SourceSettings.model_validate(
        {"name": "aws", "kind": "sagemaker", "namespace": "retail",
         "settings": {"regions": ["eu-west-1"]}}
    )  # fmt: skip
    secret = None if text is None else Secret(text, host)
    with pytest.raises(SourceRefused, match=why) as refused:
        next(find_factory("sagemaker")(source, secret, {}))
    assert "canary" not in str(refused.value)


def test_sagemaker_regions() -> None:
    """A harvester a region, each at its own host, with the token of a session."""
    source = SourceSettings.model_validate(
        {"name": "aws", "kind": "sagemaker", "namespace": "retail",
         "settings": {"regions": ["eu-west-1", "cn-north-1"]}}
    )  # fmt: skip
    for host in ("amazonaws.com", "api.sagemaker.eu-west-1.amazonaws.com"):
        made = harvesters(source, Secret("id:key:session", host), {})
        with closing(made):  # type: ignore[type-var]
            first: Any = next(made)
            assert first.scope == "endpoints/eu-west-1"
            assert first.api.url == "https://api.sagemaker.eu-west-1.amazonaws.com"
            with pytest.raises(SourceRefused, match=r"cn-north-1\.amazonaws\.com\.cn"):
                next(made)


@pytest.mark.parametrize(
    "settings",
    [
        {}, {"regions": []}, {"regions": ["eu-west-1/../x"]}, {"regions": ["eu-west-1"] * 2},
        {"regions": ["eu-west-1", "eu-west-2"], "url": "https://vpce.example"},
        {"regions": ["eu-west-1"], "url": "https://u@vpce.example"},
        {"regions": ["eu-west-1"], "profile": "admin"},
    ],
)  # fmt: skip
def test_sagemaker_settings(settings: Any) -> None:
    """Settings that name no region, or more than there is."""
    source = SourceSettings.model_validate(
        {"name": "aws", "kind": "sagemaker", "namespace": "retail", "settings": settings}
    )
    with pytest.raises(SourceRefused, match="settings"):
        next(harvesters(source, Secret("id:key", "amazonaws.com"), {}))
