"""The table of corrections."""

import sqlalchemy as sql
from alembic import op

revision, down_revision = "0001", None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "corrections",
        sql.Column("key", sql.String(32), primary_key=True),
        sql.Column("created", sql.String(40), nullable=False, index=True),
        sql.Column("label", sql.Integer),
        sql.Column("read_as", sql.Integer),
        sql.Column("confidence", sql.Float(53)),
        sql.Column("artifact", sql.String(64), nullable=False),
        sql.Column("glyph", sql.Text, nullable=False),
        sql.Column("crop", sql.Text, nullable=False),
    )
