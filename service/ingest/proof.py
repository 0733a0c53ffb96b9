"""Holds what a CI job pushes against what its identity token proved. Pure.

A job speaks of models, versions, training runs and datasets, of its own build, and of deployments:
those of its own repository, and those that its source or a serving platform names. What it states
of repository, commit, build and the like is what was proved, or the whole batch is refused; what it
leaves out is filled in.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from schemas.facts import BuildFacts
from schemas.identifiers import Identifier, Kind, encode_segment, source_of
from schemas.identities import Proved
from schemas.observation import Observation, parse_observation
from schemas.problem import FieldProblem

SPOKEN_OF: Final = frozenset(
    {
        Kind.MODEL, Kind.VERSION, Kind.TRAINING_RUN, Kind.DATASET, Kind.BUILD, Kind.DEPLOYMENT,
    }
)  # fmt: skip
HOSTED: Final = frozenset({"github", "gitlab"})  # schemes whose values begin with a repository
FILED: Final = frozenset({"manifest", "foreign", "file"})  # by a repository and a path in it
PART: Final = "part"  # the scheme of what is said bit by bit
MOST: Final = 50


class Job(NamedTuple):
    """A job as it pushes: for which source, what was proved, how its repository is referred to."""

    source: str
    proved: Proved
    repository: Identifier | None
    grants: bool = False  # does ownership that its source states give rights?


class Held(NamedTuple):
    """A batch that was held against the proof."""

    documents: Sequence[Any]
    unread: frozenset[int]  # records that are no observations: refused one by one
    problems: tuple[FieldProblem, ...]


def hold(documents: Sequence[Any], job: Job) -> Held:
    """The batch with what was proved filled in, and everything in it that differs."""
    read: dict[int, Observation] = {}
    for index, document in enumerate(documents):
        try:
            read[index] = parse_observation(document)
        except ValidationError:
            continue
    problems = [
        FieldProblem(pointer=f"/observations/{index}{place}", message=message)
        for index, observation in read.items()
        for place, message in _problems(observation, job)
    ]
    made = _made_here(read.values(), job)
    filled = [
        _filled(document, read[index], job=job, made=made) if index in read else document
        for index, document in enumerate(documents)
    ]
    unread = frozenset(range(len(documents))) - read.keys()
    return Held(filled, unread, tuple(problems[:MOST]))


def _problems(observation: Observation, job: Job) -> Iterator[tuple[str, str]]:
    """What of one observation the job may not say: the place in it, and why."""
    subject, facts = observation.subject, observation.facts
    if subject.kind not in SPOKEN_OF:
        yield "/subject/kind", "is nothing that a CI job speaks of"
        return
    if facts is None:
        yield "/gone", "a CI job says what is there; state `status` and `ended_at` of a deployment"
        return
    called = {"/subject/value": subject} | {
        f"/same_as/{position}/value": other for position, other in enumerate(observation.same_as)
    }
    for place, identifier in called.items():
        if not _is_own(identifier, job):
            yield place, f"is no {subject.kind} of this job{_its(job, subject.kind)}"
    for name in sorted(observation.stated()):
        value = getattr(facts, name, None)
        if name == "owners" and job.grants:
            yield "/facts/owners", "who answers for it is stated where people review it"
        elif name == "build" and isinstance(value, Identifier) and not _is_own(value, job):
            yield "/facts/build", f"is not the build of this job{_its(job, Kind.BUILD)}"
        elif not _agrees(name, value, kind=subject.kind, job=job):
            yield f"/facts/{name}", "is not what the identity token proved"


def _its(job: Job, kind: Kind) -> str:
    if kind is Kind.BUILD and job.proved.build is not None:
        return f", which is {job.proved.build}"
    return ""


def _is_own(identifier: Identifier, job: Job) -> bool:
    """May the job speak of this thing? What is another source's is refused alone, as ever."""
    if identifier.kind is Kind.BUILD:
        return _is_own_build(identifier, job)
    if identifier.kind is Kind.DEPLOYMENT:
        return _is_own_deployment(identifier, job)
    return identifier.scheme not in FILED or _is_filed_here(identifier, job)


def _is_filed_here(identifier: Identifier, job: Job) -> bool:
    """Is it called by a file of the job's own repository? Others' files are others' to tell of."""
    proved = job.proved
    where = identifier.value.partition("#")[0]
    return proved.repository is None or where in {proved.repository.value, proved.repository_url}


def _is_own_build(build: Identifier, job: Job) -> bool:
    """The one that was proved, and parts of what the source says of it.

    Without one, those of the source and of the Jenkins that signed.
    """
    if job.proved.build is not None:
        return build == job.proved.build or _is_part(build, job)
    if build.scheme == "jenkins":
        return build.value.startswith(f"{job.proved.host}/")
    return source_of(build) == job.source


def _is_part(build: Identifier, job: Job) -> bool:
    """Is it a part of what the source says of the build that was proved?"""
    whole = job.proved.build
    if whole is None or build.scheme != PART:
        return False
    return build.value.startswith(f"{job.source}/{whole.value}#")


def _is_own_deployment(deployment: Identifier, job: Job) -> bool:
    """Those of its repository and environment, of its source, and of serving platforms."""
    if deployment.scheme not in HOSTED:
        return source_of(deployment) in {None, job.source} and _is_of_repository(deployment, job)
    repository, environment = job.proved.repository, job.proved.environment
    if repository is None or repository.scheme != deployment.scheme:
        return False
    if not deployment.value.startswith(within := f"{repository.value}/"):
        return False
    there = deployment.value.removeprefix(within)
    return environment is None or there == encode_segment(environment)


