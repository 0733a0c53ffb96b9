"""What each code of a problem means, with a wrong and a right example."""

from collections.abc import Mapping
from inspect import cleandoc
from types import MappingProxyType
from typing import Final, NamedTuple


class Code(NamedTuple):
    """A kind of problem. `wrong` and `right` are pieces of a manifest; empty: none can be shown."""

    title: str
    explanation: str
    wrong: str = ""
    right: str = ""


def _code(title: str, explanation: str, *, wrong: str = "", right: str = "") -> Code:
    return Code(title, cleandoc(explanation), wrong, right)


CODES: Final[Mapping[str, Code]] = MappingProxyType({
    "yaml": _code(
        "The file is not YAML",
        """
        The text cannot be read as YAML from this place on; what follows was not looked at. Common
        causes: a missing space after a colon, a bracket or quote that is not closed, a value with
        ': ' or ' #' in it that is not quoted, lines of one list that begin in different columns.
        """,
        wrong="description: Churn: monthly score",
        right='description: "Churn: monthly score"',
    ),
    "yaml_feature": _code(
        "Anchors, aliases, tags and merge keys are not read",
        """
        A manifest is read as plain names, lists and texts. Anchors (&x), aliases (*x), merge keys
        (<<) and tags (!!str) make small files large or run code in some readers, so they are
        refused everywhere. Write the value out where it is needed. A value that begins with &, *
        or ! has to be quoted.
        """,
        wrong="title: *name",
        right='title: "Churn propensity"',
    ),
    "tab": _code(
        "A tab stands where spaces are needed",
        """
        YAML allows only spaces to indent. Most editors can be told to insert spaces;
        `model-catalog check --fix` replaces each tab by two.
        """,
        wrong="metadata:\n\tname: churn",
        right="metadata:\n  name: churn",
    ),
    "duplicate_key": _code(
        "A key stands twice",
        """
        Readers of YAML disagree on which of two equal keys counts, so neither does: remove one.
        """,
        wrong="license: MIT\nlicense: Apache-2.0",
        right="license: Apache-2.0",
    ),
    "several_documents": _code(
        "The file holds more than one document",
        """
        A line of three hyphens begins another document. One file describes one model: give each
        its own file, such as churn.model.yaml and fraud.model.yaml.
        """,
    ),
    "empty": _code("The file is empty", "A manifest needs apiVersion, kind, metadata and spec."),
    "encoding": _code(
        "The file is not UTF-8",
        """
        Manifests are read as UTF-8, which is what git, YAML and most editors assume. Files saved
        as UTF-16 (by PowerShell's `>`, for example) are converted by `model-catalog check --fix`.
        """,
    ),
    "byte_order_mark": _code(
        "The file begins with a byte order mark",
        """
        It is read all the same, but other tools take the mark for a part of the first key.
        `model-catalog check --fix` removes it.
        """,
    ),
    "line_ends": _code(
        "Lines end in CR LF",
        """
        The file is read all the same. Line ends of Windows make every line differ when somebody
        else saves the file. `model-catalog check --fix` writes LF; a line `*.yaml text eol=lf` in
        .gitattributes keeps it so.
        """,
    ),
    "control_character": _code(
        "A character that no text may hold",
        """
        NUL, control characters and characters that turn the direction of writing hide what a text
        says, and databases refuse some of them. Remove the character.
        """,
    ),
    "too_large": _code(
        "The file, a value or a list is too large, or too deeply nested",
        """
        A manifest has at most 256 KiB, 20,000 values, 32 levels and 64 Ki characters in one value.
        Long texts belong into the model card; say where it is in `card`.
        """,
    ),
    "not_ours": _code(
        "The file is not a manifest of the model catalog",
        """
        Other products use the name model.yaml too. A manifest of the catalog begins with
        `apiVersion: model-catalog/v1` and `kind: Model`; every other file is left alone.
        """,
        wrong="$schema: https://azuremlschemas.azureedge.net/latest/model.schema.json",
        right="apiVersion: model-catalog/v1\nkind: Model",
    ),
    "wrong_version": _code(
        "The apiVersion is not known",
        """
        The text after the slash is the version of the format, not of your model. It is v1. A newer
        one needs a newer release of the catalog.
        """,
        wrong="apiVersion: model-catalog/v2",
        right="apiVersion: model-catalog/v1",
    ),
    "old_version": _code(
        "The manifest is written in an older version of the format",
        """
        `model-catalog manifest upgrade FILE` rewrites it as v1, keeps comments and order, and says
        what a person has to look at.
        """,
        wrong="apiVersion: model-catalog/v1alpha1",
        right="apiVersion: model-catalog/v1",
    ),
    "wrong_kind": _code(
        "The kind is not Model",
        "A file with the name of a manifest describes one model: kind is Model.",
        wrong="kind: model",
        right="kind: Model",
    ),
    "unknown_key": _code(
        "A key is not known here",
        """
        A misspelled key would be passed over in silence, so it is refused. The message names the
        nearest one that is known. What you want to keep for yourself may stand anywhere under a
        key that begins with x-.
        """,
        wrong="spec:\n  licence: MIT",
        right="spec:\n  license: MIT\n  x-cost-centre: 4711",
    ),
    "missing": _code(
        "Something required is missing",
        """
        Required are apiVersion, kind, metadata.namespace, metadata.name and spec; in lists, what
        tells the items apart: `ref` of an owner, `name` of a use, `url` of a repository, `uri` of a
        dataset.
        """,
        wrong="metadata:\n  name: churn",
        right="metadata:\n  namespace: retail\n  name: churn",
    ),
    "wrong_type": _code(
        "A text, a list or a group of names and values stands where another one is needed",
        "A list is written with hyphens or in square brackets, a group with names and colons.",
        wrong="owners: team:retention-ds",
        right='owners:\n  - ref: "team:retention-ds"',
    ),
    "wrong_value": _code(
        "A value is not one of those that are allowed",
        """
        The fields that risk is computed from have a fixed set of values. The message lists them
        and names the nearest; of bands of numbers none is named, for which one is meant is yours
        to say.
        """,
        wrong="update_mode: monthly",
        right="update_mode: scheduled_retrain",
    ),
    "unknown_purpose": _code(
        "A regulated purpose is not one of the default policy's",
        """
        Which purposes there are is up to the tiering policy, which an installation may change: so a
        name that only the default policy lacks refuses nothing. But a misspelled one counts for
        nothing, and the use is rated as if it did not serve the purpose that was meant.
        """,
        wrong="uses: [{name: loans, regulated_purposes: [creditworthines]}]",
        right="uses: [{name: loans, regulated_purposes: [creditworthiness]}]",
    ),
    "placeholder": _code(
        "A value was never filled in",
        """
        Marks such as `...`, TODO, CHANGEME, <name> and {{ name }} stand where a template wants a
        value. Where they would name somebody or something they are errors, in texts for people
        warnings. Templates that a program fills in are best called otherwise, such as
        model.yaml.j2: no harvest reads them.
        """,
        wrong="owners:\n  - ref: team:...",
        right="owners:\n  - ref: team:retention-ds",
    ),
    "wrong_form": _code(
        "A value is not written as it has to be",
        """
        Names, addresses, digests, versions of blueprints and the like have a form that they are
        compared in. The message says which.
        """,
        wrong="metadata:\n  name: Churn Model",
        right="metadata:\n  name: churn-model\n  title: Churn Model",
    ),
    "wrong_number": _code(
        "A value is not a number as it has to be",
        "Numbers are written with digits: no thousands separators, units or words.",
        wrong="downstream_dependents: 1.200",
        right="downstream_dependents: 1200",
    ),
    "wrong_flag": _code(
        "A value is neither true nor false",
        "Other readers of YAML take yes, no, on and off for texts, so only true and false count.",
        wrong="profiling: no",
        right="profiling: false",
    ),
    "wrong_date": _code(
        "A value is not a day",
        "Days are written as year, month and day, so that nobody mistakes the month for the day.",
        wrong="expires_on: 31.03.2027",
        right="expires_on: 2027-03-31",
    ),
    "wrong_owner": _code(
        "An owner is not named as it has to be",
        """
        `ref` is a team (team:retention-ds), a person (user:anna) or an e-mail address. Names as
        people write them are not unique, so they are refused.
        """,
        wrong="owners:\n  - ref: Anna Meyer",
        right="owners:\n  - ref: anna.meyer@example.com",
    ),
    "too_long": _code(
        "A text or a list is longer than it may be",
        "The message says how long it may be. Longer texts belong into the model card.",
    ),
    "empty_value": _code(
        "A value is empty where one is needed",
        "Leave the key out when there is nothing to say.",
        wrong="uses:\n  - name:",
        right="uses:\n  - name: retention-offers",
    ),
    "empty_factor": _code(
        "Something that risk is computed from is stated empty",
        """
        null or an empty list says: it is known that there is none. What the tier rests on is
        either known, known to be one of several, or not known; then leave the key out. Unknown
        counts as the worst that it may be, never as none.
        """,
        wrong="exposure: null",
        right="exposure: {one_of: [internal_api, customer_facing]}",
    ),
    "repeated": _code(
        "Two items of a list are the same",
        "Uses are told apart by their names, without regard to case; owners by their reference.",
        wrong="uses: [{name: offers}, {name: Offers}]",
        right="uses: [{name: offers}, {name: reminders}]",
    ),
    "computed_field": _code(
        "A field is stated that the catalog computes",
        """
        The risk tier and the class under the EU AI Act follow from what is stated about the model
        and its uses; a tier that authors write themselves would be worth nothing. Remove the key.
        Whoever asks with `model-catalog check --server URL` is told which facts a tier would lack.
        """,
        wrong="spec:\n  tier: LOW",
        right="spec:\n  uses:\n    - name: offers\n      decision_role: assists",
    ),
    "no_owner": _code(
        "Nobody answers for the model",
        """
        Without an accountable owner in `owners` the catalog falls back on CODEOWNERS; what that
        says counts as concluded, and nobody is told about reviews for certain. `role` is
        accountable when it is left out.
        """,
        wrong="owners: []",
        right='owners:\n  - ref: "team:retention-ds"',
    ),
    "looks_like_secret": _code(
        "A value looks like a key or a password",
        """
        It is replaced by a word before the catalog stores anything, so the file is read all the
        same, but it stands in the repository's history: revoke it, then remove it here. A manifest
        never needs one. `model-catalog check --strict` fails where there is one.
        """,
        wrong='url: "https://user:password@wiki.example.com/churn"',
        right='url: "https://wiki.example.com/churn"',
    ),
})  # fmt: skip
