"""Codes that are no errors of a request: of refused records, skipped things, rows left out."""

from typing import Final, NamedTuple


class Meaning(NamedTuple):
    """What a code means, and what to do about it."""

    title: str
    fix: str


REFUSALS: Final[dict[str, Meaning]] = {
    # records of a batch, in its receipt and in quarantine
    "missing": Meaning(
        "The record lacks a member that it needs.",
        "`pointer` names it. A record has a subject, `observed_at`, and facts or `gone`.",
    ),
    "unknown_fact": Meaning(
        "The record states a fact that its kind does not have.",
        "`message` names the nearest known one; what a kind can state stands in the OpenAPI "
        "document.",
    ),
    "name_collision": Meaning(
        "Another thing of the source has the same name when case is ignored.",
        "Rename one of them, or tag one with `catalog.name`; the first keeps the name.",
    ),
    "contested_claim": Meaning(
        "A manifest of another repository describes this model already, and keeps its name.",
        "An admin decides: `model-catalog claims list` shows it (docs/identity.md). Or give the "
        "model another name.",
    ),
    "namespace_not_allowed": Meaning(
        "The source may not name anything in this namespace.",
        "An admin can add the namespace to the source's `may_name`.",
    ),
    "model_not_described": Meaning(
        "It belongs to a model whose manifest is not in the catalog.",
        "See why the manifest is not: it may be refused (`model-catalog quarantine list`) or "
        "contested (`model-catalog claims list`). A claim that is decided lets this in, too.",
    ),
    "changed_meanwhile": Meaning(
        "The catalog heard something else about it while its source was read.",
        "Nothing: the next harvest compares again.",
    ),
    "implausible": Meaning(
        "A harvest would retire too much at once; it was held back.",
        "See whether the source lost data or rights. A later harvest that can be believed settles "
        "it; else an admin releases or drops it (`model-catalog quarantine`). `held_back_share` "
        "and `held_back_count` of the source say what is too much.",
    ),
    "not_visible": Meaning(
        "A preview left it out: it names what is not there, or not where the token may read.",
        "Ask with a token that reads all namespaces; the source itself may push it all the same.",
    ),
    # things that a harvester skipped, in its report and in `/coverage`
    "not_readable": Meaning(
        "The source does not let the harvester read it.",
        "Give the harvester's account the right to read; nothing is retired meanwhile.",
    ),
    "name_unreadable": Meaning(
        "It has a name that no identifier can hold.",
        "Rename it in its source: no control characters, at most 700 bytes.",
    ),
    "record_unreadable": Meaning(
        "What the source says of it cannot be read.",
        "`message` says why; mend it in the source.",
    ),
    "mlmodel_unreadable": Meaning(
        "The `MLmodel` file of a version cannot be read.",
        "Log the model again, or mend the file; all other facts of the version are kept.",
    ),
    "mlmodel_too_large": Meaning(
        "The `MLmodel` file of a version is larger than 256 KiB.",
        "Only small files are read; all other facts of the version are kept.",
    ),
    "catalog_tag_unknown": Meaning(
        "A tag `catalog.…` has a key that means nothing here.",
        "`message` names the nearest known key; correct the tag.",
    ),
    "catalog_tag_unusable": Meaning(
        "A tag `catalog.…` has a value that cannot be used.",
        "`message` says which values can; correct the tag.",
    ),
    "ambiguous_use": Meaning(
        "Facts of a use were given, and several uses are named.",
        "Name one use in `catalog.use`, or state the facts of each use in a manifest.",
    ),
    # files of others in repositories
    "template": Meaning(
        "The file is a template: it holds placeholders that are filled in later.",
        "Nothing, where it is meant to be one; else fill it in (docs/foreign-files.md).",
    ),
    "not_utf8": Meaning(
        "The file is not UTF-8.",
        "Save it as UTF-8.",
    ),
    "not_yaml": Meaning(
        "The file, or its front matter, is no YAML as it is read here.",
        "`message` says where and why; anchors, aliases, tags and repeated keys are not read.",
    ),
    "not_json": Meaning(
        "The file is no JSON as it is read here.",
        "`message` says where and why; repeated keys and NaN are not read.",
    ),
    "not_toml": Meaning(
        "The file is no TOML.",
        "`message` says where and why.",
    ),
    "other_format": Meaning(
        "The file bears the name of a format and is not in it.",
        "Rename it, or set `foreign: {<format>: ignore}` for its source.",
    ),
    "not_read": Meaning(
        "A file could not be read this time; what it said the last time stays.",
        "See the record of the file itself in the same report.",
    ),
    "codeowners_unreadable": Meaning(
        "A CODEOWNERS file cannot be read.",
        "`message` says why; whom it named the last time stays.",
    ),
    # rows of an imported file
    "name_repeated": Meaning(
        "Two rows of the file name the same model.",
        "Keep one of them.",
    ),
    "too_many_cells": Meaning(
        "A row has more cells than the header.",
        "A cell that holds the separator needs quotes around it.",
    ),
    "gone": Meaning(
        "The row says that the model is gone.",
        "Leave it out: what is no longer stated is withdrawn with its reason.",
    ),
    "formula": Meaning(
        "A cell holds a formula without a stored value.",
        "Save the file once with a spreadsheet program, or write the value itself.",
    ),
    "spoilt": Meaning(
        "A spreadsheet made a number, a date or a truth value of a text.",
        "Take the row from a new export, or open the CSV with all columns as text.",
    ),
    "cut": Meaning(
        "A text was cut to what a cell of a spreadsheet holds.",
        "Take the row from the plain CSV, which cuts nothing.",
    ),
}
