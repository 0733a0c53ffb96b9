"""`merge`, `unmerge`, `claims` and `reconcile --identities` against a catalog that is served."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.cli.conftest import Command, Served

NOON = "2026-11-20T12:00:00Z"


def said(name: str, scheme: str = "name", value: str = "", **more: Any) -> Mapping[str, Any]:
    """What a build says about a model."""
    subject = {"kind": "model", "scheme": scheme, "value": value or f"retail/{name}"}
    facts = {"namespace": "retail", "name": name} | more
    return {"subject": subject, "observed_at": NOON, "facts": facts}


def push(catalog: Served, ask: Command, folder: Path, source: str, *batch: Any) -> int:
    """Push one batch as a source; answers the exit code."""
    file = folder / f"{source}.json"
    file.write_text(json.dumps({"observations": batch}), encoding="utf-8")
    return ask("push", source, str(file), TOKEN=catalog.source(source)).code


def test_merge_and_unmerge(catalog: Served, ask: Command, tmp_path: Path) -> None:
    """A plan first, then both ways; what is wrong has the exit codes of the table."""
    first = said("merge-a", description="a")
    assert push(catalog, ask, tmp_path, "merging", first, said("merge-b", license="MIT")) == 0
    names = ("retail/merge-a", "retail/merge-b")
    planned = ask("merge", *names, "--reason", "one", "--dry-run", "--json")
    assert (planned.code, json.loads(planned.out)["dry_run"]) == (0, True)
    done = ask("merge", *names, "--reason", "one")
    assert done.code == 0
    assert "license" in done.out
    assert ask("merge", *names, "--reason", "one").code in {3, 5}
    stands = next(name for name in names if ask("show", name).code == 0)
    assert ask("unmerge", stands, "--reason", "two").code == 0
    assert [ask("show", name).code for name in names] == [0, 0]
    assert ask("merge", *names, "--reason", "one").code == 5
    assert ask("merge", "retail/nothing", "retail/merge-a", "--reason", "one").code == 3


def test_claims(catalog: Served, ask: Command, tmp_path: Path) -> None:
    """A contested name is listed and decided."""
    for source, repository in (("claims-a", "a"), ("claims-b", "b")):
        value = f"https://github.com/acme/{repository}#model.yaml"
        claimed = said("claimed", "manifest", value, description=source)
        assert push(catalog, ask, tmp_path, source, claimed) in {0, 1}
    listed = ask("claims", "list", "--source", "claims-b", "--json")
    claim = json.loads(listed.out)
    assert (claim["kind"], claim["entry_name"]) == ("manifest", "retail/claimed")
    told = ("claims", "decide", claim["id"])
    assert ask(*told, "merge", "--reason", "no such decision").code == 2
    assert ask(*told, "transfer", "--reason", "it moved", "--dry-run").code == 0
    decided = ask(*told, "transfer", "--reason", "it moved", "--json")
    assert json.loads(decided.out)["retried"] == "recorded"
    assert ask(*told, "transfer", "--reason", "again").code == 5
    assert claim["id"] in ask("claims", "list", "--state", "decided").out


def test_reconcile_identities(ask: Command) -> None:
    """It only lists, and says so."""
    assert ask("reconcile", "--identities").code == 2
    assert ask("reconcile", "--identities", "--dry-run").code == 0
