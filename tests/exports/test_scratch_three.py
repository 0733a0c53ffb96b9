"""scratch"""
import csv, io, json, zipfile, traceback, threading, time
from datetime import UTC, datetime, timedelta
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
from tests.api.test_as_of import moment
from schemas.strict import instant_text
from service.access.policy import Caller, capabilities
LATER = "2026-11-21T12:00:00Z"
__all__ = ["bank"]

def recs(made, file):
    return list(csv.DictReader(io.StringIO(made.members[f"data/{file}.csv"].decode(), newline=""), strict=True))

def differ(a, b):
    return [n for n in a.content if a.content[n] != b.content.get(n)]

def attempt(name, work):
    try: print("OK", name, work())
    except Exception as e: print("FAIL", name, type(e).__name__, str(e)[:300])

def test_empty(database):
    as_of = settled_now(database)
    for p in ("models", "osfi-e23", "omb-2025"):
        attempt(f"empty {p}", lambda: (make_bundle(database, as_of, profile=p, dialect="excel", since=as_of - timedelta(days=1)).manifest.exported))
        attempt(f"before {p}", lambda: (make_bundle(database, datetime(2001,1,1,tzinfo=UTC), profile=p, known_at=as_of, since=datetime(1999,1,1,tzinfo=UTC)).manifest.exported))
    print("policies", rows(database, "SELECT name, state, valid_from FROM policy"))
    src = make_source(database)
    before = None
    post(database, src, model(), version(1))
    m = make_bundle(database, settled_now(database))
    print("policy now", m.manifest.policy)
    m = make_bundle(database, datetime(2001,1,1,tzinfo=UTC), known_at=settled_now(database)); print("2001:", m.manifest.policy, m.manifest.exported, [ (r["field"], r["value_at_as_of"], r["observed_at"]) for r in recs(m, "corrections")][:3])

def test_nulls(bank):
    names = [c for c in ("description","display_name","asset_kind","lifecycle","origin","vendor_name","model_class","base_model","license","limitations","depends_on","downstream_dependents","last_monitored_at","monitoring_interval_days","data_sensitivity","owners","datasets")]
    for name in names:
        try: r = post(bank.database, bank.registry, model("n-" + name.replace("_","-"), at=LATER, **{name: None})); 
        except Exception as e: print("post", name, repr(e)[:100]); continue
        if r.refused: print("refused", name, str(r.refused)[:120])
    usefacts = ["purpose","decision_role","people_affected_per_year","financial_exposure_per_year","regulatory_use","harm_reversibility","downstream_dependents","model_class","update_mode","explainability","data_sensitivity","origin","exposure","regulated_purposes","annex_iii_point","art6_3_basis","profiling","jurisdictions","line_of_business","restrictions","dpia_ref"]
    for n in usefacts:
        sub = {"subject": {"kind": "use", "scheme": "name", "value": f"retail/churn/u-{n.replace('_','-')}"}, "observed_at": LATER, "facts": {"model": {"kind": "model", "scheme": "mlflow", "value": "mlflow-prod/default/churn"}, "name": "u-" + n.replace("_","-"), n: None}}
        try:
            r = post(bank.database, bank.registry, sub)
            if r.refused: print("refused", n, str(r.refused)[:150])
        except Exception as e: print("post", n, repr(e)[:100])
    for ns in ({"model_class": {"one_of": ["linear", "tree_or_ensemble"]}}, {"downstream_dependents": 3}, {"origin": {"one_of": ["in_house", "open_weights"]}}):
        r = post(bank.database, bank.registry, model("narrow-" + list(ns)[0].replace("_","-"), at=LATER, **ns)); print(r.refused)
    # no natural name
    r = post(bank.database, bank.registry, {"subject": {"kind": "model", "scheme": "mlflow", "value": "mlflow-prod/default/=weird"}, "observed_at": LATER, "facts": {"description": None}}, {"subject": {"kind": "version", "scheme": "mlflow", "value": "mlflow-prod/default/=weird/3"}, "observed_at": LATER, "facts": {"model": {"kind": "model", "scheme": "mlflow", "value": "mlflow-prod/default/=weird"}, "digests": [DIGEST]}})
    print(r)
    as_of = settled_now(bank.database)
    for p in ("models", "osfi-e23", "omb-2025"):
        attempt(p, lambda: make_bundle(bank.database, as_of, profile=p, since=datetime(2026,1,1,tzinfo=UTC), dialect="excel").manifest.exported)
    m = make_bundle(bank.database, as_of)
    for one in recs(m, "models"):
        if one["model"] in ("unknown",) or "narrow" in one["model"]: print({k: one[k] for k in ("model", "live_versions", "newest_version", "model_class", "origin", "downstream_dependents", "version_digest")})
    print([(v["model"], v["version"], v["live"]) for v in recs(m, "versions")])

def test_me(bank):
    map_owner(bank.database, "handle:retention", "owner")
    ((acc,),) = rows(bank.database, "SELECT id FROM account WHERE name = 'owner'")
    as_of = settled_now(bank.database)
    caller = Caller("person", "owner", "", "", capabilities("reader", frozenset({"entries:read", "exports:read"})), None, account=acc)
    a = make_bundle(bank.database, as_of, filters={"owner": "me"}, caller=caller)
    behind(bank.database, "DELETE FROM owner_mapping")
    b = make_bundle(bank.database, as_of, filters={"owner": "me"}, caller=caller)
    print("ME", a.manifest.exported, b.manifest.exported, a.manifest.filters, a.manifest.mask == b.manifest.mask, differ(a, b)[:3])

def test_race(bank):
    bank.say_model(at="2026-11-20T12:00:01Z", description="old")
    go, begun = threading.Event(), threading.Event()
    cause = Cause(Actor("source", bank.registry.name), bank.registry.name)
    doc = model(at=LATER, description="new")
    def work(session):
        session.execute(sa.text("SELECT 1")); begun.set(); go.wait(20)
        return record_batch(session, [doc], source=bank.registry, cause=cause).receipt
    t = threading.Thread(target=lambda: bank.database.transact(work)); t.start(); begun.wait()
    as_of = settled_now(bank.database); time.sleep(.2)
    known = settled_now(bank.database)
    a = make_bundle(bank.database, as_of, known_at=known)
    go.set(); t.join()
    later = settled_now(bank.database)
    b = make_bundle(bank.database, as_of, known_at=known)
    c = make_bundle(bank.database, as_of, known_at=later)
    print("RACE same bytes", differ(a, b), "corrections known later", [(r["field"], r["value_at_as_of"], r["value_learned"]) for r in recs(c, "corrections")], recs(c, "models")[0]["description"])

def test_override(bank):
    bank.rate("LOW")
    r = bank.service.ask("GET", "models/retail/churn/uses/scoring", bank.tokens["auditor"]); print(r.status_code)
    print(rows(bank.database, "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'tier_override' ORDER BY ordinal_position"))
