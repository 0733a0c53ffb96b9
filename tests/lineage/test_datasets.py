"""What events of OpenLineage say of datasets: facets, addresses, the newest word."""

from typing import Any

import pytest

from service.lineage.facets import dataset_identifier
from tests.lineage.events import Poster, dataset, dataset_of, event, run_of


def test_dataset_facts(flow: Poster) -> None:
    """Schema, documentation, owners, symlinks and version of a dataset are kept."""
    told = dataset(
        "churn/v1",
        schema={"fields": [{"name": "id", "type": "int", "fields": []}]},
        documentation={"description": "One row a contract."},
        ownership={"owners": [{"name": "owner@example.com", "type": "MAINTAINER"}]},
        symlinks={"identifiers": [
            {"namespace": "hive://metastore:9083", "name": "db.churn", "type": "TABLE"},
            {"namespace": "file", "name": "/warehouse/churn", "type": "LOCATION"},
        ]},
        version={"datasetVersion": "7"},
        columnLineage={"fields": {}},
    )  # fmt: skip

    receipt = flow.batch(event(inputs=[told]))

    assert receipt["summary"]["column_lineage"] == 1
    assert dataset_of(flow.service, "s3://lake/churn/v1") == {
        "name": "churn/v1",
        "uri": "s3://lake/churn/v1",
        "description": "One row a contract.",
        "schema": '[{"fields":[],"name":"id","type":"int"}]',
        "owners": [{"owner": {"kind": "owner", "scheme": "email", "value": "owner@example.com"},
                    "role": "accountable"}],
    }  # fmt: skip
    (link,) = run_of(flow.service)["datasets"]
    assert link["version"] == "7"
    by_symlink = dataset_of(flow.service, "hive://metastore:9083/db.churn")
    assert by_symlink["uri"] == "s3://lake/churn/v1"


def test_dataset_newest_word(flow: Poster) -> None:
    """A late event takes no facet back; one that says nothing of a facet leaves it alone."""

    def told(at: str, **facets: Any) -> Any:
        return {"eventTime": at, "dataset": dataset("a", **facets)}

    flow.post(
        told("2026-11-20T10:00:00Z", documentation={"description": "new"}),
        told("2026-11-20T11:00:00Z", schema={"fields": [{"name": "x"}]}),
        told("2026-11-20T09:00:00Z", documentation={"description": "old"}),
        told("2026-11-20T10:30:00Z"),
    )
    facts = dataset_of(flow.service, "s3://lake/a")
    assert (facts["description"], facts["schema"]) == ("new", '[{"name":"x"}]')

    flow.post(told("2026-11-20T12:00:00Z", documentation={"_deleted": True}))
    assert dataset_of(flow.service, "s3://lake/a")["description"] is None


@pytest.mark.parametrize(
    ("namespace", "name", "scheme", "value"),
    [
        ("s3a://Lake/", "/churn/", "uri", "s3://lake/churn"),
        ("snowflake://ASDF1234.eu-central-1.aws", "DB.public.t", "uri",
         "snowflake://asdf1234.eu-central-1.aws/DB.public.t"),
        ("bigquery", "p.d.t", "openlineage", "bigquery/p.d.t"),
        ("file", "/warehouse/t", "openlineage", "file//warehouse/t"),
        ("a/b", "c/d", "openlineage", "a%2Fb/c/d"),
    ],
)  # fmt: skip
def test_dataset_identifier(namespace: str, name: str, scheme: str, value: str) -> None:
    """An address where namespace and name make one, else both as they stand."""
    found = dataset_identifier(namespace, name)

    assert (found.scheme, found.value) == (scheme, value)
