"""Recordings: whole lines, no secrets, bounded; what is wrong with one is said by its line."""

import gzip
import json
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import pytest

from harvesters.directory import people
from harvesters.directory.harvest import DirectoryHarvest
from harvesters.errors import SourceRefused
from harvesters.recording import KEPT, Recorder, fingerprint, most_bytes
from harvesters.replay import Recording, Replay, ReplayRefused
from harvesters.runner import harvest
from harvesters.sink import FileSink
from schemas.facts import OwnerFacts
from schemas.identifiers import Identifier, Kind
from schemas.observation import Observation
from schemas.sources import SourceSettings

NOON: Final = datetime(2026, 11, 24, 12, tzinfo=UTC)
LATER: Final = datetime(2026, 11, 25, 12, tzinfo=UTC)
KEY: Final = "AKIA" + "A1B2" * 4
ROWS: Final = b"handle,display_name,email\n" + b"".join(
    f"user:p{number},Person {number},p{number}@acme.example\n".encode() for number in range(2_500)
)
SOURCE: Final = SourceSettings.model_validate(
    {"name": "people", "kind": "directory", "namespace": "retail", "settings": {"path": "/o.csv"}}
)


def record(
    folder: Path, raw: bytes = ROWS, *, most: int = 64 * 2**20, source: SourceSettings = SOURCE
) -> tuple[list[Path], list[str]]:
    """Record one harvest of a directory; its files, and what was said about it."""
    said: list[str] = []
    recorder = Recorder(folder, source, most=most, tell=said.append)
    reading = DirectoryHarvest("people", lambda: raw, evidence=None, clock=lambda: NOON)
    harvest(reading, FileSink(BytesIO(), source="people"), tape=recorder)
    return sorted(folder.iterdir()), said


def replay(path: Path, at: datetime | None = None) -> tuple[list[dict[str, Any]], Replay]:
    """What a replay would send."""
    playing, written = Replay(Recording.open(path), SOURCE, at=at), BytesIO()
    harvest(playing, FileSink(written, source="people"), dry_run=True)
    return [json.loads(line) for line in written.getvalue().splitlines()], playing


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A recording of 2,500 owners on three pages."""
    (path,), said = record(tmp_path / "recordings")
    assert said == []
    return path


def test_replay_same(recorded: Path) -> None:
    """The same mapping says the same, as of the same time, whole and in full."""
    said, playing = replay(recorded)

    assert len(said) == 2_500
    assert {one["observed_at"] for one in said} == {"2026-11-24T12:00:00.000000Z"}
    assert playing.coverage == "full"
    assert playing.compared == {"pages": 3, "as recorded": 2_500, "no longer said": 0}
    assert stat.S_IMODE(recorded.stat().st_mode) == 0o600
    assert stat.S_IMODE(recorded.parent.stat().st_mode) == 0o700


def test_replay_otherwise(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What mapping code says otherwise is dated now, the rest just before what was recorded."""
    read = people._facts  # noqa: SLF001  # the mapping that is changed

    def shouting(cells: Any, subject: Identifier) -> dict[str, Any]:
        facts = read(cells, subject)
        return facts | ({"display_name": "P7"} if subject.value == "user:p7" else {})

    monkeypatch.setattr(people, "_facts", shouting)
    said, playing = replay(recorded, at=LATER)

    times = {one["observed_at"]: one["subject"]["value"] for one in said}
    assert times["2026-11-25T12:00:00.000000Z"] == "user:p7"
    assert times.keys() == {"2026-11-25T12:00:00.000000Z", "2026-11-24T11:59:59.999999Z"}
    assert playing.compared["otherwise"] == playing.compared["no longer said"] == 1


def test_replay_half_written(recorded: Path, tmp_path: Path) -> None:
    """As far as whole lines reach, as a delta: nothing counts as unseen; packed files too."""
    lines = recorded.read_bytes().splitlines(keepends=True)
    for name, content in (
        ("cut.jsonl", b"".join(lines[:2]) + lines[2][:40]),
        ("between.jsonl", b"".join(lines[:2])),
        ("packed.jsonl.gz", gzip.compress(b"".join(lines[:2]) + lines[2][:400])[:-9]),
    ):
        half = tmp_path / name
        half.write_bytes(content)

        said, playing = replay(half)

        assert (len(said), playing.coverage) == (1_000, "delta"), name
        assert playing.recording.lacking == "it is half-written: the harvest or its process died"


def test_replay_packed(recorded: Path, tmp_path: Path) -> None:
    """Whoever keeps recordings may pack them."""
    packed = tmp_path / "all.jsonl.gz"
    packed.write_bytes(gzip.compress(recorded.read_bytes()))

    said, playing = replay(packed)

    assert (len(said), playing.coverage) == (2_500, "full")


