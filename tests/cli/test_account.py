"""`account` and `token` against a catalog that is really served."""

import json

from cli.client import Client
from tests.cli.conftest import Command, Served


def test_account_from_the_shell(ask: Command, catalog: Served) -> None:
    """An account is made, granted, mapped, given a token, disabled and enabled, told in words."""
    why = ("--reason", "tests")
    tried = ask("account", "create", "anna", *why, "--dry-run")
    made = ask("account", "create", "anna", *why, "--display-name", "Anna")
    again = ask("account", "create", "anna", *why)
    reader = ask("account", "grant", "anna", "--role", "reader", *why)
    review = ("anna", "--role", "reviewer", "--namespace", "retail")
    reviewer = ask("account", "grant", *review, *why)
    mapped = ask("account", "map", "handle:team:retention-ds", "anna", *why)
    shown = ask("account", "show", "anna")
    token = ask("token", "create", "--account", "anna", "--scope", "entries:read")

    assert (tried.code, made.code, made.out, again.code) == (0, 0, "anna\n", 5)
    assert (reader.code, reviewer.code, mapped.out) == (0, 0, "handle:team:retention-ds\n")
    assert "grants\treader in all; reviewer in retail" in shown.lines
    assert "owners\thandle:team:retention-ds" in shown.lines
    me = Client(catalog.url, token.out.strip()).get("/api/v1/me")
    assert (me["name"], me["owners"]) == ("anna", ["handle:team:retention-ds"])
    assert [one["capability"] for one in me["may"]] == [
        "entries:read", "ledger:read", "risk:notes",
    ]  # fmt: skip

    kept = ask("account", "revoke", *review, *why, "--dry-run")
    revoked = [ask("account", "revoke", *review, *why).code for _ in range(2)]
    unmapped = [
        ask("account", "unmap", "handle:team:retention-ds", "anna", *why).code for _ in range(2)
    ]
    disabled = ask("account", "disable", "anna", *why, "--json")
    refused = ask("list", "models", TOKEN=token.out.strip())
    enabled = ask("account", "enable", "anna", *why, "--json")
    listed = [json.loads(line) for line in ask("account", "list", "--json").lines]

    assert (kept.code, revoked, unmapped) == (0, [0, 3], [0, 3])
    assert json.loads(disabled.out)["disabled_at"] is not None
    assert refused.code == 4
    assert json.loads(enabled.out)["disabled_at"] is None
    assert {"admin", "anna"} <= {one["name"] for one in listed}


def test_account_last_admin(ask: Command) -> None:
    """AUTHZ-15: the last admin's role stays, and the command says what to do first."""
    ran = ask("account", "disable", "admin", "--reason", "tests")
    unknown = ask("account", "show", "nobody")
    wrong = ask("account", "create", "Anna", "--reason", "tests")

    assert ran.code == 5
    assert "Grant the role to another account" in ran.err
    assert (unknown.code, wrong.code) == (3, 2)


def test_token_for_whom(ask: Command) -> None:
    """Without an account a machine's is made; the list says whose each token is."""
    made = ask("token", "create", "--json")
    narrowed = ask("token", "create", "--account", "admin", "--role", "reviewer")
    listed = [json.loads(line) for line in ask("token", "list", "--json").lines]

    said = json.loads(made.out)
    shown = next(one for one in listed if one["public_id"] == said["public_id"])
    assert said["account"].startswith("machine-")
    assert (shown["account"], shown["role"]) == (said["account"], "reader")
    assert narrowed.code == 2
