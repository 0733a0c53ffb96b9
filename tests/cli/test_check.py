"""`model-catalog check`: helpful answers, exit codes, mending; no server, no network, no weight."""

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final, NoReturn

import pytest

from cli.check import Format
from cli.checking.codes import CODES
from cli.exits import Exit
from harvesters.manifests.wanted import LARGEST
from tests.cli.conftest import Command
from tests.cli.golden_answers import FOLDER, answers, broken
from tests.conftest import ROOT
from tests.docs.tables import ROW, documented, section

GOOD: Final = """\
apiVersion: model-catalog/v1
kind: Model
metadata: {namespace: retail, name: churn}
spec:
  owners: [{ref: "team:retention-ds"}]
"""
MISSPELT: Final = GOOD + "  licence: MIT  # why\n"
WARNED: Final = GOOD.replace('[{ref: "team:retention-ds"}]', "[]")
AZURE: Final = "$schema: https://azuremlschemas.azureedge.net/latest/model.schema.json\nname: x\n"
HEAVY: Final = (
    "fastapi", "sqlalchemy", "mlflow", "httpx2", "rich", "psycopg", "structlog",
    "schemas.facts", "schemas.harvest", "schemas.sources", "harvesters.manifests.settings",
)  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, and no way out of this machine."""
    monkeypatch.chdir(tmp_path)

    def refused(*_: object) -> NoReturn:
        pytest.fail("the check must not use the network")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    return tmp_path


def write(**files: str) -> None:
    """Write manifests, each into a folder of its name."""
    for name, text in files.items():
        Path(name).mkdir(exist_ok=True)
        Path(name, "model.yaml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("name", broken())
def test_check_golden(name: str) -> None:
    """Each of the likely mistakes has its helpful answer, word for word."""
    accepted = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.glob(f"{name}.*")}
    del accepted[f"{name}.yaml"]

    assert dict(answers(name)) == accepted, "python -m tests.cli.golden_answers; look at the diff"


def test_check_golden_codes() -> None:
    """The broken manifests are ten at least, and show as many kinds of mistakes."""
    found = [line.split()[2].rstrip(":") for name in broken()
             for line in (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
             if line.startswith("model.yaml:")]  # fmt: skip

    assert len(broken()) >= 10
    assert len(set(found)) >= 10
    assert set(found) <= CODES.keys()


def test_check_nothing_wrong(command: Command) -> None:
    """0, nothing on standard output, one sentence beside it."""
    write(a=GOOD)

    assert command("check") == (0, "", "1 manifest checked: no errors, no warnings.\n")


def test_check_errors(command: Command) -> None:
    """1 with an error; the findings are data, how many there are is talk."""
    write(a=MISSPELT, b=WARNED)

    ran = command("check")

    assert ran.code == Exit.FINDINGS
    assert ran.out.startswith("a/model.yaml:6:3: error unknown_key: ")
    assert "b/model.yaml:5:3: warning no_owner: " in ran.out
    assert ran.err == (
        "2 manifests checked: 1 error, 1 warning. `model-catalog explain CODE` says more about a "
        "code. `--fix` mends 1 of them.\n"
    )


def test_check_warnings(command: Command) -> None:
    """Warnings are shown, and count with --strict."""
    write(b=WARNED)

    assert command("check").code == Exit.DONE
    assert command("check", "--strict").code == Exit.FINDINGS


def test_check_no_manifest(command: Command) -> None:
    """A folder without manifests is no fault; what to do is said."""
    code, out, err = command("check")

    assert (code, out) == (0, "")
    assert "`model-catalog init` writes a first one" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "'nowhere' does not exist"),
        (["--dry-run"], "--dry-run goes with --fix"),
        (["--format", "xml"], "'xml' is not one of"),
        (["--format", "sarif", "--diff"], "add --output FILE"),
        (["--output", "no/such/folder/x", "."], "no/such/folder/x: No such file"),
    ],
)
def test_check_wrong_use(command: Command, arguments: list[str], said: str) -> None:
    """2, and what to write instead."""
    ran = command("check", *arguments)

    assert (ran.code, ran.out) == (Exit.WRONG_USE, "")
    assert said in ran.err


def test_check_others_manifests(command: Command) -> None:
    """A model.yaml of another product is left alone, also when it is named; that is said."""
    write(azure=AZURE)

    found, named = command("check"), command("check", "azure/model.yaml")

    assert (found.code, found.out, named.code) == (0, "", 0)
    said = "Left alone, for it holds no `apiVersion: model-catalog/v1`: azure/model.yaml.\n"
    assert found.err.startswith(said)
    assert named.out.startswith("azure/model.yaml:1:1: warning not_ours: ")


def test_check_many_of_others(command: Command) -> None:
    """A tree full of another product's files is told of in a few lines."""
    write(**dict.fromkeys("abcdefgh", AZURE))

    ran = command("check")

    assert ran.err.count("model.yaml.\n") == 5
    assert "Left alone for the same reason: 3 more.\n" in ran.err


