"""Who gets an e-mail: looked up when it is sent, and told where nobody is left."""

import pytest
from django.core import mail

from accounts.tests.factories import FleetFactory, UserFactory
from customer_management.tests.factories import CustomerFactory
from rules.actions import check_actions
from rules.mail import read_mail
from rules.outbox import retry_action
from rules.tests.factories import administrator
from rules.tests.owing import actions_of, fire, rule_of, vehicle_of, work

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def outbox(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


def email(to):
    return {"type": "send_email", "to": to, "subject": "s"}


def sent_to(to, vehicle):
    mail.outbox.clear()
    (action,) = actions_of(fire(rule_of(email(to)), vehicle))
    work(action)
    return sorted(mail.outbox[0].recipients()) if mail.outbox else action


def test_a_role_is_its_active_people_who_see_the_vehicle():
    fleet = FleetFactory()
    sees = UserFactory(role="MANAGER", fleets=[fleet, FleetFactory()])
    UserFactory(role="MANAGER", fleets=[FleetFactory()])
    UserFactory(role="MANAGER", fleets=[fleet], is_active=False)
    operator = UserFactory(role="OPERATOR", fleets=[fleet])
    vehicle = vehicle_of(fleet=fleet)
    assert sent_to("role:MANAGER", vehicle) == [sees.email]
    assert sent_to(["role:OPERATOR", "role:MANAGER"], vehicle) == sorted([sees.email, operator.email])
    assert sent_to("role:ADMINISTRATOR", vehicle) == [administrator().email]


def test_the_customer_is_the_vehicles_at_the_time():
    vehicle = vehicle_of(customer=CustomerFactory(email="before@customer.example"))
    rule = rule_of(email(["customer", "Workshop@fleet.example", "workshop@fleet.example"]))
    (action,) = actions_of(fire(rule, vehicle))
    vehicle.customer = CustomerFactory(email="now@customer.example")
    vehicle.save()
    work(action)
    (message,) = mail.outbox
    assert (message.to, message.bcc) == (["workshop@fleet.example"], ["now@customer.example"])
    assert action.result == "Sent to workshop@fleet.example, now@customer.example."


def test_people_of_roles_and_the_customer_do_not_read_each_others_addresses(settings, tmp_path):
    vehicle = vehicle_of(customer=CustomerFactory(email="one@customer.example"))
    manager = UserFactory(role="MANAGER", fleets=[vehicle.fleet])
    sent_to(["role:MANAGER", "customer"], vehicle)
    (message,) = mail.outbox
    sent = message.message()
    assert (sent["To"], sent["Bcc"]) == ("undisclosed-recipients:;", None)
    assert sorted(message.recipients()) == sorted([manager.email, "one@customer.example"])
    assert sent_to("customer", vehicle) == mail.outbox[0].to == ["one@customer.example"]
    settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = "rules.mail.FileBackend", tmp_path
    (action,) = actions_of(fire(rule_of(email(["role:MANAGER", "a@b.example", "customer"])), vehicle))
    work(action)
    written = read_mail(action)
    assert written.to == "a@b.example"
    assert sorted(written.bcc.split(", ")) == sorted([manager.email, "one@customer.example"])


def test_an_email_to_nobody_fails_and_says_why():
    vehicle = vehicle_of(customer=CustomerFactory(email=""))
    told = sent_to(["role:MANAGER", "role:OPERATOR", "customer"], vehicle)
    assert (told.status, told.attempts) == ("FAILED", 1)
    assert told.result == (
        "Nobody is left to write to: no active manager or operator sees VH-1 and its customer has no e-mail address."
    )
    vehicle.customer = None
    vehicle.save()
    assert sent_to("customer", vehicle).result == "Nobody is left to write to: VH-1 has no customer."
    UserFactory(role="MANAGER", fleets=[vehicle.fleet])
    retry_action(told, by=administrator())
    work(told)
    assert told.status == "DONE"


@pytest.mark.parametrize("to", ["customer", ["role:MANAGER", "a@b.example"], "a@b.example"])
def test_recipients_that_are_taken(to):
    assert check_actions([email(to)], by=administrator()) == {}


@pytest.mark.parametrize(
    ("to", "told"),
    [
        (
            "role:DRIVER",
            "“role:DRIVER” is no role; one of role:ADMINISTRATOR, role:MANAGER, role:OPERATOR is.",
        ),
        ("role:manager", "“role:manager” is no role"),
        (["a@b.example", "nobody"], "“nobody” is not an e-mail address"),
        (["a@b.example\nBcc: c@d.example"], "is not an e-mail address"),
        ([], "An e-mail goes to 1 to 50 recipients."),
        ([7], "“7” is not an e-mail address"),
        ([["a@b.example"]], "is not an e-mail address"),
    ],
)
def test_recipients_that_cannot_be_are_refused_at_save(to, told):
    assert told in check_actions([email(to)], by=administrator())["actions[0].to"][0]
