"""The public keys that sign checkpoints and exports, for those who verify them elsewhere."""

from base64 import b64encode

from fastapi import APIRouter, Request

from schemas.strict import Closed, Flag, Line
from service.db import ReadSession
from service.ledger.notes import Keys, verifier_key
from service.ledger.sealing import find_origin
from service.routing import CatalogRoute, policy

router = APIRouter(prefix="/api/v1", tags=["changes"], route_class=CatalogRoute)


class PublicKey(Closed):
    """An Ed25519 key: its 32 bytes in base64, and as programs that read signed notes take it."""

    algorithm: Line = "Ed25519"
    public_key: Line
    verifier_key: Line | None  # none before the first checkpoint, which gives the ledger its name
    retired: Flag


class PublicKeys(Closed):
    """Every key that may have signed something; the one that signs now is first."""

    items: tuple[PublicKey, ...]


@router.get("/exports/keys")
@policy("exports:read")
def list_signing_keys(request: Request, session: ReadSession) -> PublicKeys:
    """The public signing keys, also retired ones."""
    return shown_keys(request.app.state.keys, name=find_origin(session))


def shown_keys(keys: Keys, *, name: str | None) -> PublicKeys:
    """The keys as they are shown; the first one signs."""
    return PublicKeys(
        items=tuple(
            PublicKey(
                public_key=b64encode(key).decode(),
                verifier_key=verifier_key(name, key) if name else None,
                retired=place > 0,
            )
            for place, key in enumerate(keys.public)
        )
    )
