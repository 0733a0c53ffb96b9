"""Accounts of machines: they commit and own nothing."""

import re
from typing import Final

BOTS: Final = frozenset(
    {
        "airflow", "azureuser", "codespace", "dependabot", "ec2-user", "github", "github-actions",
        "gitlab-ci", "jenkins", "jovyan", "no-reply", "nobody", "noreply", "pre-commit-ci",
        "renovate", "root", "runner", "sagemaker-user", "ubuntu", "vscode", "vsts", "web-flow",
    }
)  # fmt: skip
MARKED: Final = re.compile(r"\[bot\]$|[-_]bot$|^project_\d+_bot", re.IGNORECASE)
NUMBERED: Final = re.compile(r"^\d+\+")


def is_bot(text: str) -> bool:
    """A login, an address or a display name of a machine."""
    name = text.strip()[:400].lower()
    local, at, _ = name.partition("@")
    name = NUMBERED.sub("", local) if at else name
    return name in BOTS or MARKED.search(name) is not None
