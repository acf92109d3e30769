"""Reads the environment, and `.env` beside manage.py, and fails loudly with the variable's name."""

import os
import secrets
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

CHECKOUT = Path(__file__).resolve().parent.parent
TRUE_WORDS = {"1", "true", "yes", "on"}
FALSE_WORDS = {"0", "false", "no", "off"}


class SettingError(Exception):
    """A variable of the environment has a value that cannot be used."""


def load_dotenv(path: Path | None = None) -> None:
    """Put the lines of `.env` into the environment; what stands there already wins."""
    path = path or CHECKOUT / ".env"
    if path.is_file():
        for name, value in _dotenv_lines(path):
            os.environ.setdefault(name, value)


def _dotenv_lines(path: Path) -> Iterator[tuple[str, str]]:
    for number, written in enumerate(path.read_text().splitlines(), start=1):
        line = written.strip().removeprefix("export ")
        if not line or line.startswith("#"):
            continue
        name, separator, value = line.partition("=")
        if not separator or not name.strip().isidentifier():
            raise SettingError(f"{path.name}, line {number}: {line!r} is not of the form NAME=value.")
        yield name.strip(), _unquoted(value.strip())


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return value.split(" #", 1)[0].rstrip()


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def required(name: str, why: str) -> str:
    value = text(name)
    if not value:
        raise SettingError(f"{name} is not set: {why}")
    return value


def integer(name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
    written = text(name)
    if not written:
        return default
    try:
        value = int(written)
    except ValueError:
        raise SettingError(f"{name} is {written!r}, which is not a whole number.") from None
    if value < least or (most is not None and value > most):
        limits = f"at least {least}" if most is None else f"between {least} and {most}"
        raise SettingError(f"{name} is {value}, but must be {limits}.")
    return value


def number(name: str, default: float, *, least: float, most: float) -> float:
    written = text(name)
    if not written:
        return default
    try:
        value = float(written)
    except ValueError:
        raise SettingError(f"{name} is {written!r}, which is not a number.") from None
    if not least <= value <= most:
        raise SettingError(f"{name} is {written}, but must be between {least:g} and {most:g}.")
    return value


def boolean(name: str, default: bool) -> bool:
    written = text(name).lower()
    if not written:
        return default
    if written not in TRUE_WORDS | FALSE_WORDS:
        raise SettingError(f"{name} is {written!r}, which is neither 1 (yes) nor 0 (no).")
    return written in TRUE_WORDS


def choice(name: str, default: str, *, among: tuple[str, ...]) -> str:
    value = text(name, default)
    if value not in among:
        raise SettingError(f"{name} is {value!r}, which is not one of {', '.join(among)}.")
    return value


def words(name: str, default: list[str] | None = None) -> list[str]:
    """A list written with commas: `a.example, b.example`."""
    written = text(name)
    return [word.strip() for word in written.split(",") if word.strip()] if written else default or []


def folder(name: str, default: Path) -> Path:
    return Path(text(name, str(default))).expanduser().absolute()


def url(name: str, default: str, *, schemes: tuple[str, ...]) -> str:
    value = text(name, default)
    if value and urlsplit(value).scheme not in schemes:
        wanted = " or ".join(f"{scheme}://" for scheme in schemes)
        raise SettingError(f"{name} is {masked(value)!r}, which does not begin with {wanted}.")
    return value


def origins(name: str, *besides: str) -> list[str]:
    """Servers as a content security policy names them (`https://tiles.example`), and those of other addresses."""
    found = []
    for address in (*besides, *words(name)):
        parts = urlsplit(address)
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise SettingError(f"{name} holds {address!r}, which is no server such as https://tiles.example.")
        found.append(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")
    return list(dict.fromkeys(found))


def destinations(name: str) -> list[str]:
    """Servers as `host:port`, and networks: `sink.internal:8080, 10.1.0.0/16`."""
    found = words(name)
    for word in found:
        host, _colon, port = word.rpartition(":")
        if not (_is_network(word) or (host and port.isdecimal() and 1 <= int(port) <= 65_535)):
            raise SettingError(
                f"{name} holds {word!r}, which is neither host:port nor a network such as 10.1.0.0/16."
            )
    return found


def _is_network(word: str) -> bool:
    try:
        ip_network(word)
    except ValueError:
        return False
    return True


def masked(address: str) -> str:
    """The address without its password, for messages and logs."""
    password = urlsplit(address).password
    return address.replace(f":{password}@", ":***@") if password else address


def database(name: str, default: str) -> dict[str, Any]:
    """Django's DATABASES entry for `postgresql://user:password@host:port/name?option=value`."""
    address = url(name, default, schemes=("postgresql", "postgres"))
    parts = urlsplit(address)
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    host = options.pop("host", None) or unquote(parts.hostname or "")
    if not parts.path.strip("/"):
        raise SettingError(f"{name} is {masked(address)!r}, which names no database: end it with /name.")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or options.pop("port", "") or ""),
        "OPTIONS": options,
    }


def installation_secret(home: Path) -> str:
    """A random secret of this installation, made once and kept in its folder."""
    path = home / "secret_key"
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        draft = home / f"secret_key.{os.getpid()}"
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(64))
        try:
            os.link(draft, path)  # link, not rename: of two processes that start at once the first one wins
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def broker(name: str, default: str) -> str:
    """Celery writes a Redis behind a Unix socket as redis+socket://, where redis-py writes unix://."""
    address = url(name, default, schemes=("redis", "rediss", "unix", "redis+socket", "amqp", "amqps"))
    parts = urlsplit(address)
    if parts.scheme != "unix":
        return address
    number = dict(parse_qsl(parts.query)).get("db", "0")
    return f"redis+socket://{parts.path}?virtual_host={number}"
