"""Whose rights a bundle has, and who may see and take it: looked up each time."""

import io
import json
import zipfile
from typing import Any

from tests.exports.jobs.office import Office, behind, data_of
from tests.support.catalog import rows

RETAIL = ["retail"]


def mask_of(bundle: bytes) -> dict[str, Any]:
    """What its reader may see, as the bundle says."""
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        return dict(json.loads(archive.read("manifest.json"))["mask"])


def test_rights_of_the_account(office: Office) -> None:
    """It shows what the account may read, and its manifest says what that is."""
    asked = office.request("retail")
    office.build()
    bundle = office.bundle(asked, "retail")

    assert b"retail/churn" in data_of(bundle)["data/models.csv"]
    assert b"wholesale/prices" not in data_of(bundle)["data/models.csv"]
    assert mask_of(bundle)["namespaces"] == RETAIL


def test_rights_narrowed(office: Office) -> None:
    """It is narrowed as the token was that asked for it."""
    office.tokens["narrow"] = office.service.token_of("reviewer", namespaces=RETAIL)
    asked = office.request("narrow")
    office.build()

    bundle = office.bundle(asked, "reviewer")
    assert b"wholesale/prices" not in data_of(bundle)["data/models.csv"]
    assert (mask_of(bundle)["namespaces"], mask_of(bundle)["notes"]) == (RETAIL, RETAIL)


def test_rights_scopes(office: Office) -> None:
    """A token that may only export shows no notes, whatever its account may read."""
    office.tokens["narrow"] = office.service.token_of("reviewer", scopes=["exports:read"])
    asked = office.request("narrow")
    office.build()

    assert mask_of(office.bundle(asked, "reviewer"))["notes"] == []


def test_rights_of_then(office: Office) -> None:
    """It is built with the rights that are left when it is built."""
    asked = office.request("reviewer")
    behind(
        office.database,
        "UPDATE role_grant SET namespace = 'retail' WHERE account_id ="
        " (SELECT id FROM account WHERE name = 'reviewer')",
    )
    office.build()

    assert mask_of(office.bundle(asked, "reviewer"))["namespaces"] == RETAIL


def test_rights_gone(office: Office) -> None:
    """A disabled account's bundle is not built, and is not tried again."""
    office.request()
    behind(office.database, "UPDATE account SET disabled_at = now() WHERE name = 'reader'")

    assert office.build() == 0
    ((state, tries, error),) = rows(office.database, "SELECT state, tries, error FROM export")
    assert (state, tries) == ("FAILED", 1)
    assert "The account is disabled." in error


def test_rights_others(office: Office) -> None:
    """Others do not learn that it exists; auditors see all, and end none; admins may."""
    asked = office.request()
    seen = {
        who: [
            office.ask("GET", asked["url"], who).status_code,
            office.ask("GET", f"{asked['url']}/bundle.zip", who).status_code,
            len(office.service.get("exports", office.tokens[who])["items"]),
            office.ask("POST", f"{asked['url']}:cancel", who).status_code,
        ]
        for who in ("second", "auditor", "admin", "reader")
    }

    assert seen == {
        "second": [404, 404, 0, 404],
        "auditor": [200, 409, 1, 403],
        "admin": [200, 409, 1, 200],
        "reader": [200, 409, 1, 200],
    }


def test_rights_download(office: Office) -> None:
    """It is for whoever asked, and for auditors and admins who may read all that it shows."""
    plain, noted = office.request("reader"), office.request("reviewer")
    office.build()
    taken = {
        (who, name): office.ask("GET", f"{export['url']}/bundle.zip", who).status_code
        for name, export in (("plain", plain), ("noted", noted))
        for who in ("reader", "reviewer", "auditor", "admin")
    }

    assert taken == {
        ("reader", "plain"): 200, ("reviewer", "plain"): 404,
        ("auditor", "plain"): 200, ("admin", "plain"): 200,
        ("reader", "noted"): 404, ("reviewer", "noted"): 200,
        ("auditor", "noted"): 200, ("admin", "noted"): 403,  # an admin reads no notes
    }  # fmt: skip


def test_rights_lost_since(office: Office) -> None:
    """Whoever asked for it and may read less by now, or whose token may, does not get it."""
    asked = office.request("reviewer")
    office.build()
    office.tokens["narrow"] = office.service.token_of("reviewer", namespaces=RETAIL)
    narrow = office.ask("GET", f"{asked['url']}/bundle.zip", "narrow")
    whole = office.ask("GET", f"{asked['url']}/bundle.zip", "reviewer")
    behind(
        office.database,
        "UPDATE role_grant SET namespace = 'retail' WHERE account_id ="
        " (SELECT id FROM account WHERE name = 'reviewer')",
    )
    lost = office.ask("GET", f"{asked['url']}/bundle.zip", "reviewer")

    assert (narrow.status_code, whole.status_code, lost.status_code) == (403, 200, 403)
    assert lost.json()["code"] == "bundle_not_yours"


def test_rights_machine_tokens(office: Office) -> None:
    """CSV-07: tokens of sources and nobody's tokens ask for nothing, and no link works alone."""
    source = office.service.token("source", source_name="mlflow-prod")
    asked = office.request()
    office.build()

    assert office.service.ask("POST", "exports", source, json={}).status_code == 403
    assert office.service.ask("GET", f"{asked['url']}/bundle.zip").status_code == 401
