"""A listing that suddenly has 3 of 300 models: held back, shown, and released by a person."""

import json
from typing import Any, Final

import pytest

from service.db import Database
from tests.e2e.proxy import Answered, Asked, Proxy
from tests.e2e.site import Site, Workspace, bearer
from tests.support.catalog import rows

MODELS: Final = 300
LEFT: Final = ("m000", "m001", "newest")  # without that, the server would have gone back
DENIED: Final = Answered(404, b'{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "not found"}')
GONE: Final = "SELECT count(*) FROM entry WHERE kind = 'model' AND gone_since IS NOT NULL"


def thinned(asked: Asked, answered: Answered) -> Answered:
    """Only three are listed, and each other one, asked for by name, is not there."""
    if "/get?" in asked.path and not any(name in asked.path for name in LEFT):
        return DENIED
    if not asked.path.startswith("/api") or "/search" not in asked.path:
        return answered
    listed = json.loads(answered.body)
    if "registered_models" in listed:
        kept = [row for row in listed["registered_models"] if row["name"] in LEFT]
        return answered._replace(body=json.dumps(listed | {"registered_models": kept}).encode())
    return answered


@pytest.fixture
def held(request: pytest.FixtureRequest, registry: Workspace, site: Site, way_out: Proxy) -> Any:
    """The item that the thinned listing of so many models left behind."""
    for number in range(request.param - 1):
        registry.create_registered_model(f"m{number:03}", {}, "Monthly.")
    registry.create_registered_model("newest", {}, "Monthly.")
    registry.uri = way_out.url
    site.declare(registry)
    assert site.harvest().created == request.param
    way_out.after = thinned
    done = site.command("harvest", "mlflow-prod")
    assert done.returncode == 1, done.stderr
    (line,) = decided(site, "list", "--json").stdout.splitlines()
    return json.loads(line)


def decided(site: Site, *arguments: str) -> Any:
    """Run the command as the admin."""
    return site.command("quarantine", *arguments, MODEL_CATALOG_TOKEN=site.admin)


@pytest.mark.parametrize("held", [MODELS], indirect=True)
def test_held_back_released(held: Any, site: Site, database: Database, way_out: Proxy) -> None:
    """Nothing retires until an admin has looked at it; then just that; and it may come back."""
    assert rows(database, GONE) == [(0,)]
    head = {"gone": MODELS - 3, "missed": 0, "entries": MODELS - 3, "retired": MODELS - 3}
    assert {name: held["plan"][name] for name in head} == head
    (covered,) = (row for row in site.get("/coverage")["items"] if row["held_back"])
    assert (covered["source"], covered["held_back"]) == ("mlflow-prod", MODELS - 3)

    number = str(held["id"])
    item, *planned = decided(site, "show", number, "--json").stdout.splitlines()
    assert json.loads(item) == held
    assert [json.loads(one)["name"] for one in planned] == [
        f"retail/m{number:03}" for number in range(2, MODELS - 1)
    ]
    done = decided(site, "release", number, "--reason", "they were deleted")

    assert (done.returncode, done.stdout.count("gone_since")) == (0, MODELS - 3), done.stderr
    assert done.stderr.startswith("297 entries retired, 0 changed: harvest of registry/")
    assert rows(database, GONE) == [(MODELS - 3,)]
    again = decided(site, "release", number, "--reason", "they were deleted")
    assert (again.returncode, "resolved already" in again.stderr) == (5, True)

    way_out.after = lambda _asked, answered: answered
    assert site.harvest().held_back == 0
    assert rows(database, GONE) == [(0,)]


@pytest.mark.parametrize("held", [30], indirect=True)
def test_held_back_moved(held: Any, site: Site, database: Database) -> None:
    """One model was described meanwhile: 5, the model's name, and nothing is retired."""
    source = {"name": "notes", "kind": "ci", "namespace": "retail", "precedence": 90}
    answer = site.http.put("/sources/notes", json=source, headers=bearer(site.admin))
    assert answer.is_success, answer.text
    asked = {"role": "source", "source": "notes", "days": 1}
    made = site.http.post("/tokens", json=asked, headers=bearer(site.admin)).json()
    said = {
        "subject": {"kind": "model", "scheme": "name", "value": "retail/m010"},
        "observed_at": "2026-11-20T09:00:00Z",
        "facts": {"description": "Weekly."},
    }
    pushed = site.http.post(
        "/sources/notes/observations",
        json={"observations": [said]},
        headers=bearer(made["token"]),
    )
    assert pushed.json()["recorded"] == 1, pushed.text
    number = str(held["id"])
    done = decided(site, "release", number, "--reason", "they were deleted")

    assert (done.returncode, done.stdout) == (5, "")
    assert "retail/m010: it was changed since " in done.stderr
    assert rows(database, GONE) == [(0,)]
    dropped = decided(site, "drop", number, "--reason", "a proxy cut it off")
    assert (dropped.returncode, dropped.stdout) == (0, f"{number}\tdropped\n")
    assert decided(site, "list", "--what", "held_back").stdout == ""
