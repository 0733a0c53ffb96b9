"""Random histories of a few models: the catalog agrees with a small one in Python at every step."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from service.people.expiry import expire_pins
from tests.conftest import MakeDatabase
from tests.support.accounts import make_owner
from tests.support.catalog import Sweep, gone, make_source, model, post
from tests.support.http import Service, opened
from tests.support.identity import manifest, same, settled
from tests.trust.oracle import ONE, PRECEDENCE, Oracle, Pinned

MODELS: Final = ("a", "b", "c", "d")
SOURCES: Final = tuple(PRECEDENCE)
PROD, STAGING, GIT = SOURCES
OWNERS: Final = [{"owner": {"kind": "owner", "scheme": "handle", "value": "team:retention"}}]
FACTS: Final = st.fixed_dictionaries(
    {},
    optional={
        "description": st.sampled_from((None, "churn", "offers")),
        "display_name": st.sampled_from(("One", "Two")),
        "task": st.sampled_from(("ranking", "forecasting")),
        "tags": st.lists(st.sampled_from(("pii", "gold", "old")), max_size=2, unique=True),
    },
)
VALUES: Final = {"description": "pinned", "display_name": "Pinned", "task": "regression",
                 "tags": ["pinned"]}  # fmt: skip
FIELDS: Final = (*ONE, "tags")
BOUNDED: Final = settings(
    max_examples=6,
    stateful_step_count=25,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to shrink would take minutes
    suppress_health_check=list(HealthCheck),
)


class Catalog(RuleBasedStateMachine):
    """Three sources speak, people pin and merge, things go and come back."""

    def __init__(self, make_database: MakeDatabase) -> None:
        """A database of its own, with the whole service on it."""
        super().__init__()
        self.oracle, self.turn = Oracle(), 0
        self.made, self.served = make_database(), None
        self.database = self.made.__enter__()
        self.served = opened(self.database)
        self.service: Service = self.served.__enter__()
        self.admin = self.service.token("admin")
        self.owner = make_owner(self.service, "anna", "handle:team:retention")
        self.sources = {
            name: make_source(self.database, name, kind="ci" if name == GIT else "mlflow",
                              precedence=rank, may_grant_ownership=name == GIT)
            for name, rank in PRECEDENCE.items()
        }  # fmt: skip

    def teardown(self) -> None:
        """Nothing is left to reconcile, whatever happened; then it all goes."""
        try:
            settled(self.database)
        finally:
            if self.served:
                self.served.__exit__(None, None, None)
            self.made.__exit__(None, None, None)

    def document(self, source: str, name: str, facts: dict[str, Any]) -> Any:
        """What a source posts of a model."""
        at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        facts = {fact: value for fact, value in facts.items() if fact != "name"}
        if source == GIT:
            return manifest(name, at=at, owners=OWNERS, **facts)
        return model(name, source=source, at=at, **facts)

    def say(self, source: str, name: str, facts: dict[str, Any]) -> None:
        """A source states something, and the oracle hears it."""
        self.turn += 1
        receipt = post(self.database, self.sources[source], self.document(source, name, facts))
        assert receipt.refused == ()
        self.oracle.say(source, name, facts=facts, turn=self.turn)

    def address(self, entry: str) -> str:
        """Where an entry is found now."""
        return f"models/retail/{self.oracle.shown(entry)['name']}"

    def ask(self, method: str, path: str, token: str, **options: Any) -> Any:
        """A request that must succeed."""
        answer = self.service.ask(method, path, token, **options)
        assert answer.is_success, answer.text
        return answer

    @initialize(facts=FACTS, first=st.permutations(MODELS))
    def begin(self, facts: dict[str, Any], first: list[str]) -> None:
        """Every repository has said what it holds, and whose it is."""
        for name in first:
            self.say(GIT, name, facts)

    @rule(source=st.sampled_from(SOURCES), name=st.sampled_from(MODELS), facts=FACTS)
    def observe(self, source: str, name: str, facts: dict[str, Any]) -> None:
        """A source says something, for the first time or anew; what was gone is back with it.

        Of what stands merged it speaks under the identifiers that were known before.
        """
        if name in self.oracle.single() or (source, name) in self.oracle.said:
            self.say(source, name, facts)

    @precondition(lambda self: self.live())
    @rule(data=st.data())
    def retire(self, data: st.DataObject) -> None:
        """A registry, asked by name, says that it is not there."""
        source, name = data.draw(st.sampled_from(self.live()))
        said = self.oracle.said[source, name]
        document = self.document(source, name, said.facts)
        post(self.database, self.sources[source], gone(document, document["observed_at"]))
        said.gone = True

    def live(self) -> list[tuple[str, str]]:
        """What registries show."""
        return sorted(place for place, said in self.oracle.said.items()
                      if place[0] != GIT and not said.gone)  # fmt: skip

    @rule(source=st.sampled_from(SOURCES))
    def sweep(self, source: str) -> None:
        """A complete full harvest sees all that is there, as it was."""
        seen = [(name, said) for (by, name), said in self.oracle.said.items()
                if by == source and not said.gone]  # fmt: skip
        if not seen:
            return
        harvest = Sweep(self.database, self.sources[source])
        harvest.sweep(*(self.document(source, name, said.facts) for name, said in seen))
        assert harvest.close().retired == 0

    @rule(data=st.data(), field=st.sampled_from(sorted(VALUES)))
    def pin(self, data: st.DataObject, field: str) -> None:
        """Its owner pins a field."""
        entry = data.draw(st.sampled_from(self.oracle.entries()))
        self.turn += 1
        path = f"{self.address(entry)}/pins/{field}"
        body = {"value": VALUES[field], "reason": f"turn {self.turn}"}
        self.ask("PUT", path, self.owner, json=body, headers={"If-Match": "*"})
        self.oracle.pins[entry, field] = Pinned(VALUES[field], self.turn)

    @precondition(lambda self: self.oracle.pins)
    @rule(data=st.data())
    def unpin(self, data: st.DataObject) -> None:
        """A pin is taken back, or its time is over; one below a merged entry waits."""
        held = [one for one in self.oracle.pins if one[0] in self.oracle.entries()]
        if not held:
            return
        entry, field = data.draw(st.sampled_from(sorted(held)))
        if data.draw(st.booleans()):
            path = f"{self.address(entry)}/pins/{field}"
            self.ask("DELETE", f"{path}?reason=over", self.owner, headers={"If-Match": "*"})
            self.oracle.unpin(entry, field)
        else:
            self.let_expire(entry, field)
            del self.oracle.pins[entry, field]

    def let_expire(self, entry: str, field: str) -> None:
        """Its expiry passes; the periodic job notices."""
        found = self.service.get(self.address(entry))
        over = sa.text("UPDATE pin SET expires_at = :past WHERE entry_id = :id AND field = :field")
        given = {"past": datetime.now(UTC) - timedelta(seconds=1), "id": found["id"]}
        self.database.transact(lambda session: session.execute(over, given | {"field": field}))
        expire_pins(self.database)

    @precondition(lambda self: len(self.oracle.single()) > 1)
    @rule(data=st.data())
    def merge(self, data: st.DataObject) -> None:
        """A person merges two models, also such as were kept apart."""
        one, other, *_ = data.draw(st.permutations(self.oracle.single()))
        kept_apart = frozenset({one, other}) in self.oracle.apart
        body = {"other": f"retail/{other}", "reason": "the same", "lift": kept_apart}
        self.ask("POST", f"{self.address(one)}:merge", self.admin, json=body)
        self.oracle.apart.discard(frozenset({one, other}))
        self.oracle.merge(one, other)

    @precondition(lambda self: self.claims())
    @rule(data=st.data(), facts=FACTS)
    def claim_same(self, data: st.DataObject, facts: dict[str, Any]) -> None:
        """One registry calls its model the same as another one's: they merge, unless parted."""
        one, other = data.draw(st.sampled_from(self.claims()))
        self.turn += 1
        document = same(self.document(STAGING, one, facts), self.document(PROD, other, {}))
        assert post(self.database, self.sources[STAGING], document).refused == ()
        self.oracle.say(STAGING, one, facts=facts, turn=self.turn)
        if frozenset({one, other}) not in self.oracle.apart:
            self.oracle.merge(one, other)

    def claims(self) -> list[tuple[str, str]]:
        """Models that stand alone, of one registry and of the other."""
        single = self.oracle.single()
        ones = [name for name in single if (STAGING, name) in self.oracle.said]
        others = [name for name in single if (PROD, name) in self.oracle.said]
        return [(one, other) for one in ones for other in others if one != other]

    @precondition(lambda self: self.oracle.merged)
    @rule(data=st.data())
    def unmerge(self, data: st.DataObject) -> None:
        """A person takes a merge back: both stand as before, and stay apart."""
        younger = data.draw(st.sampled_from(sorted(self.oracle.merged)))
        older = self.oracle.merged[younger]
        self.ask("POST", f"{self.address(older)}:unmerge", self.admin, json={"reason": "not so"})
        self.oracle.part(younger)

    @invariant()
    def agrees(self) -> None:
        """Every model says what it should, and there is no other one."""
        listed = self.service.get("models", page_size=100)["items"]
        found = {one["name"]: one for one in listed}
        expected = {f"retail/{self.oracle.shown(entry)['name']}": entry
                    for entry in self.oracle.entries()}  # fmt: skip
        assert found.keys() == expected.keys()
        for name, entry in expected.items():
            facts = found[name]["facts"]
            shown = {field: facts[field] for field in FIELDS if field in facts}
            assert shown == self.oracle.shown(entry), name
            assert (found[name]["gone_since"] is not None) is self.oracle.is_gone(entry), name


def test_catalog_agrees_with_the_oracle(make_database: MakeDatabase) -> None:
    """Whatever three sources, pins, merges, un-merges, ends and returns make of a few models."""
    made: Any = partial(Catalog, make_database)  # any factory will do
    run_state_machine_as_test(made, settings=BOUNDED)
