"""System-versioned tables: every replaced row is kept with the time it was valid."""

from typing import Final

import sqlalchemy as sa

from service.db import Timestamp

HISTORY: Final = "_history"

# The row before `valid_to` is the row after `valid_from`: the new row's own stamp ends the old one,
# so no moment has two rows or none. A clock that goes back does not turn a period around. The
# transaction has its number before the clock is read: whoever asks which moments are settled
# (`service/catalog/moments.py`) sees it, or came before the stamp.
FUNCTIONS: Final = """
CREATE FUNCTION stamp_valid_from() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.valid_from := CASE WHEN pg_current_xact_id() IS NOT NULL THEN clock_timestamp() END;
  IF TG_OP = 'UPDATE' AND NEW.valid_from < OLD.valid_from THEN
    NEW.valid_from := OLD.valid_from;
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION keep_history() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  columns text := TG_ARGV[0];
  keys text := TG_ARGV[1];
  ended text := 'clock_timestamp()';
  replaced text := '';
BEGIN
  IF TG_OP = 'UPDATE' THEN  -- a changed key finds no new row: it ended now
    ended := 'coalesce(valid_to, clock_timestamp())';
    replaced := format('LEFT JOIN (SELECT %s, valid_from AS valid_to FROM new_rows) AS new_row'
      ' USING (%s)', keys, keys);
  END IF;
  EXECUTE format('INSERT INTO %I.%I (%s, valid_from, valid_to)'
    ' SELECT %s, valid_from, greatest(valid_from, %s) FROM old_rows %s',
    TG_TABLE_SCHEMA, TG_TABLE_NAME || '_history', columns, columns, ended, replaced);
  RETURN NULL;
END $$;
-- Its arguments become SQL with the owner's rights: only the owner may make a trigger of it.
REVOKE EXECUTE ON FUNCTION keep_history() FROM PUBLIC;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % is refused: what it holds is kept', TG_OP, TG_TABLE_NAME
    USING ERRCODE = '42501';
END $$;
"""
DROP_FUNCTIONS: Final = """
DROP FUNCTION keep_history(); DROP FUNCTION stamp_valid_from(); DROP FUNCTION refuse_change();
"""


def history_table(table: sa.Table, *found_by: sa.Index | tuple[str, ...]) -> sa.Table:
    """The table that keeps the old rows of another: the same columns, from when to when.

    It has no constraints, so that no old row is ever in the way of a new rule. Old rows are found
    by their key, and by the columns that are named.
    """
    columns = [
        sa.Column(column.name, column.type, nullable=True)
        for column in table.columns
        if column.name != "valid_from"
    ]
    keys = [column.name for column in table.primary_key]
    return sa.Table(
        f"{table.name}{HISTORY}",
        table.metadata,
        *columns,
        sa.Column("valid_from", Timestamp, nullable=False),
        sa.Column("valid_to", Timestamp, nullable=False),
        sa.Index(None, *keys, "valid_from"),
        *(one if isinstance(one, sa.Index) else sa.Index(None, *one) for one in found_by),
    )


def versioning_sql(table: sa.Table) -> str:
    """Triggers that stamp and keep every row, whoever writes; the columns are named."""
    name = table.name
    columns = ", ".join(
        f'"{column.name}"' for column in table.columns if column.name != "valid_from"
    )
    keys = ", ".join(f'"{column.name}"' for column in table.primary_key)
    call = f"EXECUTE FUNCTION keep_history('{columns}', '{keys}')"
    return f"""
CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON {name}
  FOR EACH ROW EXECUTE FUNCTION stamp_valid_from();
CREATE TRIGGER keep_updated AFTER UPDATE ON {name}
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT {call};
CREATE TRIGGER keep_deleted AFTER DELETE ON {name}
  REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT {call};
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON {name}
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
{_always(name, "stamp", "keep_updated", "keep_deleted", "refuse_truncate")}
"""


def append_only_sql(table: str) -> str:
    """Triggers that refuse every change of stored rows, also to the owner and in replica mode."""
    return f"""
CREATE TRIGGER refuse_rows BEFORE UPDATE OR DELETE ON {table}
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON {table}
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
{_always(table, "refuse_rows", "refuse_truncate")}
"""


def _always(table: str, *triggers: str) -> str:
    """Fire in replica mode too, which skips ordinary triggers."""
    return "\n".join(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name};" for name in triggers)
