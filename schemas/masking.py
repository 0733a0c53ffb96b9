"""Masks what looks like a key before it is digested, stored or shown."""

import re
from typing import Final

# Each alternative starts with a literal, so that a text without one is passed over quickly. The
# credential of an address is masked as a whole, whatever of it looks like a key: it stands first.
SECRETS: Final = re.compile(
    r"(?P<credential>(?<=://)[^\s/@:]{0,256}:[^\s/@]{1,256}(?:@[^\s/@\"'<>,]{1,256}){0,3}(?=@))"
    r"|(?P<aws_key>\b(?:AKIA|ASIA)[0-9A-Z]{16}\b)"
    r"|(?P<github_token>\b(?:gh[pousr]_[0-9A-Za-z]{36,255}|github_pat_[0-9A-Za-z_]{22,255}))"
    r"|(?P<gitlab_token>\bglpat-[0-9A-Za-z_-]{20,255})"
    r"|(?P<slack_token>\bxox[abprs]-[0-9A-Za-z-]{10,255})"
    r"|(?P<hf_token>\bhf_[0-9A-Za-z]{30,255})"
    r"|(?P<catalog_token>\bmcat[prs]_[0-9A-Za-z]{46}\b)"
    r"|(?P<json_web_token>(?<![0-9A-Za-z_-])eyJ[0-9A-Za-z_-]{10,4096}\.eyJ[0-9A-Za-z_-]{10,8192}\.[0-9A-Za-z_-]{8,1024})"
    r"|(?P<private_key>-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----"
    r"(?:[\s\S]{0,16384}?-----END [A-Z ]{0,30}PRIVATE KEY-----|[\s\S]*))"
)


NAMED_SECRET: Final = re.compile(  # a member of a JSON text whose name says what it holds
    r'("[^"\\]{0,200}(?:passw(?:or)?d|secret|api[_-]?key|access[_-]?token)[^"\\]{0,200}"\s*:\s*)'
    r'"(?:[^"\\]|\\.)+"',
    re.IGNORECASE,
)


def mask_named(text: str) -> str:
    """Replace, in a JSON text, each text whose member is named like a password."""
    return NAMED_SECRET.sub(r'\1"[masked by its name]"', text)


# One of these stands in every key: to look for them costs a twentieth of the expression.
SIGNS: Final = (
    "AKIA", "ASIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "hf_",
    "mcat", "eyJ", "-----BEGIN ", "@",
)  # fmt: skip


ENCODED: Final = re.compile(r"%(?:25)*([0-7][0-9A-Fa-f])")  # encoded once more, and again
ROUNDS: Final = 4  # for encodings of the digits of encodings
CONTAINERS: Final = frozenset({"abfs", "abfss", "wasb", "wasbs"})  # `container@account`
ADDRESS: Final = re.compile(
    r"\b(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,30})://(?P<info>"
    r"[^\s/?#\"'<>]{1,1024}"  # to the last @ before a slash
    r"|[^\s/@:?#\"'<>]{0,256}:(?!\d{1,5}[/?#])[^\s@:\"'<>]{1,1024})@"  # a slash in the password
)


def mask_secrets(text: str) -> str:
    """Replace each key in a text by a word that says what stood there.

    One that is percent-encoded, however often, is seen as well.
    """
    if "%" in text:
        text = _mask_encoded(text)
    return SECRETS.sub(_masked, text) if _may_hold(text) else text


def drop_userinfo(text: str) -> str:
    """Addresses without who signs in there; of some stores that is the container, and stays.

    A password with a slash in it is taken for what it is, unless it reads like a port.
    """
    return ADDRESS.sub(_without_userinfo, text) if "://" in text else text


def _without_userinfo(found: re.Match[str]) -> str:
    scheme, info = found["scheme"], found["info"]
    kept = f"{info.partition(':')[0]}@" if scheme.lower() in CONTAINERS else ""
    return f"{scheme}://{kept}"


def _may_hold(text: str) -> bool:
    for sign in SIGNS:  # noqa: SIM110  # twice as fast as `any`: every text comes by here
        if sign in text:
            return True
    return False


def _masked(found: re.Match[str]) -> str:
    return f"[masked {(found.lastgroup or '').replace('_', ' ')}]"


def _mask_encoded(text: str) -> str:
    """Mask what is a key once decoded, in the text as it is written."""
    if ENCODED.search(text) is None:
        return text
    plain, at = text, list(range(len(text) + 1))  # where each character of `plain` stands
    for _ in range(ROUNDS):
        decoded, places, done = [], [], 0
        for found in ENCODED.finditer(plain):
            decoded += [plain[done : found.start()], chr(int(found[1], 16))]
            places += at[done : found.start() + 1]
            done = found.end()
        if not done:
            break
        plain, at = "".join((*decoded, plain[done:])), places + at[done:]
    if plain == text or not _may_hold(plain):
        return text
    parts, done = [], 0
    for found in SECRETS.finditer(plain):
        begin, end = at[found.start()], at[found.end()]
        parts += [text[done:begin], _masked(found)]
        done = end
    return "".join((*parts, text[done:]))
