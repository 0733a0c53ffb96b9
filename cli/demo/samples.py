"""The demo's company: its models, as teams would leave them in an MLflow registry."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

DEFAULT: Final = "default"
CREDIT: Final = "credit-risk"  # the MLflow workspace of another department
NAMESPACES: Final = {DEFAULT: "retail", CREDIT: "credit"}


class Sample(NamedTuple):
    """One registered model; `kind` says what trains its versions, none of them: never trained."""

    name: str
    workspace: str = DEFAULT
    description: str = ""
    tags: Mapping[str, str] = MappingProxyType({})
    kind: str = ""
    versions: int = 0
    champion: int = 0
    dataset: str = ""
    repository: str = ""  # of its training code


SAMPLES: Final = (
    Sample(
        "churn",
        description="Monthly score per contract: how likely the customer leaves.",
        tags={
            "catalog.owner": "team:retention-ds, owner@example.com",
            "catalog.use": "retention-offers",
            "catalog.task": "classification",
            "domain": "retention",
        },
        kind="logistic",
        versions=3,
        champion=2,
        dataset="s3://lake/retail/contracts",
        repository="retail/churn",
    ),
    Sample(
        "demand-forecast",
        description="Units sold per shop and article for the next eight weeks.",
        tags={"catalog.owner": "team:supply", "catalog.task": "forecasting"},
        kind="ridge",
        versions=2,
        champion=2,
        dataset="s3://lake/retail/sales",
        repository="supply/forecasting",
    ),
    Sample(  # nobody said whose it is
        "basket-ranking",
        tags={"domain": "shop"},
        kind="forest",
        versions=1,
        dataset="https://data.example.com/baskets.csv",
    ),
    Sample(  # a misspelt lifecycle: the catalog says so on the model
        "price-elasticity",
        description="Registered, never trained.",
        tags={"catalog.owner": "team:pricing", "catalog.lifecycle": "producton"},
    ),
    Sample(  # is deleted
        "coupon-uplift",
        description="Who buys only because of the coupon; ended with the campaign.",
        tags={"catalog.owner": "team:retention-ds"},
        kind="bayes",
        versions=1,
        dataset="s3://lake/retail/contracts",
    ),
    Sample(  # is renamed to payment-fraud
        "fraud",
        description="Marks payments that a person should look at.",
        tags={"catalog.owner": "owner@example.com", "catalog.lifecycle": "production"},
        kind="forest",
        versions=1,
        champion=1,
        dataset="s3://lake/retail/payments",
    ),
    Sample(  # is deleted and registered again: another model of the same name
        "delivery-time",
        description="Days until the parcel arrives, first attempt.",
        tags={"catalog.owner": "team:supply"},
        kind="ridge",
        versions=1,
    ),
    Sample(
        "credit-score",
        workspace=CREDIT,
        description="Probability of default within twelve months.",
        tags={
            "catalog.owner": "team:credit-models",
            "catalog.use": "loan-approval",
            "catalog.lifecycle": "production",
            "catalog.risk.decision_role": "principal_basis",
            "catalog.risk.regulated_purposes": "creditworthiness",
        },
        kind="logistic",
        versions=2,
        champion=1,
        dataset="s3://lake/credit/applications",
    ),
    Sample(
        "affordability",
        workspace=CREDIT,
        description="A rule of the house, not trained: instalments against income.",
        tags={"catalog.owner": "user:c.weber", "catalog.use": "loan-approval"},
        kind="rule",
        versions=1,
        champion=1,
    ),
    Sample(  # the same name as in the other workspace: another model
        "churn",
        workspace=CREDIT,
        description="Who repays early.",
        tags={"catalog.owner": "team:credit-models", "domain": "retention"},
        kind="bayes",
        versions=1,
        dataset="s3://lake/credit/applications",
    ),
)
FILLED: Final = (
    f"{len(SAMPLES)} models in two workspaces, each version trained by a small real training run."
)
SHELVED: Final = (
    "The teams' repositories: four manifests, of which churn's says something else than MLflow and "
    "than its README, one of a model that nobody trained yet, one with a mistake in it, and a "
    "repository that should hold a model and holds none."
)
CHANGED: Final = (
    "A month later: coupon-uplift is deleted, fraud renamed to payment-fraud, delivery-time "
    "deleted and registered anew, and churn's champion is version 3."
)
COMMITTED: Final = (
    "Now a release, and nobody fills in anything. The commit: Ada changes how retail/churn is "
    "trained."
)
TRAINED: Final = "The training: a run at that commit, which MLflow registers as version 4."
BUILT: Final = (
    "The build: a CI job, which holds no token, proves by its signed identity who it is, and says "
    "what it made and where it deployed that."
)
SERVED: Final = "The deployment: the cluster serves version 4."
BYPASSED: Final = (
    "Around all of it: somebody applies offer-ranker to the cluster by hand, with an artifact of a "
    "sandbox and a label that says it is next-best-offer 1."
)
