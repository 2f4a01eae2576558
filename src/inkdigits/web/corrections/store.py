"""The database of corrections: SQLite in the data folder, or any that SQLAlchemy knows."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sql
from sqlalchemy.exc import SQLAlchemyError

from inkdigits.artifact import GLYPH_PX
from inkdigits.data import LabelledImages
from inkdigits.errors import StorageError, UsageError
from inkdigits.files import make_folder, sha256
from inkdigits.web.corrections.correction import Correction
from inkdigits.web.corrections.migrations import migrate

MOST = 100_000  # corrections in a database: a public page can't fill the disk
_BUSY_S = 10  # how long a writer waits for another
_RETRY_S = 1.0
_GROUP = 500  # rows of an import in one transaction
DATABASE_VARIABLE = "INKDIGITS_DATABASE_URL"

TABLE = sql.Table(
    "corrections",
    sql.MetaData(),
    sql.Column("key", sql.String(32), primary_key=True),
    sql.Column("created", sql.String(40), nullable=False, index=True),
    sql.Column("label", sql.Integer),
    sql.Column("read_as", sql.Integer),
    sql.Column("confidence", sql.Float(53)),
    sql.Column("artifact", sql.String(64), nullable=False),
    sql.Column("glyph", sql.Text, nullable=False),
    sql.Column("crop", sql.Text, nullable=False),
)
_NEWEST_FIRST = (TABLE.c.created.desc(), TABLE.c.key)


def default_database() -> str:
    """The address in `INKDIGITS_DATABASE_URL`, or that of a SQLite file in the data folder."""
    from platformdirs import user_data_path

    file = user_data_path("inkdigits", appauthor=False) / "corrections.sqlite"
    return os.environ.get(DATABASE_VARIABLE) or f"sqlite:///{file}"


class Store:
    """Corrections in a database; every method raises `StorageError` if that fails.

    Raises `UsageError` for an address that is none.
    """

    def __init__(self, address: str) -> None:
        self._engine = _open(address)
        self._name = self._engine.url.render_as_string(hide_password=True)
        with self._faults():
            try:
                self._migrate()
            except SQLAlchemyError:  # another process makes the same tables now
                time.sleep(_RETRY_S)
                self._migrate()

    def _migrate(self) -> None:
        with self._engine.begin() as connection:
            migrate(connection)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def add(self, corrections: Iterable[Correction]) -> int:
        """Store those that aren't there yet, by their keys; returns how many these were."""
        added, waiting = 0, {correction.key: correction for correction in corrections}
        keys = list(waiting)
        for start in range(0, len(keys), _GROUP):
            with self._faults(), self._engine.begin() as connection:
                some = keys[start : start + _GROUP]
                known = TABLE.c.key.in_(some)
                present = set(connection.scalars(sql.select(TABLE.c.key).where(known)))
                new = [vars(waiting[key]) for key in some if key not in present]
                if self._count(connection) + len(new) > MOST:
                    raise StorageError(f"{self._name} has {MOST:,} corrections; delete some")
                if new:
                    connection.execute(sql.insert(TABLE), new)
                added += len(new)
        return added

    def page(self, offset: int = 0, limit: int = 100) -> list[Correction]:
        """Corrections, the newest first."""
        found = sql.select(TABLE).order_by(*_NEWEST_FIRST).offset(offset).limit(limit)
        with self._faults(), self._engine.connect() as connection:
            return [Correction(**row) for row in connection.execute(found).mappings()]

    def all(self) -> Iterator[Correction]:
        """Every correction, the newest first, without holding them all at once."""
        found = sql.select(TABLE).order_by(*_NEWEST_FIRST)
        with self._faults(), self._engine.connect() as connection:
            rows = connection.execution_options(yield_per=_GROUP).execute(found)
            for row in rows.mappings():
                yield Correction(**row)

    def remove(self, key: str) -> Correction | None:
        """Delete one; returns it, or None if it isn't there."""
        this = TABLE.c.key == key
        with self._faults(), self._engine.begin() as connection:
            row = connection.execute(sql.select(TABLE).where(this)).mappings().first()
            connection.execute(sql.delete(TABLE).where(this))
        return Correction(**row) if row else None

    def remove_all(self) -> int:
        """Delete all; returns how many there were."""
        with self._faults(), self._engine.begin() as connection:
            return connection.execute(sql.delete(TABLE)).rowcount

    def counts(self) -> dict[str, int]:
        """How many there are (`stored`), and how many of them were `misread`."""
        misread = sql.select(sql.func.count()).where(
            TABLE.c.label.is_distinct_from(TABLE.c.read_as)
        )
        with self._faults(), self._engine.connect() as connection:
            return {
                "stored": self._count(connection),
                "misread": connection.scalar(misread) or 0,
            }

    def labelled(self, class_names: tuple[str, ...]) -> LabelledImages:
        """The corrections, oldest first, as images to train on.

        The label of what is not a digit is one more than the last.
        """
        usable = [c for c in self.all() if c.label is None or c.label < len(class_names)]
        usable.reverse()
        content = b"".join(c.glyph_bytes() for c in usable)
        labels = bytes(len(class_names) if c.label is None else c.label for c in usable)
        return LabelledImages(
            np.frombuffer(content, np.uint8).reshape(-1, GLYPH_PX, GLYPH_PX),
            np.frombuffer(labels, np.uint8),
            {"corrections": sha256(content + labels)},
            class_names,
            names=tuple(c.key for c in usable),
        )

    def _count(self, connection: sql.Connection) -> int:
        return connection.scalar(sql.select(sql.func.count()).select_from(TABLE)) or 0

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            raise StorageError(f"the database {self._name} failed: {cause}") from None


def _open(address: str) -> sql.Engine:
    try:
        url = sql.make_url(address)
        if url.drivername in {"postgresql", "postgres"}:
            url = url.set(drivername="postgresql+pg8000")
        if url.drivername != "sqlite":
            return sql.create_engine(url, pool_pre_ping=True)
    except (SQLAlchemyError, ModuleNotFoundError) as error:
        raise UsageError(
            f"{DATABASE_VARIABLE} is no address of a database that can be used ({error}); "
            "an example: postgresql://user:password@localhost/inkdigits"
        ) from None
    if url.database and url.database != ":memory:":
        make_folder(Path(url.database).parent)
    engine = sql.create_engine(url, connect_args={"timeout": _BUSY_S})
    sql.event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")  # readers and a writer don't wait for each other
    cursor.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
    cursor.close()
