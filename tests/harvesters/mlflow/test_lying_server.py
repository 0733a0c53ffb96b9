"""A server, proxy or network that lies or breaks: nothing is complete that was not read."""

import json
import traceback
from collections.abc import Callable
from typing import Final

import pytest
from werkzeug import Request, Response

from harvesters.errors import SourceRefused, SourceUnavailable
from harvesters.mlflow.client import Registry
from harvesters.mlflow.names import Place
from harvesters.mlflow.sweep import RegistrySweep
from schemas.harvest import KnownSubject, Outcome
from schemas.identifiers import Identifier, Kind
from tests.harvesters.mlflow.conftest import Catalog, FakeServer, make_sweep

TOKEN: Final = "canary-d41d8cd98f00"  # noqa: S105
JSON: Final = "application/json"
MODELS, VERSIONS = "registered-models/search", "model-versions/search"
CALLS: Final = ("experiments/search", MODELS, VERSIONS)
Lie = Callable[[Request], Response]


def answers(body: str, status: int = 200, content_type: str = JSON, **headers: str) -> Lie:
    """Answer so, whatever is asked; the body repeats the credential as some proxies do."""
    return lambda request: Response(
        body.replace("$auth", request.headers.get("Authorization", "")),
        status,
        headers=headers,
        content_type=content_type,
    )


def half_a_body(_request: Request) -> Response:
    """Promise more than is sent."""
    answer = Response('{"registered_models": [', content_type=JSON)
    answer.headers["Content-Length"] = "100000"
    answer.automatically_set_content_length = False
    return answer


REFUSED: Final = {
    "html 200": answers("<html>login $auth</html>", content_type="text/html"),
    "html 404": answers("<html>no such page $auth</html>", 404, "text/html"),
    "json 404": answers('{"detail": "Not Found $auth"}', 404),
    "redirect": answers("", 302, Location="https://elsewhere.example/"),
    "401": answers('{"detail": "$auth is wrong"}', 401),
    "401 text": answers("$auth is wrong", 401, "text/plain"),
    "403": answers('{"error_code": "PERMISSION_DENIED", "message": "$auth"}', 403),
    "list": answers("[]"),
    "wrong type": answers(
        '{"registered_models": "$auth", "model_versions": "x", "experiments": {"a": 1}}'
    ),
}
UNAVAILABLE: Final = {
    "429": answers("{}", 429, **{"Retry-After": "7200"}),
    "500": answers('{"error_code": "INTERNAL_ERROR", "message": "$auth"}', 500),
    "503": answers("$auth", 503, "text/plain"),
    "half a body": half_a_body,
}
EMPTY: Final = {
    "empty object": answers("{}"),
    "empty body": answers(""),
    "error with status 200": answers('{"error": "upstream said $auth"}'),
}


@pytest.fixture
def sweep(fake: FakeServer, monkeypatch: pytest.MonkeyPatch) -> RegistrySweep:
    """The sweep of the scripted server, with a credential."""
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", TOKEN)
    return make_sweep(Place("mlflow-prod", "default", "retail", fake.uri), secrets=[TOKEN])


def assert_failed(catalog: Catalog, error: BaseException) -> None:
    """Closed as failed, nothing gone, no credential anywhere in the text."""
    said = "".join(traceback.format_exception(error))
    assert TOKEN not in said
    assert catalog.closed[-1].outcome is Outcome.FAILED
    assert TOKEN not in str(catalog.closed[-1].error)
    assert not any(one.gone for one in catalog.current.values())


def test_sweep_scripted(sweep: RegistrySweep, catalog: Catalog) -> None:
    """The script is good enough: untouched, it is swept completely."""
    assert catalog.sweep(sweep).outcome is Outcome.COMPLETE
    assert [subject.value for subject in catalog.current] == [
        "mlflow-prod/default/churn", "mlflow-prod/default/churn/1",
    ]  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("lie", REFUSED)
def test_sweep_refused(
    sweep: RegistrySweep, fake: FakeServer, catalog: Catalog, lie: str, call: str
) -> None:
    """An answer that cannot be believed stops the sweep."""
    catalog.sweep(sweep)
    fake.lies[call] = REFUSED[lie]
    with pytest.raises(SourceRefused, match=call.partition("/")[0].replace("-", "_")) as refused:
        catalog.sweep(sweep)
    assert_failed(catalog, refused.value)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("lie", UNAVAILABLE)
