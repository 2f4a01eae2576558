"""The schema of the database of corrections, and the steps to it, by Alembic."""

import sqlalchemy as sql

from inkdigits.errors import StorageError

HEAD = "0001"
_VERSION = sql.table("alembic_version", sql.column("version_num", sql.String))


def migrate(connection: sql.Connection) -> None:
    """Bring a database, new or old, to this version's schema; `StorageError` for a newer one."""
    known = sql.inspect(connection).has_table("alembic_version")
    if known and connection.scalar(sql.select(_VERSION.c.version_num)) == HEAD:
        return  # without the 0.2 s that importing Alembic takes
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", "inkdigits.web.corrections:migrations")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StorageError(
            f"the database is of another version of inkdigits ({error}); use that one"
        ) from None
