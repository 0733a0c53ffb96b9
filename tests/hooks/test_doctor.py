"""HOOK-11: `doctor` says when webhooks do not come, and why that may be."""

import pytest

from service.db import Database
from service.hooks.process import process_deliveries
from service.operation.checks import Finding
from service.operation.hooked import HOW, check_webhooks
from tests.hooks.deliveries import change, deliver
from tests.hooks.senders import GITHUB, GITLAB, GITLAB_PUSH, PREFIX, PUSH, SECRET, TOKEN
from tests.support.catalog import make_source

SET = {f"{PREFIX}GITHUB_ACME": SECRET, f"{PREFIX}GITLAB_ACME": TOKEN}


def found(database: Database, environ: dict[str, str]) -> dict[str, Finding]:
    """What is found, by the source."""
    return {one.what.removeprefix("webhooks of "): one for one in check_webhooks(database, environ)}


def test_doctor_webhooks(hooked: Database, owner_database: Database) -> None:
    """Never came, comes, came long ago; sources without a secret are not spoken of."""
    make_source(hooked)
    make_source(hooked, "github-off", kind="github", webhook_secret="OFF", enabled=False)  # noqa: S106  # a name
    deliver(hooked, GITLAB_PUSH, source=GITLAB)

    fresh = found(hooked, SET)
    change(owner_database, "UPDATE hook_delivery SET received_at = '2026-01-02 03:04Z'")
    old = found(hooked, SET)

    assert fresh.keys() == {GITHUB, GITLAB}
    assert fresh[GITHUB][::2] == ("warn", "no delivery has ever come")
    assert fresh[GITHUB].fix == HOW
    assert fresh[GITLAB].state == "ok"
    assert old[GITLAB][::2] == ("warn", "no delivery since 2026-01-02 03:04 UTC")


def test_doctor_webhooks_parked(hooked: Database, owner_database: Database) -> None:
    """Deliveries that could not be read are named before anything else."""
    deliver(hooked, {"ref": "unreadable"})
    for _ in range(5):
        process_deliveries(hooked)
        change(owner_database, "UPDATE hook_delivery SET next_try_at = now()")

    parked = found(hooked, SET)[GITHUB]

    assert parked[::2] == ("warn", "1 could not be read")
    assert f"/api/v1/sources/{GITHUB}/deliveries?state=parked" in parked.fix


@pytest.mark.parametrize("text", ["", "x" * 15, " " * 40])
def test_doctor_webhooks_unset(hooked: Database, text: str) -> None:
    """A secret that is not set here, or too short to count."""
    deliver(hooked, PUSH)

    unset = found(hooked, SET | {f"{PREFIX}GITHUB_ACME": text})[GITHUB]

    assert unset[::2] == ("warn", "no secret here")
    assert f"{PREFIX}GITHUB_ACME" in unset.fix


def test_doctor_webhooks_of_others(hooked: Database) -> None:
    """A kind that sends none has no use for a secret."""
    make_source(hooked, "people", kind="directory", webhook_secret="X")  # noqa: S106  # a name

    told = found(hooked, SET)["people"]
    assert told.said == "a source of kind directory takes none"
    assert "azure, github, gitlab, jenkins, mlflow send webhooks" in told.fix