def test_sweep_unavailable(
    sweep: RegistrySweep, fake: FakeServer, catalog: Catalog, lie: str, call: str
) -> None:
    """What may pass is said to be unavailable."""
    catalog.sweep(sweep)
    fake.lies[call] = UNAVAILABLE[lie]
    with pytest.raises(SourceUnavailable) as unavailable:
        catalog.sweep(sweep)
    assert_failed(catalog, unavailable.value)


@pytest.mark.parametrize("lie", EMPTY)
def test_sweep_empty_everywhere(
    sweep: RegistrySweep, fake: FakeServer, catalog: Catalog, lie: str
) -> None:
    """A server that says nothing at all, with status 200, is refused at the first sweep too."""
    fake.lies |= dict.fromkeys(fake.answers, EMPTY[lie])
    with pytest.raises(SourceRefused) as refused:
        catalog.sweep(sweep)
    assert_failed(catalog, refused.value)


@pytest.mark.parametrize("lie", EMPTY)
def test_sweep_empty_listings(
    sweep: RegistrySweep, fake: FakeServer, catalog: Catalog, lie: str
) -> None:
    """Empty listings of a registry that had models are not believed."""
    catalog.sweep(sweep)
    fake.lies |= dict.fromkeys((MODELS, VERSIONS), EMPTY[lie])
    with pytest.raises(SourceRefused) as refused:
        catalog.sweep(sweep)
    assert_failed(catalog, refused.value)


@pytest.mark.parametrize("lie", EMPTY)
@pytest.mark.parametrize("call", [MODELS, VERSIONS])
def test_sweep_one_empty_listing(
    sweep: RegistrySweep, fake: FakeServer, catalog: Catalog, lie: str, call: str
) -> None:
    """What one lying listing hides is asked for by name, and found."""
    catalog.sweep(sweep)
    fake.lies[call] = EMPTY[lie]

    assert catalog.sweep(sweep).outcome is Outcome.COMPLETE
    assert len(catalog.live()) == 2
    assert fake.asked[-1] in {"registered-models/get", "model-versions/get", VERSIONS}


@pytest.mark.parametrize("lie", EMPTY)
def test_sweep_empty_when_asked(
    sweep: RegistrySweep, fake: FakeServer, catalog: Catalog, lie: str
) -> None:
    """Asked by name, an empty answer is another thing than the one asked for, not its absence."""
    catalog.sweep(sweep)
    fake.lies |= dict.fromkeys((VERSIONS, "model-versions/get"), EMPTY[lie])
    with pytest.raises(SourceRefused, match="another thing") as refused:
        catalog.sweep(sweep)
    assert_failed(catalog, refused.value)


@pytest.mark.parametrize("lie", ["html 404", "json 404", "redirect", "401", "html 200"])
@pytest.mark.parametrize("kind", ["registered-models", "model-versions"])
def test_sweep_lied_to_when_asked(
    sweep: RegistrySweep, fake: FakeServer, catalog: Catalog, kind: str, lie: str
) -> None:
    """Only MLflow's own "not found" says that a thing is gone; a proxy's page does not."""
    catalog.sweep(sweep)
    fake.lies |= {f"{kind}/search": answers("{}"), f"{kind}/get": REFUSED[lie]}
    with pytest.raises(SourceRefused) as refused:
        catalog.sweep(sweep)
    assert_failed(catalog, refused.value)


@pytest.mark.parametrize(
    "body", ['{"error_code": "PERMISSION_DENIED", "message": "no"}', "Permission denied"]
)
def test_sweep_rights_lost(
    sweep: RegistrySweep, fake: FakeServer, catalog: Catalog, body: str
) -> None:
    """Permissions thin listings silently, and 403 never says that a thing is gone."""
    tags = [{"key": "catalog.use", "value": "offers"}]
    secret = {"name": "secret", "creation_timestamp": 1_795_000_000_000, "tags": tags}
    fake.answers[MODELS] = lambda _: {"registered_models": [*fake.models, secret]}
    catalog.sweep(sweep)
    fake.answers[MODELS] = lambda _: {"registered_models": fake.models}
    fake.lies["registered-models/get"] = answers(body, 403)
    report = catalog.sweep(sweep)

    assert report.outcome is Outcome.COMPLETE
    assert [(one.code, one.subject.value) for one in report.skipped if one.subject] == [
        ("not_readable", "mlflow-prod/default/secret"),
        ("not_readable", "retail/secret/offers"),
    ]
    assert len(catalog.live()) == 4


