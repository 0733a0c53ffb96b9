"""The ordered columns of every export: one definition for list, CSV and documentation."""

from typing import Final, NamedTuple


class Column(NamedTuple):
    """One column: its name, what it holds, and whether it is a fact that may be unknown."""

    name: str
    meaning: str
    fact: bool = False


def _facts(**meanings: str) -> tuple[Column, ...]:
    return tuple(Column(name, meaning, fact=True) for name, meaning in meanings.items())


MODELS: Final = (
    Column("as_of", "when the catalog said this"),
    Column("model_id", "the entry's id, never used again"),
    Column("model", "namespace/name"),
    *_facts(
        display_name="the title that people see",
        description="what it does",
        asset_kind="model, ai_system, rule_engine, vendor_service, prompt_app or agent",
        lifecycle="proposed to decommissioned",
        task="what kind of output it gives",
        origin="who built it",
        model_class="what kind of model it is",
        license="SPDX identifier",
        base_model="what it was derived from",
        data_sensitivity="of the most sensitive data that it uses",
        exposure="who can send it input",
        tags="labels, as key=value where they have a value",
        owner="accountable owners",
        developers="owners who develop it",
        created_at="when its registry or manifest says it was created",
    ),
    Column("versions", "number of versions that are not gone"),
    Column("newest_version", "the version with the highest number, as v7"),
    Column("sources", "sources that currently describe it"),
    Column("conflicts", "facts that sources disagree about"),
    Column("stub", "true while other things refer to it and no source describes it"),
    Column("first_seen_at", "when the catalog first heard of it"),
    Column("last_changed_at", "when anything about it last changed"),
    Column("gone_since", "since when no source shows it; empty while one does"),
)

VERSIONS: Final = (
    Column("as_of", "when the catalog said this"),
    Column("model_id", "the model's entry id"),
    Column("model", "namespace/name"),
    Column("version", "its number, as v7"),
    Column("version_id", "the entry's id, never used again"),
    *_facts(
        aliases="names that point to it in its registry",
        stage="stage in its registry",
        status="status in its registry",
        description="what is said about it",
        tags="labels, as key=value where they have a value",
        training_run="the training run that made it",
        source_uri="where its files lie",
        source_commit="full commit of its source",
        repository="repository of its source",
        framework="what it was built with",
        created_by="who registered it",
        created_at="when its registry says it was created",
        datasets="datasets it was trained or evaluated on, with role and digest",
    ),
    Column("sources", "sources that currently describe it"),
    Column("conflicts", "facts that sources disagree about"),
    Column("stub", "true while other things refer to it and no source describes it"),
    Column("first_seen_at", "when the catalog first heard of it"),
    Column("last_changed_at", "when anything about it last changed"),
    Column("gone_since", "since when no source shows it; empty while one does"),
)

TABLES: Final = {"models": MODELS, "versions": VERSIONS}
