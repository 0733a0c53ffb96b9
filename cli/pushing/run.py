"""Pushes what a build says: reads all of it, finds out who it is, then posts it at once."""

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import typer

from cli.client import Client
from cli.exits import Exit, Stop
from cli.output import print_json, print_rows, say
from cli.pushing import deployed, documents, made
from cli.pushing.asked import Asked
from cli.pushing.compose import Maker, What
from cli.pushing.faults import Faults
from cli.pushing.identity import Way, enter, repeat
from cli.pushing.manifests import read_manifests
from cli.pushing.named import Named, name
from cli.pushing.post import batches, post, rehearsal
from cli.pushing.running import Running, as_proved, recognise
from cli.working_copy import find_working_copy
from harvesters.environments import class_of
from schemas.canonical import path_segment
from schemas.identifiers import Kind
from schemas.observation import Observation

ANYBODY: Final = "source"  # until it is known in whose name is spoken
WHAT: Final = "push"


def push_build(
    asked: Asked, source: str | None, *, manifests: Sequence[Path], dry_run: bool, as_json: bool
) -> None:
    """Read, compose, post. Nothing is sent while anything of it is wrong.

    Raises `Stop`; with `--best-effort` only for what is wrong with the files and options.
    """
    at, faults = datetime.now(UTC), Faults()
    whole = read(asked, manifests, source=source or ANYBODY, at=at, faults=faults)
    faults.stop()
    try:
        _send(asked, source, whole=whole, dry_run=dry_run, as_json=as_json)
    except Stop as refused:
        if not asked.best_effort:
            raise
        say(f"warning: the catalog did not take it, and the build goes on. {refused}")


class Whole:
    """All that is to be said, as soon as it is known in whose name."""

    def __init__(
        self, asked: Asked, manifests: Sequence[Path], *, at: datetime, faults: Faults
    ) -> None:
        """Read everything once; files are not opened again."""
        self.asked, self.manifests, self.at, self.faults = asked, manifests, at, faults
        self.named: Named = name(asked, faults)
        self.artifacts = made.artifacts_of(asked, faults)
        self.metrics = made.metrics_of(asked, faults)
        self.links = made.datasets_of(asked, faults)
        self.statements = documents.provenance_of(asked, faults)
        self.documents = documents.documents_of(asked, faults)
        self._look()

    def _look(self) -> None:
        """What does not go together."""
        asked, faults = self.asked, self.faults
        if self.metrics and self.named.version is None and not faults.wrong:
            faults.add("metrics", "belong to a version: --model and --version say which")
        if (asked.model_card or asked.ml_bom) and self.named.model is None and not faults.wrong:
            faults.add("--model-card, --ml-bom", "need --model NAMESPACE/NAME")
        for option in ("target", "platform", "endpoint", "image", "digest", "artifact_uri",
                       "traffic", "role", "environment_class", "blueprint"):  # fmt: skip
            if getattr(asked, option) is not None and not asked.deployed:
                faults.add(f"--{option.replace('_', '-')}", "needs --deployed ENVIRONMENT")

    def running(self, source: str, proved: Mapping[str, Any] | None = None) -> Running | None:
        """The build, as it is called in this source's name."""
        found = recognise(self.asked, os.environ, source=source)
        if found is not None and proved is not None:
            return as_proved(found, proved, asked=self.asked)
        if found is None and self.asked.ci:
            message = (
                "No CI is recognised: neither GitHub Actions, GitLab CI, Jenkins nor Azure "
                "Pipelines. Give --build KEY, and --repository, --commit and the like."
            )
            raise Stop(message, Exit.WRONG_USE)
        return found

    def say(
        self, source: str, *, proved: Mapping[str, Any] | None = None, kind: str | None = None
    ) -> list[Observation]:
        """Everything; `kind` is the class that the source gives the environment."""
        running, copy = self.running(source, proved), find_working_copy(Path())
        place = documents.Where(
            source, running.repository if running else None, copy.url if copy else None,
            running.stated.get("commit") if running else None, copy, self.at,
        )  # fmt: skip
        faults, told = self.faults, []
        for document in self.documents:
            called = (self.named.claimed or "").partition("/")[2] or None
            told.append((document, documents.model_of(document, called=called, faults=faults)))
        what = What(
            self.asked, self.named, self.artifacts, self.metrics, self.links,
            documents.data_in(self.documents, place, faults=faults), self.statements, told,
            [d for one, model in told for d in documents.digests_in(one, model)],
        )  # fmt: skip
        alone = proved is not None and proved.get("build") is not None
        maker = Maker(source, running, at=self.at, faults=faults, alone=alone)
        known = [] if running is None else [one.value for one in running.repositories]
        declared = read_manifests(self.manifests, source, known=known, faults=faults)
        said = [*maker.make(what), *declared]
        if self.asked.deployed:
            said += self._deployment(maker, running, kind=kind)
        _note_other_commits(self, running)
        return said

    def _deployment(
        self, maker: Maker, running: Running | None, *, kind: str | None
    ) -> list[Observation]:
        named, faults = self.named, self.faults
        subject = deployed.deployment_of(
            self.asked, running, source=maker.source, named=named, faults=faults
        )
        if subject is None:
            return []
        if running is not None and running.environment == self.asked.deployed:
            kind = running.environment_class or kind
        facts = deployed.facts_of(self.asked, running, named=named, kind=kind, faults=faults)
        return list(maker.state(subject, facts))


