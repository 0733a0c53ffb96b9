"""The lists as readers meet them: what they may see, files, details, figures, and the cost."""

import csv
import io
import json
from pathlib import Path
from typing import Any

from harvesters.serving.kubernetes.observe import Cluster, observe
from harvesters.serving.kubernetes.settings import KubernetesSettings
from schemas.observation import Observation
from schemas.report_columns import REPORTS
from schemas.yaml_walk import YamlRefused, read_documents
from tests.conftest import Statements
from tests.deployments.company import (
    BUILD,
    DIGEST,
    NUMBER_7,
    UNREGISTERED,
    Company,
    deployed,
    runs,
)
from tests.support.catalog import NOON, make_source, model
from tests.support.shelf import NOON as AT

LARGE = 10_000
CLUSTER = KubernetesSettings(url="https://kubernetes.example")


def test_visibility(company: Company) -> None:
    """One has its source's namespace; what it claims elsewhere is unknown to who reads there."""
    other = make_source(company.database, "cluster-two", kind="kubernetes", namespace="wholesale")
    company.say(company.registry, model())
    company.run(runs("mine"))
    said: Any = runs("theirs", claimed_model="retail.churn")
    company.say(other, said)

    retail, wholesale = company.person("reader"), company.person("reader", "wholesale")
    assert set(company.causes()) == {"mine", "theirs"}
    assert set(company.causes(retail)) == {"mine"}
    assert company.causes(wholesale)["theirs"] >= {"unknown_model"}
    assert company.causes()["theirs"] >= {"unknown_version"}
    everyone, theirs = (company.rows(token, source="cluster-two")[0] for token in (None, wholesale))
    assert everyone["evidence"] == theirs["evidence"]  # a decision rests on the same for both
    assert theirs["model"] is None
    hidden = company.service.ask("GET", UNREGISTERED, retail, params={"namespace": "wholesale"})
    assert hidden.status_code == 422


def test_files(company: Company) -> None:
    """A file holds what the pages hold, in cells that a person can read."""
    company.register(digests=[DIGEST])
    company.run(runs("a", image="x"), runs("b", digest=DIGEST))
    text = company.service.ask("GET", f"{UNREGISTERED}.csv", company.service.reader).text
    found = list(csv.DictReader(io.StringIO(text)))
    lines = company.service.ask("GET", f"{UNREGISTERED}.jsonl", company.service.reader).text

    assert list(found[0]) == [column.name for column in REPORTS[UNREGISTERED]]
    assert [row["name"] for row in found] == ["cluster/serving/b", "cluster/serving/a"]
    assert (found[0]["causes"], found[0]["model"]) == ("no_build; not_by_pipeline", "retail/churn")
    assert found[1]["stated"] == "image=x (cluster)"
    assert "2 digest: -: not_stated" in found[1]["looked_for"]
    assert [json.loads(line) for line in lines.splitlines()] == company.rows()
    book = company.service.ask("GET", f"{UNREGISTERED}.xlsx", company.service.reader)
    assert book.status_code == 200


def test_detail(company: Company) -> None:
    """One deployment says how its version was found and what is wrong; what ended says nothing."""
    company.register(digests=[DIGEST])
    company.run(runs("a", digest=DIGEST), runs("b", status="stopped"))
    (row,) = company.rows()

    shown = company.service.get(f"deployments/{row['id']}")["judgement"]
    assert shown == {name: row[name] for name in shown}
    assert shown["matched"]["version"] == {"by": "digest", "value": DIGEST, "several": None}
    assert company.service.get("deployments/kserve:cluster%2Fserving%2Fb")["judgement"] is None


