"""The directory of owners: what its files may look like, and what is refused of them."""

import codecs
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvesters.directory import harvesters
from harvesters.directory.harvest import DirectoryHarvest, in_circles
from harvesters.errors import RecordUnreadable, SourceRefused, SourceUnavailable
from harvesters.registry import Secret
from outbound.addresses import VARIABLE
from schemas.identifiers import Identifier, Kind
from schemas.observation import Observation
from schemas.sources import SourceSettings
from tests.outbound.servers import Serve

NOON: Final = datetime(2026, 11, 24, 12, tzinfo=UTC)


def read(raw: bytes) -> tuple[list[Observation], list[RecordUnreadable]]:
    """What a file says, and what is refused of it."""
    harvest = DirectoryHarvest("people", lambda: raw, evidence=None, clock=lambda: NOON)
    told = [one for page in harvest.pages(None) for one in harvest.observe(page)]
    said = [one for one in told if isinstance(one, Observation)]
    return said, [one for one in told if isinstance(one, RecordUnreadable)]


def refused(raw: bytes) -> str:
    """Why a file as a whole is refused."""
    with pytest.raises(SourceRefused) as error:
        read(raw)
    return str(error.value)


def facts(said: Observation) -> dict[str, Any]:
    """Its facts, as they travel."""
    document: dict[str, Any] = said.model_dump(mode="json", exclude_unset=True)["facts"]
    return document


def known_by(said: Observation) -> list[str]:
    """All identifiers of an observation, its subject first."""
    return [f"{one.scheme}:{one.value}" for one in (said.subject, *said.same_as)]


FULL: Final = """\
handle;display_name;email;kind;active;left_at;members;logins
user:anna;Anna Berg;Anna.Berg@ACME.example;person;true;;;github.com/AnnaB, mlflow:mlflow-prod/anna
bo;"Bo ""B"" Ek";7+bo-ek@users.noreply.github.com;;no;2026-09-30;;gitlab:bo
team:risk;Risk;;;;;user:anna, bo@acme.example, github.com/acme/risk;
"""


def test_directory_rows() -> None:
    """Every column of a file with semicolons, quotes, capitals and a no-reply address."""
    (anna, bo, risk), none = read(FULL.encode())

    assert none == []
    assert known_by(anna) == [
        "handle:user:anna", "email:anna.berg@acme.example", "github:github.com/annab",
        "mlflow:mlflow-prod/anna",
    ]  # fmt: skip
    assert facts(anna) == {
        "handle": "user:anna", "display_name": "Anna Berg", "email": "anna.berg@acme.example",
        "kind": "person", "active": True,
    }  # fmt: skip
    assert known_by(bo) == [
        "handle:user:bo", "handle:bo", "github:github.com/bo-ek", "gitlab:gitlab.com/bo",
    ]  # fmt: skip
    assert facts(bo) == {
        "handle": "user:bo", "display_name": 'Bo "B" Ek', "kind": "person", "active": False,
        "left_at": "2026-09-30T00:00:00.000000Z",
    }  # fmt: skip
    assert facts(risk)["kind"] == "team"
    assert {one["scheme"]: one["value"] for one in facts(risk)["members"]} == {
        "handle": "user:anna", "email": "bo@acme.example", "github": "github.com/acme/risk",
    }  # fmt: skip
    assert {one.observed_at for one in (anna, bo, risk)} == {NOON}


def test_directory_yaml() -> None:
    """The same as YAML; texts stay as they are written."""
    raw = b"""\
apiVersion: model-catalog/v1
kind: Owners
owners:
  - handle: user:0123
    email: NO@acme.example
    active: yes
    logins: [gitlab.acme.example/No]
  - handle: team:x
    members: [user:0123]
  - just text
  - handle: user:y
    mebers: [a]
  - handle: [a]
"""
    (first, team), wrong = read(raw)

    assert known_by(first) == [
        "handle:user:0123", "email:no@acme.example", "gitlab:gitlab.acme.example/no",
    ]  # fmt: skip
    assert facts(first)["active"] is True
    assert facts(team)["members"][0]["value"] == "user:0123"
    assert [one.message for one in wrong] == [
        "line 10: must hold names and values, such as handle: user:anna",
        "line 11: a field is not known here; did you mean members?",
        "line 13: handle must be one text",
    ]


