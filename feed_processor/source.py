"""A file on its way into the database: where its rows are staged, who sent it, what it fills."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from accounts.actors import Actor
from accounts.models import Cause
from feed_processor.plan import ATTRIBUTE, PlannedColumn
from vehicle_management import staged
from vehicle_management.attributes import STATUS_ATTRIBUTES

# Fields of a schema whose column in the staging table has another name.
TARGETS = {"fleet_id": "fleet", "recorded_at": "at"}


@dataclass(frozen=True)
class Load:
    kind: str
    table: str
    columns: Sequence[PlannedColumn]
    actor: Actor
    cause: Cause
    fleet: int | None
    received_at: datetime

    def source(self) -> staged.Staged:
        """The staged vehicles as the door for files takes them."""
        targets = [TARGETS.get(column.field, column.field) for column in self.columns if column.field]
        return staged.Staged(
            staging=self.table,
            matched=f"{self.table}_matched",
            fields=[name for name in ("vehicle_id", *staged.MAIN) if name in targets],
            attributes=[target.removeprefix(ATTRIBUTE) for target in targets if target.startswith(ATTRIBUTE)],
            statuses=[name for name in STATUS_ATTRIBUTES if name in targets],
            cause=self.cause,
            default_fleet=self.fleet,
            received_at=self.received_at,
        )