def test_check_same_name(command: Command) -> None:
    """Two manifests of one model contradict each other: the second one hears of the first."""
    write(a=GOOD, b=GOOD, c=GOOD.replace("churn", "other"))

    ran = command("check")

    assert ran.code == Exit.FINDINGS
    assert ran.out.splitlines()[0] == (
        "b/model.yaml:3:31: error same_name: a/model.yaml describes the model retail/churn too; "
        "a harvest refuses one."
    )
    assert ran.out.count("same_name") == 1


def test_check_same_name_unread(command: Command) -> None:
    """A copy that no harvest reads contradicts nobody."""
    write(a=GOOD)
    Path("copy.yaml").write_text(GOOD)

    ran = command("check", "a", "copy.yaml")

    assert (ran.code, ran.out.count("same_name"), ran.out.count("name_not_read")) == (0, 0, 1)


def test_check_files_of_others(command: Command) -> None:
    """A file in a format of others that a harvest would refuse is a warning, with its place."""
    Path("pyproject.toml").write_text("[project]\nname = \n")
    Path("MLmodel").write_text("flavors: {}\n")

    ran = command("check")

    assert ran.code == Exit.DONE
    assert ran.out.startswith("pyproject.toml:2:8: warning foreign_file: a harvest refuses this ")


def test_check_passed_over(command: Command) -> None:
    """A manifest that is sound and that a harvest would leave out all the same."""
    deep = Path("a/b/c/d/e/f/g/h/i")
    deep.mkdir(parents=True)
    (deep / "model.yaml").write_text(GOOD)
    Path("churn.yaml").write_text(GOOD.replace("churn", "other"))
    Path("MLmodel").write_bytes(b"#" * (LARGEST + 1))

    ran = command("check", "churn.yaml", ".")

    assert ran.code == Exit.FINDINGS
    assert [line.split(": ")[1] for line in ran.lines if "model" in line and ".yaml:" in line] == [
        "error too_deep"
    ]
    assert "churn.yaml:1:1: warning name_not_read: a harvest does not read files of " in ran.out
    assert "MLmodel:1:1: warning foreign_file: a harvest refuses this file: is larger" in ran.out


def test_check_file_link(command: Command) -> None:
    """A link is not followed, and not mended through."""
    write(a=MISSPELT)
    Path("model.yaml").symlink_to("a/model.yaml")

    ran = command("check", "--fix", "model.yaml")

    assert ran.code == Exit.FINDINGS
    assert "model.yaml:1:1: error unreadable: the file is a symbolic link." in ran.out
    assert Path("a/model.yaml").read_text() == MISSPELT


def test_check_fix(command: Command) -> None:
    """What needs no thought is mended and said; all else stays as it is, byte for byte."""
    write(a=MISSPELT, b=GOOD.replace("churn", "other"))
    before = Path("b/model.yaml").stat()

    ran = command("check", "--fix")

    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith("Mended a/model.yaml: line 6 unknown_key.\n")
    assert Path("a/model.yaml").read_text() == GOOD + "  license: MIT  # why\n"
    assert Path("b/model.yaml").stat() == before
    assert command("check", "--fix").err == "2 manifests checked: no errors, no warnings.\n"


def test_check_fix_what_is_left(command: Command) -> None:
    """What a person has to decide is still found, at its place in the mended file."""
    write(a=MISSPELT + "  frobnicate: 1\n")

    ran = command("check", "--fix")

    assert ran.code == Exit.FINDINGS
    assert [line for line in ran.out.splitlines() if "error" in line] == [
        "a/model.yaml:7:3: error unknown_key: `frobnicate` is not known in `spec`."
    ]


def test_check_fix_dry_run(command: Command) -> None:
    """The changes as a patch; nothing is written, and 1 says that there would be any."""
    write(a=MISSPELT)

    ran = command("check", "--fix", "--dry-run")

    assert ran.code == Exit.FINDINGS
    assert ran.out.startswith("--- a/a/model.yaml\n+++ b/a/model.yaml\n@@")
    assert "\n-  licence: MIT  # why\n+  license: MIT  # why\n" in ran.out
    assert "Would mend a/model.yaml: line 6" in ran.err
    assert Path("a/model.yaml").read_text() == MISSPELT