def page(text: str) -> bytes:
    """A line with a page."""
    return b'{"page":' + text.encode() + b',"beside":{},"said":[]}\n'


Damage = Callable[[list[bytes]], list[bytes]]
DAMAGED: Final[dict[str, Damage]] = {
    "line 2 is damaged": lambda lines: [lines[0], b"{oops\n", *lines[2:]],
    "line 3 is damaged": lambda lines: [*lines[:2], b'{"page":1}\n', *lines[3:]],
    "line 4 is damaged": lambda lines: [*lines[:3], b"[" * 100_000 + b"\n", *lines[3:]],
    "its digest is another": lambda lines: [lines[0], *lines[2:]],
    "changed or damaged": lambda lines: [
        *lines[:2], lines[2].replace(b"Person", b"Nobody"), *lines[3:],
    ],
    "something follows the end": lambda lines: [*lines, lines[1]],
    "the end of the recording is damaged": lambda lines: [*lines[:-1], b'{"end":7}\n'],
    "format is 'model-catalog-recording/9'": lambda lines: [
        lines[0].replace(b"recording/1", b"recording/9"), *lines[1:],
    ],
    "format is 'x'": lambda _: [b'{"format":"x"}\n'],
    "line 1: source/kind": lambda lines: [lines[0].replace(b'"kind":"directory"', b'"kind":"x"')],
    "this is no recording": lambda _: [b"hello\n"],
    "is no recording of a harvest": lambda _: [],
    "nothing was recorded": lambda lines: [lines[0][:50]],
    "have no scope 'cellar'": lambda lines: [lines[0].replace(b'"owners"', b'"cellar"')],
    "line 2: a page holds the type 'os.system', which no page": lambda lines: [
        lines[0], page('{"$":"os.system"}'),
    ],
    "which no page here is made of": lambda lines: [lines[0], page('{"$":["a"]}')],
    "line 2: a time of a page cannot be read": lambda lines: [
        lines[0], page('{"$":"time","value":"noon"}'),
    ],
    "line 2: a DirectoryPage of a page differs in at": lambda lines: [
        lines[0], page('{"$":"DirectoryPage","rows":[],"last":true}'),
    ],
    "line 2: a DirectoryPage of a page differs in more": lambda lines: [
        lines[0], page('{"$":"DirectoryPage","at":1,"rows":[],"last":true,"more":1}'),
    ],
    "line 2: a page is nested too deep": lambda lines: [lines[0], page("[" * 90 + "]" * 90)],
    "line 2: an answer is no observation": lambda lines: [lines[0], b'{"answers":[1]}\n'],
}  # fmt: skip


@pytest.mark.parametrize("why", DAMAGED, ids=range(len(DAMAGED)))
def test_replay_refused(recorded: Path, tmp_path: Path, why: str) -> None:
    """What is damaged, foreign or of another release is refused, and said where."""
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(b"".join(DAMAGED[why](recorded.read_bytes().splitlines(keepends=True))))

    with pytest.raises(ReplayRefused) as refused:
        replay(bad)

    assert why in str(refused.value)


def test_replay_refused_kind(recorded: Path) -> None:
    """A kind that nobody can replay is said to be one."""
    foreign = SOURCE.model_copy(update={"kind": "acme.registry"})

    with pytest.raises(ReplayRefused, match=r"kind acme\.registry cannot be replayed"):
        Replay(Recording.open(recorded), foreign, at=None)


def test_recording_capped(tmp_path: Path) -> None:
    """Recording stops where it is full and says so; the harvest goes on."""
    (path,), said = record(tmp_path, most=200_000)

    assert said == ["recorded 200,000 bytes, the most of one harvest: what follows is not"]
    assert path.stat().st_size <= 200_000
    recording = Recording.open(path)
    assert recording.lacking == "it does not hold everything: it was too large"
    assert len(replay(path)[0]) == 1_000


def test_recording_failed(tmp_path: Path) -> None:
    """A harvest that fails leaves what was read, with the reason at its end, without secrets."""
    said: list[str] = []
    recorder = Recorder(tmp_path, SOURCE, most=2**20, tell=said.append)

    def read() -> bytes:
        message = f"no {KEY}"
        raise SourceRefused(message)

    reading = DirectoryHarvest("people", read, evidence=None)
    with pytest.raises(SourceRefused):
        harvest(reading, FileSink(BytesIO(), source="people"), tape=recorder)

    (path,) = tmp_path.iterdir()
    assert Recording.open(path).lacking == (
        "it does not hold everything: the harvest failed: SourceRefused: no [masked aws key]"
    )


