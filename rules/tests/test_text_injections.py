"""Texts that would be programs elsewhere come out as they are, wherever a rule puts them."""

import json
from email import message_from_bytes, policy

import pytest

from msg_pattern.bus import get_bus
from rules.mail import read_mail
from rules.models import LogEntry
from rules.tests.owing import fire, listening, rule_of, vehicle_of, work
from task_management.models import TaskComment

pytestmark = pytest.mark.django_db

INJECTIONS = [
    "{{ 7 * 7 }}",
    "{{7*7}}",
    "{{ settings.SECRET_KEY }}",
    "{{ request }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ self.__init__.__globals__ }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "{{ x|safe }}",
    "{{ x|attr('__class__') }}",
    "{% debug %}",
    "{% load static %}",
    "{% include '/etc/passwd' %}",
    "{% extends 'base.html' %}",
    "{% for x in (1,2,3) %}{{ x }}{% endfor %}",
    "{% if 1 %}yes{% endif %}",
    "{% raw %}{{ x }}{% endraw %}",
    "{% import os %}",
    "{# a comment #}",
    "{% comment %}gone{% endcomment %}",
    "{0}",
    "{}",
    "{0.__class__}",
    "{0.__class__.__init__.__globals__}",
    "{vehicle_id.__class__}",
    "{vehicle_id!r:>9999}",
    "{:>1000000000}",
    "{0[secret]}",
    "{vehicle_id}",
    "%(vehicle_id)s",
    "%s %d %n %x",
    "%(x)1000000000s",
    "%%",
    "${7*7}",
    "${vehicle_id.__class__}",
    "${vehicle_id[0]}",
    "${{7*7}}",
    "#{7*7}",
    "#{vehicle_id}",
    "*{7*7}",
    "@(7*7)",
    "<%= 7*7 %>",
    "<% system('id') %>",
    "<#assign x=7>",
    "${T(java.lang.Runtime).getRuntime().exec('id')}",
    "${jndi:ldap://127.0.0.1/a}",
    "$(id)",
    "`id`",
    "; DROP TABLE rules_rule; --",
    "' OR '1'='1",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "=HYPERLINK(\"http://evil.example\")",
    "\\u007b\\u007b7*7\\u007d\\u007d",
    "__import__('os').system('id')",
    "f'{vehicle_id}'",
    "f\"{7*7}\"",
    "!!python/object/apply:os.system ['id']",
    "<?php echo 7*7; ?>",
    "[[${7*7}]]",
    "$settings.SECRET_KEY",
    "$__class__",
    "${__globals__}",
    "$1 $0 $@ $?",
]  # fmt: skip
HEADERS = [
    "a\r\nBcc: evil@fleet.example",
    "a\nX-Evil: 1",
    "a\rSubject: b",
    "a\r\n\r\nbody",
    "a\x0bX-Evil: 1",
    "a\u2028Bcc: b@c.example",
]


@pytest.fixture
def sink(settings):
    with listening() as found:
        settings.WEBHOOK_ALLOW = [f"127.0.0.1:{found.port}"]
        yield found


@pytest.fixture
def told(settings, tmp_path, sink, request):
    """What comes out of each action for a text, written into the rule or reported by the vehicle."""
    settings.EMAIL_BACKEND = "rules.mail.FileBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    settings.MESSAGE_BUS_URL = f"memory://{request.node.name[:20]}"

    def tell(text, **known):
        rule = rule_of(
            {"type": "send_email", "to": "a@fleet.example", "subject": text, "body": text},
            {"type": "store_log", "message": text},
            {"type": "create_task", "title": text, "description": text, "checklist": [text]},
            {"type": "call_webhook", "url": sink.url, "body": text},
            {"type": "publish_message", "channel": "told", "message": text},
            {"type": "complete_task", "comment": text},
        )
        with get_bus().subscribe("told") as heard:
            firing = fire(rule, vehicle_of(f"VH-{rule.pk}"), known=known)
            actions = list(firing.actions.all())
            work(*actions)
            published = json.loads(heard.receive(1)[1])["data"]["message"]
        assert {action.status for action in actions} == {"DONE"}
        email, task = read_mail(actions[0]), actions[2].task
        return {
            "subject": email.subject,
            "body": email.body.rstrip("\n"),
            "log": LogEntry.objects.get(action=actions[1]).message,
            "title": task.title,
            "description": task.description,
            "item": task.checklist[0]["text"],
            "webhook": json.loads(sink.calls[-1][2])["message"],
            "message": published,
            "comment": TaskComment.objects.get(task=task).text,
        }, email

    return tell


def test_there_are_sixty_of_them():
    assert len(set(INJECTIONS)) >= 60


@pytest.mark.parametrize("text", INJECTIONS)
def test_a_text_of_a_rule_comes_out_as_it_is(told, text):
    shown, _email = told(text)
    assert set(shown.values()) == {text}


def test_what_vehicles_report_comes_out_as_it_is(told):
    for text in INJECTIONS:
        shown, _email = told("$plate", plate=text)
        assert set(shown.values()) == {text}


@pytest.mark.parametrize("text", HEADERS)
def test_nothing_adds_a_header(told, sink, text):
    for written, known in ((text, {}), ("$plate", {"plate": text})):
        _shown, email = told(written, **known)
        message = message_from_bytes(email.path.read_bytes(), policy=policy.default)
        assert {name.lower() for name in message} == {
            "content-type", "mime-version", "content-transfer-encoding", "subject", "from", "to", "date", "message-id",
        }  # fmt: skip
        assert message["Subject"] == " ".join(text.split())
        assert not {"x-evil", "bcc"} & sink.calls[-1][1].keys()
