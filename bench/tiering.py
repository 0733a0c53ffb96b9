"""Rating anew every use of a million models, as a new policy asks for: at most 60 s of rating."""

import time
from collections.abc import Callable, Iterator
from random import Random
from statistics import median
from typing import Any, Final

from bench.result import Form, Result, Stage, timed
from service.risk.rules.first import first_policy
from service.risk.rules.policy_text import parse_policy
from service.risk.tiering import Policy, compile_policy, profile_of, rate, rate_profile

ALLOWED: Final = 60e-6  # seconds a model
STATED: Final = (0.0, 0.3, 0.6, 1.0)  # how much is stated: from a stub to a complete answer
ROUNDS: Final = 5


def measure(stage: Stage) -> Result:
    """Rate made-up profiles, as the worker does and without what it remembers."""
    policy = compile_policy(parse_policy(first_policy().document))
    facts = list(_profiles(policy, 2_000 if stage.small else 100_000))
    plain = facts[:2_000]
    remembered, bare = [], []
    for _ in range(ROUNDS):
        rate_profile.cache_clear()
        remembered.append(_seconds(lambda: [rate(policy, one) for one in facts]))
        bare.append(_seconds(lambda: [_plainly(policy, one) for one in plain]))
    each, once = median(remembered) / len(facts), median(bare) / len(plain)
    return Result(
        "tiering", each / ALLOWED, Form.TIME, "the 60 s that a million models may take", 1.0,
        (timed(f"{len(facts):,} ratings", remembered),
         timed(f"{len(plain):,} ratings, nothing remembered", bare),
         f"{each * 1e6:.0f} µs a rating, {once * 1e6:.0f} µs when it is not remembered"),
    )  # fmt: skip


def _plainly(policy: Policy, facts: dict[str, Any]) -> object:
    return rate_profile.__wrapped__(policy, profile_of(policy, facts))


def _profiles(policy: Policy, many: int) -> Iterator[dict[str, Any]]:
    """Nine of ten are like others, as harvested models are; the tenth is like none."""
    random = Random(20_261_120)  # noqa: S311  # the same profiles in every run
    common = [_profile(policy, random) for _ in range(many // 100)]
    for number in range(many):
        yield _profile(policy, random) if number % 10 == 0 else random.choice(common)


def _profile(policy: Policy, random: Random) -> dict[str, Any]:
    stated = random.choice(STATED)
    facts: dict[str, Any] = {
        fact.name: random.choice(fact.values)
        for fact in policy.facts
        if not fact.purpose and random.random() < stated
    }
    if random.random() < stated:
        facts["regulated_purposes"] = random.choice([[], [], [], [*policy.purposes][:1]])
    return facts


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
