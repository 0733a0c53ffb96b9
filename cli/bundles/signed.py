"""Reads a bundle's manifest and looks who signed it."""

import json
from typing import Any, Final

from pydantic import ValidationError

from cli.bundles.findings import Findings
from cli.bundles.keys import Keys, is_signed_by
from cli.bundles.opening import Broken, Bundle
from schemas.bundles import FORMAT, MANIFEST, SIGNATURE, Manifest

SIGNATURE_BYTES: Final = 64


def read_manifest(bundle: Bundle, findings: Findings) -> Manifest | None:
    """What the bundle says of itself; None where that cannot be read."""
    if MANIFEST not in bundle.members:
        findings.add("manifest_missing", MANIFEST, said="is not there")
        return None
    try:
        data = bundle.read(MANIFEST)
        said = json.loads(data)
    except Broken as broken:
        findings.add("member_broken", MANIFEST, said=f"cannot be read: {broken}")
        return None
    except (ValueError, RecursionError):
        findings.add("manifest_unreadable", MANIFEST, said="is no JSON")
        return None
    form = said.get("format") if isinstance(said, dict) else None
    if isinstance(form, int) and form > FORMAT:
        message = f"has format {form}, and this release reads up to {FORMAT}"
        findings.add("format_newer", MANIFEST, said=message)
        return None
    if data != _written(said):
        findings.add("manifest_form", MANIFEST, said="is not written as the catalog writes it")
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        for one in error.errors():
            place = ".".join(str(part) for part in one["loc"])
            findings.add("manifest_unreadable", MANIFEST, said=f"{place}: {one['msg']}")
        return None


def _written(document: Any) -> bytes:
    text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False)
    return f"{text}\n".encode(errors="surrogatepass")


def check_signature(
    bundle: Bundle, manifest: Manifest, *, keys: Keys, unsigned: bool, findings: Findings
) -> str:
    """Compare the signature with the keys; answers what it came to, in one word.

    `unsigned` says that a bundle may say that nobody signed it.
    """
    if not manifest.signed:
        if SIGNATURE in bundle.members:
            findings.add("signature_unexpected", SIGNATURE, said="is there, but nobody signed it")
        if not unsigned:
            findings.add("unsigned", MANIFEST, said="says that nobody signed the bundle")
        return "unsigned"
    if SIGNATURE not in bundle.members:
        findings.add("signature_missing", SIGNATURE, said="is not there, but the bundle was signed")
        return "missing"
    if (key := keys.get(manifest.key_id or "")) is None:
        return _without_key(manifest, keys, findings=findings)
    try:
        data, signature = bundle.read(MANIFEST), bundle.read(SIGNATURE)
    except Broken as broken:
        findings.add("member_broken", SIGNATURE, said=f"cannot be read: {broken}")
        return "wrong"
    if len(signature) != SIGNATURE_BYTES or not is_signed_by(key, data, signature=signature):
        message = f"is not that of key {manifest.key_id} over this manifest"
        findings.add("signature_wrong", SIGNATURE, said=message)
        return "wrong"
    return "good"


def _without_key(manifest: Manifest, keys: Keys, *, findings: Findings) -> str:
    """Nobody gave the key that the manifest names."""
    named = f"names the key {manifest.key_id}"
    if keys:
        said = f"{named}, which is none of {', '.join(sorted(keys))}"
        findings.add("key_unknown", MANIFEST, said=said)
        return "key_unknown"
    said = f"{named}, and no key was given to compare with"
    findings.add("signature_not_checked", MANIFEST, said=said)
    return "not_checked"
