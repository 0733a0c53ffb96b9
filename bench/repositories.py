"""The harvest of 1,000 repositories of which 10 changed, against what no harvest can do without.

Counted, not timed. A request is a git command that asks a server: every head must be asked for and
every changed manifest fetched, so the ideal is one a repository and one a changed file. The server
counts ours: each command begins with one request for its references. The HTTP requests behind them,
and their bytes, are printed too. Before it, all is harvested once, and once more without a change.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.result import Form, Result, Stage
from harvesters.manifests.git.host import GitHost, Told
from harvesters.manifests.git.settings import GitSettings
from harvesters.manifests.sweep import RepositorySweep
from outbound.addresses import Allowed
from schemas.harvest import KnownSubject
from schemas.observation import Observation
from schemas.sources import SourceSettings
from tests.support.git_server import GitServer, Repository, run_git_server

TARGET: Final = 1.2
REPOSITORIES, CHANGED = 1_000, 10
SMALL: Final = 50, 2
LOOPBACK: Final = "127.0.0.1/32"
MOST_BYTES: Final = 64 * 2**20
MANIFEST: Final = """\
apiVersion: model-catalog/v1
kind: Model
metadata: {{namespace: retail, name: model-{number}, description: {text}}}
spec:
  owners: [{{ref: "team:retention-ds"}}]
"""


def measure(stage: Stage) -> Result:
    """Harvest all, then what changed, and count what the server was asked."""
    many, few = SMALL if stage.small else (REPOSITORIES, CHANGED)
    with TemporaryDirectory() as folder, run_git_server(Path(folder)) as server:
        made = [_make(server, number) for number in range(many)]
        known = _harvest(made, ())
        server.forget()
        known = _harvest(made, known)
        unchanged = server.commands, sum(server.requests.values())
        for number in range(few):
            made[number * (many // few)].commit(_files(number * (many // few), "Changed."))
        server.forget()
        before, known = known, _harvest(made, known)
        ours, requests = server.commands, sum(server.requests.values())
        sent = sum(server.sent.values())
    ideal = many + few
    return Result(
        "repositories",
        ours / ideal,
        Form.TIME,
        f"{ideal:,} requests",
        TARGET,
        (
            f"{many:,} repositories, {few} changed: {ours:,} commands, of which {few} clones",
            f"{requests:,} HTTP requests (git needs two for a head), {sent:,} bytes",
            f"without a change: {unchanged[0]:,} commands, {unchanged[1]:,} HTTP requests",
        ),
        flaw=_flaw(before, known, many=many, few=few),
    )


def _flaw(
    before: Sequence[KnownSubject], after: Sequence[KnownSubject], *, many: int, few: int
) -> str:
    """A harvest that misses something is cheap: were all repositories and changes told?"""
    told = {one.subject for one in after if one.subject.scheme == "manifest"}
    if len(told) != many:
        return f"{len(told)} models of {many} were told"
    digests = {one.subject: one.digest for one in before}
    changed = sum(digests.get(one.subject) != one.digest for one in after)
    return "" if changed == 2 * few else f"{changed} things changed, not {2 * few}"  # with its head


def _harvest(made: Sequence[Repository], known: Sequence[KnownSubject]) -> list[KnownSubject]:
    """What a harvest tells, as the catalog would remember it."""
    urls = [one.url for one in made]
    source = SourceSettings.model_validate(
        {"name": "git-prod", "kind": "git", "namespace": "retail",
         "settings": {"repositories": urls}}
    )  # fmt: skip
    settings = GitSettings.model_validate(source.settings)
    asked = Told(settings.remotes(), Allowed(LOOPBACK), settings.seconds, MOST_BYTES)
    sweep = RepositorySweep(GitHost(asked), source, scope="repositories", settings=settings)
    sweep.remember(known)
    now: dict[str, KnownSubject] = {}
    told = chain.from_iterable(map(sweep.observe, sweep.pages(None)))
    for one in chain(told, _vouched(sweep)):
        if isinstance(one, Observation):
            now[str(one.subject)] = KnownSubject(
                subject=one.subject, digest=one.digest(), marker=one.marker
            )
        elif isinstance(one, KnownSubject):
            now[str(one.subject)] = one
        else:
            return []  # the flaw will say how much is missing
    return list(now.values())


def _vouched(sweep: RepositorySweep) -> Iterator[Observation]:
    """What is marked once all is told."""
    yield from sweep.vouch(())


def _make(server: GitServer, number: int) -> Repository:
    made = server.create(f"acme/model-{number}")
    made.commit(_files(number, "First."))
    return made


def _files(number: int, text: str) -> dict[str | bytes, bytes]:
    return {
        "model.yaml": MANIFEST.format(number=number, text=text).encode(),
        "train.py": b"import this\n",
    }
