"""Details: one entry by its name, with where each field comes from, and whether it changed."""

import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.strict import instant_text
from tests.support.catalog import Sweep, make_source, model, post, version
from tests.support.http import Service

LATER = "2026-11-21T00:00:00Z"
RUN = {"kind": "training_run", "scheme": "mlflow", "value": "mlflow-prod/default/run-1"}
EVIDENCE = {"url": "https://mlflow.acme.example/#/models/churn"}


@pytest.fixture
def disputed(service: Service) -> Service:
    """A model that two sources describe, each in its own words."""
    strong = make_source(service.database, precedence=80)
    weak = make_source(service.database, "mlflow-other")
    first = model(description="strong", tags=["b", "a"], license=None, lifecycle="pilot")
    post(service.database, strong, first | {"evidence": EVIDENCE, "inferred": ["lifecycle"]})
    other: dict[str, Any] = {"description": "weak", "tags": ["c"], "lifecycle": "production",
             "model_class": {"one_of": ["generative", "agentic"]}}  # fmt: skip
    post(service.database, weak, model(source="mlflow-other", at=LATER, **other))
    return service


def test_model_provenance(disputed: Service) -> None:
    """Every stated field says its value, who said it, when, on what evidence, and who lost."""
    found = disputed.get("models/retail/churn", provenance="true")
    plain = disputed.get("models/retail/churn")
    said = found["provenance"]

    assert plain == found | {"provenance": None}
    assert set(said) == set(found["facts"])
    strong = {
        "source": "mlflow-prod", "subject": "mlflow:mlflow-prod/default/churn",
        "observed_at": "2026-11-20T12:00:00.000000Z", "evidence": EVIDENCE,
        "inferred": False, "precedence": 80, "stale": False,
    }  # fmt: skip
    weak = {
        "source": "mlflow-other", "subject": "mlflow:mlflow-other/default/churn",
        "observed_at": "2026-11-21T00:00:00.000000Z", "evidence": None, "inferred": False,
        "precedence": 40, "stale": False,
    }  # fmt: skip
    assert said["description"] == strong | {
        "value": "strong", "confirmed_at": strong["observed_at"], "conflict": True,
        "rule": "top", "contenders": [weak | {"value": "weak"}], "pin": None,
    }  # fmt: skip
    assert found["conflicts"] == ["description", "lifecycle"]
    assert said["tags"]["value"] == ["a", "b", "c"]
    assert said["tags"]["rule"] == "union"
    assert [one["value"] for one in said["tags"]["contenders"]] == [["c"]]
    assert (said["license"]["value"], said["license"]["contenders"]) == (None, [])
    assert said["model_class"]["value"] == {"one_of": ["agentic", "generative"]}
    assert said["lifecycle"]["value"] == "production"
    assert [(c["value"], c["inferred"]) for c in said["lifecycle"]["contenders"]] == [
        ("pilot", True)
    ]


def test_model_missing_is_not_empty(disputed: Service) -> None:
    """Left out is not stated, null is stated empty, a choice is narrowed: three states."""
    facts = disputed.get("models/retail/churn")["facts"]

    assert "task" not in facts
    assert facts["license"] is None
    assert facts["model_class"] == {"one_of": ["agentic", "generative"]}


def test_detail_confirmed(service: Service) -> None:
    """Confirmed by the last complete full harvest that saw it; one that missed it confirms not."""
    source = make_source(service.database)
    begun = datetime.now(UTC)
    first = Sweep(service.database, source)
    first.sweep(model(), version(1), version(2))
    first.close()
    after_first = instant_text(datetime.now(UTC))
    second = Sweep(service.database, source)
    second.sweep(model(), version(1))
    second.close()

    def confirmed(path: str) -> str:
        found = service.get(path, provenance="true")["provenance"]
        return str(next(iter(found.values()))["confirmed_at"])

    seen, missed = (confirmed(f"models/retail/churn/versions/{number}") for number in (1, 2))
    assert instant_text(begun) < seen
    assert missed < after_first < seen


