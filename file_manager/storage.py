"""Where the uploaded files lie: Django's default storage, a folder or S3."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, BinaryIO
from uuid import uuid4

from django.core.files.base import File
from django.core.files.storage import Storage, storages
from django.utils import timezone
from django.utils.translation import gettext as _

from feed_processor.dialect import UnreadableFile

BLOCK = 1 << 20


def uploads() -> Storage:
    return storages["default"]


def keep(file: IO[bytes]) -> tuple[str, int, str]:
    """Store the file under a name of ours; answers the name, the size in bytes and the SHA-256."""
    digest, size = hashlib.sha256(), 0
    file.seek(0)
    while block := file.read(BLOCK):
        digest.update(block)
        size += len(block)
    file.seek(0)
    stored_as = uploads().save(f"{timezone.now():%Y/%m}/{uuid4().hex}", File(file))
    return stored_as, size, digest.hexdigest()


def is_kept(stored_as: str) -> bool:
    return uploads().exists(stored_as)


@contextmanager
def opened(stored_as: str) -> Iterator[BinaryIO]:
    """The stored file as a stream that can be sought, also where the storage has none of these.

    Raises UnreadableFile where it is gone.
    """
    if not is_kept(stored_as):
        raise UnreadableFile(_("The file is no longer in the storage; upload it again."))
    with uploads().open(stored_as, "rb") as file:
        raw: Any = file.file
        if getattr(raw, "seekable", lambda: False)():
            yield raw
            return
        with tempfile.TemporaryFile() as copy:
            while block := raw.read(BLOCK):
                copy.write(block)
            copy.seek(0)
            yield copy