def _is_of_repository(deployment: Identifier, job: Job) -> bool:
    """What a source names by repository and environment, `<repository>#<environment>/…`, is theirs.

    What it names otherwise is of all jobs that speak for the source.
    """
    proved = job.proved
    named, mark, there = deployment.value.partition("/")[2].partition("#")
    if source_of(deployment) is None or not mark or proved.repository is None:
        return True
    address = (proved.repository_url or "").removeprefix("https://")
    environment = proved.environment and encode_segment(proved.environment)
    of_environment = environment is None or there.partition("/")[0] == environment
    return named in {proved.repository.value, address} and of_environment


def _agrees(name: str, value: Any, *, kind: Kind, job: Job) -> bool:
    """Is a fact what was proved? So is one that nothing was proved of, and one that is empty."""
    certain = _accepted(kind, job).get(name, ())
    return not certain or value is None or value in certain


def _accepted(kind: Kind, job: Job) -> Mapping[str, Sequence[Any]]:
    """The values that a fact of a kind may have, for those that were proved."""
    proved = job.proved
    url = proved.repository_url
    by_url = Identifier(kind=Kind.REPOSITORY, scheme="url", value=url) if url else None
    repository, commit = (proved.repository, by_url), (proved.commit,)
    branch = (proved.ref, proved.full_ref)
    accepted: dict[Kind, dict[str, Sequence[Any]]] = {
        Kind.BUILD: {
            "repository": repository, "commit": commit, "ref": branch,
            "on_protected_branch": (proved.on_protected_branch,), "event": (proved.event,),
            "workflow": _workflows(proved), "attempt": (proved.attempt,),
        },
        Kind.VERSION: {
            "repository": repository, "source_commit": commit, "source_branch": branch,
            "on_protected_branch": (proved.on_protected_branch,),
        },
        Kind.TRAINING_RUN: {
            "repository": repository, "source_commit": commit, "source_branch": branch,
        },
        Kind.DEPLOYMENT: {
            "repository": repository, "commit": commit, "environment": (proved.environment,),
            "environment_class": (proved.environment_class,),
        },
    }  # fmt: skip
    told = accepted.get(kind, {})
    known = {name: [one for one in values if one is not None] for name, values in told.items()}
    return {name: values for name, values in known.items() if values}


def _workflows(proved: Proved) -> tuple[str | None, ...]:
    """The file alone, the file in its repository, and the same at its ref."""
    whole = proved.workflow_ref
    return proved.workflow, whole, whole and whole.partition("@")[0]


def _made_here(read: Iterable[Observation], job: Job) -> frozenset[Identifier] | None:
    """The versions that the batch says its build made; None where it says nothing of its build."""
    whole = job.proved.build
    own = [one.facts for one in read if one.subject == whole or _is_part(one.subject, job)]
    named = (one.versions or () for one in own if isinstance(one, BuildFacts))
    return frozenset(chain.from_iterable(named)) if own else None


def _filled(
    document: Any, observation: Observation, *, job: Job, made: frozenset[Identifier] | None
) -> Any:
    """A record with what was proved: in the place of what it says, and where it says nothing."""
    facts, kind = document.get("facts"), observation.subject.kind
    if not isinstance(facts, Mapping):
        return document
    stated = {name for name, value in facts.items() if value is not None}
    certain, inferred = _certain(kind, job), list(observation.inferred)
    if kind is Kind.VERSION:
        called = {observation.subject, *observation.same_as}
        here = "build" in stated or ("build" not in facts and (made is None or called & made))
        if not here:  # another build made it, and this one only speaks of it
            facts = {name: value for name, value in facts.items() if name != "build" or value}
            certain = {name: value for name, value in certain.items() if name in stated}
        # What it leaves out may be known better by its registry: a conclusion ranks below that.
        inferred += [name for name in certain if name not in {*stated, *inferred}]
    elif kind is Kind.TRAINING_RUN or _is_part(observation.subject, job):
        certain = {name: value for name, value in certain.items() if name in stated}
    more = {"inferred": inferred} if inferred else {}
    whom = {} if _is_part(observation.subject, job) else _by_whom(kind, job)
    return {**document, "facts": {**whom, **facts, **certain}, **more}


def _certain(kind: Kind, job: Job) -> Mapping[str, Any]:
    """What was proved, as facts of a kind."""
    proved, repository = job.proved, _said(job.repository)
    told: dict[Kind, dict[str, Any]] = {
        Kind.BUILD: {
            "repository": repository, "commit": proved.commit, "ref": proved.ref,
            "on_protected_branch": proved.on_protected_branch, "event": proved.event,
            "workflow": proved.workflow, "attempt": proved.attempt,
        },
        Kind.VERSION: {
            "repository": repository, "source_commit": proved.commit, "build": _said(proved.build),
        },
        Kind.TRAINING_RUN: {"repository": repository, "source_commit": proved.commit},
        Kind.DEPLOYMENT: {
            "repository": repository, "commit": proved.commit, "build": _said(proved.build),
            "environment": proved.environment, "environment_class": proved.environment_class,
        },
    }  # fmt: skip
    return {name: value for name, value in told.get(kind, {}).items() if value is not None}


def _by_whom(kind: Kind, job: Job) -> Mapping[str, Any]:
    """Who started the job, where the record names nobody else."""
    name = {Kind.BUILD: "actor", Kind.DEPLOYMENT: "deployed_by"}.get(kind)
    return {name: job.proved.actor} if name and job.proved.actor else {}


def _said(identifier: Identifier | None) -> Any:
    return identifier and identifier.model_dump(mode="json")
