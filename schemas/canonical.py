"""Canonical forms: each thing's name written the one way it is compared. All are idempotent."""

import re
import unicodedata
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from schemas.masking import CONTAINERS, drop_userinfo, mask_secrets

LONGEST_VALUE: Final = 1_024  # bytes of UTF-8
DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ssh": 22, "git": 9418}
GIT_SCHEMES: Final = {"http", "https", "ssh", "git", "git+https", "git+ssh", "git+http"}
CONTAINER_SCHEMES: Final = CONTAINERS
SAME_HOST: Final = {"ssh.github.com": "github.com", "altssh.gitlab.com": "gitlab.com"}
HOST: Final = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
CASELESS_HOST: Final = re.compile(r"(?:^|\.)(?:github|gitlab)\.")
VIEWS: Final = {"-", "tree", "blob", "commit", "commits", "raw", "releases"}
OWNER_AND_NAME: Final = 2  # segments that are never a view of something shorter
SCP: Final = re.compile(r"(?:[^@/:\s]+@)?(?P<host>[A-Za-z0-9.-]+\.[A-Za-z0-9-]+):(?P<path>[^\s]+)")
AZURE_SSH: Final = re.compile(r"v3/(?P<owner>[^/]+)/(?P<project>[^/]+)/(?P<name>[^/]+)")
NAMESPACE: Final = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?")
CONTROL: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff\ud800-\udfff]"
)
DIGITS: Final = re.compile(r"(\d+)", re.ASCII)
LONGEST_NUMBER: Final = 200
NOREPLY: Final = re.compile(
    r"(?:\d+\+)?(?P<login>[a-z0-9_-]+(?:\[bot\])?)@users\.noreply\.github\.com", re.ASCII
)


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

    Called once, by whoever builds an identifier from a free name. `.` and `..` are encoded too:
    clients would take them for steps in a path.
    """
    if text in {".", ".."}:
        return text.replace(".", "%2E")
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
    return canonical_natural(f"{namespace}/{encode_segment(name)}")


def split_natural_name(value: str) -> tuple[str, str]:
    """(namespace, rest) of a natural name."""
    namespace, _, rest = value.partition("/")
    return namespace, rest


def canonical_natural(value: str, *, segments: int = 2) -> str:
    """A natural name: `namespace/name`, with a third segment for versions and uses."""
    folded = canonical_text(fold_name(canonical_text(value)))
    namespace, *rest = folded.split("/")
    if not NAMESPACE.fullmatch(namespace):
        raise ValueError("must begin with a namespace: letters, digits, - and _, without a dot")
    if len(rest) != segments - 1 or not all(rest):
        message = f"must have {segments} parts with / between; a / inside a part reads %2F"
        raise ValueError(message)
    return folded


def canonical_repository_url(text: str) -> str:
    """`https://host/path` of a repository: no credential, query, port, `.git` or branch.

    scp and ssh forms become https; path case is dropped where the host ignores it (GitHub,
    GitLab). Raises `ValueError` for local paths and other schemes.
    """
    text = canonical_text(text.strip())
    if re.search(r"[\s\\]", text):
        raise ValueError("must not hold white space or a backslash")
    host, path = _repository_parts(text)
    path = re.sub(r"/{2,}", "/", path).strip("/")
    if host == "ssh.dev.azure.com" and (azure := AZURE_SSH.fullmatch(path)):
        host, path = "dev.azure.com", "{owner}/{project}/_git/{name}".format(**azure.groupdict())
    if CASELESS_HOST.search(host):
        path = path.lower()
    path = _without_view(path)
    if "/_git/" not in path:
        path = path.split("@", 1)[0]
    path = re.sub(r"(?:\.git|/)+$", "", path)
    if any(unquote(segment) in {".", ".."} for segment in path.split("/")):
        raise ValueError("must not step through . or ..")
    if not path or ("/" not in path and "." not in host):
        raise ValueError("must name a repository below a host")
    return canonical_text(f"https://{host}/{path}")


def _repository_parts(text: str) -> tuple[str, str]:
    """(host, path); the host with its port where that is not the scheme's own."""
    if "://" not in text:
        found = SCP.fullmatch(text)
        if not found:
            raise ValueError("must be an https, ssh or scp address, not a local path")
        return _host(found["host"]), re.split(r"[?#]", found["path"], maxsplit=1)[0]
    try:
        parts = urlsplit(text)
        scheme, name, port = parts.scheme.lower(), parts.hostname, parts.port
    except ValueError:
        raise ValueError("is no address") from None
    if scheme not in GIT_SCHEMES or not name:
        raise ValueError("must be an https, ssh or git address")
    plain = scheme.removeprefix("git+")
    kept = plain in {"http", "https"} and port and port not in {DEFAULT_PORTS[plain], 443}
    return f"{_host(name)}:{port}" if kept else _host(name), parts.path


