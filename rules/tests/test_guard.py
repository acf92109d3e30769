"""A hundred addresses that lead inside reach nobody there."""

import ipaddress
import socket

import pytest

from rules import calls
from rules.actions import check_actions
from rules.guard import Refused, is_in_the_world, read_allowed, read_url, resolve
from rules.models import FiringAction
from rules.tests.factories import administrator
from rules.tests.owing import fire, listening, rule_of, vehicle_of, work

NONE = read_allowed([])

# All of these are 127.0.0.1, or another address of this machine, to some resolver or reader; PORT is our listener's.
LITERAL = [
    "http://127.0.0.1:PORT/",
    "http://127.0.0.1:PORT/?a=b#c",
    "https://127.0.0.1:PORT/",
    "http://127.1:PORT/",
    "http://127.0.1:PORT/",
    "http://127.255.255.254:PORT/",
    "http://127.0.0.53:PORT/",
    "http://2130706433:PORT/",
    "http://017700000001:PORT/",
    "http://0x7f000001:PORT/",
    "http://0x7F000001:PORT/",
    "http://0x7f.1:PORT/",
    "http://0x7f.0.0.1:PORT/",
    "http://0x7f.0x0.0x0.0x1:PORT/",
    "http://0177.0.0.1:PORT/",
    "http://0177.0.0.01:PORT/",
    "http://00000177.1:PORT/",
    "http://127.0x1:PORT/",
    "http://127.000000001:PORT/",
    "http://0:PORT/",
    "http://0.0.0.0:PORT/",
    "http://00.00.00.00:PORT/",
    "http://0x0:PORT/",
    "http://0x00000000:PORT/",
    "http://[::1]:PORT/",
    "http://[0:0:0:0:0:0:0:1]:PORT/",
    "http://[0000:0000:0000:0000:0000:0000:0000:0001]:PORT/",
    "http://[::]:PORT/",
    "http://[::ffff:127.0.0.1]:PORT/",
    "http://[::ffff:7f00:1]:PORT/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]:PORT/",
    "http://[::ffff:0:127.0.0.1]:PORT/",
    "http://[::127.0.0.1]:PORT/",
    "http://[64:ff9b::127.0.0.1]:PORT/",
    "http://[64:ff9b::7f00:1]:PORT/",
    "http://[64:ff9b:1::7f00:1]:PORT/",
    "http://[2002:7f00:1::]:PORT/",
    "http://[2002:7f00:0001::1]:PORT/",
    "http://[2001:0:7f00:1::]:PORT/",
    "http://[2001:0000:4136:e378:8000:63bf:80ff:fffe]:PORT/",
    "http://[fe80::1]:PORT/",
    "http://[fe80::1%25lo]:PORT/",
    "http://[fe80::1%lo]:PORT/",
    "http://[fc00::1]:PORT/",
    "http://[fd00:ec2::254]:PORT/",
    "http://[fec0::1]:PORT/",
    "http://[ff02::1]:PORT/",
    "http://[100::1]:PORT/",
    "http://[2001:db8::1]:PORT/",
    "http://[3fff::1]:PORT/",
    "http://10.0.0.1:PORT/",
    "http://10.255.255.255:PORT/",
    "http://012.0.0.1:PORT/",
    "http://100.64.0.1:PORT/",
    "http://100.127.255.254:PORT/",
    "http://169.254.169.254/latest/meta-data/",
    "http://0xa9fea9fe/latest/meta-data/",
    "http://2852039166/latest/meta-data/",
    "http://169.254.43518/latest/",
    "http://172.16.0.1:PORT/",
    "http://172.31.255.254:PORT/",
    "http://192.0.0.1:PORT/",
    "http://192.0.2.1:PORT/",
    "http://192.88.99.1:PORT/",
    "http://192.168.0.1:PORT/",
    "http://192.168.1:PORT/",
    "http://3232235521:PORT/",
    "http://198.18.0.1:PORT/",
    "http://198.19.255.254:PORT/",
    "http://198.51.100.1:PORT/",
    "http://203.0.113.1:PORT/",
    "http://224.0.0.1:PORT/",
    "http://239.255.255.250:PORT/",
    "http://240.0.0.1:PORT/",
    "http://255.255.255.255:PORT/",
    "http://localhost:PORT/",
    "http://LOCALHOST:PORT/",
    "http://localhost.:PORT/",
    "http://a.localhost:PORT/",
    "http://user@127.0.0.1:PORT/",
    "http://hooks.example.com@127.0.0.1:PORT/",
    "http://127.0.0.1:PORT@hooks.example.com/",
    "http://hooks.example.com:80@127.0.0.1:PORT/",
    "http://127.0.0.1:PORT\\@hooks.example.com/",
    "http://hooks.example.com\\@127.0.0.1:PORT/",
    "http:\\\\127.0.0.1:PORT\\",
    "http://127.0.0.1\t:PORT/",
    "http://127.0.0.1:PORT/\r\nHost: hooks.example.com",
    "http://127。0。0。1:PORT/",
    "http://①②⑦.⓪.⓪.①:PORT/",
    "http://127%2e0%2e0%2e1:PORT/",
    "http:///127.0.0.1:PORT/",
    "http:127.0.0.1:PORT/",
    "//127.0.0.1:PORT/",
    "127.0.0.1:PORT",
    "gopher://127.0.0.1:PORT/_x",
    "file:///etc/passwd",
    "dict://127.0.0.1:PORT/x",
    "ftp://127.0.0.1:PORT/",
    "unix:///tmp/app.sock",
    "http://[127.0.0.1]:PORT/",
    "http://127.0.0.1.:PORT/",
]