def test_version_by_alias(service: Service) -> None:
    """`@alias` is the highest live version that bears it; an alias is written like a name."""
    source = make_source(service.database)
    other = make_source(service.database, "mlflow-other")
    post(
        service.database,
        source,
        model(),
        version(2, aliases=["champion", "a/b", "é"]),
        version(10, aliases=["champion"]),
    )
    post(
        service.database,
        other,
        model(source="mlflow-other"),
        version(10, source="mlflow-other", aliases=["champion"]),
        version(3, source="mlflow-other", aliases=["challenger"]),
    )
    found = {
        label: service.get(f"models/retail/churn/versions/{label}")["name"]
        for label in ("@champion", "%40champion", "@a%252Fb", "@%C3%A9", "@challenger", "10",
                      "10@mlflow-other")
    }  # fmt: skip

    assert found == {
        "@champion": "retail/churn/10",
        "%40champion": "retail/churn/10",
        "@a%252Fb": "retail/churn/2",
        "@%C3%A9": "retail/churn/2",
        "@challenger": "retail/churn/3@mlflow-other",
        "10": "retail/churn/10",
        "10@mlflow-other": "retail/churn/10@mlflow-other",
    }
    for label in ("@", "@none", "11", "@CHAMPION", "%2540champion"):
        answer = service.ask("GET", f"models/retail/churn/versions/{label}", service.reader)
        assert (answer.status_code, answer.json()["code"]) == (404, "version_not_found"), label
    missing = service.ask("GET", "models/retail/none/versions/1", service.reader)
    assert missing.json()["code"] == "model_not_found"


def test_version_reference_written_alike(service: Service) -> None:
    """A reference reads the same as a fact, as what decided it and as what lost."""
    source = make_source(service.database)
    post(service.database, source, model(), version(1, training_run=RUN))
    found = service.get("models/retail/churn/versions/1", provenance="true")

    assert found["facts"]["training_run"] == RUN["value"]
    assert found["provenance"]["training_run"]["value"] == RUN["value"]
    assert found["facts"]["model"] == "mlflow-prod/default/churn"
    assert (found["model"], found["number"]) == ("retail/churn", "1")


def test_detail_entity_tag(disputed: Service) -> None:
    """A strong tag of what is answered: 304 while it says the same, never a day longer."""
    path = "models/retail/churn"
    first = disputed.ask("GET", path, disputed.reader)
    tag = first.headers["etag"]

    def again(*tags: str, ask: str = path) -> Any:
        headers = [("If-None-Match", one) for one in tags]
        return disputed.http.get(
            f"/api/v1/{ask}",
            headers=[("Authorization", f"Bearer {disputed.reader}"), *headers],
        )

    assert tag.startswith('"')
    assert first.headers["cache-control"] == "private, no-cache"
    for tags in ((tag,), (f"W/{tag}",), ('"x"', tag), (f'"x", {tag}',), ("*",)):
        answer = again(*tags)
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    assert [again(*tags).status_code for tags in ((), ('"x"',), (tag[1:-1],), ("",))] == [200] * 4
    assert again(tag, ask=f"{path}?provenance=true").status_code == 200
    source = make_source(disputed.database, precedence=80)
    changed = model(at=LATER, description="stronger")
    post(disputed.database, source, changed)
    assert again(tag).status_code == 200
    assert again(tag).headers["etag"] != tag
    anonymous = disputed.ask("GET", path, headers={"If-None-Match": "*"})
    assert anonymous.status_code == 401


def test_detail_while_it_changes(disputed: Service) -> None:
    """A detail is read in one snapshot: what was said fits what was decided, whatever goes on."""
    source = make_source(disputed.database, precedence=80)

    def write() -> None:
        for number in range(30):
            moment = f"2026-11-22T00:00:{number:02d}Z"
            post(disputed.database, source, model(at=moment, description=f"text {number}"))

    writer = threading.Thread(target=write)
    writer.start()
    seen = 0
    while writer.is_alive() or not seen:
        found = disputed.get("models/retail/churn", provenance="true")
        winner = found["provenance"]["description"]
        text, contenders = winner["value"], [one["value"] for one in winner["contenders"]]

        assert (text, contenders) == (found["facts"]["description"], ["weak"])
        if text.startswith("text"):
            assert winner["observed_at"] == f"2026-11-22T00:00:{int(text[5:]):02d}.000000Z"
        seen += 1
    writer.join()
