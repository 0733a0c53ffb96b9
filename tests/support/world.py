"""A small world of all nine kinds that two sources talk about: everything names everything."""

from collections.abc import Mapping
from typing import Any, Final

from hypothesis import strategies as st

SOURCES: Final = ("mlflow-prod", "mlflow-other")
KINDS: Final = (
    "owner", "repository", "dataset", "build", "training_run", "model", "use", "version",
    "deployment",
)  # fmt: skip


def subject(kind: str, world: str, source: str = SOURCES[0]) -> dict[str, str]:
    """The identifier of the world's one thing of a kind, as a source knows it."""
    scheme, value = {
        "owner": ("handle", f"team-{world}"),
        "repository": ("url", f"https://github.com/acme/{world}"),
        "dataset": ("uri", f"s3://lake/{world}"),
        "build": ("github", f"github.com/acme/{world}/1"),
        "training_run": ("mlflow", f"{source}/default/{world}"),
        "model": ("mlflow", f"{source}/default/{world}"),
        "use": ("name", f"retail/{world}/offers"),
        "version": ("mlflow", f"{source}/default/{world}/1"),
        "deployment": ("k8s", f"cluster/{world}"),
    }[kind]
    return {"kind": kind, "scheme": scheme, "value": value}


def identity(kind: str, world: str, source: str) -> dict[str, Any]:
    """The facts that decide what a thing is: stated every time, so that decisions are equal."""
    model = subject("model", world, source)
    known: dict[str, dict[str, Any]] = {
        "model": {"namespace": "retail", "name": world},
        "version": {"model": model, "number": "1"},
        "use": {"model": model, "name": "offers"},
    }
    return known.get(kind, {})


def facts(kind: str, world: str, source: str) -> Mapping[str, list[Any]]:
    """What may be said of a thing, by fact: empty, narrowed, sets and references among it."""
    owner, repository, dataset, build, run, version = (
        subject(named, world, source)
        for named in ("owner", "repository", "dataset", "build", "training_run", "version")
    )
    owners = [[], [{"owner": owner}], [{"owner": owner, "role": "developer"}]]
    datasets = [[], [{"dataset": dataset, "role": "training", "digest": "md5:1"}],
                [{"dataset": dataset}]]  # fmt: skip
    texts = [None, "a", "b"]
    known: dict[str, Mapping[str, list[Any]]] = {
        "owner": {"display_name": texts, "active": [True, False], "members": [[], [owner]]},
        "repository": {"head_commit": ["a" * 40, "b" * 40], "topics": [[], ["x"], ["y", "x"]],
                       "owners": owners, "description": texts},
        "dataset": {"description": texts, "owners": owners, "records": [None, 0, 7]},
        "build": {"repository": [repository, None], "status": ["running", "failed"],
                  "artifacts": [[], [{"name": "image"}]]},
        "training_run": {"status": texts, "params": [{}, {"depth": "3"}], "datasets": datasets,
                         "repository": [repository]},
        "model": {"description": texts, "tags": [[], ["x"], ["y", "x"]], "owners": owners,
                  "datasets": datasets, "repositories": [[{"repository": repository}]],
                  "model_class": ["agentic", {"one_of": ["agentic", "generative"]}]},
        "use": {"purpose": texts, "jurisdictions": [[], ["CA"]], "exposure": ["internal_api"]},
        "version": {"aliases": [[], ["champion"]], "status": texts, "training_run": [run, None],
                    "build": [build], "datasets": datasets, "size_bytes": [0, 7]},
        "deployment": {"version": [version, None], "status": ["ready", "failed"],
                       "build": [build], "traffic_percent": [0.0, 50.0]},
    }  # fmt: skip
    return known[kind]


def first_words(world: str) -> list[tuple[str, Any]]:
    """Each source says of each thing that it is; answers (source, document)."""
    return [
        (source, {
            "subject": subject(kind, world, source),
            "observed_at": "2026-11-19T00:00:00Z",
            "facts": identity(kind, world, source),
        })
        for source in SOURCES for kind in KINDS
    ]  # fmt: skip


@st.composite
def statements(draw: st.DrawFn) -> tuple[str, int, str, bool, dict[str, int], bool]:
    """Who says when, of what kind, that it is gone or which facts; as numbers, for any world."""
    source, kind = draw(st.sampled_from(SOURCES)), draw(st.sampled_from(KINDS))
    known = facts(kind, "w", source)
    chosen = draw(
        st.fixed_dictionaries(
            {}, optional={name: st.integers(0, len(of) - 1) for name, of in known.items()}
        )
    )
    gone = draw(st.integers(0, 5)) == 0
    return source, draw(st.integers(1, 6)), kind, gone, chosen, draw(st.booleans())


def said(statement: Any, world: str) -> tuple[str, Any]:
    """A statement about a world; answers (source, document)."""
    source, hour, kind, gone, chosen, inferred = statement
    document = {
        "subject": subject(kind, world, source),
        "observed_at": f"2026-11-20T{hour:02}:00:00Z",
    }
    if gone:
        return source, document | {"gone": True}
    known = facts(kind, world, source)
    stated = {name: known[name][index] for name, index in chosen.items()}
    document["facts"] = identity(kind, world, source) | stated
    if inferred:
        document["inferred"] = sorted(stated)
    return source, document