def read(
    asked: Asked, manifests: Sequence[Path], *, source: str, at: datetime, faults: Faults
) -> Whole:
    """Everything, composed once to see that it can be."""
    whole = Whole(asked, manifests, at=at, faults=faults)
    if not faults.wrong:
        if not whole.say(source) and not faults.wrong:
            faults.add(WHAT, "there is nothing to say: --ci, or --build KEY, --model, --deployed")
        for note in dict.fromkeys(faults.notes):
            say(note)
        faults.notes.clear()
    return whole


def _send(asked: Asked, source: str | None, *, whole: Whole, dry_run: bool, as_json: bool) -> None:
    way = enter(asked, source)
    said = whole.say(way.source, proved=way.proved, kind=_class(way, asked))
    whole.faults.stop()
    if dry_run and way.proved is not None:
        _print_sent(said, as_json=as_json)
        return
    written = [one.model_dump(mode="json", exclude_unset=True) for one in said]
    below = f"/api/v1/sources/{path_segment(way.source)}"
    with rehearsal(way.client, below, as_json=as_json) if dry_run else nullcontext(below) as path:
        parts = batches({"observations": written})
        receipt = repeat(lambda: post(way.client, path, parts=parts))
        _show(way.source, said, receipt=receipt, as_json=as_json)
    if receipt["refused"]:
        done = "would be" if dry_run else "are"
        message = f"{len(receipt['refused'])} refused, the others {done} recorded."
        raise Stop(message, Exit.FINDINGS)


def _show(
    source: str, said: Sequence[Observation], *, receipt: Mapping[str, Any], as_json: bool
) -> None:
    """What the build is called, for whoever looks for it, and what became of what it says."""
    builds = (one.subject for one in said if one.subject.kind is Kind.BUILD)
    build = next((f"{one.scheme}:{one.value}" for one in builds), None)
    if as_json:
        print_json({"source": source, "build": build} | dict(receipt))
    else:
        counts = f"{receipt['recorded']} recorded, {receipt['unchanged']} unchanged"
        typer.echo(f"{build or source}: {counts}")
    for one in receipt["refused"]:
        say(f"{said[one['index']].subject}{one['pointer']}: {one['code']}: {one['message']}")


def _print_sent(said: Sequence[Observation], *, as_json: bool) -> None:
    """A token of a CI's identity only pushes: the catalog plans nothing for it."""
    sent = [one.model_dump(mode="json", exclude_unset=True) for one in said]
    if as_json:
        print_json({"would_send": sent})
        return
    rows = (
        (str(one.subject), field, value)
        for one, document in zip(said, sent, strict=True)
        for field, value in document["facts"].items()
    )
    print_rows(("subject", "field", "value"), rows)


def _class(way: Way, asked: Asked) -> str | None:
    """The class of the environment, where the source's own patterns say one."""
    if not asked.deployed or asked.environment_class or way.proved is not None:
        return None  # a CI's identity reads no settings
    declared: dict[str, Any] = repeat(
        lambda: Client.get(way.client, f"/api/v1/sources/{path_segment(way.source)}")
    )
    patterns = declared["settings"].get("environments")
    if not isinstance(patterns, dict):
        return None
    return class_of(asked.deployed, {str(one): kind for one, kind in patterns.items()})


def _note_other_commits(whole: Whole, running: Running | None) -> None:
    """A statement about another commit is taken as what it is; whoever pushes should know."""
    own = running.stated.get("commit") if running else None
    for one in whole.statements:
        if own and one.commit and one.commit != own:
            whole.faults.note("--provenance", f"names commit {one.commit}, this build is of {own}")
