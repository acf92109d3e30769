"""Columns of kinds that Django does not bring."""

from typing import Any

from django.db import models


class WrittenJSONField(models.JSONField):
    """JSON kept as it was written, in PostgreSQL's ``json``: for what is only stored and read whole.

    Taking it apart for ``jsonb`` would cost more than all the rest of storing a batch.
    """

    def db_type(self, connection: Any) -> str:
        return "json"

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """The driver has read it by now."""
        return value
