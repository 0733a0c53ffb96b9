"""What builds of interest deployed: for each pipeline and environment the newest that succeeded."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Final

from harvesters.ci.azure.api import AzureApi
from harvesters.ci.azure.observe import Deployed
from harvesters.ci.azure.payloads import OF_RECORDS, Environment, Record, kept, read
from harvesters.ci.azure.reading import Reading

MOST_ENVIRONMENTS: Final = 300
DONE: Final = frozenset({"succeeded", "succeededwithissues"})


def read_deployed(
    api: AzureApi, project: str, *, reading: Reading, known: Collection[str], counts: Counter[str]
) -> Iterator[Deployed]:
    """Of builds of interest, and of what is `known` already: another build may stand there now.

    `known`: the ends of identifiers, `<environment>/<pipeline>`.
    """
    found = list(_chosen(api, project, counts=counts))
    asked = {one.owner.id for _, one, _ in found if one.owner.id is not None}
    builds = dict(reading.raws)
    for rows in api.numbered(project, sorted(asked - builds.keys())):
        reading.chosen(rows)
        builds |= {row["id"]: kept(row) for row in rows if _is_numbered(row)}
    for environment, record, raw in found:
        number = record.owner.id
        if number in reading.wanted or f"{environment.id}/{record.definition.id}" in known:
            build = builds.get(number) if number is not None else None
            yield Deployed(environment.id, environment.name, raw, build)
        else:
            counts["deployment_not_of_interest"] += 1


def _chosen(
    api: AzureApi, project: str, *, counts: Counter[str]
) -> Iterator[tuple[Environment, Record, Any]]:
    pages = api.environments(project)
    if pages is None:
        counts["environments_not_readable"] += 1
        return
    environments = [one for rows in pages for one in _environments(rows, counts)]
    for environment in environments[:MOST_ENVIRONMENTS]:
        for record, raw in _standing(api.records(project, environment.id)):
            yield environment, record, raw
    if len(environments) > MOST_ENVIRONMENTS:
        counts["environment_beyond_300"] += len(environments) - MOST_ENVIRONMENTS


def _environments(rows: Sequence[Any], counts: Counter[str]) -> Iterator[Environment]:
    for row in rows:
        found = read(Environment, row)
        if found is None:
            counts["environment_unreadable"] += 1
        else:
            yield found


def _is_numbered(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("id"), int)


def _standing(rows: Iterable[Any]) -> Iterator[tuple[Record, Any]]:
    """One for each pipeline: the newest that succeeded, else the newest."""
    best: dict[int, tuple[tuple[bool, int], Record, Any]] = {}
    for row in rows:
        raw = kept(row, OF_RECORDS) if isinstance(row, dict) else {}
        record = read(Record, raw)
        if record is None or record.definition.id is None:
            continue
        done = (record.result or "").lower() in DONE
        rank = (done, record.id)
        pipeline = record.definition.id
        if pipeline not in best or rank > best[pipeline][0]:
            best[pipeline] = (rank, record, raw)
    for _, record, raw in best.values():
        yield record, raw