def test_check_fix_write_protected(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that may not be written stays, and is told of as an error."""
    write(a=MISSPELT)
    monkeypatch.setattr("os.access", lambda *_: False)  # root, who may run this, may write all

    ran = command("check", "--fix")

    assert ran.code == Exit.FINDINGS
    assert ran.out.startswith("a/model.yaml:1:1: error not_written: the file is write-protected")
    assert "a/model.yaml:6:3: error unknown_key" in ran.out
    assert Path("a/model.yaml").read_text() == MISSPELT


@pytest.mark.parametrize("fold", ["\r\n", "\r"])
def test_check_fix_line_ends(command: Command, fold: str) -> None:
    """Line ends of other systems are no error, and mended with everything else."""
    write(a="")
    Path("a/model.yaml").write_bytes(MISSPELT.replace("\n", fold).encode())

    ran = command("check", "--fix")

    assert ran.code == Exit.DONE
    assert Path("a/model.yaml").read_bytes() == (GOOD + "  license: MIT  # why\n").encode()


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe", b"\x00" * 99, b"[" * 200_000, b"a: &x\n- *x"])
def test_check_hostile(command: Command, raw: bytes) -> None:
    """Whatever bytes a file holds, the check ends in order and never fails."""
    for head in (b"", GOOD.encode()):
        Path("model.yaml").write_bytes(head + raw)
        for options in ([], ["--fix"], ["--format", "sarif"]):
            ran = command("check", *options)

            assert ran.code in {Exit.DONE, Exit.FINDINGS}, ran.err
            assert "Traceback" not in ran.err


def test_check_json(command: Command) -> None:
    """--json is --format json: one document, all that is known."""
    write(a=MISSPELT, azure=AZURE)

    ran = command("check", "--json")

    said = json.loads(ran.out)
    assert (ran.code, ran.lines) == (Exit.FINDINGS, [ran.out.rstrip("\n")])
    assert (said["checked"], said["left_alone"]) == (["a/model.yaml"], ["azure/model.yaml"])
    assert [one["code"] for one in said["findings"]] == ["unknown_key"]
    assert json.loads(command("check", "--fix", "--json").out)["mended"] == [
        {"file": "a/model.yaml", "codes": ["unknown_key"]}
    ]


def test_check_output(command: Command) -> None:
    """A file takes the report, and a person reads text all the same."""
    write(a=MISSPELT)

    ran = command("check", "--format", "sarif", "--output", "found.sarif")

    assert ran.code == Exit.FINDINGS
    assert ran.out.startswith("a/model.yaml:6:3: error unknown_key")
    assert json.loads(Path("found.sarif").read_text())["version"] == "2.1.0"


def test_check_secret(command: Command) -> None:
    """What looks like a key is a warning: the harvest masks it; `--strict` keeps it out."""
    write(a=GOOD + "x-note: glpat-abcdefghijklmnopqrstu\n")

    ran, strict = command("check"), command("check", "--strict")

    assert (ran.code, strict.code) == (Exit.DONE, Exit.FINDINGS)
    assert ran.out.startswith("a/model.yaml:")
    assert "warning looks_like_secret" in ran.out
    assert "glpat-" not in ran.out + ran.err + strict.out + strict.err


def test_check_imports_little() -> None:
    """It starts at once: nothing heavy is loaded that it has no use for, whatever is wrong."""
    write(a=GOOD, b=MISSPELT)
    script = (
        "import sys\n"
        "sys.argv = ['model-catalog', 'check']\n"
        "from cli.main import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as left:\n"
        f"    print(left.code, sorted({set(HEAVY)!r} & sys.modules.keys()), file=sys.stderr)\n"
    )
    done = subprocess.run(  # noqa: S603  # our own words
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stdout.startswith("b/model.yaml:6:3")
    assert done.stderr.splitlines()[-1] == "1 []"


@pytest.mark.parametrize("code", CODES)
def test_explain_code(command: Command, code: str) -> None:
    """Every code has words of its own and needs no server."""
    ran = command("explain", code)

    assert (ran.code, ran.err) == (0, "")
    title, _, explanation = ran.lines[:3]
    assert title == f"{code}: {CODES[code].title}"
    assert len(explanation.split()) >= 5


def test_explain_codes(command: Command) -> None:
    """Without a word all codes are listed; a misspelt one hears the nearest."""
    assert [line.split("\t")[0] for line in command("explain").lines] == list(CODES)
    assert json.loads(command("explain", "tab", "--json").out)["code"] == "tab"
    assert [json.loads(one)["code"] for one in command("explain", "--json").lines] == list(CODES)
    ran = command("explain", "Unknown-Kye")
    assert (ran.code, ran.out) == (Exit.NOT_FOUND, "")
    assert "did you mean unknown_key?" in ran.err
    assert command("explain", "frobnicate", "--by", "code").code == Exit.NOT_FOUND
    assert command("explain", "--by", "image").code == Exit.WRONG_USE


def test_codes_documented() -> None:
    """docs/check.md lists every code with its title, in their order, and every format."""
    said = [(code, rest.strip(" |")) for code, rest in ROW.findall(section("check.md", "Codes"))]

    assert said == [(code, f"{about.title}.") for code, about in CODES.items()]
    assert documented(section("check.md", "Formats")) == [one.value for one in Format]
