"""Canonical forms: each thing's name written the one way it is compared. All are idempotent."""

import re
import unicodedata
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote, urlsplit

LONGEST_VALUE: Final = 1_024  # bytes of UTF-8
DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ssh": 22, "git": 9418}
GIT_SCHEMES: Final = {"http", "https", "ssh", "git", "git+https", "git+ssh", "git+http"}
LOWER_CASE_HOSTS: Final = re.compile(r"(?:^|\.)(?:github|gitlab)\.|^(?:github|gitlab)\.")
SCP: Final = re.compile(r"(?:[^@/:\s]+@)?(?P<host>[A-Za-z0-9.-]+\.[A-Za-z0-9-]+):(?P<path>[^\s]+)")
AZURE_SSH: Final = re.compile(r"v3/(?P<owner>[^/]+)/(?P<project>[^/]+)/(?P<name>[^/]+)")
CONTROL: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff\ud800-\udfff]"
)
DIGITS: Final = re.compile(r"(\d+)", re.ASCII)
LONGEST_NUMBER: Final = 200
NOREPLY: Final = re.compile(r"(?:\d+\+)?(?P<login>[^@+]+)@users\.noreply\.github\.com")


def canonical_text(text: str) -> str:
    """NFC, without controls, at most 1,024 bytes. Raises `ValueError`."""
    if text.isascii() and len(text) <= LONGEST_VALUE and text.isprintable() and text:
        return text
    if not text:
        raise ValueError("must not be empty")
    if CONTROL.search(text):
        raise ValueError("holds a control or text direction character")
    written = unicodedata.normalize("NFC", text)
    if len(written.encode()) > LONGEST_VALUE:
        message = f"is longer than {LONGEST_VALUE} bytes"
        raise ValueError(message)
    return written


def encode_segment(text: str) -> str:
    """A free name as one segment of an identifier: `%`, `/` and `#` encoded. Not idempotent.

    Called once, by whoever builds an identifier from a free name.
    """
    return text.replace("%", "%25").replace("/", "%2F").replace("#", "%23")


def decode_segment(segment: str) -> str:
    """The free name that a segment stands for."""
    return unquote(segment)


@lru_cache(maxsize=65_536)
def fold_name(text: str) -> str:
    """The form in which names are compared: NFC and case folding."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def natural_name(namespace: str, name: str) -> str:
    """`namespace/name` as it is compared; the written form travels in the facts."""
    if "." in namespace or "/" in namespace:
        raise ValueError("a namespace has neither a dot nor a slash")
    return canonical_text(f"{fold_name(namespace)}/{fold_name(encode_segment(name))}")


def split_natural_name(value: str) -> tuple[str, str]:
    """(namespace, rest) of a natural name."""
    namespace, _, rest = value.partition("/")
    return namespace, rest


def canonical_natural(value: str) -> str:
    """A natural name: `namespace/name`, with further segments for versions and uses."""
    folded = canonical_text(fold_name(canonical_text(value)))
    namespace, _, rest = folded.partition("/")
    if not namespace or not rest or "." in namespace:
        raise ValueError("must read namespace/name, the namespace without a dot")
    return folded


def canonical_repository_url(text: str) -> str:
    """`https://host/path` of a repository: no credential, query, port, `.git` or branch.

    scp and ssh forms become https; path case is dropped where the host ignores it (GitHub,
    GitLab). Raises `ValueError` for local paths and other schemes.
    """
    scheme, host, path = _repository_parts(canonical_text(text.strip()))
    path = re.split(r"/-/|/(?:tree|blob|commit|commits|raw|releases)/", path, maxsplit=1)[0]
    if "/_git/" not in path:
        path = path.split("@", 1)[0]
    path = re.sub(r"/{2,}", "/", path).strip("/")
    while path.endswith(".git"):
        path = path.removesuffix(".git").rstrip("/")
    if host == "ssh.dev.azure.com" and (azure := AZURE_SSH.fullmatch(path)):
        host, path = "dev.azure.com", "{owner}/{project}/_git/{name}".format(**azure.groupdict())
    if not path or "/" not in path and "." not in host:
        raise ValueError("must name a repository below a host")
    if LOWER_CASE_HOSTS.search(host):
        path = path.lower()
    return canonical_text(f"https://{host}/{path}")


def _repository_parts(text: str) -> tuple[str, str, str]:
    if "://" not in text:
        found = SCP.fullmatch(text)
        if not found:
            raise ValueError("must be an https, ssh or scp address, not a local path")
        return "ssh", found["host"].lower(), found["path"]
    try:
        parts = urlsplit(text)
        scheme, host, port = parts.scheme.lower(), parts.hostname, parts.port
    except ValueError:
        raise ValueError("is no address") from None
    if scheme not in GIT_SCHEMES or not host:
        raise ValueError("must be an https, ssh or git address")
    plain = scheme.removeprefix("git+")
    kept = port and port not in {DEFAULT_PORTS.get(plain), 443}
    address = f"{host.lower()}:{port}" if kept and plain in {"http", "https"} else host.lower()
    return scheme, address, parts.path


def canonical_dataset_uri(text: str) -> str:
    """A dataset's URI: scheme and host in lower case, no credential, query or fragment.

    Path case and double slashes are kept: in object stores they mean something.
    """
    text = canonical_text(text.strip())
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    if not separator or not re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme) or scheme == "file":
        raise ValueError("must be a URI that others can reach, not a local path")
    scheme = {"s3a": "s3", "s3n": "s3"}.get(scheme, scheme)
    rest = re.split(r"[?#]", rest, maxsplit=1)[0]
    host, slash, path = rest.partition("/")
    host = host.rsplit("@", 1)[-1].lower()
    written = f"{scheme}://{host}{slash}{path}".removesuffix("/")
    if not host or written.endswith(":/"):
        raise ValueError("must name a host, bucket or account")
    return canonical_text(written)


def canonical_email(text: str) -> str:
    """An e-mail address, trimmed and in lower case."""
    written = canonical_text(fold_name(canonical_text(text.strip())))
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", written):
        raise ValueError("must be an e-mail address")
    return written


def canonical_digest(text: str) -> str:
    """`sha256:` and 64 hex digits."""
    written = text.strip().lower()
    if re.fullmatch(r"[0-9a-f]{64}", written):
        written = f"sha256:{written}"
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", written):
        raise ValueError("must be sha256: and 64 hex digits")
    return written


def canonical_commit(text: str) -> str | None:
    """A full commit of 40 or 64 hex digits; shorter ones say nothing."""
    written = text.strip().lower()
    return written if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", written) else None


@lru_cache(maxsize=65_536)
def number_key(number: str) -> str:
    """A key that sorts version numbers naturally, byte by byte: 1.9 before 1.10.

    Each run of digits is preceded by the count of its digits.
    """
    parts = DIGITS.split(fold_name(number)[:LONGEST_NUMBER])
    return "".join(
        f"{len(stripped):03d}{stripped}" if index % 2 and (stripped := part.lstrip("0") or "0")
        else part
        for index, part in enumerate(parts)
    )  # fmt: skip


def path_segment(value: str) -> str:
    """A canonical value as one segment of a URL path: percent-encoded once more, also `:`."""
    return quote(value, safe="")
