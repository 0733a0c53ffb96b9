"""Which deployments run, and what is wrong with each: the select of lists, files and counts.

What a reader may not see changes nothing of what a decision rests on: whether a claimed model is
known is left out there, for it may lie in another namespace.
"""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, array

from schemas.identifiers import Kind
from schemas.sources import SERVING, SourceKind
from service.access.policy import Caller
from service.catalog.tables import Entry, Link
from service.catalog.typed import TYPED
from service.catalog.view import bears_name, visible
from service.deployments.tables import DeploymentDecisionRow
from service.ingest.tables import SourceRow
from service.reconcile import ACCOUNTABLE

Bool = sa.ColumnElement[bool]
HOSTS: Final = (  # they know every deployment of a repository, whatever it deploys
    SourceKind.GITHUB, SourceKind.GITLAB, SourceKind.JENKINS, SourceKind.AZURE,
)  # fmt: skip
PIPELINES: Final = (*HOSTS, SourceKind.CI)  # what they say of a deployment, a pipeline did
ENDED: Final = ("stopped", "superseded")
RETIRED: Final = ("suspended", "decommissioned")
ARCHIVED: Final = "archived"  # MLflow's stage
PROVED: Final = ("digest", "artifact")  # by which a version is more than claimed
VENDOR: Final = "vendor_service"  # nobody here builds it
DIGESTS: Final[sa.ColumnElement[Any]] = sa.literal_column("'$[*].digest'")
NO_TEXTS: Final = sa.cast(sa.literal("{}"), ARRAY(sa.Text))

entry, link, source, decision = (
    table.__table__ for table in (Entry, Link, SourceRow, DeploymentDecisionRow)
)
deployment, version, model, build = (
    TYPED[kind] for kind in (Kind.DEPLOYMENT, Kind.VERSION, Kind.MODEL, Kind.BUILD)
)
served = entry.alias("served")  # the entry of the version
of_model = entry.alias("of_model")  # of its model, else of the one that is claimed
claimed = entry.alias("claimed")
made_by = entry.alias("made_by")  # the build that is named or found for the deployment
built_by = entry.alias("built_by")  # the version's
built = build.alias("built")


def speakers() -> sa.FromClause:
    """Who speaks of a deployment: names, and whether hosts alone, pipelines, or serving sources."""
    each = sa.func.jsonb_array_elements(deployment.c.statements)
    said = each.table_valued(sa.column("value", JSONB), name="said").render_derived()
    name = said.c.value["source"].astext
    return (
        sa.select(
            sa.func.array_agg(
                sa.cast(source.c.name, sa.Text).distinct(), type_=ARRAY(sa.Text)
            ).label("names"),
            sa.func.bool_and(source.c.kind.in_(HOSTS)).label("hosts_alone"),
            sa.func.bool_or(source.c.kind.in_(PIPELINES)).label("by_pipeline"),
            sa.func.bool_and(source.c.kind.in_(SERVING)).label("serving_alone"),
        )
        .select_from(said.join(source, source.c.name == name))
        .lateral("speakers")
    )


SPEAKERS: Final = speakers()
KNOWN: Final = sa.and_(of_model.c.id.is_not(None), ~of_model.c.stub)
NAMED_BY_BUILD: Final = sa.exists().where(
    link.c.field == "versions", link.c.target_id == served.c.id
)
ACCOUNTED: Final = sa.func.coalesce(
    sa.or_(~served.c.stub, version.c.build_id.is_not(None), NAMED_BY_BUILD), sa.false()
)
BY: Final = sa.func.coalesce(deployment.c.matched["version"]["by"].astext, "")
UNCHOSEN: Final = ((deployment, "build"), (deployment, "version"), (version, "build"))
BLUEPRINT: Final = sa.func.coalesce(deployment.c.blueprint, model.c.blueprint)