def test_sweep_version_not_readable(
    sweep: RegistrySweep, fake: FakeServer, catalog: Catalog
) -> None:
    """A version that may not be read stays as it was."""
    catalog.sweep(sweep)
    fake.lies |= {VERSIONS: answers("{}"), "model-versions/get": answers("no", 403)}
    report = catalog.sweep(sweep)

    assert [one.code for one in report.skipped] == ["not_readable"]
    assert len(catalog.live()) == 2


def test_sweep_renamed_meanwhile(sweep: RegistrySweep, fake: FakeServer, catalog: Catalog) -> None:
    """A new name that is not there either, once asked for, leaves the old one gone."""
    born = {"creation_timestamp": 1795000000000, "last_updated_timestamp": 1795009000000}
    fake.answers[MODELS] = lambda _: {"registered_models": [{"name": "churn"} | born]}
    catalog.sweep(sweep)
    fake.answers[MODELS] = lambda _: {"registered_models": [{"name": "attrition"} | born]}
    fake.answers |= dict.fromkeys(
        ("registered-models/get", "model-versions/get", VERSIONS), lambda _: None
    )
    fake.answers[VERSIONS] = lambda _: {}
    catalog.sweep(sweep)

    assert [one.subject.value.split("/", 2)[2] for one in catalog.live().values()] == ["attrition"]


def test_sweep_version_of_hidden_model(
    sweep: RegistrySweep, fake: FakeServer, catalog: Catalog
) -> None:
    """A version whose model is neither listed nor there is not observed, nor a prompt's."""
    prompt = {"name": "p", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]}
    fake.answers[MODELS] = lambda _: {"registered_models": [prompt, *fake.models]}
    others = [{"name": "p", "version": "1"}, {"name": "away", "version": "1"}]
    fake.answers[VERSIONS] = lambda _: {"model_versions": [*others, *fake.versions]}
    report = catalog.sweep(sweep)

    assert len(catalog.current) == 2
    assert report.counts == {"prompts_left_out": 1}


def test_sweep_born_together(sweep: RegistrySweep, fake: FakeServer, catalog: Catalog) -> None:
    """Of two models created in one millisecond, neither is the other's new name."""
    born = {"creation_timestamp": 1795000000000}
    older = {"name": "attrition", "last_updated_timestamp": 1795000000000} | born
    newer = {"name": "churn", "last_updated_timestamp": 1795009000000} | born
    newest = {"name": "other", "last_updated_timestamp": 1795009000000}
    fake.answers[MODELS] = lambda _: {"registered_models": [older, newer, newest]}
    catalog.sweep(sweep)
    fake.answers["registered-models/get"] = lambda _: None
    fake.answers[MODELS] = lambda _: {"registered_models": [older, newest]}
    catalog.sweep(sweep)

    assert catalog.told("/churn").gone
    assert [len(one.same_as) for one in catalog.live().values() if one.facts.name] == [1, 1]


def test_sweep_foreign_subject(sweep: RegistrySweep, fake: FakeServer) -> None:
    """What is not of this place is not asked for."""
    subject = Identifier(kind=Kind.MODEL, scheme="mlflow", value="mlflow-prod/other/churn")
    assert list(sweep.ask([KnownSubject(subject=subject, digest="x")])) == []
    assert fake.asked == []


@pytest.mark.parametrize("cursor", ["", "{}", "null", '{"format": 2, "max_updated": 9}', "rubbish"])
def test_sweep_unknown_cursor(sweep: RegistrySweep, catalog: Catalog, cursor: str) -> None:
    """A cursor of another format means none."""
    catalog.cursor = cursor
    assert catalog.sweep(sweep).outcome is Outcome.COMPLETE
    assert catalog.cursor != cursor


