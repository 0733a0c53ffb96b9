"""Counts who committed: accounts by login, others by address, one person once. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from harvesters.manifests.pages import Author
from schemas.identifiers import Identifier, Kind, email_identifier

FEWEST: Final = 3
LONGEST_NAME: Final = 200
MOST_IDENTITIES: Final = 10
BOT: Final = "[bot]"


class Tally:
    """Commits by person; bots are left out."""

    def __init__(self, host: str) -> None:
        """Logins are accounts of `host`."""
        self.host = host
        self._commits: Counter[str] = Counter()
        self._names: dict[str, str] = {}
        self._identities: dict[str, set[Identifier]] = {}

    def add(self, rows: Iterable[Any]) -> None:
        """Some commits as GitHub lists them; what names nobody counts for nobody."""
        for row in rows:
            if not isinstance(row, Mapping):
                continue
            login, address = self._login(row), _address(row)
            known_by = [one for one in (login, address) if one is not None]
            if not known_by or any(BOT in one.value for one in known_by):
                continue
            if login is not None:  # GitHub joined the two; a no-reply address adds nothing to it
                known_by = [one for one in known_by if one == login or one.scheme == "email"]
            person = known_by[0].value
            self._commits[person] += 1
            self._names.setdefault(person, _text(_written(row).get("name")))
            self._identities.setdefault(person, set()).update(known_by)

    def authors(self, folder: str) -> Sequence[Author]:
        """Those with three commits or more, the most first."""
        ordered = sorted(self._commits.items(), key=lambda one: (-one[1], one[0]))
        return [
            Author(
                folder,
                tuple(sorted(self._identities[person], key=_login_first)[:MOST_IDENTITIES]),
                self._names[person],
                commits,
            )
            for person, commits in ordered
            if commits >= FEWEST
        ]

    def _login(self, row: Mapping[str, Any]) -> Identifier | None:
        """The account that GitHub knows the address of."""
        account = row.get("author")
        if not isinstance(account, Mapping) or not account.get("login"):
            return None
        login = str(account["login"])
        if account.get("type") == "Bot" and not login.endswith(BOT):
            login += BOT
        try:
            return Identifier(kind=Kind.OWNER, scheme="github", value=f"{self.host}/{login}")
        except ValidationError:
            return None


def _login_first(identity: Identifier) -> tuple[bool, str]:
    return identity.scheme == "email", identity.value


def _written(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the commit itself says of its author."""
    commit = row.get("commit")
    author = commit.get("author") if isinstance(commit, Mapping) else None
    return author if isinstance(author, Mapping) else {}


def _address(row: Mapping[str, Any]) -> Identifier | None:
    try:
        return email_identifier(str(_written(row).get("email", "")))
    except ValueError:  # pydantic's error is one
        return None


def _text(name: object) -> str:
    written = "".join(one for one in str(name or "") if one.isprintable())
    return written[:LONGEST_NAME]
