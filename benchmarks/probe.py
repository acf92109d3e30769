"""Send every path of the API what its schema allows, and what it forbids, to a whole installation with the demo fleet.

    python -m benchmarks.probe [--examples 30] [--seed 1]

Schemathesis makes the requests, as an administrator and as a manager. It fails where an answer is a 500, or one that
the schema does not tell: another status, media type, header or body.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import requests

from benchmarks.installation import Installation, running

PEOPLE = {
    "administrator": ("admin@fleet.example", "Admin123!"),
    "manager": ("manager@fleet.example", "Manager123!"),
}
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
# What ends the very login that the requests are made with.
LEFT_OUT = "/api/v1/auth/logout"


def token(installation: Installation, email: str, password: str) -> str:
    body = {"email": email, "password": password}
    answer = requests.post(f"{installation.url}/api/v1/auth/login", json=body, timeout=30)
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def probe(
    installation: Installation,
    role: str,
    *,
    examples: int,
    seed: int,
    phases: str = "examples,coverage,fuzzing",
) -> bool:
    """Whether all answers were as the schema tells."""
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "run", f"{installation.url}/api/schema",
        "--header", f"Authorization:Bearer {token(installation, *PEOPLE[role])}",
        "--checks", ",".join(CHECKS), "--exclude-path", LEFT_OUT, "--phases", phases,
        "--max-examples", str(examples), "--seed", str(seed), "--workers", "2", "--no-color",
        "--continue-on-failure", "--generation-database", "none", "--request-timeout", "30",
    ]  # fmt: skip
    print(f"as {role}:", flush=True)
    return subprocess.run(command, check=False).returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with running(DEMO="1") as installation:
        clean = [probe(installation, role, examples=given.examples, seed=given.seed) for role in PEOPLE]
    sys.exit(not all(clean))


if __name__ == "__main__":
    main()
