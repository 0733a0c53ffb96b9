"""How commands end: the code, one sentence, and what to do next; never a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from cli.exits import Exit
from cli.main import COMMANDS
from service.access.tokens import make_token
from tests.cli.conftest import PROGRAM, Command, Served, environment
from tests.conftest import ROOT

DEAD: Final = {"DATABASE_URL": "postgresql://catalog:hunter2@127.0.0.1:1/catalog"}
MISUSED: Final = [
    (["lst"], {}, "Did you mean 'list'?"),
    (["source", "aply"], {}, "Did you mean 'apply'?"),
    (["frobnicate"], {}, "`--help` lists what there is."),
    (["list", "--tokn", "x"], {}, "No such option: --tokn"),
    (["list", "--token", "mcatp_x"], {}, "No such option: --token"),  # never an argument
    (["list", "--filter", "churn"], {"TOKEN": "t"}, "write field=value"),
    (["list", "--filter", "name=a", "--filter", "name=b"], {"TOKEN": "t"}, "write name=one,other"),
    (["show", "churn"], {"TOKEN": "t"}, "`model-catalog list` shows them"),
    (["list"], {"TOKEN_FILE": "/nowhere/token"}, "/nowhere/token cannot be read: No such file"),
    (["list"], {"URL": "nonsense"}, "MODEL_CATALOG_URL must be an http or https address"),
    (["list"], {"URL": "ftp://127.0.0.1"}, "MODEL_CATALOG_URL must be an http or https address"),
    (["list"], {"URL": "http://a:hunter2@127.0.0.1"}, "without user or password"),
    (["source", "apply", "/nowhere.yaml"], {}, "'/nowhere.yaml' does not exist"),
    (["export", "-o", "/nowhere/x.csv"], {"TOKEN": "t"}, "/nowhere/x.csv.part: No such file"),
    (["reconcile"], {}, "Say --all"),
    (["token", "create", "--bootstrap", "--role", "admin"], {}, "stand alone"),
    (["token", "create", "--days", "0"], {}, "should be greater than or equal to 1"),
    (["db", "status"], {}, "or embedded:DIR for a private server"),
    (["db", "status"], {"DATABASE_URL": "mysql://u:hunter2@h/db"}, "neither of the two forms"),
    (["db", "status"], {"DATABASE_URL": "embedded:"}, "neither of the two forms"),
    (["db", "status"], {"DATABASE_URL_FILE": "/nowhere"}, "_FILE cannot be read: No such file"),
]


@pytest.mark.parametrize(("arguments", "variables", "said"), MISUSED)
def test_exit_wrong_use(
    command: Command, arguments: list[str], variables: dict[str, str], said: str
) -> None:
    """Wrong use is 2, says what to do on standard error, and repeats no secret."""
    ran = command(*arguments, **variables)

    assert (ran.code, ran.out) == (Exit.WRONG_USE, "")
    assert said in ran.err
    assert "hunter2" not in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("", "MODEL_CATALOG_TOKEN holds no token"),
        ("two words", "holds something else than one token"),
        ("schlüssel", "holds something else than one token"),
        ("mcatp_wrong", "Expired and revoked tokens are refused like unknown ones."),
        (make_token("p")[0], "A valid token is needed."),
    ],
    ids=["none", "two", "not ascii", "misspelt", "unknown"],
)
def test_exit_not_allowed(ask: Command, token: str, said: str) -> None:
    """Without a token that the catalog knows: 4, and how to get one."""
    ran = ask("list", TOKEN=token)

    assert (ran.code, ran.out) == (Exit.NOT_ALLOWED, "")
    assert said in ran.err
    assert token not in ran.err or not token


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["show", "retail/nothing"], Exit.NOT_FOUND, "No model that you may see has this name."),
        (["source", "show", "nowhere"], Exit.NOT_FOUND, "`model-catalog source list`"),
        (["source", "show", "../tokens"], Exit.NOT_FOUND, "No source has this name"),
        (["token", "revoke", "Unknown1"], Exit.NOT_FOUND, "`model-catalog token list`"),
        (["token", "revoke", "Unknown1", "--dry-run"], Exit.NOT_FOUND, "`token list`"),
        (["token", "create", "--role", "boss"], Exit.WRONG_USE, "/role: Input should be"),
        (["token", "create", "--role", "source"], Exit.WRONG_USE, "names its source"),
        (["token", "create", "--bootstrap"], Exit.CONFLICT, "`token create --recover`"),
        (["list", "--filter", "nme=x"], Exit.WRONG_USE, "Did you mean name?"),
    ],
)
def test_exit_refused(ask: Command, arguments: list[str], code: Exit, said: str) -> None:
    """What the catalog refuses ends the command with the code for it, in the catalog's words."""
    ran = ask(*arguments)

    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err