def is_live() -> Bool:
    """Somebody describes it, and nobody says that it has ended."""
    return sa.and_(
        ~entry.c.stub,
        entry.c.gone_since.is_(None),
        bears_name(entry),
        sa.func.coalesce(deployment.c.status, "").not_in(ENDED),
        sa.func.coalesce(deployment.c.ended_at > sa.func.now(), sa.true()),
    )


def serves_model() -> Bool:
    """Does it serve a model at all?

    Serving sources choose what they read, and whoever pushes means it. A code host lists every
    deployment of a repository: one that names no version, artifact or digest, of a repository that
    no model names, may be a web page.
    """
    facts = deployment.c
    says = sa.func.num_nonnulls(
        facts.version_id, facts.claimed_model, facts.artifact_uri, facts.digest
    )
    of_repository = sa.exists().where(
        link.c.field == "repositories", link.c.target_id == facts.repository_id
    )
    return sa.or_(~sa.func.coalesce(SPEAKERS.c.hosts_alone, sa.false()), says > 0, of_repository)


def _claimed_key() -> sa.ColumnElement[str]:
    """The name of the model that labels claim, as `service.ingest.keys.name_key` reads it."""
    text = deployment.c.claimed_model
    dotted = sa.func.regexp_replace(text, r"\.", "/")
    bare = sa.func.concat(entry.c.namespace, "/", text)
    written = sa.case((text.contains("/"), text), (text.contains("."), dotted), else_=bare)
    return sa.func.lower(written, type_=sa.Text)


def judged(caller: Caller, *, approved: Sequence[str]) -> sa.Select[Any]:
    """Every live deployment that the caller may see, with what is right and wrong about it.

    `approved` are the approved blueprints; none are declared: none is judged.
    """
    is_claimed = sa.and_(
        claimed.c.kind == Kind.MODEL,
        claimed.c.natural_key == _claimed_key(),
        deployment.c.claimed_model.is_not(None),
        bears_name(claimed),
        ~claimed.c.stub,
        visible(caller, claimed, kind=Kind.MODEL),
    )
    decided = _last_decision()
    return (
        sa.select(
            *_columns(),
            *_causes(approved),
            *(decided.c[name].label(f"decision_{name}") for name in DECIDED),
        )
        .select_from(deployment)
        .join(entry, entry.c.id == deployment.c.id)
        .join(SPEAKERS, sa.true())
        .outerjoin(served, served.c.id == deployment.c.version_id)
        .outerjoin(version, version.c.id == served.c.id)
        .outerjoin(claimed, is_claimed)
        .outerjoin(of_model, of_model.c.id == sa.func.coalesce(version.c.model_id, claimed.c.id))
        .outerjoin(model, model.c.id == of_model.c.id)
        .outerjoin(made_by, made_by.c.id == deployment.c.build_id)
        .outerjoin(built_by, built_by.c.id == version.c.build_id)
        .outerjoin(built, built.c.id == version.c.build_id)
        .outerjoin(decided, sa.true())
        .where(is_live(), serves_model(), visible(caller, entry, kind=Kind.DEPLOYMENT))
    )


def _columns() -> list[sa.ColumnElement[Any]]:
    """What is said of a deployment, and of what it serves."""
    return [
        *entry.c["id", "namespace", "first_seen_at"],
        *deployment.c[*SHOWN],
        sa.func.coalesce(SPEAKERS.c.names, NO_TEXTS).label("sources"),
        sa.func.coalesce(SPEAKERS.c.serving_alone, sa.false()).label("serving_alone"),
        served.c.natural_key.label("version"),
        served.c.stub.label("version_stub"),
        served.c.gone_since.label("version_gone"),
        version.c.stage,
        _registered().label("registered"),
        of_model.c.id.label("model_id"),
        of_model.c.natural_key.label("model"),
        of_model.c.gone_since.label("model_gone"),
        model.c.lifecycle,
        BLUEPRINT.label("stated_blueprint"),
        (~ACCOUNTED).label("unregistered"),
        sa.and_(ACCOUNTED, BY == "label").label("unproved"),
        running().label("running"),
    ]


