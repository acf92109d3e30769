"""Which addresses a webhook may be sent to: servers out in the world, and what the operator names.

A name is judged by all addresses that it has at the time of the call, and the call goes to the very
address that was judged; ``2130706433`` and ``0x7f.1`` are names to us, which the resolver understands.
"""

import re
import socket
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from urllib.parse import urlsplit

LONGEST_URL = 2_000
PORTS = {"http": 80, "https": 443}
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# What the library counts as global differs from version to version, and misses some: our own list.
NOT_THE_WORLD: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by carriers
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, where clouds tell secrets
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "::/128",
        "::1/128",
        "::ffff:0:0/96",  # IPv4 in IPv6
        "::ffff:0:0:0/96",
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",
        "100::/64",  # discard
        "2001::/23",  # Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)
_IPV6_UNICAST = IPv6Network("2000::/3")
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")


class Refused(Exception):
    """We do not call this address; says why in a sentence's part."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address, read: ``host`` in lower case and without brackets, ``path`` with its query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def is_secure(self) -> bool:
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """As a Host header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Allowed:
    """What of the inside may be called all the same: hosts with a port as they are written, and networks."""

    places: frozenset[tuple[str, int]] = frozenset()
    networks: tuple[Network, ...] = ()

    def lets(self, target: Target, address: Address) -> bool:
        if (target.host, target.port) in self.places:
            return True
        return is_within(address, self.networks)


def read_allowed(words: Iterable[str]) -> Allowed:
    """From ``10.1.0.0/16`` and ``sink.internal:8080``. Raises ValueError by the word that is neither."""
    return _read_allowed(tuple(words))


@cache
def _read_allowed(words: tuple[str, ...]) -> Allowed:
    places, networks = set(), []
    for word in words:
        try:
            networks.append(ip_network(word))
        except ValueError:
            host, _colon, port = word.rpartition(":")
            if not host or not port.isdecimal() or not 1 <= int(port) <= 65_535:
                raise ValueError(
                    f"{word!r} is neither host:port nor a network such as 10.1.0.0/16."
                ) from None
            places.add((host.strip("[]").lower(), int(port)))
    return Allowed(frozenset(places), tuple(networks))


def read_url(url: str) -> Target:
    """Raises Refused."""
    if len(url) > LONGEST_URL:
        raise Refused(f"it has more than {LONGEST_URL:,} characters")
    if not re.fullmatch(r"[!-~]+", url) or "\\" in url:
        raise Refused("it holds a blank, a backslash or a letter that an address writes as %…")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Refused("its host or its port cannot be read") from None
    if parts.scheme not in PORTS:
        raise Refused("it does not begin with https:// or http://")
    if "@" in parts.netloc:
        raise Refused("it holds a name or a password, which an address must not tell")
    if port == 0 or parts.netloc.endswith(":"):
        raise Refused("a port is a number from 1 to 65535")
    _check_host(host, is_bracketed="[" in parts.netloc)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.startswith("/"):
        raise Refused("its path does not begin with a slash")
    return Target(parts.scheme, host, port or PORTS[parts.scheme], path)


def _check_host(host: str, *, is_bracketed: bool) -> None:
    if is_bracketed:
        try:
            IPv6Address(host)
        except ValueError:
            raise Refused("what stands in the brackets is no IPv6 address") from None
    elif not _HOST.fullmatch(host) or len(host) > 253:
        raise Refused("it names no host such as hooks.example.com")


def check_url(url: str, allowed: Allowed) -> Target:
    """What can be told when it is written down, without asking a name server. Raises Refused."""
    target = read_url(url)
    if (target.host, target.port) in allowed.places:
        return target
    if target.host.rstrip(".").rpartition(".")[2] == "localhost":
        raise Refused("it is this machine itself")
    address = _literal(target.host.rstrip("."))
    if address is not None:
        _check_address(target, address, allowed)
    return target


def _literal(host: str) -> Address | None:
    """An address in any of the ways of writing one (``127.1``, ``0x7f.1``, ``2130706433``)."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def resolve(target: Target, allowed: Allowed) -> Sequence[Address]:
    """All addresses of the host, in the resolver's order.

    Raises Refused unless each of them may be called, and OSError where there is none.
    """
    found: dict[Address, None] = {}
    for *_kind, place in socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM):
        text = str(place[0])
        if "%" in text or (len(place) == 4 and place[3]):
            raise Refused(f"{target.host} is {text}, which is of this network alone")
        found[ip_address(text)] = None
    for address in found:
        _check_address(target, address, allowed)
    if not found:
        raise OSError(f"{target.host} has no address.")
    return list(found)


def _check_address(target: Target, address: Address, allowed: Allowed) -> None:
    if not (is_in_the_world(address) or allowed.lets(target, address)):
        told = "it" if str(address) == target.host else f"{target.host} is {address}, and that"
        raise Refused(f"{told} is an internal or reserved address")


def is_in_the_world(address: Address) -> bool:
    """A global unicast address, by the library's list and by ours."""
    if isinstance(address, IPv6Address) and (address.scope_id or address not in _IPV6_UNICAST):
        return False
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not is_within(address, NOT_THE_WORLD)


def is_within(address: Address, networks: Collection[Network]) -> bool:
    return any(address.version == one.version and address in one for one in networks)