def test_recording_of_unknown_kind(tmp_path: Path) -> None:
    """What cannot be replayed is not recorded, and that is said."""
    files, said = record(tmp_path, source=SOURCE.model_copy(update={"kind": "acme.people"}))

    assert files == []
    assert said == ["owners: not recorded: kind acme.people cannot be replayed"]


def test_recording_folder(tmp_path: Path) -> None:
    """A folder that is none is said before anything is read; one that vanishes ends no harvest."""
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="exists"):
        record(tmp_path / "file")

    said: list[str] = []
    recorder = Recorder(tmp_path / "gone", SOURCE, most=2**20, tell=said.append)
    (tmp_path / "gone").rmdir()
    reading = DirectoryHarvest("people", lambda: ROWS, evidence=None)
    report = harvest(reading, FileSink(BytesIO(), source="people"), tape=recorder)

    assert report.seen == 2_500
    assert said[0].startswith("not recorded any further: No such file or directory: ")


def test_recordings_are_few(tmp_path: Path) -> None:
    """Of each scope the newest stay; other files are nobody's business."""
    for number in range(KEPT + 3):
        old = f"people--owners--00000000-0000-7000-8000-{number:012d}.jsonl"
        (tmp_path / old).touch()
    for other in ("notes.jsonl", "people--others--1.jsonl", "people--owners--1.txt"):
        (tmp_path / other).touch()

    files, _ = record(tmp_path, b"handle\nuser:a\n")

    names = [path.name for path in files if path.name.startswith("people--owners--0")]
    assert len(names) == KEPT
    assert f"people--owners--00000000-0000-7000-8000-{3:012d}.jsonl" not in names
    assert len(files) == KEPT + 3


@pytest.mark.parametrize("text", ["9", "-1", "1e9", "65535", "x", str(2**41), "٣" * 6])
def test_most_bytes_refused(text: str) -> None:
    """A size that is none is said."""
    with pytest.raises(SourceRefused, match="MODEL_CATALOG_RECORD_BYTES"):
        most_bytes(text)


SECRET: Final = "hunter2hunter2"  # noqa: S105  # a canary


def test_recording_of_strange_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that cannot be written down ends the recording and says why, not the harvest."""
    said: list[str] = []
    recorder = Recorder(tmp_path, SOURCE, most=2**20, tell=said.append)
    reading = DirectoryHarvest("people", lambda: ROWS, evidence=None)
    monkeypatch.setattr(DirectoryHarvest, "beside", lambda *_: {"x": object()}, raising=False)
    monkeypatch.setattr(DirectoryHarvest, "recall", lambda *_: None, raising=False)

    report = harvest(reading, FileSink(BytesIO(), source="people"), tape=recorder)

    assert report.seen == 2_500
    assert said == ["not recorded any further: a page holds a object"]
    (path,) = tmp_path.iterdir()
    assert Recording.open(path).lacking is not None


def test_recording_keeps_what_mapping_fails_on(tmp_path: Path) -> None:
    """A page whose mapping raises is what one wants to replay: it is written all the same."""

    class Failing(DirectoryHarvest):
        """Its mapping has a mistake."""

        def observe(self, page: Any) -> Iterator[Any]:
            """One, then none."""
            yield next(super().observe(page))
            raise ZeroDivisionError

    recorder = Recorder(tmp_path, SOURCE, most=2**20, tell=lambda _: None)
    with pytest.raises(ZeroDivisionError):
        harvest(
            Failing("people", lambda: ROWS, evidence=None),
            FileSink(BytesIO(), source="people"),
            tape=recorder,
        )

    (path,) = tmp_path.iterdir()
    said, playing = replay(path)
    assert (len(said), playing.coverage) == (1_000, "delta")
    assert playing.compared["as recorded"] == 1


def test_fingerprint_without_secrets() -> None:
    """What was masked is no difference, in whatever order a set is written then."""

    def owner(name: str, members: tuple[str, ...]) -> Observation:
        named = [Identifier(kind=Kind.OWNER, scheme="handle", value=one) for one in members]
        facts = OwnerFacts(display_name=name, members=tuple(named))
        return Observation(subject=named[0], observed_at=NOON, facts=facts)

    assert fingerprint(owner(f"password={SECRET}", ("a", "b"))) == fingerprint(
        owner("password=[masked by its name]", ("a", "b"))
    )
    assert fingerprint(owner("a", ("a", "b"))) != fingerprint(owner("a", ("a", "c")))
