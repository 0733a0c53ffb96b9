"""Random moments while everybody writes: what is accepted never changes, what is refused waits."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from schemas.harvest import Outcome
from schemas.strict import instant_text
from service.db import Busy, Database
from service.ingest.harvests import HarvestRunning
from service.ingest.sources import SourceFacts
from tests.support.accounts import make_owner, owned_by
from tests.support.catalog import Sweep, gone, make_source, model, post, rows, version
from tests.support.http import Service

ASKED: Final = 200
SEED: Final = 20_261_127
OK, NONE, CONFLICT = 200, 404, 409
MODELS: Final = 8
LISTS: Final = ("models.csv", "owners.csv")
OWNERS: Final = ("ada", "bob", "eve")
EDITS: Final = (
    "UPDATE model SET description = :said FROM edited WHERE edited.id = model.id",
    "UPDATE entry SET last_changed_at = clock_timestamp() FROM edited WHERE entry.id = edited.id",
    "DELETE FROM link USING edited WHERE edited.id = link.entry_id",
    "UPDATE subject SET scheme = scheme FROM edited WHERE edited.id = subject.entry_id",
    "UPDATE pin SET reason = :said FROM edited WHERE edited.id = pin.entry_id",
)
EDITED: Final = "WITH edited AS (SELECT id FROM entry WHERE natural_key = :name AND :said <> '') "
Write = Callable[[random.Random], None]


class Asked(NamedTuple):
    """One question about a moment."""

    path: str
    as_of: str


def at(turn: int) -> str:
    """When the source was read in a turn: later ones are newer."""
    return instant_text(datetime.fromisoformat("2026-11-20T00:00:00Z") + timedelta(seconds=turn))


class Writers:
    """Whoever writes: harvests, pushes, merges, an operator in psql, and long transactions."""

    def __init__(self, service: Service, owner_database: Database) -> None:
        """Two sources that talk about the same models, and a person who decides."""
        self.service, self.owner = service, owner_database
        self.database = database = service.database
        self.person = service.token("admin")
        self.ada = make_owner(service, "ada", "handle:user:ada")
        self.answers: list[tuple[str, int, str]] = []
        self.first = make_source(database, absences=1, may_grant_ownership=True)
        self.second = make_source(database, "mlflow-two", may_grant_ownership=True)
        self.turn = self.busy = 0
        self.failed: list[BaseException] = []
        self.stopped = threading.Event()

    def harvest(self, chance: random.Random) -> None:
        """A full harvest that misses some and may retire them."""
        sweep, seen = Sweep(self.database, self.first), list[Any]()
        for number in range(MODELS):
            if chance.random() < 0.9:
                seen += self._said(self.first, number, chance=chance)
        try:
            sweep.sweep(*seen)
            sweep.close()
        except Busy:  # else its lease would keep the next one waiting
            sweep.close(Outcome.FAILED)

    def push(self, chance: random.Random) -> None:
        """A few models, some of them gone, from the other source."""
        chosen = chance.sample(range(MODELS), k=3)
        said = [one for number in chosen for one in self._said(self.second, number, chance=chance)]
        if chance.random() < 0.3:
            said.append(gone(self._said(self.second, chosen[0], chance=chance)[1], at(self.turn)))
        post(self.database, self.second, *said)

    def merge(self, chance: random.Random) -> None:
        """Two names that turn out to be one thing."""
        number, name = chance.randrange(MODELS), f"other-{self.turn}"
        alone = model(name, "mlflow-two", at(self.turn))
        post(self.database, self.second, alone, version(1, name, "mlflow-two", at(self.turn)))
        same = model(f"m{number}")["subject"]
        joined = alone | {"observed_at": at(self.turn + 1), "same_as": [same]}
        post(self.database, self.second, joined)

    def decide(self, chance: random.Random) -> None:
        """People pin, let go, merge and take merges back."""
        name = f"models/retail/m{chance.randrange(MODELS)}"
        pin = {"value": chance.choice(["ranking", "regression"]), "reason": "tests"}
        alone = model(f"alone-{self.turn}", "mlflow-two", at(self.turn))
        post(self.database, self.second, alone)
        other = f"mlflow:{alone['subject']['value']}"
        merge = {"other": other, "reason": "tests"}
        for token, method, path, body in (
            (self.ada, "PUT", f"{name}/pins/task", pin),
            (self.person, "POST", f"{name}:merge", merge),
            (self.ada, "DELETE", f"{name}/pins/task?reason=tests", None),
            (self.person, "POST", f"{name}:unmerge", merge),
        ):
            headers = {"If-Match": "*", "Idempotency-Key": f"{path}-{self.turn}"}
            answer = self.service.ask(method, path, token, json=body, headers=headers)
            self.answers.append((path.removeprefix(name), answer.status_code, answer.text))

    def edit(self, chance: random.Random) -> None:
        """The owner of the tables mends something by hand: no writer is excepted."""
        values = {"name": f"retail/m{chance.randrange(MODELS)}", "said": f"by hand {self.turn}"}
        edit = sa.text(EDITED + chance.choice(EDITS))
        self.owner.transact(lambda session: session.execute(edit, values))

    def dawdle(self, chance: random.Random) -> None:
        """A transaction that writes at once, then later, and stays open meanwhile."""
        edit = sa.text("UPDATE owner SET display_name = :said WHERE handle = :handle")
        values = {"handle": f"user:{chance.choice(OWNERS)}"}
        with self.owner.engine.connect() as connection:
            for step in range(3):
                connection.execute(edit, values | {"said": f"{self.turn} {step}"})
                time.sleep(chance.uniform(0.02, 0.15))
            if chance.random() < 0.5:
                connection.commit()
            else:
                connection.rollback()

    def _said(self, source: SourceFacts, number: int, *, chance: random.Random) -> list[Any]:
        self.turn += 1
        name, when = f"m{number}", at(self.turn)
        facts = {
            "description": f"text {chance.randrange(3)}",
            "owners": [owned_by(f"user:{chance.choice(OWNERS)}", role="accountable")],
        }
        aliases = chance.choice([[], ["champion"]])
        return [
            model(name, source.name, when, **facts),
            version(chance.randrange(1, 4), name, source.name, when, aliases=aliases),
        ]

    @contextmanager
    def at_work(self, seed: int) -> Iterator[None]:
        """All of them write side by side until the block ends."""
        work = (self.harvest, self.push, self.merge, self.decide, self.edit, self.dawdle)
        threads = [
            threading.Thread(target=self._go_on, args=(one, random.Random(seed + n)))  # noqa: S311
            for n, one in enumerate(work)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stopped.set()
            for thread in threads:
                thread.join()

    def _go_on(self, work: Write, chance: random.Random) -> None:
        while not self.stopped.is_set():
            try:
                work(chance)
            except (Busy, HarvestRunning, sa.exc.OperationalError):  # others were in the way
                self.busy += 1
            except BaseException as error:  # noqa: BLE001  # told by the test
                self.failed.append(error)
                return
            self.stopped.wait(chance.uniform(0.05, 0.4))


def test_as_of_random_moments(service: Service, owner_database: Database) -> None:
    """Every accepted moment answers the same bytes for ever, every refused one says when to ask."""
    writers, chance = Writers(service, owner_database), random.Random(SEED)  # noqa: S311
    writers.harvest(chance)
    began = rows(service.database, "SELECT clock_timestamp()")[0][0]
    accepted: dict[Asked, bytes] = {}
    refused: list[Asked] = []
    with writers.at_work(SEED):
        for turn in range(ASKED):
            now = rows(service.database, "SELECT clock_timestamp()")[0][0]
            # Half of them are hardly past: those are the ones that may be refused.
            back = 0.3 if turn % 2 else (now - began).total_seconds()
            moment = now - timedelta(seconds=chance.uniform(0, back))
            asked = Asked(LISTS[turn // 2 % len(LISTS)], instant_text(moment))
            answer = ask(service, asked)
            if answer.status_code == CONFLICT:
                named = answer.json()["errors"][0]["fix"].rpartition(": ")[2].rstrip(".")
                assert datetime.fromisoformat(named) < moment
                refused.append(asked)
                asked = Asked(asked.path, named)
                answer = ask(service, asked)  # works at once
            accepted[asked] = content(answer)
            if turn % 5 == 0:
                again = chance.choice([*accepted])
                assert content(ask(service, again)) == accepted[again], again

    assert writers.failed == []
    decided = {done for done, status, _ in writers.answers if status == OK}
    assert decided >= {"/pins/task", ":merge", ":unmerge"}, writers.answers
    assert len(refused) > 5
    assert len({*accepted.values()}) > ASKED / 4  # the catalog did change all the time
    for asked, known in accepted.items():
        assert content(ask(service, asked)) == known, asked
    for asked in refused:
        assert content(ask(service, asked))


def ask(service: Service, asked: Asked) -> Any:
    """A list at a moment."""
    return service.ask("GET", asked.path, service.reader, params={"as_of": asked.as_of})


def content(answer: Any) -> bytes:
    """The bytes of a list, or that what it stands below was not there: it is not refused."""
    assert answer.status_code in {OK, NONE}, answer.text
    return answer.content if answer.status_code == OK else b"none"
