"""What firings owe: done once, tried again, given up, and told."""

import smtplib
from datetime import timedelta
from pathlib import Path

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone

from accounts.tests.factories import FleetFactory, UserFactory
from rules import outbox
from rules.actions import ACTIONS
from rules.exceptions import ActionIsNotWaiting, RuleIsNotYours
from rules.lanes import drain
from rules.mail import read_mail
from rules.models import Firing, FiringAction, LogEntry
from rules.outbox import next_attempt, retry_action, run_pending_actions
from rules.tasks import work_actions
from rules.tests.factories import LOG, administrator, make_rule, make_vehicle, report
from task_management.models import Task

pytestmark = pytest.mark.django_db

MAIL = {
    "type": "send_email",
    "to": "workshop@fleet.example",
    "subject": "$rule: $vehicle_id",
    "body": "$plate has $odometer_km km for $customer.",
}
TASK = {
    "type": "create_task",
    "title": "Service $vehicle_id",
    "description": "At $odometer_km km",
    "due_in_hours": 48,
}


@pytest.fixture
def mail_folder(settings, tmp_path):
    settings.EMAIL_BACKEND = "rules.mail.FileBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    return tmp_path / "mail"


@pytest.fixture
def sent_mails(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    return mail


def fire(*actions, **vehicle):
    """A firing that owes these actions."""
    make_rule(actions=list(actions))
    report(make_vehicle(plate="AB 1", **vehicle), row=12, odometer_km=10_412.0)
    drain()
    return Firing.objects.last()


def actions_of(firing):
    return list(FiringAction.objects.filter(firing=firing))


def break_mail(monkeypatch, error):
    def send(self, messages):
        raise error

    monkeypatch.setattr("rules.mail.FileBackend.send_messages", send)


def test_every_kind_of_action_is_done_once(mail_folder):
    firing = fire(MAIL, LOG, TASK)
    assert run_pending_actions() == 3
    assert run_pending_actions() == 0
    email, log, task = actions_of(firing)
    assert {action.status for action in (email, log, task)} == {"DONE"}
    assert LogEntry.objects.get(action=log).message == "VH-1 is at 10412 km"
    made = Task.objects.get(pk=task.task_id)
    assert (made.title, made.description) == ("Service VH-1", "At 10412 km")
    assert (made.origin, made.vehicle) == (f"firing:{firing.pk}:2", firing.vehicle)
    assert timedelta(hours=47) < made.due_at - timezone.now() < timedelta(hours=49)
    assert made.told_cause()["kind"] == "rule"
    assert made.told_cause()["firing_id"] == firing.pk
    written = read_mail(email)
    assert (written.to, written.subject) == ("workshop@fleet.example", "Service due: VH-1")
    assert written.body.strip() == "AB 1 has 10412 km for unknown."
    assert [path.name for path in mail_folder.iterdir()] == [f"firing-{firing.pk}-0.eml"]


def test_a_repeated_attempt_overwrites_its_mail_and_finds_its_task_and_log(mail_folder):
    firing = fire(MAIL, LOG, TASK)
    run_pending_actions()
    FiringAction.objects.update(status="PENDING")
    run_pending_actions()
    assert len(list(mail_folder.iterdir())) == 1
    assert (Task.objects.count(), LogEntry.objects.count()) == (1, 1)
    assert {action.attempts for action in actions_of(firing)} == {2}


def test_a_mail_has_a_message_id_of_its_own(sent_mails):
    firing = fire({**MAIL, "to": ["a@fleet.example", "b@fleet.example"]})
    run_pending_actions()
    (message,) = sent_mails.outbox
    assert message.extra_headers["Message-ID"] == f"<firing-{firing.pk}-0@localhost>"
    assert message.to == ["a@fleet.example", "b@fleet.example"]


def test_a_vehicle_cannot_add_headers_to_a_mail(sent_mails):
    make_rule(actions=[{**MAIL, "subject": "$make"}])
    report(make_vehicle(make="A\r\nBcc: evil@fleet.example"), odometer_km=10_412.0)
    drain()
    run_pending_actions()
    assert sent_mails.outbox[0].subject == "A Bcc: evil@fleet.example"


def test_what_fails_is_tried_ever_more_seldom_and_given_up(mail_folder, monkeypatch, settings):
    settings.ACTION_ATTEMPTS = 3
    firing = fire(MAIL, LOG)
    break_mail(monkeypatch, ConnectionRefusedError("no mail server"))
    run_pending_actions()
    email, log = actions_of(firing)
    assert (email.status, email.attempts, log.status) == ("PENDING", 1, "DONE")
    assert email.result == "Attempt 1 failed: ConnectionRefusedError: no mail server."
    assert email.next_at > timezone.now() + timedelta(seconds=4)
    assert run_pending_actions() == 0
    for _ in range(2):
        FiringAction.objects.update(next_at=timezone.now())
        run_pending_actions()
    email.refresh_from_db()
    assert (email.status, email.attempts) == ("PARKED", 3)
    assert email.result.startswith("Given up after 3 attempts: ConnectionRefusedError")
    monkeypatch.undo()
    settings.EMAIL_BACKEND = "rules.mail.FileBackend"
    retry_action(email, by=administrator())
    run_pending_actions()
    email.refresh_from_db()
    assert (email.status, email.attempts) == ("DONE", 1)


def test_what_can_never_succeed_fails_at_once(mail_folder, monkeypatch):
    firing = fire(MAIL)
    refusal = {"workshop@fleet.example": (550, b"no such mailbox")}
    break_mail(monkeypatch, smtplib.SMTPRecipientsRefused(refusal))
    run_pending_actions()
    (email,) = actions_of(firing)
    assert (email.status, email.attempts) == ("FAILED", 1)
    assert email.result == (
        "The mail server refuses every recipient for good: workshop@fleet.example: no such mailbox."
    )
    assert email.done_at is not None


def test_a_crash_of_one_does_not_stop_the_others(monkeypatch):
    firing = fire(LOG, {**LOG, "message": "crash"}, LOG)
    honest = ACTIONS["store_log"].run

    def run(action):
        if action.params["message"] == "crash":
            LogEntry.objects.create(message="half", vehicle_id=action.firing.vehicle_id, action=action)
            raise ZeroDivisionError("oh")
        return honest(action)

    monkeypatch.setitem(ACTIONS, "store_log", type("Kind", (), {"run": staticmethod(run)}))
    run_pending_actions()
    assert [action.status for action in actions_of(firing)] == ["DONE", "PENDING", "DONE"]
    assert not LogEntry.objects.filter(message="half").exists()


def test_only_what_failed_or_was_given_up_is_tried_again():
    firing = fire(LOG)
    (action,) = actions_of(firing)
    with pytest.raises(ActionIsNotWaiting):
        retry_action(action, by=administrator())
    run_pending_actions()
    with pytest.raises(ActionIsNotWaiting):
        retry_action(action, by=administrator())


def test_an_operator_does_not_run_actions_again():
    fleet = FleetFactory()
    (action,) = actions_of(fire(LOG, fleet=fleet))
    FiringAction.objects.update(status="PARKED")
    for person in (UserFactory(fleets=[fleet]), UserFactory(role="MANAGER", fleets=[FleetFactory()])):
        with pytest.raises(RuleIsNotYours):
            retry_action(action, by=person)
    retry_action(action, by=UserFactory(role="MANAGER", fleets=[fleet]))
    assert action.status == "PENDING"


def test_an_error_of_the_database_stops_one_action_alone(monkeypatch):
    firing = fire({**LOG, "message": "$plate"}, LOG)
    honest = ACTIONS["store_log"].run

    def run(action):
        if action.index == 0:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
        return honest(action)

    monkeypatch.setitem(ACTIONS, "store_log", type("Kind", (), {"run": staticmethod(run)}))
    run_pending_actions()
    first, second = actions_of(firing)
    assert (first.status, second.status) == ("PENDING", "DONE")
    assert "division by zero" in first.result


def test_an_assignee_who_may_no_longer_see_the_vehicle_is_left_out():
    fleet, other = FleetFactory(), FleetFactory()
    stays, goes = (UserFactory(fleets=[fleet]) for _ in "ab")
    tasks = [{"type": "create_task", "title": "t", "assignee": person.email} for person in (stays, goes)]
    firing = fire(*tasks, fleet=fleet)
    goes.memberships.update(fleet=other)
    run_pending_actions()
    first, second = actions_of(firing)
    assert (first.task.assignee, second.task.assignee) == (stays, None)
    assert f"because {goes.email} does not see the vehicle" in second.result


def test_the_wait_doubles_up_to_an_hour():
    now = timezone.now()
    waits = [(next_attempt(attempts, now) - now).total_seconds() for attempts in (1, 2, 3, 20)]
    assert waits == [5, 10, 20, 3_600]


def test_the_job_works_until_nothing_is_due(monkeypatch):
    monkeypatch.setattr(outbox, "_AT_ONCE", 1)
    fire(LOG, LOG, LOG)
    assert work_actions() == 3
    assert not FiringAction.objects.filter(status="PENDING").exists()


def test_no_mail_is_read_where_none_was_written(mail_folder):
    firing = fire(MAIL)
    assert read_mail(actions_of(firing)[0]) is None
    assert not Path(mail_folder).exists()
