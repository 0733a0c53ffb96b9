"""Events of one run that arrive at the same moment lose nothing of each other."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

from tests.lineage.events import Poster, dataset, event, linked, run_of

TIMES = 50


def test_start_and_complete_at_once(flow: Poster) -> None:
    """START and COMPLETE posted in parallel, fifty times: both count, whoever was first."""
    runs = [str(uuid4()) for _ in range(TIMES)]
    gate = Barrier(2)

    def post(kind: str, run: str) -> int:
        read = [dataset(f"of-{kind.lower()}"), dataset("shared")]
        sent = event(kind, f"2026-11-20T09:{'00' if kind == 'START' else '30'}:00Z", run,
                     inputs=read)  # fmt: skip
        gate.wait(timeout=30)
        return flow.send(sent).status_code

    with ThreadPoolExecutor(2) as pool:
        for run in runs:
            both = [pool.submit(post, kind, run) for kind in ("START", "COMPLETE")]
            assert [one.result() for one in both] == [201, 201]

    for run in runs:
        facts = run_of(flow.service, run)
        assert linked(facts) == [
            "s3://lake/of-complete", "s3://lake/of-start", "s3://lake/shared",
        ]  # fmt: skip
        assert (facts["status"], facts["started_at"], facts["ended_at"]) == (
            "FINISHED", "2026-11-20T09:00:00.000000Z", "2026-11-20T09:30:00.000000Z",
        )  # fmt: skip


def test_many_of_one_run_at_once(flow: Poster) -> None:
    """Eight senders, clocks ahead of ours, one run: each adds its dataset, none waits for ever."""
    run = str(uuid4())

    def post(number: int) -> int:
        at = "2126-01-01T00:00:00Z" if number % 2 else "2026-11-20T09:00:00Z"
        return flow.send(event("OTHER", at, run, inputs=[dataset(f"d{number}")])).status_code

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(post, range(24)))

    taken = [n for n, answer in enumerate(answers) if answer == 201]
    assert set(answers) <= {201, 503}  # busy is said, never half done
    assert len(taken) >= 12
    assert linked(run_of(flow.service, run)) == sorted(f"s3://lake/d{n}" for n in taken)
