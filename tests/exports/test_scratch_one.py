"""scratch"""
import csv, io, json, zipfile, traceback
from datetime import UTC, datetime, timedelta
import pytest
import sqlalchemy as sa
from tests.risk.reviews.bank import Bank, DIGEST, CAUSE
from tests.risk.reviews.conftest import bank
from tests.support.catalog import Sweep, model, version, post, rows, make_source, make_reader
from tests.support.http import bearer
from tests.support.making_bundles import make_bundle, settled_now
from tests.exports.jobs.office import make_builder
from service.exports.jobs.building import build_waiting
from tests.exports.review.told import read_records, AUDITOR, READER
from tests.api.test_as_of import moment
from schemas.strict import instant_text
LATER = "2026-11-21T12:00:00Z"
__all__ = ["bank"]

def recs(made, file):
    return list(csv.DictReader(io.StringIO(made.members[f"data/{file}.csv"].decode(), newline=""), strict=True))

def test_owner_notes(bank):
    bank.rate("MEDIUM")
    made = bank.service.ask("POST", "findings", bank.tokens["reviewer"], json={"model": "retail/churn", "category": "data", "severity": "high", "title": "SECRET-TITLE", "description": "Old."})
    print(made.status_code)
    as_of = instant_text(settled_now(bank.database))
    ans = bank.service.ask("POST", "exports", bank.tokens["owner"], json={"as_of": as_of})
    print("asked", ans.status_code, ans.text[:200])
    built = build_waiting(make_builder(bank.database)); print("built", built)
    url = ans.json()["url"]
    for who in ("owner", "admin", "auditor", "reader"):
        got = bank.service.ask("GET", f"{url}/bundle.zip", bank.tokens[who])
        has = None
        if got.status_code == 200:
            z = zipfile.ZipFile(io.BytesIO(got.content))
            has = b"SECRET-TITLE" in z.read("data/findings.csv"); mask = json.loads(z.read("manifest.json"))["mask"]
            print(who, got.status_code, "has notes:", has, {k: mask[k] for k in ("namespaces", "notes")})
        else:
            print(who, got.status_code)
    # admin asks the file itself
    got = bank.service.http.get("/api/v1/review-files/findings.csv", params={"as_of": as_of}, headers=bearer(bank.tokens["admin"]))
    print("admin own file has notes", b"SECRET-TITLE" in got.content)
    # owner no longer owns
    bank.say_model(at=LATER, owners=[])
    got = bank.service.ask("GET", f"{url}/bundle.zip", bank.tokens["owner"])
    print("owner after losing ownership", got.status_code)
    got = bank.service.http.get("/api/v1/review-files/findings.csv", params={"as_of": as_of}, headers=bearer(bank.tokens["owner"]))
    print("his file now has notes", b"SECRET-TITLE" in got.content)
    # exports:read only token
    bank.say_model(at="2026-11-22T12:00:00Z")
    tok = bank.service.token_of("owner", scopes=["exports:read"])
    got = bank.service.http.get("/api/v1/review-files/findings.csv", params={"as_of": as_of}, headers=bearer(tok))
    print("exports-only token of owner", got.status_code, b"SECRET-TITLE" in got.content)

def test_explain(bank):
    for n in range(2, 27):
        bank.say_version(n, source_commit=f"{n:040x}")
    settled_now(bank.database)
    def ex(who="auditor", **p):
        r = bank.service.http.get("/api/v1/explain-cell", params={"model": "retail/churn"} | p, headers=bearer(bank.tokens[who]))
        return r
    r = ex(file="versions", key="v2", column="source_commit").json()
    print("value", r["value"][-4:], "key", r["key"], [ (g["about"], str(g["said"])[-3:]) for g in r["grounds"] if g["rests"] == "version.source_commit"][:30])
    r = ex(file="versions", column="source_commit").json()
    print("no key:", r["key"], r["value"], len(r["grounds"]))

def test_live(bank):
    # a version without number
    v = version(9); v["facts"].pop("number"); v["subject"]["value"] = "mlflow-prod/default/churn/9"
    rec = post(bank.database, bank.registry, v); print(rec)
    bank.settle()
    when = moment(bank.service)
    for one in read_records(bank.database, "versions", when): print("version", one["version"], one["live"], one["review_state"])
    [m] = read_records(bank.database, "models", when)
    print("live", repr(m["live_versions"]), "newest", repr(m["newest_version"]))

def test_owner_active(bank):
    post(bank.database, bank.registry, {"subject": {"kind": "owner", "scheme": "handle", "value": "retention"}, "observed_at": LATER, "facts": {"left_at": "2025-01-01T00:00:00Z"}})
    when = moment(bank.service)
    [m] = read_records(bank.database, "models", when); print("left_at past:", m["owner_active"])
    post(bank.database, bank.registry, {"subject": {"kind": "owner", "scheme": "handle", "value": "retention"}, "observed_at": "2026-11-22T12:00:00Z", "facts": {"left_at": "2025-01-01T00:00:00Z", "active": True}})
    when = moment(bank.service)
    [m] = read_records(bank.database, "models", when); print("left_at past, active:", m["owner_active"])
    r = bank.service.get("owners", bank.tokens["auditor"]); print([(o["name"], o["departed"]) for o in r["items"]])