SHOWN: Final = (
    "platform", "environment", "environment_class", "status", "endpoint", "deployed_by", "matched",
    "statements", "provenance", "conflicts", "digest", "image", "artifact_uri", "claimed_model",
    "claimed_version", "commit", "version_id", "build_id", "repository_id", "blueprint",
)  # fmt: skip
DECIDED: Final = (
    "id", "decision", "reason", "decided_by", "decided_at", "expires_at", "ended_at", "running",
    "version_id", "grounds",
)  # fmt: skip


def _last_decision() -> sa.FromClause:
    return (
        sa.select(*decision.c[*DECIDED])
        .where(decision.c.entry_id == deployment.c.id)
        .order_by(decision.c.id.desc())
        .limit(1)
        .lateral("decided")
    )


def running() -> sa.ColumnElement[Any]:
    """What runs, as far as it is told: what a decision stands for. Of an image its digest."""
    facts = deployment.c
    image = sa.case((facts.digest.is_(None), facts.image))
    named = {
        "digest": facts.digest, "image": image, "artifact_uri": facts.artifact_uri,
        "claimed_model": facts.claimed_model, "claimed_version": facts.claimed_version,
    }  # fmt: skip
    pairs = [part for name, value in named.items() for part in (sa.literal(name, sa.Text), value)]
    built_up = sa.func.jsonb_build_object(*pairs, type_=JSONB)
    return sa.func.jsonb_strip_nulls(built_up, type_=JSONB)


def _registered() -> sa.ColumnElement[Any]:
    """The digests of what is registered of the version: its own, and those that its build made."""
    own = sa.func.coalesce(version.c.digests, sa.cast([], JSONB))
    made = sa.func.jsonb_path_query_array(built.c.artifacts, DIGESTS, type_=JSONB)
    return own.op("||", return_type=JSONB)(sa.func.coalesce(made, sa.cast([], JSONB)))


def _causes(approved: Sequence[str]) -> tuple[sa.ColumnElement[Any], ...]:
    """The codes of what is wrong, and of that on which decisions rest."""
    wrong = _wrong(approved)
    causes = [sa.case((condition, code)) for code, condition in wrong.items()]
    unknown = {name: wrong.pop(name) for name in ("unknown_model", "unknown_version")}
    of_what = {name: wrong.pop(name) for name in ("retired_but_running", "no_owner")}
    grounds = [sa.case((sa.or_(*unknown.values()), "unregistered"))]
    grounds += [sa.case((sa.and_(ACCOUNTED, one), code)) for code, one in of_what.items()]
    grounds += [sa.case((condition, code)) for code, condition in wrong.items()]
    return _texts(causes).label("causes"), _texts(grounds).label("grounds")


def _texts(items: Sequence[sa.ColumnElement[Any]]) -> sa.ColumnElement[Any]:
    listed = sa.cast(array(items), ARRAY(sa.Text))
    return sa.func.array_remove(listed, sa.null(), type_=ARRAY(sa.Text))


def _wrong(approved: Sequence[str]) -> dict[str, Bool]:
    """Each cause by its code, in order."""
    facts = deployment.c
    has_build = sa.or_(
        sa.func.coalesce(~made_by.c.stub, sa.false()),
        sa.func.coalesce(~built_by.c.stub, sa.false()),
        *(_several(typed.c.matched[fact]) for typed, fact in UNCHOSEN),
    )
    owned = sa.exists().where(
        link.c.entry_id == of_model.c.id,
        link.c.field == "owners",
        sa.func.coalesce(link.c.role, ACCOUNTABLE) == ACCOUNTABLE,
    )
    retired = sa.or_(
        served.c.gone_since.is_not(None),
        of_model.c.gone_since.is_not(None),
        model.c.lifecycle.in_(RETIRED),
        sa.func.lower(version.c.stage) == ARCHIVED,
    )
    vendor = sa.func.coalesce(model.c.asset_kind, "") == VENDOR
    by_pipeline = sa.or_(
        sa.func.coalesce(SPEAKERS.c.by_pipeline, sa.false()), facts.build_id.is_not(None),
        _deployed_elsewhere(),
    )  # fmt: skip
    return {
        "unknown_model": sa.and_(~ACCOUNTED, ~KNOWN),
        "unknown_version": sa.and_(~ACCOUNTED, KNOWN),
        "digest_differs": sa.and_(ACCOUNTED, sa.func.coalesce(_differs(), sa.false())),
        "retired_but_running": sa.func.coalesce(retired, sa.false()),
        "no_build": sa.and_(~has_build, ~vendor),
        "no_owner": ~owned,
        "not_by_pipeline": ~by_pipeline,
        "blueprint_not_approved": _not_approved(approved),
    }


