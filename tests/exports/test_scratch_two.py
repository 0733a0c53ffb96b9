"""scratch"""
import csv, io, json, zipfile, traceback
from datetime import UTC, datetime, timedelta
import pytest
import sqlalchemy as sa
from tests.risk.reviews.bank import Bank, DIGEST, CAUSE, LOW
from tests.risk.reviews.conftest import bank
from tests.support.catalog import Sweep, model, version, post, rows, make_source, make_reader
from tests.support.http import bearer
from tests.support.making_bundles import make_bundle, settled_now
from tests.exports.jobs.office import make_builder, behind
from service.exports.jobs.building import build_waiting
from tests.exports.review.told import read_records, AUDITOR, READER
from tests.api.test_as_of import moment
from schemas.strict import instant_text
LATER = "2026-11-21T12:00:00Z"
__all__ = ["bank"]

def recs(made, file):
    return list(csv.DictReader(io.StringIO(made.members[f"data/{file}.csv"].decode(), newline=""), strict=True))

def differ(a, b):
    return [n for n in a.content if a.content[n] != b.content.get(n)]

def test_stale(database):
    src = make_source(database)
    post(database, src, model("pushed"))
    s = Sweep(database, src, scope="registry/one"); s.sweep(model("harvested")); s.close()
    with database.writing() as session:
        session.execute(sa.text("UPDATE harvest SET opened_at = opened_at - interval '90 days', closed_at = closed_at - interval '90 days'"))
        session.execute(sa.text("UPDATE scope SET full_closed_at = full_closed_at - interval '90 days', full_opened_at = full_opened_at - interval '90 days'"))
    as_of = settled_now(database)
    a = make_bundle(database, as_of)
    print("cov before", a.manifest.coverage)
    s = Sweep(database, src, scope="registry/two"); s.sweep(model("new")); s.close()
    b = make_bundle(database, as_of)
    print("STALE differs", differ(a, b))
    for x in (a, b):
        for l in x.members["data/models.jsonl"].splitlines(): d = json.loads(l); print(d["name"], d["stale"])

def test_coverage(database):
    src = make_source(database)
    s = Sweep(database, src, scope="registry/one"); s.sweep(model("harvested")); s.close()
    s = Sweep(database, src, scope="registry/two"); s.sweep(model("x")); 
    from schemas.harvest import Outcome, Coverage
    s.close(outcome=Outcome.FAILED)
    as_of = settled_now(database)
    m = make_bundle(database, as_of)
    print("COV with a scope never complete:", m.manifest.coverage)
    print([ (r["what"], r["since"]) for r in recs(m, "unknowns") if r["what_kind"] == "source"])

def test_depends(bank):
    other = make_source(bank.database, "elsewhere", namespace="wholesale")
    post(bank.database, other, {"subject": {"kind": "model", "scheme": "mlflow", "value": "elsewhere/default/z1"}, "observed_at": LATER, "facts": {"namespace": "wholesale", "name": "secret-fraud"}})
    bank.say_model(at=LATER, depends_on=[{"kind": "model", "scheme": "mlflow", "value": "elsewhere/default/z1"}])
    when = moment(bank.service)
    retail = make_reader(frozenset({"retail"}))
    for by in (AUDITOR, retail):
        [m] = [m for m in read_records(bank.database, "models", when, by=by) if m["model"] == "retail/churn"]
        print("DEP", by.namespaces, m["dependencies"])
    print([(c["entry"], c["field"], c["old"], c["new"]) for c in read_records(bank.database, "changes_since", when, by=retail, since="2026-01-01T00:00:00Z") if c["field"] == "depends_on"])

def test_moved_deployment(bank):
    other = make_source(bank.database, "elsewhere", namespace="wholesale")
    post(bank.database, other, model("fraud", "elsewhere") | {"facts": {"namespace": "wholesale", "name": "secret-fraud"}}, version(5, "fraud", "elsewhere"))
    subject = {"kind": "deployment", "scheme": "kserve", "value": "cluster/serving/shared"}
    def serve(v, at):
        said = {"subject": subject, "observed_at": at, "facts": {"environment_class": "production", "platform": "kserve", "version": {"kind": "version", "scheme": "mlflow", "value": v}}}
        assert post(bank.database, bank.cluster, said).refused == ()
    serve("elsewhere/default/fraud/5", "2026-11-20T12:00:00Z")
    t0 = moment(bank.service)
    serve("mlflow-prod/default/churn/1", LATER)
    when = moment(bank.service)
    retail = make_reader(frozenset({"retail"}))
    ids = {str(i): k for i, k in rows(bank.database, "SELECT id, natural_key FROM entry")}
    for by in (retail, AUDITOR):
        for c in read_records(bank.database, "changes_since", when, by=by, since="2026-01-01T00:00:00Z"):
            if c["entry_kind"] == "deployment": print("CHG", by.namespaces, c["entry"], c["field"], repr(c["old"]), "->", c["new"], "| id of:", ids.get(c["old"]))
    # explain
    tok = bank.service.token_of("reader", namespaces=["retail"])
    r = bank.service.http.get("/api/v1/explain-cell", params={"model": "retail/churn", "column": "environments"}, headers=bearer(tok))
    for g in r.json()["grounds"]:
        for v in (g.get("said") or {}).values() if isinstance(g.get("said"), dict) else ():
            if v in ids: print("EXPLAIN raw id", g["rests"], g["about"], v, ids[v])

def test_requests(bank):
    tok = bank.tokens["auditor"]
    for f in ({"q": "churn"}, {"name": "a\u0000b"}, {"name": "a\ud800b"}, {"name": "x", "as_of": "2026-01-01"}, {"sort": "name"}, {"owner": "me"}, {"tags__has": "\u0000"}, {"page_size": "3"}):
        try:
            r = bank.service.http.post("/api/v1/exports", content=json.dumps({"filters": f}), headers=bearer(tok) | {"Content-Type": "application/json"})
            print("REQ", ascii(f), r.status_code, ascii(r.text[:150]))
            if r.status_code == 202: bank.service.ask("POST", r.json()["url"] + ":cancel", tok)
        except Exception as e: print("EXC", f, repr(e)[:200])
    r = bank.service.http.get("/api/v1/export-log", headers=bearer(tok)); print("LOG", r.status_code)
    for p in ({"known_at": "2100-01-01"}, {"since": "2090-01-01"}, {"known_at": "2020-01-01"}, {"name": "a\x00b"}, {"q": "churn"}, {"owner": "me"}, {"sort": "-name"}):
        r = bank.service.http.get("/api/v1/review-files/corrections.csv", params=p, headers=bearer(tok)); print("FILE", p, r.status_code, ascii(r.text[:160]))
    r = bank.service.http.get("/api/v1/export-log", headers=bearer(tok)); print("LOG", r.status_code, [x["asked"] for x in r.json()["items"][:7]] if r.status_code==200 else r.text[:300])
