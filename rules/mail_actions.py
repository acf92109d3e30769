"""The action *send e-mail*: written when it is run, to whom there is then."""

import smtplib
from collections.abc import Callable

from rules.action_kinds import LeavingKind, Params, Ran, Texts, text_check
from rules.exceptions import ActionFailed
from rules.mail import Mail, message_id
from rules.models import FiringAction
from rules.recipients import check_recipients, listed, shown_and_hidden
from rules.texts import fill, fill_line


def render(params: Params, texts: Texts) -> Params:
    return {
        "to": listed(params["to"]),
        "subject": fill_line(params["subject"], texts, 250),
        "body": fill(params.get("body") or "", texts),
    }


def prepare(action: FiringAction) -> Callable[[], Ran]:
    params = action.params
    to, bcc = shown_and_hidden(params["to"], action.firing.vehicle)
    headers = {"Message-ID": message_id(action)}
    return lambda: _send(Mail(params["subject"], params["body"], to=to, bcc=bcc, headers=headers))


def _send(message: Mail) -> Ran:
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused as error:
        told = "; ".join(
            f"{who}: {reply[1].decode(errors='replace')}" for who, reply in error.recipients.items()
        )
        if all(reply[0] >= 500 for reply in error.recipients.values()):
            raise ActionFailed(f"The mail server refuses every recipient for good: {told}.") from error
        raise
    return Ran(f"Sent to {', '.join(message.recipients())}.")


SEND_EMAIL = LeavingKind(
    type="send_email",
    label="Send e-mail",
    checks={"to": check_recipients, "subject": text_check(200), "body": text_check(20_000)},
    required=("to", "subject"),
    render=render,
    prepare=prepare,
)
