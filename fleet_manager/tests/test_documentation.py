"""docs/settings.md tells every variable that is read, and none that is not."""

import re

from fleet_manager.env import CHECKOUT

READ = re.compile(r"""(?:env\.\w+|environ\.get|getenv)\(\s*"([A-Z][A-Z0-9_]+)\"""")
OF_DJANGO_AND_PYTHON = {"DJANGO_SETTINGS_MODULE", "PYTEST_XDIST_WORKER"}


def variables_read() -> set[str]:
    folders = [path.parent for path in CHECKOUT.glob("*/__init__.py")]
    sources = [
        path
        for folder in folders
        for path in folder.rglob("*.py")
        if "tests" not in path.parts and path.is_file()
    ]
    return {name for path in sources for name in READ.findall(path.read_text())} - OF_DJANGO_AND_PYTHON


def variables_told() -> set[str]:
    return set(re.findall(r"^### (\w+)$", (CHECKOUT / "docs" / "settings.md").read_text(), re.MULTILINE))


def test_every_variable_that_is_read_has_a_heading():
    assert variables_read() - variables_told() == set()


def test_every_heading_is_a_variable_that_is_read():
    handed_on_by_the_supervisor = {"HEARTBEAT_FILE"}

    assert variables_told() - variables_read() - handed_on_by_the_supervisor == set()


def test_the_example_file_names_only_variables_that_are_read():
    named = set(re.findall(r"^#?([A-Z0-9_]+)=", (CHECKOUT / ".env.example").read_text(), re.MULTILINE))

    assert named <= variables_read()