def _several(match: sa.ColumnElement[Any]) -> Bool:
    """It is known, but nothing tells which of them it is."""
    known: Bool = match["several"].astext.is_not(None)
    return known


def _differs() -> Bool:
    """Does what runs have another digest than what is registered of the version that it claims?

    Where an artifact proves the version, the digest is that of the server around it; likewise where
    the model lies at an address of its own, beside an image.
    """
    digest, registered = deployment.c.digest, _registered()
    facts = deployment.c
    claim = sa.and_(
        BY.not_in(PROVED),
        digest.is_not(None),
        sa.func.num_nonnulls(facts.artifact_uri, facts.image) < 2,  # noqa: PLR2004  # both
        sa.func.jsonb_array_length(registered) > 0,
        ~registered.contains(sa.func.jsonb_build_array(digest)),
    )
    disputed = sa.and_(BY == "digest", deployment.c.conflicts.contains(["version"]))
    return sa.or_(claim, disputed)


def _not_approved(approved: Sequence[str]) -> Bool:
    """`name@version` in the list approves just that, `name` every version."""
    if not approved:
        return sa.false()
    name = sa.func.split_part(BLUEPRINT, "@", 1)
    known = sa.or_(BLUEPRINT.in_(list(approved)), name.in_(list(approved)))
    return sa.func.coalesce(~known, sa.false())


def _deployed_elsewhere() -> Bool:
    """Does a pipeline's own record say that it deployed this digest or version to such a place?

    What runs in a cluster and what a pipeline reports are entries of their own; an environment that
    one of the two does not know could be the other's.
    """
    facts, keys = deployment.c, _pipeline_keys()
    place = sa.func.coalesce(facts.environment_class, "")
    ways: list[Bool] = []
    for key in (facts.digest, sa.cast(facts.version_id, sa.Text)):
        there = sa.tuple_(key, place).in_(sa.select(keys.c.key, keys.c.place))
        somewhere = sa.tuple_(key, sa.literal("", sa.Text)).in_(sa.select(keys.c.key, keys.c.place))
        anywhere = sa.and_(place == "", key.in_(sa.select(keys.c.key)))
        ways.append(sa.and_(key.is_not(None), sa.or_(there, somewhere, anywhere)))
    return sa.or_(*ways)


def _pipeline_keys() -> sa.CTE:
    """What pipelines say that they deployed, and where; what failed does not count."""
    record, of_record = deployment.alias("record"), entry.alias("of_record")
    each = sa.func.jsonb_array_elements(record.c.statements)
    said = each.table_valued(sa.column("value", JSONB), name="said_of_record").render_derived()
    by_pipeline = (
        sa.exists()
        .select_from(said)
        .where(
            said.c.value["source"].astext.in_(
                sa.select(source.c.name).where(source.c.kind.in_(PIPELINES))
            )
        )
    )
    place = sa.func.coalesce(record.c.environment_class, "").label("place")
    parts = [
        sa.select(key.label("key"), place)
        .join_from(record, of_record, of_record.c.id == record.c.id)
        .where(key.is_not(None), by_pipeline.correlate(record), ~of_record.c.stub)
        .where(sa.func.coalesce(record.c.status, "") != "failed")
        for key in (record.c.digest, sa.cast(record.c.version_id, sa.Text))
    ]
    return sa.union(*parts).cte("pipeline_keys").prefix_with("MATERIALIZED")
