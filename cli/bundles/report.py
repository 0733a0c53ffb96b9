"""What verifying found, as people and programs read it."""

from cli.bundles.findings import Finding
from cli.bundles.verifying import Verdict
from cli.checking.report import visible
from cli.exits import Exit, Stop
from cli.output import print_json, print_rows, say

COLUMNS = ("code", "file", "line", "column", "what is wrong", "what to do")


def print_verdict(found: Verdict, *, as_json: bool) -> None:
    """Print it all; ends with `Exit.FINDINGS` and the first thing that is wrong."""
    if as_json:
        print_json(found.members())
    elif found.findings.kept:
        print_rows(COLUMNS, (_row(one) for one in found.findings.kept))
    else:
        shown = ("bundle", "bundle_id", "profile", "as_of", "content_digest", "signature", "key_id",
                 "files", "records", "server")  # fmt: skip
        members = found.members()
        print_rows(("", ""), [(name, members[name]) for name in shown])
    if not found.findings.kept:
        say("The bundle is what its manifest says.")
        return
    first, *rest = found.findings.kept
    beside = len(rest) + found.findings.more
    more = f" {beside} more differ." if beside else ""
    message = f"{visible(first.place)}: {visible(first.message)}.{more} See docs/verify.md."
    raise Stop(message, Exit.FINDINGS)


def _row(one: Finding) -> list[object]:
    place = [visible(one.file), one.line or None, visible(one.column)]
    return [one.code, *place, visible(one.message), one.fix]
