"""YAML and front matter of foreign files, refused in their words."""

import re
from typing import Any, Final

from harvesters.manifests.formats.found import FileRefused
from schemas.yaml_walk import YamlRefused, read_documents, read_yaml

TEMPLATE: Final = re.compile(rb"\{\{|\{%|\{#|<%")  # of Jinja, Go, Nunjucks, Handlebars, ERB
MOST_FRONT_MATTER: Final = 64 * 1024
WITHIN: Final = 5  # lines: the first of them that is not blank begins it
FENCE: Final = b"---"
MEMBER: Final = re.compile(rb"[\w-]{1,100}\s*:")
BOM: Final = b"\xef\xbb\xbf"


def one_document(raw: bytes, *, what: str) -> dict[str, Any]:
    """A YAML file that holds names and values. Raises `FileRefused`."""
    try:
        read = read_yaml(raw).value
    except YamlRefused as refused:
        raise refusal(raw, refused) from None
    if not isinstance(read, dict):
        raise FileRefused("other_format", f"{what} holds names and values")
    return read


def all_documents(raw: bytes) -> list[Any]:
    """Every document of a YAML file. Raises `FileRefused`."""
    try:
        return [document.value for document in read_documents(raw)]
    except YamlRefused as refused:
        raise refusal(raw, refused) from None


def refusal(raw: bytes, refused: YamlRefused) -> FileRefused:
    """A template that is no YAML until it is filled in is called one."""
    if "not UTF-8" in refused.reason:
        return FileRefused("not_utf8", str(refused))
    if "larger than" in refused.reason:
        return FileRefused("too_large", str(refused))
    if TEMPLATE.search(raw) and "stands twice" not in refused.reason:
        message = f"is a template and no YAML before it is filled in: {refused}"
        return FileRefused("template", message)
    return FileRefused("not_yaml", str(refused))


def front_matter(raw: bytes) -> bytes | None:
    """What stands between two lines of `---` at the beginning of a file; None without one.

    Raises `FileRefused` where the first line of three dashes has no second one, or a far one.
    """
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise FileRefused("not_utf8", "is UTF-16; save it as UTF-8")
    lines = raw[: MOST_FRONT_MATTER + 4_096].removeprefix(BOM).splitlines(keepends=True)
    begin = next((at for at, line in enumerate(lines[:WITHIN]) if line.strip()), None)
    if begin is None or lines[begin].rstrip() != FENCE:
        return None
    for at in range(begin + 1, len(lines)):
        if lines[at].rstrip() == FENCE:
            found = b"".join(lines[begin + 1 : at])
            if len(found) > MOST_FRONT_MATTER:
                break
            return b"\n" * (begin + 1) + found  # so that places are those of the file
    if len(raw) <= MOST_FRONT_MATTER:
        following = next((line for line in lines[begin + 1 :] if line.strip()), b"")
        if MEMBER.match(following):
            raise FileRefused("not_yaml", "its front matter has no second line of three dashes")
        return None  # a line between paragraphs, not the beginning of anything
    message = f"its front matter is longer than {MOST_FRONT_MATTER:,} bytes"
    raise FileRefused("too_large", message)