@pytest.mark.parametrize("arguments", [["list"], ["push", "x", "/dev/null"], ["export"]])
def test_exit_unreachable(command: Command, tmp_path: Path, arguments: list[str]) -> None:
    """No catalog at the address: 6, and both things to look at."""
    batch = tmp_path / "batch.json"
    batch.write_text("{}")
    arguments = [str(batch) if argument == "/dev/null" else argument for argument in arguments]

    ran = command(*arguments, URL="http://127.0.0.1:1", TOKEN="t")  # noqa: S106  # none

    assert (ran.code, ran.out) == (Exit.UNAVAILABLE, "")
    assert ran.err == (
        "The catalog at http://127.0.0.1:1 does not answer (ConnectError); is it running, and is "
        "MODEL_CATALOG_URL right?\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [["db", "status"], ["db", "upgrade"], ["db", "roles"], ["reconcile", "--all"],
     ["token", "create", "--bootstrap"]],
)  # fmt: skip
def test_exit_database_down(command: Command, arguments: list[str]) -> None:
    """A database that is down: 6 in one sentence, without its password."""
    ran = command(*arguments, **DEAD)

    assert (ran.code, ran.out) == (Exit.UNAVAILABLE, "")
    assert ran.err.startswith("The database cannot be reached at the moment.")
    assert "Connection refused" in ran.err
    assert "hunter2" not in ran.err
    assert "Traceback" not in ran.err


def test_exit_mistake(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody foresaw is 6, not 1, which means findings; its text carries no credential."""

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("postgresql://catalog:hunter2@db/catalog")

    monkeypatch.setattr("cli.client.Client.from_environment", broken)

    ran = command("source", "list")

    assert ran.code == Exit.UNAVAILABLE
    assert ran.err.endswith("This is a mistake in the catalog: please report it.\n")
    assert "RuntimeError: postgresql://[masked credential]@db/catalog" in ran.err


def test_exit_interrupted(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is 130, and says nothing."""

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cli.client.Client.from_environment", interrupted)

    assert command("source", "list") == (Exit.INTERRUPTED, "", "")


def test_exit_reader_left(catalog: Served) -> None:
    """`model-catalog list | head -0` is no error."""
    theirs, ours = os.pipe()
    os.close(theirs)
    variables = environment(URL=catalog.url, TOKEN=catalog.admin)
    done = subprocess.run(  # noqa: S603  # our own command
        [*PROGRAM, "token", "list"], env=variables, cwd=ROOT, stdout=ours, stderr=subprocess.PIPE,
        check=False,
    )  # fmt: skip
    os.close(ours)

    assert (done.returncode, done.stderr.decode()) == (0, "")


def test_help_light() -> None:
    """No command imports the service's or MLflow's weight to say what it can do."""
    script = (
        "import io, json, sys\n"
        "from contextlib import redirect_stdout, suppress\n"
        "from cli.main import main\n"
        "for name in json.loads(sys.argv[1]):\n"
        "    sys.argv = ['model-catalog', *name.split(), '--help']\n"
        "    with redirect_stdout(io.StringIO()), suppress(SystemExit):\n"
        "        main()\n"
        "print(sorted({'fastapi', 'sqlalchemy', 'mlflow', 'psycopg'} & sys.modules.keys()))\n"
    )
    names = ["", *(name for name in COMMANDS if name != "demo")]
    done = subprocess.run(  # noqa: S603  # our own words
        [sys.executable, "-c", script, json.dumps(names)], cwd=ROOT, capture_output=True, check=True
    )

    assert done.stdout.decode() == "[]\n"
