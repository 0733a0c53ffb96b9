"""One check from end to end: find the files, look at them, mend what may be mended."""

from collections.abc import Iterable
from pathlib import Path

from cli.checking.files import find_files
from cli.checking.finding import Finding, find, ordered
from cli.checking.look import Looked, look, same_names
from cli.checking.mend import NotWritten, replace_file
from cli.checking.report import Report
from harvesters.manifests.problems import Problem


def run_check(paths: Iterable[Path], *, fix: bool = False, dry_run: bool = False) -> Report:
    """What is wrong below these paths; with `fix` what is still wrong after it."""
    found = list(find_files(paths))
    looked = [look(one, fix=fix) for one in found if not isinstance(one, Finding)]
    if fix and not dry_run:
        looked = [_written(one) for one in looked]
    findings = [one for one in found if isinstance(one, Finding)]
    findings += (finding for one in looked for finding in one.findings)
    findings += same_names(looked)
    return Report(
        checked=[one.wanted for one in looked if one.ours],
        findings=sorted(findings, key=ordered),
        left_alone=[one.wanted.shown for one in looked if one.ours is False],
        mended=[
            (one.wanted.shown, one.mended) for one in looked if one.mended and one.mended.changed
        ],
    )


def _written(looked: Looked) -> Looked:
    """Replace a file by what it is mended; where that cannot be, what is wrong with it still is."""
    if looked.mended is None or not looked.mended.changed:
        return looked
    try:
        replace_file(looked.wanted.path, looked.mended)
    except NotWritten as refused:
        message, fix = f"the file {refused}, so it is not mended", "make it writable, check again"
        problem = Problem("not_written", 1, 1, message, fix)
        as_it_is = look(looked.wanted, fix=False)
        findings = (find(looked.wanted.shown, problem), *as_it_is.findings)
        return as_it_is._replace(findings=findings)
    return looked
