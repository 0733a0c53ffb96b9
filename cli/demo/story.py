"""What the demo does, step by step: with the sample company, or with somebody's own server."""

import secrets
import sys
from pathlib import Path
from typing import Final

from cli.demo import repositories, sample_server
from cli.demo.children import HOST, Children, our_environment, usable_port, wait_for
from cli.demo.committee import show_committee
from cli.demo.own_server import find_server
from cli.demo.pipeline import (
    REPOSITORY,
    SOURCE,
    Cluster,
    Released,
    identities,
    run_job,
    start_cluster,
)
from cli.demo.released import show_release
from cli.demo.repositories import Repositories, commit
from cli.demo.risk import show_risk
from cli.demo.route import Catalog, prepare_database
from cli.demo.sample_server import Company
from cli.demo.samples import (
    BUILT,
    BYPASSED,
    CHANGED,
    COMMITTED,
    FILLED,
    NAMESPACES,
    SERVED,
    SHELVED,
    TRAINED,
)
from cli.output import say

SAMPLE: Final = "mlflow-demo"
REPOSITORIES: Final = "git-demo"
CLUSTER: Final = "cluster-demo"
RETAIL: Final = {"default": "retail"}
UNPROVED: Final = {"model-catalog/model": "retail.next-best-offer", "model-catalog/version": "1"}
TRAINING: Final = "# Trains churn; MLflow notes the commit.\n"
OWN: Final = "mlflow"
LOOPBACK: Final = "127.0.0.1/32"


def sample(children: Children, *, home: Path, port: int) -> Catalog:
    """A server of a made-up company, harvested, changed as in a month, and harvested again."""
    say("Starting PostgreSQL, MLflow and the catalog: half a minute …")
    uri = sample_server.start(children, home)
    shelf = repositories.start(children, home)
    cluster = start_cluster(children, home)
    with sample_server.company(uri, home, shelf=shelf) as company:
        catalog = _start_catalog(children, home=home, port=port)
        wait_for(f"{uri}/health", children, log=home / "mlflow.log")
        catalog.leave_environment(MLFLOW_TRACKING_URI=uri, MODEL_CATALOG_OUTBOUND_ALLOW=LOOPBACK)
        catalog.declare(SAMPLE, {"uri": uri, "workspaces": sorted(NAMESPACES)}, spaces=NAMESPACES)
        company.step("fill")
        say(f"MLflow runs at {uri}. {FILLED}")
        catalog.harvest(SAMPLE, OUTBOUND_ALLOW=LOOPBACK)
        catalog.declare(
            REPOSITORIES, {"repositories": shelf.addresses, "holds_models": ["*"]},
            kind="git", spaces=NAMESPACES,
        )  # fmt: skip
        say(f"\n{SHELVED}")
        catalog.harvest(REPOSITORIES, OUTBOUND_ALLOW=LOOPBACK)
        company.step("change")
        say(f"\n{CHANGED}")
        catalog.harvest(SAMPLE, OUTBOUND_ALLOW=LOOPBACK)
        _release(catalog, company, home=home, shelf=shelf, cluster=cluster)
    return catalog


def _release(
    catalog: Catalog, company: Company, *, home: Path, shelf: Repositories, cluster: Cluster
) -> None:
    """A commit, a training run, a build, a deployment; and one that went around all of it."""
    catalog.declare(SOURCE, {"identities": identities(shelf)}, kind="ci", spaces=RETAIL)
    production = {"*-production": "production"}
    settings = {"url": cluster.url, "pods": False, "environments": production}
    catalog.declare(CLUSTER, settings, kind="kubernetes", spaces=RETAIL)
    say("\nThe company's cluster serves nothing yet.")
    catalog.harvest(CLUSTER, OUTBOUND_ALLOW=LOOPBACK)
    say(f"\n{COMMITTED}")
    made = commit(home, REPOSITORY, files={"train.py": TRAINING}, message="A wider search")
    catalog.harvest(REPOSITORIES, OUTBOUND_ALLOW=LOOPBACK)
    say(f"\n{TRAINED}")
    released = Released(**company.step("release", made))
    catalog.harvest(SAMPLE, OUTBOUND_ALLOW=LOOPBACK)
    say(f"\n{BUILT}")
    run_job(catalog, shelf, commit=made, released=released)
    say(f"\n{SERVED}")
    cluster.apply("churn", released.location)
    catalog.harvest(CLUSTER, OUTBOUND_ALLOW=LOOPBACK)
    say(f"\n{BYPASSED}")
    cluster.apply("offer-ranker", "s3://sandbox/jo/offer-ranker", labels=UNPROVED)
    catalog.harvest(CLUSTER, OUTBOUND_ALLOW=LOOPBACK)
    show_release(catalog)
    show_committee(catalog, show_risk(catalog))


def own(uri: str, children: Children, *, home: Path, port: int) -> Catalog:
    """Whatever the named server holds; it is only read. A server that will not do ends it first."""
    say(f"Asking {uri} …")
    server = find_server(uri)
    say(f"It is an MLflow server, with workspaces: {', '.join(server.namespaces)}.")
    catalog = _start_catalog(children, home=home, port=port)
    catalog.declare(OWN, server.settings, spaces=server.namespaces, credential=server.credential)
    catalog.harvest(OWN, **server.variables)
    return catalog


def _start_catalog(children: Children, *, home: Path, port: int) -> Catalog:
    """The service on a private PostgreSQL."""
    database, token = prepare_database(home / "postgresql")
    port = usable_port(port)
    url = f"http://{HOST}:{port}"
    children.start(
        [sys.executable, "-m", "cli.main", "serve", "--port", str(port)],
        log=home / "catalog.log",
        environment=our_environment(
            DATABASE_URL=database,
            SECRET_KEY=secrets.token_urlsafe(48),
            BASE_URL=url,
            OUTBOUND_ALLOW=LOOPBACK,
            EXPORT_SIGNING_KEY_FILE=str(_signing_key(home)),
        ),
    )
    wait_for(f"{url}/readyz", children, log=home / "catalog.log")
    return Catalog(url, bootstrap=token, home=home, database=database)


def _signing_key(home: Path) -> Path:
    """A key that signs bundles and the ledger's checkpoints; ours alone."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    file = home / "signing-key.pem"
    file.touch(mode=0o600)
    key = Ed25519PrivateKey.generate()
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return file
