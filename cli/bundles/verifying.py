"""Verifies a bundle without a server: is it whole, signed, and does it add up?"""

from pathlib import Path
from typing import Any, NamedTuple

from cli.bundles.contents import Read, check_contents
from cli.bundles.findings import Findings
from cli.bundles.keys import Keys
from cli.bundles.opening import opened
from cli.bundles.signed import check_signature, read_manifest
from schemas.bundles import Manifest

UNCHECKED = "not_checked"


class Verdict(NamedTuple):
    """What verifying came to; without a manifest nothing could be read.

    `signature` is good, wrong, missing, unsigned, key_unknown or not_checked; `server` is same,
    differs, or None where nobody asked.
    """

    path: Path
    manifest: Manifest | None
    read: Read | None
    signature: str
    findings: Findings
    server: str | None = None

    def members(self) -> dict[str, Any]:
        """For programs."""
        said = self.manifest
        about = None if said is None else said.model_dump(mode="json")
        names = (
            "bundle_id", "profile", "dialect", "as_of", "known_at", "since", "filters",
            "generated_at", "generated_by", "catalog_version", "content_digest", "key_id",
        )  # fmt: skip
        return {
            "bundle": str(self.path),
            "ok": not self.findings.kept,
            **{name: about and about[name] for name in names},
            "signature": self.signature,
            "server": self.server,
            "files": 0 if said is None else len(said.files),
            "records": 0 if self.read is None else self.read.records,
            "findings": [one.members() for one in self.findings.kept],
            "more": self.findings.more,
        }


def verify_bundle(path: Path, *, keys: Keys, unsigned: bool) -> Verdict:
    """Look at everything, and say all that is wrong. Raises `Stop` where there is no file."""
    findings = Findings()
    with opened(path, findings) as bundle:
        manifest = None if bundle is None else read_manifest(bundle, findings)
        if bundle is None or manifest is None:
            return Verdict(path, None, None, UNCHECKED, findings)
        signature = check_signature(
            bundle, manifest, keys=keys, unsigned=unsigned, findings=findings
        )
        read = check_contents(bundle, manifest, findings=findings)
        return Verdict(path, manifest, read, signature, findings)
