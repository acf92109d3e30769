"""A real browser in front of a real server on the test database.

``visit(path)`` opens a page, ``logged_in(person)`` opens the browser as somebody. A test that leaves an error
in the browser's console, a broken address or a violation of the content security policy fails.
"""

import gc
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from django.conf import settings as django_settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.core.cache import cache
from django.db import connections
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

if TYPE_CHECKING:
    from fleet_manager.tests.world import World


CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
OTHER_SESSIONS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
OTHERS = f"SELECT count(*) {OTHER_SESSIONS} AND state = %s"
END_OTHERS = f"SELECT pg_terminate_backend(pid) {OTHER_SESSIONS}"
MAPS_WITHOUT_GPU = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """WhiteNoise hands its files to ASGI in pieces that Django would rather have asynchronous."""
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(
                pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous:Warning")
            )
            item.add_marker(pytest.mark.filterwarnings("ignore::ResourceWarning"))


def chromium_or_skip() -> Path:
    if CHROMIUM.exists():
        return CHROMIUM
    message = f"No Chromium at {CHROMIUM}: apt-get install chromium, or name one in CHROMIUM."
    if os.environ.get("BROWSER_REQUIRED") == "1":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For one file: Playwright keeps an event loop in this thread, in which other files' tests run their own."""
    chromium = chromium_or_skip()
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Django would refuse its queries in that loop.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield playwright.chromium.launch(
            executable_path=str(chromium), args=["--no-sandbox", "--disable-dev-shm-usage", *MAPS_WITHOUT_GPU]
        )
        # Outside of this loop nobody would find them.
        connections.close_all()


@pytest.fixture(scope="session")
def web_server() -> Iterator[str]:
    """The ASGI application under uvicorn, in a thread of this process."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        "fleet_manager.asgi:application",
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < deadline, "uvicorn did not start"
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=10)


@pytest.fixture
def server(web_server: str, transactional_db: None) -> Iterator[str]:
    """The server's address. Its threads give their connections back, so that the database can be dropped."""
    connections.settings["default"]["CONN_MAX_AGE"] = 0
    cache.clear()
    yield web_server
    gc.collect()
    end_other_sessions()


def end_other_sessions(seconds: float = 5) -> None:
    """A request whose browser went away may still be under way, and keep its session for ever after."""
    deadline = time.monotonic() + seconds
    with connections["default"].cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(OTHERS, ["active"])
            if not cursor.fetchone()[0]:
                break
            time.sleep(0.05)
        cursor.execute(END_OTHERS)


@pytest.fixture
def context(browser: Browser, server: str) -> Iterator[BrowserContext]:
    opened = browser.new_context(base_url=server, viewport=DESKTOP, accept_downloads=True)
    opened.set_default_timeout(10_000)
    yield opened
    opened.close()


@pytest.fixture
def tab(context: BrowserContext) -> Iterator[Page]:
    """A page of the browser whose console must stay clean."""
    page = context.new_page()
    told: list[str] = []
    page.on(
        "console", lambda said: told.append(f"{said.type}: {said.text}") if said.type == "error" else None
    )
    page.on("pageerror", lambda error: told.append(f"exception: {error}"))
    page.expected_errors = []  # type: ignore[attr-defined]
    yield page
    expected: list[str] = page.expected_errors  # type: ignore[attr-defined]
    assert [text for text in told if not any(part in text for part in expected)] == []


@pytest.fixture
def logged_in(context: BrowserContext, tab: Page, server: str) -> Callable[[Any], Page]:
    """Open the browser as somebody, without the detour over the login page."""

    def log_in(person: Any) -> Page:
        # As the test client does: its module has models, which are not loaded yet when this file is.
        session = import_module(django_settings.SESSION_ENGINE).SessionStore()
        session[SESSION_KEY] = str(person.pk)
        session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        session[HASH_SESSION_KEY] = person.get_session_auth_hash()
        session.save()
        context.add_cookies([{"name": "sessionid", "value": session.session_key or "", "url": server}])
        return tab

    return log_in


@pytest.fixture
def poll() -> Callable[..., Any]:
    """Wait until something holds; ``wait_for_function`` needs an eval that the policy forbids."""

    def wait(holds: Callable[[], Any], seconds: float = 10) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := holds()):
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.05)
        return found

    return wait


@pytest.fixture
def world() -> "World":
    # Models cannot be imported yet where pytest reads this file.
    from fleet_manager.tests.world import World  # noqa: PLC0415

    cache.clear()
    return World.make()


@pytest.fixture
def page(client: Client, world: "World") -> Client:
    """The browser of the north's manager."""
    client.force_login(world.people.manager)
    return client
