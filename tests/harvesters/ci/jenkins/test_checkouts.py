"""Which of the repositories that a build checked out is its job's own."""

from typing import Final

import pytest

from tests.harvesters.ci.jenkins.conftest import Ci
from tests.support.jenkins_server import checkout

A, B, C = "a" * 40, "b" * 40, "c" * 40
CHURN: Final = "https://github.com/acme/churn.git"
LIBRARY: Final = "https://github.com/acme/pipeline-library.git"


@pytest.mark.parametrize("first", [True, False])
def test_harvest_own_repository(ci: Ci, *, first: bool) -> None:
    """Of several repositories the job's own is told, whichever stands first."""
    multibranch = ci.server.job("shop", "churn", "feature%2Fx")
    for commit in (A, B):
        build = multibranch.build()
        own = checkout(commit, [CHURN], branch="feature/x")
        library = checkout(C, [LIBRARY], branch="main")
        build["actions"] += [own, library] if first else [library, own]
    ci.settings = {"workflows": ["*"]}

    ci.harvest()

    facts = ci.catalog.facts(ci.thing("shop/churn/feature%2Fx#2"))
    assert (facts["commit"], facts["ref"]) == (B, "feature/x")
    assert facts["repository"]["value"] == "https://github.com/acme/churn"


def test_harvest_own_repository_named(ci: Ci) -> None:
    """What the catalog names decides, where the job's name says nothing."""
    build = ci.server.job("nightly").build()
    build["actions"] += [checkout(C, [LIBRARY]), checkout(A, [CHURN])]
    ci.catalog.name(A, "https://github.com/acme/churn")

    ci.harvest()

    assert ci.catalog.facts(ci.thing("nightly#1"))["commit"] == A


def test_harvest_own_repository_uncertain(ci: Ci) -> None:
    """Where nothing tells them apart none is stated, and the entry says so."""
    build = ci.server.job("nightly").build()
    build["actions"] += [checkout(C, [LIBRARY]), checkout(A, [CHURN])]
    ci.settings = {"workflows": ["nightly"]}

    ci.harvest()

    facts = ci.catalog.facts(ci.thing("nightly#1"))
    assert not facts.keys() & {"commit", "repository", "ref"}
    assert facts["warnings"] == [
        "it checked out 2 repositories, and none is known to be its job's own"
    ]