ROWS: Final = (
    (",,", None, "handle,email,kind"),
    ("user:a,nobody,", "line 2: must be an e-mail address", "handle,email,kind"),
    ("user:a,,king", "line 2: kind must be person, team, bot or list", "handle,email,kind"),
    ("user:a,maybe,", "line 2: active must be true or false", "handle,active,kind"),
    ("user:a,2026-13-01,", "line 2: left_at must be a date", "handle,left_at,kind"),
    ("user:a,2026-01-01T10:00,", "line 2: left_at must be a date, or", "handle,left_at,kind"),
    ("user:a,github,", "line 2: write logins as github.com/github", "handle,logins,kind"),
    ("user:a,code.acme/a,", "line 2: which kind of host code.acme is", "handle,logins,kind"),
    ("user:a,mlflow:a,", "line 2: an MLflow user reads mlflow:source/name", "handle,logins,kind"),
    ("team:a,team:a,", "line 2: is a member of itself", "handle,members,kind"),
    ("user:a,b,c,d", "line 2: has 4 cells below 3 columns", "handle,email,kind"),
    (f"user:{'a' * 2_000},,", "line 2: value", "handle,email,kind"),
    ("user:a\x07b,,", "line 2: value", "handle,email,kind"),
    ("1+a@users.noreply.github.com,,", "line 2: needs a handle", "email,kind,active"),
)


@pytest.mark.parametrize(("row", "why", "header"), ROWS, ids=range(len(ROWS)))
def test_directory_row_refused(row: str, why: str | None, header: str) -> None:
    """One bad row is refused alone, with its line; the next one is read."""
    email = header.startswith("email")
    good = "z@acme.example,," if email else "user:z,,"

    said, wrong = read(f"{header}\n{row}\n{good}\n".encode())

    assert [one.message[: len(why or "")] for one in wrong] == ([] if why is None else [why])
    assert [one.subject.value for one in said] == ["z@acme.example" if email else "user:z"]


FILES: Final = (
    (b"", "the file is empty"),
    (b" \n", "the file is empty"),
    ("handle\nx".encode("utf-16"), "the file is UTF-16 or UTF-32; save it as UTF-8"),
    ("handle\nx".encode("utf-16-le"), "the file holds NUL bytes"),
    ("handle\nM\xfcller".encode("latin-1"), "the file is not UTF-8: see byte 8; save it as UTF-8"),
    (b"handle,emial\n", "line 1: a column is not known here; did you mean email?"),
    (b"<!DOCTYPE html><html>", "line 1: a column is not known here; known are handle, "),
    (b"display_name\nAnna", "line 1: a column handle or email is needed"),
    (b"handle,Handle\n", "line 1: the column handle stands twice"),
    (b'handle\nuser:a\n"user:b\n', "line 3: a quote is not closed"),
    (b"handle\n" + b"x" * 70_000, "line 2: a cell is longer than 65536 characters"),
    (b"handle\n" + b"x" * (8 * 1024 * 1024), "the file is larger than 8388608 bytes"),
    (b"kind: Owners\n", "line 1: a file of owners holds apiVersion, kind and owners"),
    (b"apiVersion: v2\nkind: Owners\nowners: []", "line 1: apiVersion must be model-catalog/v1"),
    (b"apiVersion: model-catalog/v1\nkind: Owners\nowners: x", "line 3: owners must be a list"),
    (b"owners: &a [*a]\n", "line 1, column 9: anchors are not read"),
)


@pytest.mark.parametrize(("raw", "why"), FILES, ids=range(len(FILES)))
def test_directory_file_refused(raw: bytes, why: str) -> None:
    """A file that cannot be read as a whole says nothing at all, not less than before."""
    assert refused(raw).startswith(why)


def test_directory_file_refused_rows() -> None:
    """Too many rows are too many, not some."""
    assert "more than 100000 rows" in refused(b"handle\n" + b"a\n" * 100_001)


def test_directory_byte_order_mark() -> None:
    """Spreadsheets put a mark before UTF-8, and carriage returns at line ends."""
    said, _ = read(codecs.BOM_UTF8 + "Handle\tDisplay Name\r\nuser:a\tJürgen\r\n".encode())

    assert facts(said[0])["display_name"] == "Jürgen"


def test_directory_identifier_twice() -> None:
    """What two rows bear belongs to the first; the second is refused, and nobody is merged."""
    raw = b"handle,email,logins\nuser:a,a@x.example,\nuser:a,,\nuser:b,A@X.example,\nuser:c,,\n"
    said, wrong = read(raw)

    assert [one.subject.value for one in said] == ["user:a", "user:c"]
    assert [(one.message, one.subject and one.subject.value) for one in wrong] == [
        ("line 3: handle user:a stands in line 2 already", None),
        ("line 4: email a@x.example stands in line 2 already", "user:b"),
    ]


def test_directory_large() -> None:
    """Ten thousand rows, whose line numbers count line ends inside quotes."""
    rows = "".join(f'user:p{n},"Person\n{n}",p{n}@acme.example\n' for n in range(10_000))
    said, wrong = read(f"handle,display_name,email\n{rows}user:q,,p7@acme.example\n".encode())

    assert len(said) == 10_000
    assert [one.message for one in wrong] == [
        "line 20002: email p7@acme.example stands in line 16 already"
    ]


