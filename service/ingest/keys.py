"""Keys by which things that belong together find each other. Pure.

What a deployment, or a version, was made of offers keys; who looks for it seeks them. The steps by
which a deployment finds its version are `SOURCES` 6; digests, artifacts and logged models only look
up (`RULES` 2.1): many things may share one, so that a key alone never makes two things one.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from schemas.canonical import canonical_dataset_uri
from schemas.identifiers import Kind, decode_segment, encode_segment, fold_name

LOGGED: Final = re.compile(r"(?:^|/)(m-[0-9a-f]{32})(?=/|$)")
MODEL_URI: Final = re.compile(
    r"models:/{1,3}(?P<name>[^/@\s]+)(?:/(?P<number>[^/@\s]+)|@(?P<alias>[^/\s]+))/?"
)
RELATIVE: Final = re.compile(r"(?:mlflow-artifacts|runs):/[^/]")
LONGEST: Final = 2_000
MOST: Final = 500  # keys of one thing
SUCCEEDED: Final = "succeeded"

Keys = tuple[str, ...]


class Thing(NamedTuple):
    """One thing as far as its keys need it."""

    id: UUID
    kind: Kind
    fields: Mapping[str, Any]  # the folded values, by fact
    subjects: Sequence[str]  # its identifiers in MLflow
    linked: Mapping[str, Sequence[UUID]]  # which entries its facts name, by fact
    namespace: str | None  # of who says so: a bare name is meant there, whatever is served

    def text(self, name: str) -> str | None:
        """The text of a fact, where one is stated."""
        value = self.fields.get(name)
        return value if isinstance(value, str) and value else None

    def several(self, name: str) -> list[Any]:
        """The members of a fact that are stated."""
        value = self.fields.get(name)
        return [one for one in value if one] if isinstance(value, list | tuple) else []

    def named(self, fact: str, word: str) -> Iterator[str]:
        """A key for each entry that a fact names."""
        return (f"{word}:{one}" for one in self.linked.get(fact, ()))


def offered(thing: Thing) -> Keys:
    """What others may find a version, or a build, by."""
    give = OFFERING.get(thing.kind)
    return _kept(give(thing)) if give else ()


def sought(thing: Thing) -> Keys:
    """By what a version looks for its build, and a deployment for its version and build."""
    ask = SEEKING.get(thing.kind)
    return _kept(ask(thing)) if ask else ()


def word_of(key: str) -> str:
    """What kind of key it is."""
    return key.partition(":")[0]


def uri_keys(uri: str) -> Iterator[str]:
    """What an artifact's address says: a logged model, a registered version, or just a place."""
    if "${" in uri or uri.startswith("pvc:"):
        return
    if found := MODEL_URI.fullmatch(uri):
        yield f"model-uri:{_model_uri(found)}"
    if found := LOGGED.search(uri.partition("://")[2] or uri.partition(":")[2]):
        yield f"logged:{found[1]}"
    if RELATIVE.match(uri):  # of the tracking server whose run stands in the path
        yield f"uri:{uri.rstrip('/')}"
        return
    try:
        yield f"uri:{canonical_dataset_uri(uri)}"
    except ValueError:
        return


def name_key(thing: Thing) -> str | None:
    """The natural key that labels claim: `retail.churn` or `retail/churn`, and a number."""
    claimed, version = thing.text("claimed_model"), thing.text("claimed_version")
    if claimed is None or version is None:
        return None
    before, slash, name = claimed.partition("/")
    if not slash:
        before, dot, name = claimed.partition(".")
        if not dot:
            before, name = thing.namespace or "", claimed
    number = re.sub(r"^v(?=\d)", "", version)
    if not before or not name:
        return None
    return "name:" + "/".join(fold_name(encode_segment(one)) for one in (before, name, number))


def _version_offers(thing: Thing) -> Iterator[str]:
    yield from (f"digest:{one}" for one in thing.several("digests"))
    if logged := thing.text("logged_model"):
        yield from (f"logged:{one}" for one in LOGGED.findall(logged))
    if source := thing.text("source_uri"):
        yield from uri_keys(source)
    for one in thing.subjects:
        name, number = _registered(one)
        yield f"model-uri:models:/{name}/{number}"
        yield from (f"model-uri:models:/{name}@{a}" for a in thing.several("aliases"))
    yield from thing.named("build", "build")
    if commit := thing.text("source_commit"):
        yield f"commit:{commit}"


def _build_offers(thing: Thing) -> Iterator[str]:
    for one in thing.several("artifacts"):
        if isinstance(one, Mapping) and one.get("digest"):
            yield f"digest:{one['digest']}"
    yield from thing.named("versions", "version")
    yield from thing.named("training_runs", "run")
    for uri in thing.several("model_uris"):
        yield from uri_keys(uri)
    commit = thing.text("commit")
    if commit and thing.fields.get("status") == SUCCEEDED:
        yield f"commit:{commit}"


def _version_seeks(thing: Thing) -> Iterator[str]:
    yield from (f"digest:{one}" for one in thing.several("digests"))
    yield f"version:{thing.id}"
    yield from thing.named("training_run", "run")
    for one in thing.subjects:
        name, number = _registered(one)
        yield f"model-uri:models:/{name}/{number}"
    if logged := thing.text("logged_model"):
        yield from (f"logged:{one}" for one in LOGGED.findall(logged))
    if commit := thing.text("source_commit"):
        yield f"commit:{commit}"


def _deployment_seeks(thing: Thing) -> Iterator[str]:
    if digest := thing.text("digest"):
        yield f"digest:{digest}"
    if uri := thing.text("artifact_uri"):
        yield from uri_keys(uri)
    yield from thing.named("build", "build")
    if commit := thing.text("commit"):
        yield f"commit:{commit}"
    if claimed := name_key(thing):
        yield claimed


Side = Callable[[Thing], Iterator[str]]
OFFERING: Final[Mapping[Kind, Side]] = {Kind.VERSION: _version_offers, Kind.BUILD: _build_offers}
SEEKING: Final[Mapping[Kind, Side]] = {
    Kind.VERSION: _version_seeks, Kind.DEPLOYMENT: _deployment_seeks,
}  # fmt: skip


def _registered(subject: str) -> tuple[str, str]:
    """Name and number of a registered version: `<source>/<workspace>/<name>/<number>`."""
    name, _, number = subject.split("/", 2)[2].rpartition("/")
    return decode_segment(name), decode_segment(number)


def _model_uri(found: re.Match[str]) -> str:
    name, number, alias = found["name"], found["number"], found["alias"]
    return f"models:/{name}/{number}" if number else f"models:/{name}@{alias}"


def _kept(keys: Iterable[str]) -> Keys:
    """Each once, in one order; what is too long to be compared is no key."""
    return tuple(sorted({key for key in keys if len(key) <= LONGEST})[:MOST])
