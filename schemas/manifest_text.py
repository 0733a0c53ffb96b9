"""Makes values of the texts that stand in a manifest, and says what is wrong with one."""

import re
from collections.abc import Callable
from datetime import date
from typing import Final

from pydantic import AfterValidator, BeforeValidator, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from schemas.masking import mask_secrets
from schemas.strict import LARGEST_COUNT

WRITTEN: Final = ("string", "number", "boolean")  # what other readers make of a plain text
DIGITS: Final = re.compile(r"\d{1,19}", re.ASCII)
DECIMAL: Final = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,2})?", re.ASCII)
DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
GROUPED: Final = re.compile(r"\d{1,3}(?:[., '_]\d{3}){1,5}", re.ASCII)  # as people part digits
LONGEST_DECIMAL: Final = 40
FLAGS: Final = {"true": True, "false": False}


def wrong(code: str, reason: str, *, fix: str) -> PydanticCustomError:
    """What a reader says of a value, as a sentence after its name; the value is not repeated."""
    return PydanticCustomError(code, "{reason}", {"reason": reason, "fix": fix})


def _count(value: object) -> object:
    if isinstance(value, str) and DIGITS.fullmatch(value) and int(value) <= LARGEST_COUNT:
        return int(value)
    if type(value) is int and 0 <= value <= LARGEST_COUNT:
        return value
    reason = "must be a whole number of 0 or more, in digits alone"
    fix = "write it like 1200, without separators and units"
    if isinstance(value, str) and (found := GROUPED.fullmatch(value)):
        digits = re.sub(r"\D", "", found[0])
        fix = f"write {digits}, if that is meant: no point, comma or space parts the digits"
    raise wrong("wrong_number", reason, fix=fix)


def _number(value: object) -> object:
    if isinstance(value, str) and len(value) <= LONGEST_DECIMAL and DECIMAL.fullmatch(value):
        return float(value)
    if type(value) in {int, float}:
        return float(value)  # type: ignore[arg-type]  # it is one of these
    raise wrong("wrong_number", "must be a number", fix="write it like 0.74, with a point")


def _flag(value: object) -> object:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in FLAGS:
        return FLAGS[value]
    raise wrong("wrong_flag", "must be true or false", fix="write true or false")


def _day(value: object) -> object:
    if type(value) is date:
        return value
    try:
        if isinstance(value, str) and DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:  # no such day
        pass
    reason = "must be a day of the calendar, as year-month-day"
    raise wrong("wrong_date", reason, fix="write it like 2027-03-31")


def _on_one_line(text: str) -> str:
    if "\n" in text or "\r" in text or "\t" in text:
        fix = "write it on one line, in quotes if need be"
        raise wrong("wrong_form", "must stand on one line", fix=fix)
    return text


ON_ONE_LINE: Final = AfterValidator(_on_one_line)
AS_COUNT: Final = BeforeValidator(_count)
AS_NUMBER: Final = BeforeValidator(_number)
AS_FLAG: Final = BeforeValidator(_flag)
AS_DAY: Final = BeforeValidator(_day)
AS_LIST: Final = BeforeValidator(lambda value: () if value is None else value)  # stated empty


def _without_key(text: str) -> None:
    """What names something is compared as it is written, and a masked text would name another."""
    if "[masked credential]" in text:
        reason = "is an address, and must not hold a user's name and password"
        raise wrong("wrong_form", reason, fix="revoke the password and write the rest without it")
    if "[masked " in text:
        reason = "names something, and holds what looks like a key"
        raise wrong("wrong_form", reason, fix="revoke the key and write the rest without it")


def formed(pattern: str, what: str, *, fix: str, code: str = "wrong_form") -> AfterValidator:
    """A text has to look like this."""
    compiled = re.compile(pattern, re.ASCII)

    def check(text: str) -> str:
        _without_key(text)
        if not compiled.fullmatch(text):
            raise wrong(code, f"must be {what}", fix=fix)
        return text

    return AfterValidator(check)


def canonical(form: Callable[[str], str], *, fix: str) -> AfterValidator:
    """A text has to have a canonical form; it is kept as it is written."""

    def check(text: str) -> str:
        _without_key(text)
        try:
            written = form(text)
        except ValueError as error:
            raise wrong("wrong_form", str(error), fix=fix) from None
        _without_key(mask_secrets(written))
        return text

    return AfterValidator(check)


class OrText:
    """The published schema takes a text instead of a group too."""

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Either."""
        return {"anyOf": [{"type": list(WRITTEN), "minLength": 1}, handler(core)]}


class OrEmpty:
    """The published schema takes null instead of a list too."""

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Either."""
        return {"anyOf": [handler(core), {"type": "null"}]}


def json(**schema: object) -> WithJsonSchema:
    """What the published schema says of a value."""
    return WithJsonSchema(schema)
