"""Every code of the check, what it means and how to mend it: no server is needed to tell."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from inspect import cleandoc
from textwrap import fill
from types import MappingProxyType
from typing import Any, Final

from harvesters.manifests.problems_codes import CODES as OF_MANIFESTS
from harvesters.manifests.problems_codes import Code

OF_FILES: Final[Mapping[str, Code]] = MappingProxyType({
    "unreadable": Code(
        "A file or a folder cannot be read",
        "It may belong to another account, or it is a link, a socket or a pipe. A harvest reads "
        "plain files alone: put the file itself where the link is.",
    ),
    "name_not_read": Code(
        "A harvest does not read files of this name",
        "A file that the check is given by name is checked whatever it is called, but a harvest "
        "reads only model.yaml, model.yml and names that end in .model.yaml or .model.yml, all in "
        "small letters. In folders, files of names that come near (Model.yaml, models.yaml, "
        "model.yaml.txt) are told of when they begin like a manifest.",
    ),
    "too_deep": Code(
        "The file lies too deep in the repository",
        "A harvest looks eight folders deep. Move the manifest up; what it describes need not lie "
        "beside it.",
    ),
    "path_unnameable": Code(
        "The path is too long or no text",
        "A manifest is known by its path in the repository, so that has at most 400 bytes and no "
        "control characters. Shorten the names of the file and its folders, or move it up.",
    ),
    "too_many_files": Code(
        "The repository holds too many files of this kind",
        "Of a repository 500 manifests and 1,000 files in formats of others are read, the "
        "shallow ones first. Remove those that nobody needs, or divide the repository.",
    ),
    "too_many_entries": Code(
        "The folder holds more files than are looked at",
        "After 200,000 files the check stops looking, so there may be manifests that it did not "
        "see. Name the folders that hold manifests instead.",
    ),
    "not_written": Code(
        "A file could not be mended",
        "`--fix` writes the mended file beside the old one and moves it there. It leaves links and "
        "write-protected files alone, and a file that changed while the check ran: check again.",
    ),
    "same_name": Code(
        "Two manifests bear the same name",
        "metadata.namespace and metadata.name say which model a manifest is about, so one file "
        "alone may state them. A harvest takes one of the two and refuses the other whole as "
        "name_collision. Rename one, or remove one.",
        wrong="# a/model.yaml and b/model.yaml\nmetadata: {namespace: retail, name: churn}",
        right="# b/model.yaml\nmetadata: {namespace: retail, name: churn-mobile}",
    ),
    "foreign_file": Code(
        "A file in a format of others would be refused",
        "Beside manifests a harvest reads files that other tools use (MLmodel, model cards, "
        "catalog-info.yaml and the like; docs/foreign-files.md lists them) and adds what they say. "
        "This one cannot be read, so its facts would be missing; the manifest is not concerned.",
    ),
})  # fmt: skip
WIDTH: Final = 88
CODES: Final[Mapping[str, Code]] = MappingProxyType({**OF_MANIFESTS, **OF_FILES})


def nearest_code(text: str) -> str | None:
    """The code that was meant, written as it is."""
    written = text.strip().lower().replace("-", "_")
    return next(iter(get_close_matches(written, CODES, n=1, cutoff=0.7)), None)


def lines_about(code: str) -> Iterator[str]:
    """What a person is told about a code."""
    title, explanation, wrong, right = CODES[code]
    yield f"{code}: {title}"
    yield ""
    yield fill(" ".join(cleandoc(explanation).split()), WIDTH, break_on_hyphens=False)
    for name, example in (("Wrong", wrong), ("Right", right)):
        if example:
            yield from ("", f"{name}:", *(f"    {line}" for line in example.splitlines()))


def code_as_json(code: str) -> dict[str, Any]:
    """The same for programs."""
    return {"code": code} | CODES[code]._asdict()