def test_sweep_cursor_clock(sweep: RegistrySweep, fake: FakeServer, catalog: Catalog) -> None:
    """Times in the data never move the cursor past our clock."""
    ahead = {"name": "churn", "last_updated_timestamp": 10**15}
    fake.answers[MODELS] = lambda _: {"registered_models": [ahead]}
    catalog.sweep(sweep)
    cursor = json.loads(str(catalog.cursor))
    began = int(sweep.began.timestamp() * 1_000)
    assert (cursor["format"], cursor["max_updated"]) == (1, began)
    assert cursor["newest"] == {"churn": began}


def test_sweep_catalog_tags_reported(
    sweep: RegistrySweep, fake: FakeServer, catalog: Catalog
) -> None:
    """An unknown `catalog.*` tag is counted and reported with the nearest one."""
    tagged = {"name": "churn", "tags": [{"key": "catalog.licence", "value": "MIT"}]}
    fake.answers[MODELS] = lambda _: {"registered_models": [tagged]}
    report = catalog.sweep(sweep)

    assert report.counts["catalog_tag_unknown"] == 1
    assert [(one.code, one.message) for one in report.skipped] == [
        (
            "catalog_tag_unknown",
            "catalog.licence: no such tag states a fact; the nearest is catalog.license",
        )
    ]


def test_sweep_token_repeated(sweep: RegistrySweep, fake: FakeServer, catalog: Catalog) -> None:
    """A listing whose page token comes twice never ends."""
    page = {"registered_models": fake.models, "next_page_token": "again"}
    fake.lies[MODELS] = answers(json.dumps(page))
    with pytest.raises(SourceRefused, match="token came twice") as refused:
        catalog.sweep(sweep)
    assert_failed(catalog, refused.value)


def test_sweep_empty_page_with_token(
    sweep: RegistrySweep, fake: FakeServer, catalog: Catalog
) -> None:
    """An empty page that has a token is not the end."""
    fake.answers[MODELS] = lambda asked: (
        {"registered_models": fake.models}
        if asked.get("page_token")
        else {"next_page_token": "more"}
    )
    assert catalog.sweep(sweep).outcome is Outcome.COMPLETE
    assert fake.asked.count(MODELS) == 2
    assert "registered-models/get" not in fake.asked


def test_sweep_second_page_lies(sweep: RegistrySweep, fake: FakeServer, catalog: Catalog) -> None:
    """An error in mid-sweep leaves what was posted, and closes as failed."""
    page = {"registered_models": fake.models, "next_page_token": "more"}
    fake.lies[MODELS] = lambda request: (
        answers("<html>") if request.args.get("page_token") else answers(json.dumps(page))
    )(request)
    with pytest.raises(SourceRefused) as refused:
        catalog.sweep(sweep)
    assert_failed(catalog, refused.value)
    assert catalog.cursor is None


def test_sweep_nameless_model(sweep: RegistrySweep, fake: FakeServer, catalog: Catalog) -> None:
    """A listed thing without a name is no model."""
    fake.answers[MODELS] = lambda _: {"registered_models": [{}]}
    with pytest.raises(SourceRefused, match="without a name") as refused:
        catalog.sweep(sweep)
    assert_failed(catalog, refused.value)


def test_sweep_hanging(sweep: RegistrySweep, fake: FakeServer, catalog: Catalog) -> None:
    """A server that does not answer is given up."""

    def hang(_request: Request) -> Response:
        fake.released.wait()
        return Response("{}", content_type=JSON)

    fake.lies[VERSIONS] = hang
    with pytest.raises(SourceUnavailable, match="ReadTimeout") as unavailable:
        catalog.sweep(sweep)
    fake.released.set()
    assert_failed(catalog, unavailable.value)


@pytest.mark.usefixtures("prepared")
def test_registry_connection_refused() -> None:
    """A server that is not there is unavailable."""
    with pytest.raises(SourceUnavailable, match="ConnectionError"):
        Registry("http://127.0.0.1:1", workspace="default").probe()


def test_sweep_without_workspaces(fake: FakeServer, catalog: Catalog) -> None:
    """A server without workspaces refuses one that is named."""
    fake.lies["/api/3.0/mlflow/server-info"] = answers('{"workspaces_enabled": false}')
    with pytest.raises(SourceRefused, match="does not support workspaces") as refused:
        catalog.sweep(make_sweep(Place("mlflow-prod", "team-b", "retail", fake.uri)))
    assert_failed(catalog, refused.value)