def test_of_model(company: Company) -> None:
    """A model's deployments: where, what, how much, since when, by whom, from which build."""
    company.register(digests=[DIGEST])
    said: dict[str, Any] = {
        "environment": "prod", "environment_class": "production", "endpoint": "https://x.example",
        "digest": DIGEST, "traffic_percent": 20, "created_at": NOON, "deployed_by": "argo",
        "ended_at": "2036-01-01T00:00:00Z", "build": BUILD, "blueprint": "online@1",
    }  # fmt: skip
    company.run(runs(**said))

    (row,) = company.service.get("models/retail/churn/deployments")["items"]
    assert row["version"] == "retail/churn/7"
    assert said.keys() <= row["facts"].keys()
    text = company.service.ask(
        "GET", "models/retail/churn/deployments.csv", company.service.reader
    ).text
    (line,) = csv.DictReader(io.StringIO(text))
    assert (line["traffic_percent"], line["ended_at"], line["build"]) == (
        "20", "2036-01-01T00:00:00Z", "ci/21",
    )  # fmt: skip


def test_coverage_counts(company: Company) -> None:
    """Each source is told how much of what it says is unaccounted for, and unseen."""
    company.register()
    company.say(company.ci, deployed(version=NUMBER_7, environment_class="production"))
    company.later(3)
    company.run(runs("a"), runs("b"))

    names = ("unregistered_deployments", "ghosts", "not_observable")
    counted = {row["source"]: tuple(row[name] for name in names)
               for row in company.service.get("coverage")["items"]}  # fmt: skip
    assert counted == {"mlflow-prod": (0, 0, 0), "cluster": (2, 0, 0), "ci": (0, 1, 0)}
    text = company.service.ask("GET", "coverage.csv", company.service.reader).text
    found = {row["source"]: row["ghosts"] for row in csv.DictReader(io.StringIO(text))}
    assert found == {"mlflow-prod": "0", "cluster": "0", "ci": "1"}


def test_figures(company: Company) -> None:
    """Monitoring counts open ones by cause, and ghosts; the causes are few and always there."""
    company.register()
    company.say(company.ci, deployed(version=NUMBER_7, environment_class="production"))
    company.later(3)
    company.run(runs("a"), runs("b"))

    text = company.service.ask("GET", "/metrics", company.service.reader).text
    assert 'model_catalog_unregistered_deployments{cause="unknown_model"} 2.0' in text
    assert 'model_catalog_unregistered_deployments{cause="digest_differs"} 0.0' in text
    assert "\nmodel_catalog_ghosts 1.0\n" in text


def test_corpus(company: Company, corpora: Path) -> None:
    """In an empty catalog every deployment of real manifests is unregistered."""
    said = []
    for place, path in enumerate(sorted((corpora / "k8s_serving").rglob("*"))):
        try:
            documents = [one.value for one in read_documents(path.read_bytes())]
        except (YamlRefused, IsADirectoryError):
            continue
        cluster = Cluster(f"cluster-{place}", CLUSTER)  # several files use one name for two things
        observed = (observe(one, cluster, at=AT) for one in documents)
        said += [one for one in observed if isinstance(one, Observation)]
    assert len(said) == 33
    company.run(*(one.model_dump(mode="json", exclude_unset=True) for one in said))

    rows = company.rows(page_size="1000")
    assert len(rows) == 33
    assert all(row["unregistered"] for row in rows)
    assert {row["causes"][0]["code"] for row in rows} == {"unknown_model"}


def test_large(company: Company, statements: Statements) -> None:
    """Ten thousand deployments: a page costs as many statements as one of ten."""
    company.register(digests=[DIGEST])
    counted = []
    for many in (10, LARGE):
        for start in range(0, many, 2_000):
            told = (runs(f"d{n}", **({"digest": DIGEST} if n % 2 else {}))
                    for n in range(start, min(many, start + 2_000)))  # fmt: skip
            company.say(company.cluster, *told)
        with statements() as said:
            for path in (UNREGISTERED, "ghosts"):
                company.service.get(path, page_size="10")
        # That a token was used is written once a minute, beside what is counted here.
        counted.append(len([one for one in said if "last_used_at" not in one]))
    assert counted[0] == counted[1]

    seen, token = set[str](), None
    while True:
        asked: dict[str, str] = {"page_token": token} if token else {}
        page = company.service.get(UNREGISTERED, page_size="1000", **asked)
        assert not seen & {row["id"] for row in page["items"]}
        seen |= {row["id"] for row in page["items"]}
        if (token := page["next_page_token"]) is None:
            break
    assert len(seen) == LARGE
