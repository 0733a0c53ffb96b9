"""Where a file lies: on this machine, or behind an address that may be reached."""

import os
import stat
from pathlib import Path
from typing import Final

import httpx2

from harvesters.directory.table import LARGEST
from harvesters.errors import SourceRefused, SourceUnavailable
from harvesters.registry import Secret
from outbound import addresses
from outbound.addresses import Allowed, OutboundRefused
from outbound.client import AnswerRefused, Limits, guarded_client
from outbound.credentials import Credential

LATER: Final = {408, 425, 429, 500, 502, 503, 504}


def read_path(path: str, *, largest: int = LARGEST) -> bytes:
    """A file's bytes, one more than the largest at most; a pipe or a device is none.

    Raises `SourceRefused`.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        message = f"the file cannot be opened: {error.strerror}"
        raise SourceRefused(message) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise SourceRefused("the path names no plain file")
    with os.fdopen(descriptor, "rb") as file:
        return file.read(largest + 1)


def read_url(
    url: str, *, allow: str, secret: Secret | None, ca_file: str | None, largest: int = LARGEST
) -> bytes:
    """What an address answers. Raises `SourceUnavailable` or `SourceRefused`."""
    try:
        asked = addresses.read_url(url)
        client = guarded_client(
            Allowed(allow),
            credential=Credential(secret.host.lower(), secret.text) if secret else None,
            ca_file=Path(ca_file) if ca_file else None,
            limits=Limits(decoded=largest + 1),
        )
    except (OutboundRefused, ValueError) as error:
        raise SourceRefused(str(error)) from None
    except OSError as error:
        message = f"ca_file cannot be read: {error.strerror}"
        raise SourceRefused(message) from None
    try:
        with client:
            answer = client.get(asked)
    except (OutboundRefused, AnswerRefused) as error:
        raise SourceRefused(str(error)) from None
    except httpx2.TransportError as error:
        message = f"the file's server does not answer: {type(error).__name__}"
        raise SourceUnavailable(message) from None
    if answer.status_code in LATER:
        message = f"the file's server answers {answer.status_code}"
        raise SourceUnavailable(message)
    if not answer.is_success:  # a redirect is not followed: its host was not named
        message = f"the file's server answers {answer.status_code}, not the file"
        raise SourceRefused(message)
    return answer.content
