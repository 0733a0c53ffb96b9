"""Keeps index cards: database functions that make them, and triggers that call these."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import insert

from schemas.identifiers import Kind
from service.catalog.cards import CARD, select_cards
from service.catalog.typed import TYPED
from service.catalog.view import View, everyone


def _statement(kind: Kind) -> str:
    """Writes the cards of the entries `ids`, as SQL."""
    chosen = View(kind, everyone()).entry.c.id == sa.any_(sa.literal_column("ids"))
    columns = [column.name for column in CARD.columns]
    given = insert(CARD).from_select(columns, select_cards(kind, chosen))
    differs = sa.or_(*(CARD.c[name].is_distinct_from(given.excluded[name]) for name in columns[2:]))
    upsert = given.on_conflict_do_update(
        index_elements=["id"],
        set_={name: given.excluded[name] for name in columns[1:]},
        where=differs,
    )
    dialect = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
    return str(upsert.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


KEEP: Final = """
CREATE FUNCTION keep_cards() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM refresh_cards(ARRAY(SELECT id FROM new_rows));
  RETURN NULL;
END $$;

CREATE FUNCTION keep_cards_of_entries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  ids uuid[] := ARRAY(
    SELECT new_row.id FROM new_rows AS new_row JOIN old_rows AS old_row USING (id)
     WHERE (old_row.natural_key, old_row.namespace, old_row.stub, old_row.merged_into,
            old_row.gone_since IS NULL)
           IS DISTINCT FROM
           (new_row.natural_key, new_row.namespace, new_row.stub, new_row.merged_into,
            new_row.gone_since IS NULL));
BEGIN
  IF cardinality(ids) > 0 THEN
    PERFORM refresh_cards(ids);
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION keep_cards_of_owned() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  ids uuid[] := ARRAY(SELECT DISTINCT entry_id FROM changed_rows WHERE field = 'owners');
BEGIN
  IF cardinality(ids) > 0 THEN
    PERFORM refresh_cards(ids);
  END IF;
  RETURN NULL;
END $$;
"""


def functions_sql() -> str:
    """The functions that keep the cards."""
    branches = "\n".join(
        f"  IF '{kind}' = ANY(kinds) THEN\n{_statement(kind)};\n  END IF;" for kind in TYPED
    )
    refresh = f"""
CREATE FUNCTION refresh_cards(ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  kinds text[] := ARRAY(SELECT DISTINCT kind FROM entry WHERE id = ANY(ids));
BEGIN
  DELETE FROM index_card WHERE id = ANY(ids)
    AND id IN (SELECT id FROM entry WHERE id = ANY(ids) AND merged_into IS NOT NULL);
{branches}
END $$;
"""  # noqa: S608  # constants, and what SQLAlchemy compiled
    return refresh + KEEP


def triggers_sql() -> str:
    """The triggers on everything that a card is made of."""
    typed = "\n".join(
        f"""
CREATE TRIGGER card_inserted AFTER INSERT ON {name} REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION keep_cards();
CREATE TRIGGER card_updated AFTER UPDATE ON {name} REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION keep_cards();"""
        for name in (postgresql_name(kind) for kind in TYPED)
    )
    return f"""{typed}
CREATE TRIGGER card_updated AFTER UPDATE ON entry
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION keep_cards_of_entries();
CREATE TRIGGER card_inserted AFTER INSERT ON link REFERENCING NEW TABLE AS changed_rows
  FOR EACH STATEMENT EXECUTE FUNCTION keep_cards_of_owned();
CREATE TRIGGER card_updated AFTER UPDATE ON link REFERENCING NEW TABLE AS changed_rows
  FOR EACH STATEMENT EXECUTE FUNCTION keep_cards_of_owned();
CREATE TRIGGER card_deleted AFTER DELETE ON link REFERENCING OLD TABLE AS changed_rows
  FOR EACH STATEMENT EXECUTE FUNCTION keep_cards_of_owned();
"""


def postgresql_name(kind: Kind) -> str:
    """A typed table's name as SQL."""
    return f'"{TYPED[kind].name}"'


EXTENSION: Final = "CREATE EXTENSION IF NOT EXISTS pg_trgm"  # its operators serve an index
DROP_FUNCTIONS: Final = """
DROP FUNCTION keep_cards(); DROP FUNCTION keep_cards_of_entries();
DROP FUNCTION keep_cards_of_owned(); DROP FUNCTION refresh_cards(uuid[]);
DO $$ BEGIN
  IF (SELECT pg_get_userbyid(extowner) = current_user FROM pg_extension WHERE extname = 'pg_trgm')
  THEN DROP EXTENSION pg_trgm; END IF;  -- else somebody else made it, and may need it
END $$;
"""
