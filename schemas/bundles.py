"""The manifest of a bundle for risk reviews: what it is of, what it holds, what it leaves out."""

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field

from schemas.queries import Dialect
from schemas.strict import Closed, Count, Flag, Instant, Line

FORMAT: Final = 1  # of the manifest; a reader refuses a newer one
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.sig"
PACKAGE: Final = "datapackage.json"
DATA: Final = "data/"
WORKBOOK: Final = "models.xlsx"
Profile = Literal["models", "osfi-e23", "omb-2025"]
PROFILES: Final[tuple[Profile, ...]] = ("models", "osfi-e23", "omb-2025")
Digest = Annotated[Line, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class MemberFile(Closed):
    """One member of the bundle; `records` without the header, none where it holds no records."""

    name: Line
    records: Count | None
    bytes: Count
    sha256: Digest


class Rules(Closed):
    """A version of the policy or of the pack of controls that was in force."""

    id: Line
    version: Line
    digest: Line


class Checkpoint(Closed):
    """The newest sealed state of the ledger when the bundle was made."""

    size: Count
    root: Line


class Covered(Closed):
    """A source, when it was last read completely, and what nobody of its kind can see."""

    source: Line
    last_complete_at: Instant | None
    cannot_see: tuple[Line, ...]


class Mask(Closed):
    """What its reader may see: namespaces, and those whose notes; null: all.

    `columns` are those with at least one cell that was withheld, by file.
    """

    namespaces: tuple[Line, ...] | None
    notes: tuple[Line, ...] | None
    columns: dict[Line, tuple[Line, ...]]


class Manifest(Closed):
    """Everything that the bytes of a bundle depend on, and what they are.

    Equal are, for equal `as_of, known_at, since, filters, profile, dialect, mask, catalog_version`:
    the files, and with them `content_digest`, the SHA-256 over the sorted lines `sha256  name` of
    `data/*` and `datapackage.json`. `exported` and `excluded` add up to `total_in_scope`.
    """

    format: int = FORMAT
    bundle_id: UUID
    profile: Profile
    dialect: Dialect
    as_of: Instant
    known_at: Instant
    since: Instant | None
    filters: dict[Line, str]
    mask: Mask
    generated_at: Instant
    generated_by: Line
    catalog_version: Line
    policy: Rules | None
    pack: Rules | None
    checkpoint: Checkpoint | None
    coverage: tuple[Covered, ...]
    files: tuple[MemberFile, ...]
    content_digest: Digest
    total_in_scope: Count
    exported: Count
    excluded: dict[Line, Count]
    unknown_cells: dict[Line, dict[Line, Count]]  # by file and column
    withheld_cells: Count
    neutralised_cells: Count
    cut_cells: Count
    split: dict[Line, tuple[Line, ...]]  # files that a spreadsheet cannot hold whole: their parts
    signed: Flag
    key_id: Line | None  # the first 16 hex digits of the SHA-256 of the public key


def bundle_name(profile: str, as_of: datetime) -> str:
    """The file's name, the same for the same moment."""
    return f"model-catalog_{profile}_{as_of:%Y-%m-%dT%H%M%SZ}.zip"