def test_directory_cycle() -> None:
    """Teams that are members of each other are told of; all of them are there."""
    raw = b"handle,members\nteam:a,team:b\nteam:b,team:c\nteam:c,team:a user:x\nteam:d,team:a\n"
    said, wrong = read(raw)

    assert len(said) == 4
    assert [(one.code, one.message) for one in wrong] == [
        ("member_cycle", "teams are members of each other: team:a, team:b, team:c")
    ]


def team(number: int) -> Identifier:
    """A team."""
    return Identifier(kind=Kind.OWNER, scheme="handle", value=f"team:{number}")


@given(st.dictionaries(st.integers(0, 6), st.sets(st.integers(0, 8), max_size=4)))
def test_in_circles_reach(drawn: dict[int, set[int]]) -> None:
    """Whoever reaches itself is found; without any such team nothing is."""
    teams = {team(one): [team(other) for other in others - {one}] for one, others in drawn.items()}

    def reaches_itself(start: Identifier) -> bool:
        waiting, seen = list(teams[start]), set[Identifier]()
        while waiting:
            one = waiting.pop()
            if one == start:
                return True
            if one not in seen:
                seen.add(one)
                waiting += teams.get(one, ())
        return False

    cyclic = {one for one in teams if reaches_itself(one)}

    found = in_circles(teams)

    assert cyclic <= found
    assert bool(found) is bool(cyclic)


def directory(**settings: Any) -> SourceSettings:
    """A directory as it is declared."""
    return SourceSettings.model_validate(
        {"name": "people", "kind": "directory", "namespace": "retail", "settings": settings}
    )


def first(source: SourceSettings, secret: Secret | None = None, allow: str = "") -> list[Any]:
    """The pages of its only harvester."""
    (harvest,) = harvesters(source, secret, {VARIABLE: allow})
    return list(harvest.pages(None))


def test_directory_declared() -> None:
    """Owners files outrank manifests, and what they say of owners counts for rights."""
    source = directory(path="/srv/owners.csv")

    assert (source.precedence, source.may_grant_ownership) == (80, True)
    kept = SourceSettings.model_validate(source.model_dump() | {"may_grant_ownership": False})
    assert kept.may_grant_ownership is False


@pytest.mark.parametrize(
    "settings",
    [
        {}, {"path": "/a.csv", "url": "https://a.example/"}, {"path": "owners.csv"},
        {"path": "/etc/shadow"}, {"path": "/a.csv", "more": 1}, {"path": 7},
    ],
    ids=range(6),
)  # fmt: skip
def test_directory_settings_refused(settings: dict[str, Any]) -> None:
    """Exactly one place, and no file of another kind."""
    with pytest.raises(SourceRefused, match=r"^settings.* of source people: "):
        first(directory(**settings))


def test_directory_path(tmp_path: Path) -> None:
    """A plain file; what is none is refused without waiting for it."""
    file = tmp_path / "owners.csv"
    file.write_text("handle\nuser:a\n")
    assert len(first(directory(path=str(file)))[0].rows) == 1

    for path, why in ((tmp_path / "no.csv", "cannot be opened"), (tmp_path / "d.csv", "no plain")):
        if "plain" in why:
            path.mkdir()
        with pytest.raises(SourceRefused, match=why):
            first(directory(path=str(path)))


@pytest.fixture
def answering(serve: Serve) -> Any:
    """A server that answers with a status and a body."""

    def start(status: int, body: bytes = b"", **headers: str) -> Any:
        def answer(handler: Any) -> None:
            handler.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(body)

        return serve(answer)

    return start


def test_directory_url(answering: Any) -> None:
    """Over the guarded client, with the credential for its one host."""
    server = answering(200, b"handle\nuser:a\n")
    source = directory(url=f"{server.url}owners.csv")
    secret = Secret("anna:pass", "127.0.0.1")

    assert len(first(source, secret, "127.0.0.1/32")[0].rows) == 1
    assert server.asked[0][1].startswith("Basic ")
    with pytest.raises(SourceRefused, match="private address"):
        first(source)
    with pytest.raises(SourceRefused, match="does not go to"):
        first(source, Secret("t", "other.example"), "127.0.0.1/32")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (503, SourceUnavailable),
        (429, SourceUnavailable),
        (404, SourceRefused),
        (302, SourceRefused),
    ],
)
def test_directory_url_fails(answering: Any, status: int, error: type[Exception]) -> None:
    """A server that does not answer with the file retires nobody."""
    server = answering(status, Location="https://elsewhere.example/")

    with pytest.raises(error, match=str(status)):
        first(directory(url=server.url), allow="127.0.0.1/32")
