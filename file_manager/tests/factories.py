"""Uploads for tests: handed in and run as the worker would."""

import io
from typing import Any

from accounts.models import Fleet, User
from accounts.tests.factories import FleetFactory, UserFactory
from file_manager.models import Upload
from file_manager.services import receive_upload
from file_manager.tasks import work_uploads

COUNTS = ("created", "updated", "unchanged", "repeated", "failed")


def hand_in(content: str | bytes, **values: Any) -> Upload:
    raw = content.encode() if isinstance(content, str) else content
    by = (
        values.pop("by", None)
        or User.objects.filter(role="ADMINISTRATOR").first()
        or UserFactory(role="ADMINISTRATOR")
    )
    fleet = values.pop("fleet", None) or Fleet.objects.first() or FleetFactory()
    given = {"name": "fleet.csv", "kind": "vehicles", "apply": True, "mapping": None, **values}
    return receive_upload(io.BytesIO(raw), fleet=fleet, by=by, **given)


def run(content: str | bytes, **values: Any) -> Upload:
    upload = hand_in(content, **values)
    work_uploads()
    upload.refresh_from_db()
    return upload


def counts(upload: Upload) -> dict[str, int]:
    """The counts that are not zero."""
    return {name: count for name in COUNTS if (count := getattr(upload, f"rows_{name}"))}


def told(upload: Upload, level: str = "FAULT") -> list[tuple[int, str, str]]:
    return list(upload.faults.filter(level=level).values_list("row", "column", "code"))
