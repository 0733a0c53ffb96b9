"""Masks what looks like a key before it is digested, stored or shown."""

import re
from typing import Final

# Each alternative starts with a literal, so that a text without one is passed over quickly.
SECRETS: Final = re.compile(
    r"(?P<aws_key>\b(?:AKIA|ASIA)[0-9A-Z]{16}\b)"
    r"|(?P<github_token>\b(?:gh[pousr]_[0-9A-Za-z]{36,255}|github_pat_[0-9A-Za-z_]{22,255}))"
    r"|(?P<gitlab_token>\bglpat-[0-9A-Za-z_-]{20,255})"
    r"|(?P<slack_token>\bxox[abprs]-[0-9A-Za-z-]{10,255})"
    r"|(?P<hf_token>\bhf_[0-9A-Za-z]{30,255})"
    r"|(?P<catalog_token>\bmcat[prs]_[0-9A-Za-z]{46}\b)"
    r"|(?P<json_web_token>\beyJ[0-9A-Za-z_-]{10,4096}\.eyJ[0-9A-Za-z_-]{10,8192}\.[0-9A-Za-z_-]{8,1024})"
    r"|(?P<private_key>-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[\s\S]{0,16384}?"
    r"(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z))"
    r"|(?P<credential>(?<=://)[^\s/@:]{1,256}:[^\s/@]{1,256}(?=@))"
)


def mask_secrets(text: str) -> str:
    """Replace each key in a text by a word that says what stood there."""
    return SECRETS.sub(lambda found: f"[masked {(found.lastgroup or '').replace('_', ' ')}]", text)
