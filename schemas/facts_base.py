"""What the facts of all kinds have in common."""

from typing import ClassVar

from pydantic import ConfigDict

from schemas.identifiers import Kind
from schemas.strict import Closed


class Facts(Closed):
    """Base of all facts. Left out: not stated. None or (): stated empty."""

    model_config = ConfigDict(serialize_by_alias=True)

    about: ClassVar[Kind]
