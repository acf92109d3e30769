"""What people do with uploads: hand one in, apply it, cancel it."""

from collections.abc import Mapping
from typing import IO, Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import Cause, Fleet
from feed_processor.plan import BadMapping, check_mapping
from feed_processor.schemas import SCHEMAS
from file_manager import storage
from file_manager.exceptions import UploadIsNotResting
from file_manager.faults import add_file_fault
from file_manager.models import MappingProfile, Upload
from file_manager.profiles import signature

Mapped = Mapping[str, str | None]


def receive_upload(
    file: IO[bytes],
    *,
    name: str,
    kind: str,
    fleet: Fleet | None,
    apply: bool,
    mapping: Mapped | None,
    by: Actor,
) -> Upload:
    """Store the file and commit the upload; the caller rings the worker. Raises ValidationError by field."""
    if kind not in Upload.Kind.values:
        raise ValidationError({"kind": [_kind_message(kind)]})
    if fleet is None and not by.is_administrator:
        raise ValidationError({"fleet_id": [_("Name the fleet that new vehicles go to.")]})
    stored_as, size, sha256 = storage.keep(file)
    with transaction.atomic():
        upload = Upload.objects.create(
            name=_shown_name(name), kind=kind, fleet=fleet, by=by.user, by_key=by.key, stored_as=stored_as,
            size_bytes=size, sha256=sha256, apply=apply, mapping=dict(mapping or {}),
        )  # fmt: skip
        upload.cause = Cause.of(_cause(upload, by))
        upload.save(update_fields=["cause"])
    return upload


def apply_upload(
    upload: Upload, *, kind: str | None = None, mapping: Mapped | None = None, by: Actor
) -> Upload:
    """Let an upload that waits for review go on; the caller rings the worker.

    Raises UploadIsNotResting and ValidationError.
    """
    with transaction.atomic():
        locked = Upload.objects.select_for_update().get(pk=upload.pk)
        if locked.status != Upload.Status.REVIEW:
            message = _("This upload is %(status)s; only one that waits in REVIEW can be applied.")
            raise UploadIsNotResting(message % {"status": locked.status})
        locked.kind = kind or locked.kind
        _check_choice(locked, mapping or {})
        locked.mapping = {**locked.mapping, **(mapping or {})}
        locked.status, locked.apply = Upload.Status.READING, True
        locked.save(update_fields=["kind", "mapping", "status", "apply"])
        _remember(locked)
    return locked


def cancel_upload(upload: Upload, *, by: Actor) -> Upload:
    """Stop an upload before anything of it is applied; a running worker stops at its next block."""
    with transaction.atomic():
        locked = Upload.objects.select_for_update().get(pk=upload.pk)
        if locked.status not in (Upload.Status.UPLOADED, Upload.Status.READING, Upload.Status.REVIEW):
            message = _("This upload is %(status)s; it can be canceled until it is APPLYING.")
            raise UploadIsNotResting(message % {"status": locked.status})
        fail_upload(locked, "canceled", _("Canceled by %(who)s; nothing was applied.") % {"who": _name(by)})
    return locked


def fail_upload(upload: Upload, code: str, message: str) -> None:
    """End an upload of which nothing was applied, with the reason as a fault of the file."""
    add_file_fault(upload, code, message)
    upload.status, upload.finished_at = Upload.Status.FAILED, timezone.now()
    upload.cancel_requested = code == "canceled"
    upload.save(update_fields=["status", "finished_at", "cancel_requested"])


def _check_choice(upload: Upload, mapping: Mapped) -> None:
    if upload.kind not in SCHEMAS:
        raise ValidationError({"kind": [_kind_message(upload.kind)]})
    try:
        headers = [column["header"] for column in upload.columns]
        check_mapping({**upload.mapping, **mapping}, headers, SCHEMAS[upload.kind])
    except BadMapping as error:
        raise ValidationError({"mapping": [str(error)]}) from error


def _remember(upload: Upload) -> None:
    """Offer the choice again for the next file with these headers."""
    if upload.mapping:
        MappingProfile.objects.update_or_create(
            fleet=upload.fleet,
            kind=upload.kind,
            signature=signature([column["header"] for column in upload.columns]),
            defaults={"mapping": upload.mapping},
        )


def _kind_message(kind: str) -> str:
    return _("“%(kind)s” is no kind; choose one of %(kinds)s.") % {
        "kind": kind,
        "kinds": ", ".join(Upload.Kind.values),
    }


def _shown_name(name: str) -> str:
    bare = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(character for character in bare if character.isprintable())[:255] or "upload"


def _name(by: Actor) -> str:
    return by.user.email if by.user else by.key.name if by.key else ""


def _cause(upload: Upload, by: Actor) -> dict[str, Any]:
    return {"kind": "upload", "upload_id": upload.pk, "name": upload.name, "uploaded_by": _name(by)}
