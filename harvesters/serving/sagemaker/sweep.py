"""Reads the endpoints of one account in one region: in full, or those that changed."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from harvesters.base import Told
from harvesters.errors import SourceRefused
from harvesters.serving.sagemaker.client import SageMaker
from harvesters.serving.sagemaker.observe import Variant, observe, subject_of, variants_of
from harvesters.serving.sagemaker.settings import SageMakerSettings
from harvesters.serving.settings import matches
from schemas.harvest import Coverage, KnownSubject
from schemas.identifiers import Identifier, decode_segment
from schemas.observation import Observation

VERSION: Final = "sagemaker/1"
ON_TIME: Final = 0.9  # of an interval: a harvest that is due begins a little early or late
OVERLAP: Final = timedelta(minutes=10)  # the two clocks differ


class EndpointPage(NamedTuple):
    """The variants of some endpoints."""

    at: datetime  # our time before the requests
    variants: tuple[Variant, ...] = ()
    cursor: str | None = None


class EndpointSweep:
    """The endpoints of one region."""

    version = VERSION

    def __init__(
        self, api: SageMaker | None, region: str, *, settings: SageMakerSettings, seconds: int
    ) -> None:
        """Nothing is asked before it is needed; without an API, what was recorded is observed."""
        self.api, self.region, self.settings = api, region, settings
        self.scope = f"endpoints/{region}"
        self.coverage = Coverage.FULL
        told = settings.list_every
        self._every = timedelta(seconds=seconds if told is None else min(told, seconds)) * ON_TIME
        self._left: datetime | None = None
        self._counts: Counter[str] = Counter()
        self._accounts: set[str] = set()
        self._models: dict[str, Any] = {}
        self._configs: dict[str, Any] = {}

    @property
    def counts(self) -> Mapping[str, int]:
        """What was left out on purpose."""
        return self._counts

    def choose(self, full_cursor: str | None) -> None:
        """Everything, unless that was done a short while ago."""
        self._left = _read_cursor(full_cursor)
        fresh = self._left is not None and self._api().clock.now() - self._left < self._every
        self.coverage = Coverage.DELTA if fresh else Coverage.FULL

    def compare(self, known: Sequence[KnownSubject]) -> Iterator[Told]:
        """What was deleted, only a full harvest can tell."""
        del known
        return iter(())

    def pages(self, cursor: str | None) -> Iterator[EndpointPage]:
        """Endpoint by endpoint; a change that is told twice says the same."""
        began = self._api().clock.now()
        since = None
        if self.coverage is Coverage.DELTA:
            since = max(filter(None, (self._left, _read_cursor(cursor)))) - OVERLAP
        for listed in self._api().endpoints(since):
            for one in listed:
                name = str(one.get("EndpointName", ""))
                if matches(name, self.settings.exclude):
                    self._counts["excluded"] += 1
                    continue
                at = self._api().clock.now()
                variants = self._variants(name)
                if variants is not None:  # else deleted since it was listed
                    yield EndpointPage(at, variants)
        yield EndpointPage(began, cursor=json.dumps({"at": began.isoformat()}))

    def observe(self, page: EndpointPage) -> Iterator[Told]:
        """A deployment each."""
        for one in page.variants:
            yield observe(one, self.settings, at=page.at)

    def cursor_after(self, page: EndpointPage) -> str | None:
        """From when on changes are of interest."""
        return page.cursor

    def ask(self, unseen: Sequence[KnownSubject]) -> Iterator[Told]:
        """By name, within the account that answers: another one's endpoints are not known there."""
        for one in unseen:
            account, region, endpoint, _ = _segments(one.subject)
            if region != self.region or account not in self._accounts:
                continue
            if matches(endpoint, self.settings.exclude):
                continue
            at = self._api().clock.now()
            variants = self._variants(endpoint) or ()
            told = [observe(variant, self.settings, at=at) for variant in variants]
            there = [said for said in told if said.subject == one.subject]
            yield from there or [Observation(subject=one.subject, observed_at=at, gone=True)]

    def _variants(self, name: str) -> tuple[Variant, ...] | None:
        api = self._api()
        endpoint = api.endpoint(name)
        if endpoint is None:
            return None
        arn = str(endpoint.get("EndpointArn", ""))
        tags = api.tags(arn)
        config = self._config(str(endpoint.get("EndpointConfigName") or ""))
        names = {
            str(one.get("VariantName")): one.get("ModelName")
            for member in ("ProductionVariants", "ShadowProductionVariants")
            for one in config.get(member) or ()
        }
        models = {variant: self._model(model) for variant, model in names.items() if model}
        label = self.settings.environment_tag
        found = tuple(variants_of(endpoint, models=models, tags=tags, label=label))
        subjects = (subject_of(one) for one in found)
        self._accounts |= {one.value.partition("/")[0] for one in subjects if one is not None}
        return found

    def _config(self, name: str) -> dict[str, Any]:
        """Configurations and models never change under their names while a harvest lasts."""
        if name and name not in self._configs:
            self._configs[name] = self._api().config(name) or {}
        found: dict[str, Any] = self._configs.get(name, {})
        return found

    def _model(self, name: str) -> Any:
        if name not in self._models:
            self._models[name] = self._api().model(name) or {}
        return self._models[name]

    def _api(self) -> SageMaker:
        if self.api is None:
            raise SourceRefused("a replay asks no server")
        return self.api


def _read_cursor(cursor: str | None) -> datetime | None:
    """None for one that this release did not write."""
    try:
        found = datetime.fromisoformat(json.loads(cursor or "")["at"])
    except (ValueError, TypeError, KeyError):
        return None
    return found if found.tzinfo is not None else None


def _segments(subject: Identifier) -> tuple[str, str, str, str]:
    parts = [decode_segment(one) for one in subject.value.split("/")]
    account, region, endpoint, variant, *_ = (*parts, "", "", "", "")
    return account, region, endpoint, variant
