"""scratch"""
import csv, io, json, zipfile, traceback, threading, time
from datetime import UTC, datetime, timedelta
from uuid_utils.compat import uuid7
import pytest
import sqlalchemy as sa
from tests.risk.reviews.bank import Bank, DIGEST, CAUSE, LOW
from tests.risk.reviews.conftest import bank
from tests.support.catalog import Sweep, model, version, post, rows, make_source, make_reader
from tests.support.accounts import map_owner, owned_by
from tests.support.http import bearer
from tests.support.making_bundles import make_bundle, settled_now
from tests.exports.jobs.office import make_builder, behind
from service.ingest.ingest import record_batch
from service.ledger.change import Actor, Cause
from tests.exports.review.told import read_records, AUDITOR, READER
from tests.exports.review.test_decided_files import find
from tests.api.test_as_of import moment
from schemas.strict import instant_text
LATER = "2026-11-21T12:00:00Z"
__all__ = ["bank"]

def recs(made, file):
    return list(csv.DictReader(io.StringIO(made.members[f"data/{file}.csv"].decode(), newline=""), strict=True))
def differ(a, b):
    return [n for n in a.content if a.content[n] != b.content.get(n)]

def test_race_b(bank):
    bank.say_model(at="2026-11-20T12:00:01Z", description="old")
    as_of = settled_now(bank.database)
    go, begun = threading.Event(), threading.Event()
    cause = Cause(Actor("source", bank.registry.name), bank.registry.name)
    doc = model(at=LATER, description="new")
    def work(session):
        session.execute(sa.text("SELECT 1")); begun.set(); go.wait(20)
        return record_batch(session, [doc], source=bank.registry, cause=cause).receipt
    t = threading.Thread(target=lambda: bank.database.transact(work)); t.start(); begun.wait()
    time.sleep(.2)
    known = settled_now(bank.database)
    a = make_bundle(bank.database, as_of, known_at=known)
    go.set(); t.join()
    later = settled_now(bank.database)
    b = make_bundle(bank.database, as_of, known_at=known)
    print("RACE-B same order, differs:", differ(a, b), [(r["field"], r["value_at_as_of"], r["value_learned"]) for r in recs(b, "corrections")])

def test_override(bank):
    bank.rate("LOW")
    use, now = bank.id_of("retail/churn/scoring"), datetime.now(UTC)
    until = now + timedelta(seconds=3)
    bank.insert("tier_override", {
        "id": uuid7(), "model_id": bank.id_of("retail/churn"), "state": "IN_FORCE", "reason": "x",
        "evidence": [], "requested_by": "a", "requested_at": now, "approved_by": "b",
        "granted_at": now, "expires_at": until, "renewals": 0, "valid_from": now, "use_id": use,
        "direction": "up", "tier": "HIGH",
    })
    bank.settle()
    time.sleep(4)
    when = moment(bank.service)
    [m] = read_records(bank.database, "models", when)
    print("OVERRIDE over", m["as_of"], {k: m[k] for k in ("tier", "tier_status", "override_tier", "override_reason", "override_expires_at")})

def test_masked_by(bank):
    bank.rate("MEDIUM")
    made = bank.service.ask("POST", "findings", bank.tokens["reviewer"], json={"model": "retail/churn", "category": "data", "severity": "high", "title": "SECRET-TITLE", "description": "Old."})
    settled_now(bank.database)
    r = bank.service.http.get("/api/v1/explain-cell", params={"model": "retail/churn", "column": "title", "file": "findings"}, headers=bearer(bank.tokens["reader"]))
    print("VALUE", r.json()["value"]); 
    for g in r.json()["grounds"]: print({k: g[k] for k in ("rests", "about", "said", "by", "because", "source")})
    for f in ("changes_since",):
        when = moment(bank.service)
        for c in read_records(bank.database, f, when, by=READER, since="2026-01-01T00:00:00Z"):
            if c["entry_kind"] in ("finding",): print(c)
    # controls that rest on findings: message/items for readers without notes
    for c in read_records(bank.database, "controls", when, by=READER):
        if "SECRET" in str(c): print("CONTROL LEAK", c)
    # ledger feed
    r = bank.service.get("changes", bank.tokens["reader"], kind="finding"); print("feed", [(x["kind"], x.get("actor"), x.get("new")) for x in r["items"]][:2])

def test_labels(bank):
    other = make_source(bank.database, "staging")
    post(bank.database, other, model(source="staging"), version(1, source="staging"))
    v = {str(i): k for i, k in rows(bank.database, "SELECT id, natural_key FROM entry WHERE kind = 'version'")}
    print(v)
    ids = list(v)
    for i in ids: find(bank, version_id=i)
    when = moment(bank.service)
    print("versions", [x["version"] for x in read_records(bank.database, "versions", when)], "findings", [x["version"] for x in read_records(bank.database, "findings", when)])

def test_merge_bytes(bank):
    bank.rate("MEDIUM"); bank.deploy(1)
    post(bank.database, bank.registry, model("lapse"), version(3, "lapse", digests=[DIGEST]))
    find(bank)
    post(bank.database, bank.registry, version(3, "lapse", at="2026-11-20T13:00:00Z", datasets=[{"dataset": {"kind": "dataset", "scheme": "uri", "value": "s3://lake/x"}, "role": "training"}]))
    since = datetime(2026,1,1,tzinfo=UTC)
    as_of = settled_now(bank.database)
    a = {p: make_bundle(bank.database, as_of, profile=p, since=since) for p in ("models", "osfi-e23", "omb-2025")}
    same = {"same_as": [model("lapse")["subject"]]}
    post(bank.database, bank.registry, model(at=LATER) | same)
    post(bank.database, bank.registry, {"subject": {"kind": "owner", "scheme": "handle", "value": "retention"}, "observed_at": LATER, "facts": {"email": "x@y.example"}, "same_as": [{"kind": "owner", "scheme": "email", "value": "x@y.example"}]})
    bank.settle()
    from service.operation.jobs import JOBS
    for n, j in JOBS.items():
        try: bank.database.transact(j)
        except Exception as e: print("job", n, repr(e)[:100])
    for p, one in a.items():
        b = make_bundle(bank.database, as_of, profile=p, since=since); print("MERGE", p, differ(one, b))
