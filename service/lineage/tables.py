"""Indexes that lineage looks things up by: what shares a commit, what was made from a model."""

from typing import Final

import sqlalchemy as sa

from schemas.identifiers import Kind
from service.catalog.typed import TYPED

INDEXES: Final = (
    *(
        sa.Index(f"ix_{kind}_source_commit", TYPED[kind].c.source_commit)
        for kind in (Kind.TRAINING_RUN, Kind.VERSION)
    ),
    *(
        sa.Index(f"ix_{kind}_base_model", sa.func.lower(TYPED[kind].c.base_model))
        for kind in (Kind.MODEL, Kind.VERSION)
    ),
)
