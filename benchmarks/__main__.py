"""`make bench`: every benchmark, one after the other. Each runs by itself as well."""

import subprocess
import sys

BENCHMARKS = (
    "benchmarks.import_vehicles",
    "benchmarks.import_others",
    "benchmarks.api",
    "benchmarks.ingest",
    "benchmarks.drain",
    "benchmarks.answers",
    "benchmarks.rules",
    "benchmarks.promptness",
    "benchmarks.trial",
    "benchmarks.kafka",
)


def main() -> int:
    for name in BENCHMARKS:
        print(f"\n== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", name], check=False).returncode:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
