"""E-mails of actions: named by what caused them, so that a repeated attempt is the same message."""

import os
import re
import tempfile
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage as StandardMessage
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from rules.models import FiringAction

_MESSAGE_ID = re.compile(r"<([A-Za-z0-9._-]{1,100})@")


class Mail(EmailMessage):
    """One that goes to nobody who is named says so, as RFC 5322 has it."""

    def message(self, **how: Any) -> Any:
        sent = super().message(**how)
        if "To" not in sent:
            sent["To"] = "undisclosed-recipients:;"
        return sent


class FileBackend(BaseEmailBackend):
    """Writes one ``.eml`` file per message into ``EMAIL_FILE_PATH``, named by its Message-ID.

    A message that is sent again overwrites itself instead of lying there twice. The file is ours, and no
    recipient's: it tells whom a mail server would not (``Bcc``).
    """

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        folder = Path(settings.EMAIL_FILE_PATH)
        folder.mkdir(parents=True, exist_ok=True)
        for message in email_messages:
            _write(folder, message)
        return len(email_messages)


def _write(folder: Path, message: EmailMessage) -> None:
    sent = message.message()
    if message.bcc:
        sent["Bcc"] = ", ".join(message.bcc)
    found = _MESSAGE_ID.match(str(sent["Message-ID"]))
    name = found.group(1) if found else uuid.uuid4().hex
    handle, temporary = tempfile.mkstemp(dir=folder, suffix=".part")
    with os.fdopen(handle, "wb") as file:
        file.write(sent.as_bytes())
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(folder / f"{name}.eml")


def mail_name(action: FiringAction) -> str:
    return f"firing-{action.firing_id}-{action.index}"


def message_id(action: FiringAction) -> str:
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("> ") or "localhost"
    return f"<{mail_name(action)}@{domain}>"


@dataclass(frozen=True)
class WrittenMail:
    """An e-mail as the file backend wrote it."""

    path: Path
    to: str
    bcc: str
    sender: str
    subject: str
    body: str
    sent_at: datetime | None


def _moment(header: str | None) -> datetime | None:
    """“-0000” says that it is UTC of an unknown place, which Python reads as no zone at all."""
    sent_at = parsedate_to_datetime(str(header)) if header else None
    return sent_at.replace(tzinfo=UTC) if sent_at and sent_at.tzinfo is None else sent_at


def read_mail(action: FiringAction) -> WrittenMail | None:
    """The action's message, where e-mails go into files and this one was written."""
    folder = getattr(settings, "EMAIL_FILE_PATH", None)
    path = Path(folder) / f"{mail_name(action)}.eml" if folder else None
    if path is None or not path.is_file():
        return None
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert isinstance(message, StandardMessage)
    return WrittenMail(
        path=path,
        to=str(message["To"]),
        bcc=str(message["Bcc"] or ""),
        sender=str(message["From"]),
        subject=str(message["Subject"]),
        body=str(message.get_content()),
        sent_at=_moment(message["Date"]),
    )
