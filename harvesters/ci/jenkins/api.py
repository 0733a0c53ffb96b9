"""Jenkins' API, by what is asked. Everything is read with `tree`: nothing is asked for but that.

https://www.jenkins.io/doc/book/using/remote-access-api/
"""

from collections.abc import Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final

from harvesters.ci.jenkins.names import JOB, Path
from harvesters.errors import SourceRefused, SourceUnavailable
from harvesters.http import Answer, PoliteClient, SourceBusy, SourceDenied, joined

A_FOLDER: Final = 100  # of the jobs in a folder, what the folder above it shows of them
A_PAGE: Final = 200  # jobs: with what they hold, some megabytes
A_RANGE: Final = 50  # builds
HIDDEN: Final = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
MOST_FAILURES: Final = 3  # one after the other: then it is Jenkins that fails
ITEM: Final = "_class,name,lastBuild[number,timestamp,result,actions[remoteUrls]]"
ITEMS: Final = f"{ITEM},jobs[{ITEM},jobs[name]{{0,1}}]{{0,{A_FOLDER}}}"
BUILD: Final = (
    "number,timestamp,duration,result,building,url,actions[_class,lastBuiltRevision"
    "[SHA1,branch[name]],remoteUrls,causes[_class,shortDescription,userId]]"
)


class Unreadable(Exception):
    """One folder, job or build cannot be read; the others go on."""

    def __init__(self, code: str, message: str) -> None:
        """As the report of the harvest says it."""
        super().__init__(message)
        self.code, self.message = code, message


class JenkinsApi:
    """Asks one Jenkins. `server_time` is its clock at its first answer, if that is behind ours."""

    def __init__(self, client: PoliteClient) -> None:
        """Nothing is asked yet."""
        self.client = client
        self.server_time: datetime | None = None
        self._failures = 0

    def now(self) -> datetime:
        """Our clock."""
        return self.client.clock.now()

    def items(self, folder: Path, *, start: int, end: int) -> Sequence[Any]:
        """What a folder holds, in the order of names; each with what it holds itself.

        Raises `Unreadable`, as all others here.
        """
        tree = f"jobs[{ITEMS}]{{{start},{end}}}"
        answer = self._ask(folder, tree, kind="jobs", root=not folder)
        return _listed(answer, "jobs", default=None if folder else ())

    def builds(self, job: Path, *, start: int, end: int) -> Sequence[Any]:
        """Some builds of a job, the newest first."""
        answer = self._ask(job, f"builds[{BUILD}]{{{start},{end}}}", kind="builds")
        return _listed(answer, "builds", default=())

    def build(self, job: Path, number: int) -> Any | None:
        """One build; None where it is not there, or not any more."""
        try:
            return self._ask(job, BUILD, str(number), kind="build").json
        except Unreadable as error:
            if error.code == "not_found":
                return None
            raise

    def _ask(self, path: Path, tree: str, *below: str, kind: str, root: bool = False) -> Answer:
        steps = [step for name in path for step in (JOB, name)]
        try:
            where = joined(*steps, *below, "api", "json")
        except SourceRefused as error:
            raise Unreadable("invalid", str(error)) from None
        also = () if root else HIDDEN
        try:
            answer = self.client.get_json(where, {"tree": tree}, kind=kind, also=also)
        except (SourceBusy, SourceDenied):
            raise
        except (SourceRefused, SourceUnavailable) as error:
            self._failures += 1
            if root or self._failures >= MOST_FAILURES:
                raise
            code = "invalid" if isinstance(error, SourceRefused) else "unavailable"
            raise Unreadable(code, str(error)) from None
        self._failures = 0
        self._note_time(answer)
        if answer.status == HTTPStatus.FORBIDDEN:
            message = f"Jenkins answers 403 for {'/'.join(path)}: the credential may not read it"
            raise Unreadable("not_readable", message)
        if answer.json is None:
            raise Unreadable("not_found", f"{'/'.join(path)} is not there any more")
        return answer

    def _note_time(self, answer: Answer) -> None:
        if self.server_time is not None:
            return
        now = self.now()
        try:
            said = parsedate_to_datetime(answer.headers.get("Date", ""))
            self.server_time = min(now, said)
        except (TypeError, ValueError, OverflowError):  # none, or one without a zone
            self.server_time = now


def _listed(answer: Answer, name: str, *, default: Sequence[Any] | None) -> Sequence[Any]:
    """The list that was asked for; what has none says something else than it was asked."""
    found = answer.json.get(name, default)
    if not isinstance(found, list | tuple):
        raise Unreadable("invalid", f"{answer.url.path} answers without {name}")
    return found
