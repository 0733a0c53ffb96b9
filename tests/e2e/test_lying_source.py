"""A real server behind something that lies, breaks or stalls: nothing retires by accident."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from harvesters.errors import SourceRefused, SourceUnavailable
from tests.e2e.proxy import Answered, Asked, CutConnection, Proxy
from tests.e2e.site import Site, Workspace

HTML: Final = {"Content-Type": "text/html"}
LIES: Final = {
    "empty object": Answered(200, b"{}"),
    "empty body": Answered(200, b""),
    "html": Answered(200, b"<html>Please log in.</html>", HTML),
    "error": Answered(200, b'{"error": "upstream"}'),
    "redirect": Answered(302, b"", {"Location": "https://elsewhere.example/"}),
    "not found": Answered(404, b"<html>nothing here</html>", HTML),
    "unavailable": Answered(503, b"later", HTML),
    "forbidden": Answered(403, b'{"error_code": "PERMISSION_DENIED", "message": "no"}'),
}
LISTINGS: Final = ("/registered-models/search", "/model-versions/search")


@pytest.fixture
def known(churn: Workspace, way_out: Proxy, site: Site) -> dict[str, Any]:
    """What the catalog holds of a registry that is read through the proxy."""
    churn.uri = way_out.url
    site.declare(churn)
    assert site.harvest().outcome == "complete"
    return readable(site)


def readable(site: Site) -> dict[str, Any]:
    """All that readers see."""
    return {"models": site.models(), "versions": site.versions()}


def untruly(answer: Answered, *paths: str) -> Callable[[Asked], Answered | None]:
    """Answer so to requests for these paths, or to all."""
    return lambda asked: answer if not paths or any(path in asked.path for path in paths) else None


@contextmanager
def harmless(site: Site, known: dict[str, Any], way_out: Proxy) -> Iterator[None]:
    """A harvest that fails inside loses nothing; then the next one is as if it had never been."""
    cursor = site.cursor()
    with pytest.raises((SourceRefused, SourceUnavailable)):
        yield
    assert (readable(site), site.cursor()) == (known, cursor)
    assert site.harvests()[0]["outcome"] == "failed"
    assert site.harvests()[0]["report"]["error"]
    way_out.before = lambda _asked: None
    report = site.harvest()
    assert (report.outcome, report.changed, report.retired) == ("complete", 0, 0)


@pytest.mark.parametrize("where", [(), LISTINGS], ids=["everywhere", "listings"])
def test_harvest_lied_to(
    site: Site,
    known: dict[str, Any],
    way_out: Proxy,
    subtests: pytest.Subtests,
    where: tuple[str, ...],
) -> None:
    """An answer that cannot be believed fails the harvest, whatever its status says."""
    for name, lie in LIES.items():
        with subtests.test(lie=name):
            way_out.before = untruly(lie, *where)
            with harmless(site, known, way_out):
                site.harvest()


def test_harvest_rights_lost(site: Site, known: dict[str, Any], way_out: Proxy) -> None:
    """Permissions thin a listing in silence; what answers 403 by name is skipped and stays."""

    def without_churn(asked: Asked, answered: Answered) -> Answered:
        if "/get?" in asked.path and "churn" in asked.path:
            return LIES["forbidden"]
        listed = json.loads(answered.body) if asked.path.startswith("/api") else {}
        for rows in (listed.get("registered_models"), listed.get("model_versions")):
            if rows:
                rows[:] = [row for row in rows if row["name"] != "churn"]
                return answered._replace(body=json.dumps(listed).encode())
        return answered

    way_out.after = without_churn
    report = site.harvest()

    assert (report.outcome, report.retired, report.seen) == ("complete", 0, 1)
    assert {(one.code, str(one.subject).rsplit("/churn")[1]) for one in report.skipped} == {
        ("not_readable", ""), ("not_readable", "/1"), ("not_readable", "/2"),
    }  # fmt: skip
    assert readable(site) == known


def test_harvest_second_page_fails(
    site: Site, known: dict[str, Any], way_out: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listing that breaks in the middle is no listing."""
    monkeypatch.setattr("harvesters.mlflow.client.MODELS_A_PAGE", 1)
    way_out.before = untruly(Answered(500, b"{}"), "page_token")

    with harmless(site, known, way_out):
        site.harvest()


def test_harvest_cut(site: Site, known: dict[str, Any], way_out: Proxy) -> None:
    """A connection that ends without an answer is a source that is not available."""

    def cut(asked: Asked) -> None:
        if "model-versions" in asked.path:
            raise CutConnection

    way_out.before = cut
    with harmless(site, known, way_out):
        site.harvest()


def test_harvest_slow(site: Site, known: dict[str, Any], way_out: Proxy) -> None:
    """A source that takes its time is read to its end."""

    def slow(_asked: Asked) -> None:
        way_out.stopping.wait(0.3)

    way_out.before = slow
    report = site.harvest()

    assert (report.outcome, report.seen, report.changed) == ("complete", 4, 0)
    assert readable(site) == known


def test_harvest_dripping(
    site: Site, known: dict[str, Any], way_out: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source that sends a byte now and then never times out by itself: it is given up."""
    monkeypatch.setattr("harvesters.runner.PAGE_SECONDS", 1)
    way_out.before = untruly(Answered(200, b"{}" + b" " * 10_000, drip=0.05), LISTINGS[1])

    with harmless(site, known, way_out):
        site.harvest()

    assert "longer than 1 seconds" in site.harvests()[1]["report"]["error"]
