"""What git says when it fails, as a code and a sentence. Pure."""

import re
from base64 import b64encode
from collections.abc import Sequence
from typing import Final

from harvesters.errors import shown
from harvesters.manifests.host import RepositoryUnreadable
from outbound.credentials import Credential

NOT_LET_IN: Final = frozenset({"authentication_refused", "access_denied"})
AWAY: Final = frozenset({"unreachable", "timeout", "server_error"})
REASONS: Final = tuple(
    (re.compile(pattern, re.MULTILINE), code, words)
    for pattern, code, words in (
        (
            r"Host key verification failed|host key .* (?:is known|has changed)",
            "host_key_unknown",
            "the host's key is not the one in `ssh_known_hosts`, or is not in it",
        ),
        (
            r"Authentication failed|could not read (?:Username|Password)|Permission denied \(",
            "authentication_refused",
            "the server wants a credential, or another one",
        ),
        (
            r"returned error: 403",
            "access_denied",
            "the server refuses; the credential may lack the right to read",
        ),
        (
            r"returned error: 30\d|unable to update url base from redirection",
            "redirected",
            "the server answers with another address, which is not followed: name that one",
        ),
        (
            (
                r"repository '.*' not found|returned error: (?:404|410)"
                r"|does not appear to be a git repository|^ERROR: Repository not found"
            ),
            "not_found_or_hidden",
            "there is none at this address, or the credential may not see it",
        ),
        (r"Remote branch .* not found", "branch_missing", "the branch is gone"),
        (
            r"not our ref|find remote ref|unadvertised object",
            "changed_meanwhile",
            "its branch moved while it was read",
        ),
        (r"dumb http transport", "not_git", "the server does not speak the git protocol there"),
        (
            r"returned error: (?:429|5\d\d)",
            "server_error",
            "the server is busy or broken; the next harvest tries again",
        ),
        (r"Operation too slow|[Tt]imed out", "timeout", "the server is too slow"),
        (
            r"SSL|certificate|TLS",
            "certificate_refused",
            "the server's certificate is not trusted: see `ca_file`",
        ),
        (
            (
                r"Failed to connect|Couldn't connect|Could not resolve|Connection (?:refused|reset)"
                r"|No route to host|Network is unreachable|Connection closed"
            ),
            "unreachable",
            "the server does not answer",
        ),
        (
            (
                r"early EOF|hung up|RPC failed|index-pack|disconnect|transfer closed|fetch-pack"
                r"|bad line length|protocol error|invalid"
            ),
            "broken_off",
            "the server's answer is incomplete or damaged",
        ),
        (
            r"Could not read from remote repository",  # of ssh, when the server said nothing else
            "not_found_or_hidden",
            "there is none at this address, or the credential may not see it",
        ),
    )
)


def why_failed(code: int, said: str) -> RepositoryUnreadable:
    """Which failure this is. The lines that the server itself wrote decide nothing."""
    own = [line for line in said.splitlines() if not line.startswith(("remote:", "warning:"))]
    last = next((line for line in reversed(own) if line.startswith(("fatal:", "error:"))), "")
    text = "\n".join(own)
    for pattern, name, words in REASONS:
        if pattern.search(text):
            return RepositoryUnreadable(name, f"{words} ({_written(last)})" if last else words)
    what = _written(last) if last else f"git ended with {code}"
    return RepositoryUnreadable("git_failed", what)


def scrubbed(text: str, secrets: Sequence[str]) -> str:
    """A text without secrets, the longest first: a short one may be part of it."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "[secret]")
    return text


def secrets_of(credential: Credential | None) -> list[str]:
    """All forms in which git could repeat a credential."""
    if credential is None:
        return []
    whole = credential.secret
    forms = {whole, b64encode(whole.encode()).decode(), whole.partition(":")[2]}
    forms.update(line for line in whole.splitlines() if len(line) > 20)  # noqa: PLR2004  # of a key
    return sorted(form for form in forms if form)


def _written(line: str) -> str:
    return shown(line)[:300]
