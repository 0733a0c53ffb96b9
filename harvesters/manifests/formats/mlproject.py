"""`MLproject`: the name of a project, and what can be run in it."""

from collections.abc import Sequence
from typing import Final

from harvesters.manifests.formats.found import FileRefused, Format, Found
from harvesters.manifests.formats.held import hold, mapping, one_line
from harvesters.manifests.formats.texts import one_document
from schemas.identifiers import Kind

NAME: Final = "MLproject"
MEMBERS: Final = {"name", "entry_points", "conda_env", "python_env", "docker_env"}


def read(raw: bytes, path: str) -> Sequence[Found]:
    """A model by its project: the title is concluded, and entry points become tags."""
    del path
    read = one_document(raw, what="an MLproject file")
    if not MEMBERS & read.keys():
        raise FileRefused("other_format", "has none of the members of an MLproject file")
    name = one_line(read.get("name"))
    tags = [f"entry_point={point}" for point in mapping(read.get("entry_points"))]
    facts, dropped = hold(Kind.MODEL, {"display_name": name, "tags": tags})
    inferred = ("display_name",) if "display_name" in facts else ()
    return [Found(Kind.MODEL, facts, inferred=inferred, name=name, dropped=dropped)]


MLPROJECT: Final = Format("mlproject", lambda path: path.rpartition("/")[2] == NAME, read)