# What these names' addresses are said to be; the first of several need not be the bad one.
NAMED = {
    "inside.example.com": ["127.0.0.1"],
    "inside6.example.com": ["::1"],
    "mapped.example.com": ["::ffff:127.0.0.1"],
    "nat64.example.com": ["64:ff9b::7f00:1"],
    "both.example.com": ["93.184.216.34", "127.0.0.1"],
    "both6.example.com": ["2606:4700::1", "::1"],
    "metadata.example.com": ["169.254.169.254"],
    "lan.example.com": ["192.168.1.1"],
    "carrier.example.com": ["100.64.0.1"],
    "zero.example.com": ["0.0.0.0"],
    "link.example.com": ["fe80::1%lo"],
    "teredo.example.com": ["2001:0:7f00:1::"],
}


def answer_names(monkeypatch, names):
    """The resolver knows ``names``; literals and all else it answers as it does."""
    honest = socket.getaddrinfo

    def getaddrinfo(host, port, *args, **kwargs):
        if host not in names:
            return honest(host, port, *args, **{**kwargs, "flags": socket.AI_NUMERICHOST})
        found = names[host]
        return [_place(text, port) for text in (found() if callable(found) else found)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def _place(text, port):
    if ":" not in text:
        return (socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, port))
    return (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (text, port, 0, 1 if "%" in text else 0))


def hostile(port):
    named = [f"http://{name}:PORT/" for name in NAMED]
    return [url.replace("PORT", str(port)) for url in (*LITERAL, *named)]


@pytest.mark.django_db
def test_a_hundred_hostile_addresses_reach_no_listener(monkeypatch):
    answer_names(monkeypatch, NAMED)
    with listening() as inside:
        urls = hostile(inside.port)
        assert len(urls) >= 100
        firing = fire(rule_of(), vehicle_of())
        for index, url in enumerate(urls):
            params = {"url": url, "message": ""}
            FiringAction.objects.create(firing=firing, index=index, type="call_webhook", params=params)
        work(times=2)
        assert inside.connections == 0
        told = {one.params["url"]: (one.status, one.result) for one in firing.actions.all()}
    assert [url for url, (status, _result) in told.items() if status == "DONE"] == []
    unsure = [told[url] for url in told if told[url][0] != "FAILED"]
    # What is no address to the resolver either is only tried again.
    assert all("gaierror" in result for _status, result in unsure), unsure
    assert len(unsure) < 10
    assert {status for url, (status, _result) in told.items() if "example.com:" in url} == {"FAILED"}


@pytest.mark.django_db
def test_what_is_hostile_to_see_is_refused_at_save():
    taken = [
        url for url in hostile(8080)[: len(LITERAL)]
        if not check_actions([{"type": "call_webhook", "url": url}], by=administrator())
    ]  # fmt: skip
    assert taken == []


@pytest.mark.django_db
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_inside_is_not_followed(settings, status):
    with listening() as outside, listening() as inside:
        settings.WEBHOOK_ALLOW = [f"127.0.0.1:{outside.port}"]
        for place in (
            inside.url,
            f"//127.0.0.1:{inside.port}/",
            inside.url.replace("127.0.0.1", "2130706433"),
        ):
            outside.answers = [(status, {"Location": place, "Refresh": f"0; url={place}"}, b"")]
            fire(rule_of({"type": "call_webhook", "url": outside.url}), vehicle_of(f"VH-{place}"[:40]))
            work()
        assert inside.connections == 0
        assert outside.connections >= 3


def test_a_name_that_is_bound_anew_is_called_where_it_was_judged(monkeypatch):
    answers = iter([["93.184.216.34"], ["127.0.0.1"], ["127.0.0.1"]])
    answer_names(monkeypatch, {"rebound.example.com": lambda: next(answers)})
    asked = []

    def connect(addresses, port, deadline):
        asked.extend(map(str, addresses))
        raise ConnectionRefusedError("far away")

    monkeypatch.setattr(calls, "_connect", connect)
    target = read_url("http://rebound.example.com/")
    with pytest.raises(ConnectionRefusedError):
        calls.post(target, b"", {}, allowed=NONE)
    assert asked == ["93.184.216.34"]
    # The next attempt is judged by itself.
    with pytest.raises(Refused):
        calls.post(target, b"", {}, allowed=NONE)
    assert asked == ["93.184.216.34"]


def test_a_call_goes_to_the_address_with_the_name_in_its_head(monkeypatch):
    with listening() as sink:
        answer_names(monkeypatch, {"sink.example.com": ["127.0.0.1"]})
        target = read_url(f"http://Sink.example.com:{sink.port}/a?b=c")
        allowed = read_allowed([f"sink.example.com:{sink.port}"])
        assert calls.post(target, b"{}", {}, allowed=allowed).status == 200
        ((path, headers, body),) = sink.calls
        assert (path, headers["host"], body) == ("/a?b=c", f"sink.example.com:{sink.port}", b"{}")
        # The same server under another name or port is another matter.
        with pytest.raises(Refused):
            resolve(read_url(f"http://127.0.0.1:{sink.port}/"), allowed)


@pytest.mark.parametrize("text", ["8.8.8.8", "93.184.216.34", "1.1.1.1", "2606:4700::1", "2a00:1450::5"])
def test_addresses_of_the_world(text):
    assert is_in_the_world(ipaddress.ip_address(text))
