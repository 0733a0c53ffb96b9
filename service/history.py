"""System-versioned tables: every replaced row is kept with the time it was valid."""

from typing import Final

import sqlalchemy as sa

from service.db import Timestamp

HISTORY: Final = "_history"

FUNCTIONS: Final = """
CREATE FUNCTION stamp_valid_from() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.valid_from := clock_timestamp();
  RETURN NEW;
END $$;

CREATE FUNCTION keep_history() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  columns text := TG_ARGV[0];
  matching text := TG_ARGV[1];
  source text := 'SELECT ' || columns || ', valid_from, clock_timestamp() FROM old_rows';
BEGIN
  IF TG_OP = 'UPDATE' THEN
    source := 'SELECT ' || (SELECT string_agg('o.' || c, ', ')
        FROM regexp_split_to_table(columns, ', ') AS c)
      || ', o.valid_from, n.valid_from FROM old_rows o JOIN new_rows n USING (' || matching || ')';
  END IF;
  EXECUTE format('INSERT INTO %I (%s, valid_from, valid_to) %s',
    TG_TABLE_NAME || '_history', columns, source);
  RETURN NULL;
END $$;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = '42501';
END $$;
"""
DROP_FUNCTIONS: Final = """
DROP FUNCTION keep_history(); DROP FUNCTION stamp_valid_from(); DROP FUNCTION refuse_change();
"""


def history_table(table: sa.Table) -> sa.Table:
    """The table that keeps the old rows of another: the same columns, from when to when."""
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
ALTER TABLE {name} ENABLE ALWAYS TRIGGER stamp;
ALTER TABLE {name} ENABLE ALWAYS TRIGGER keep_updated;
ALTER TABLE {name} ENABLE ALWAYS TRIGGER keep_deleted;
"""


def append_only_sql(table: str) -> str:
    """Triggers that refuse every change of stored rows, also to the owner and in replica mode."""
    return f"""
CREATE TRIGGER refuse_rows BEFORE UPDATE OR DELETE ON {table}
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON {table}
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER refuse_rows;
ALTER TABLE {table} ENABLE ALWAYS TRIGGER refuse_truncate;
"""