def _host(name: str) -> str:
    """A host's name in lower-case ASCII, so that it is compared as it is looked up."""
    name = name.lower().rstrip(".")
    try:
        numeric = ":" in name and "%" not in name  # a zone means something on one machine only
        written = f"[{IPv6Address(name)}]" if numeric else _in_ascii(name)
    except ValueError:  # of the codec too, whose message would echo the input
        raise ValueError("must name a host; write one with other letters as xn--…") from None
    return SAME_HOST.get(written, written)


def _in_ascii(name: str) -> str:
    """Refuses names that IDNA changes into another one (ß into ss): it may be somebody else's."""
    written = name if name.isascii() else name.encode("idna").decode("ascii")
    if not HOST.fullmatch(written) or (name != written.encode().decode("idna") and name != written):
        raise ValueError("is no host")
    return written


def _without_view(path: str) -> str:
    """Cut what shows a part of a repository: `/tree/main`, `/-/jobs/7`."""
    segments = path.split("/")
    for place, segment in enumerate(segments[:-1]):
        if place >= OWNER_AND_NAME and segment in VIEWS:
            return "/".join(segments[:place])
    return path


def canonical_hosted(text: str) -> str:
    """`host/<number>`: a repository by its host's number for it, which no rename changes."""
    host, _, number = canonical_text(text).partition("/")
    if not re.fullmatch(r"[1-9]\d{0,18}", number, re.ASCII):
        raise ValueError("must be a host and a number, such as github.com/486325809")
    name, _, port = host.partition(":")
    named = f"{_host(name)}:{port}" if port.isascii() and port.isdigit() else _host(host)
    return f"{named}/{number}"


def canonical_filed(text: str) -> str:
    """`repository#path`: a file of a repository, which is called by its number or by its URL.

    A number outlives renames and transfers, and is another one when somebody else takes the name.
    """
    repository, hash_sign, path = canonical_text(text).partition("#")
    if not hash_sign or not path:
        raise ValueError("must be a repository, # and a path in it")
    if "://" in repository:
        return canonical_text(f"{canonical_repository_url(repository)}#{path}")
    return canonical_text(f"{canonical_hosted(repository)}#{path}")


def canonical_dataset_uri(text: str) -> str:
    """A dataset's URI: scheme and host in lower case, no credential, query or fragment.

    Path case and double slashes are kept: in object stores they mean something.
    """
    text = drop_userinfo(canonical_text(text.strip()))
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    if not separator or not re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme) or scheme == "file":
        raise ValueError("must be a URI that others can reach, not a local path")
    scheme = {"s3a": "s3", "s3n": "s3"}.get(scheme, scheme)
    host, slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    user, _, host = host.rpartition("@")
    if not host or re.search(r"\s", host):
        raise ValueError("must name a host, bucket or account")
    if scheme in CONTAINER_SCHEMES and user:
        host = f"{user.partition(':')[0]}@{host}"
    if "[" not in host and re.search(r":(?!\d{1,5}(?:[,;]|$)|$)", host):
        raise ValueError("must name a host; what stands before its path reads like a password")
    if mask_secrets(host) != host:  # in lower case nobody would know it for a key
        raise ValueError("holds what looks like a key in place of a host")
    return canonical_text(re.sub(r"[\s/]+$", "", f"{scheme}://{host.lower()}{slash}{path}"))


def canonical_email(text: str) -> str:
    """An e-mail address, trimmed and in lower case."""
    written = canonical_text(canonical_text(text.strip()).lower())
    if not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", written):
        raise ValueError("must be an e-mail address")
    return written


def canonical_login(text: str) -> str:
    """`host/login` of a host that compares logins without case, as GitHub and GitLab do."""
    return canonical_text(canonical_text(text).lower())


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
