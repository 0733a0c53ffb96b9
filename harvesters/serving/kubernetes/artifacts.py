"""Finds where a model's files lie: in all the forms that KServe and containers say it in."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from harvesters.serving.kubernetes.documents import items, member, text, texts
from schemas.masking import drop_userinfo

ADDRESS: Final = re.compile(
    r"(?:[a-z][a-z0-9+.-]{0,30}://|(?:models|runs|mlflow-artifacts|dbfs):/)[^\s]{1,2000}",
    re.IGNORECASE,
)
HUB_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
VARIABLES: Final = ("MODEL_URI", "STORAGE_URI")  # the only ones whose values are ever read
OPTIONS: Final = (
    "--model", "--model-path", "--model-uri", "--model_base_path", "--model-repository",
    "--model-store",
)  # fmt: skip
OF_THE_HUB: Final = ("vllm", "sglang", "llm-d", "text-generation-inference")  # take its bare names
NO_MODEL: Final = ("logger", "batcher", "resources", "affinity", "annotations", "labels")


class Storage(NamedTuple):
    """Where the files lie, as it is stated; `hub`: a bare name of a model on the Hub instead."""

    stated: tuple[str, ...] = ()
    hub: str | None = None


def of_predictor(predictor: Any) -> Iterator[str]:
    """What a predictor of KServe says, whatever its framework is called."""
    for framework in _frameworks(predictor):
        for name in ("storageUri", "modelUri"):
            if found := text(framework, name):
                yield found
        yield from _several(framework)
        if found := _of_bucket(member(framework, "storage")):
            yield found
    yield from _several(predictor)


def _several(holder: Any) -> Iterator[str]:
    for one in items(holder, "storageUris"):
        if found := text(one, "uri") or text(one, "storageUri"):
            yield found


def _of_bucket(storage: Any) -> str | None:
    """A bucket and a path, where their kind is stated too; often only a secret knows it."""
    kind, bucket = text(storage, "parameters", "type"), text(storage, "parameters", "bucket")
    path = text(storage, "path")
    if kind not in {"s3", "gs", "hdfs", "webhdfs"} or bucket is None or path is None:
        return None
    return f"{kind}://{bucket}/{path.lstrip('/')}"


def of_container(container: Mapping[str, Any], *, image: str | None) -> Storage:
    """What the named variables and options of a container say; no other value is looked at."""
    found = [value for name, value in _variables(container) if name in VARIABLES]
    given = [*_options([*texts(container, "command"), *texts(container, "args")])]
    found += given
    stated = tuple(one for one in found if ADDRESS.fullmatch(one))
    takes_names = image is not None and any(word in image.lower() for word in OF_THE_HUB)
    names = [one for one in given if HUB_NAME.fullmatch(one)] if takes_names else []
    return Storage(stated, names[0] if names and not stated else None)


def shown(address: str) -> str:
    """An address without who signs in there, and without a query: signatures stand in it."""
    bare = drop_userinfo(address)
    if bare.lower().startswith(("http:", "https:", "s3:", "gs:", "wasb", "abfs")):
        bare = re.split(r"[?#]", bare, maxsplit=1)[0]
    return bare


def words(container: Mapping[str, Any]) -> list[str]:
    """The words of a container's command, also of one that is a line for a shell."""
    said = [*texts(container, "command"), *texts(container, "args")]
    return [word for one in said for word in one.split()]


def _frameworks(predictor: Any) -> Iterator[Any]:
    if not isinstance(predictor, Mapping):
        return
    named = [*(("model",) if "model" in predictor else ()), *sorted({*predictor} - {"model"})]
    yield from (predictor[name] for name in named if name not in NO_MODEL)


def _variables(container: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for one in items(container, "env"):
        name, value = one.get("name"), one.get("value")
        if isinstance(name, str) and isinstance(value, str) and name in VARIABLES:
            yield name, value.strip()


def _options(said: list[str]) -> Iterator[str]:
    """`--model X`, `--model=X`, also within one line for a shell."""
    split = [word.strip("\"'") for one in said for word in one.split()]
    for index, word in enumerate(split):
        name, equals, value = word.partition("=")
        if name not in OPTIONS:
            continue
        if equals:
            yield value.strip("\"'")
        elif index + 1 < len(split) and not split[index + 1].startswith("-"):
            yield split[index + 1]
