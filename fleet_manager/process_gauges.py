"""What each process that the supervisor runs takes of the machine, with the processes that it started itself.

Nothing where no supervisor runs: in a container its own tools tell.
"""

import json
import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from fleet_manager.supervisor.processes import stat_fields

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# Places in /proc/PID/stat, counted from the state on: see proc(5).
GROUP, TIMES, STARTED, RESIDENT = 2, slice(11, 15), 19, 21


class Processes(Collector):
    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        cpu = CounterMetricFamily("fleet_process_cpu_seconds", "Processor time taken.", labels=["process"])
        resident = GaugeMetricFamily(
            "fleet_process_resident_bytes", "Memory held; shared pages count in each.", labels=["process"]
        )
        started = GaugeMetricFamily(
            "fleet_process_start_time_seconds", "When it was started, since 1970.", labels=["process"]
        )
        members, booted_at = members_of_groups(), boot_time()
        for name, pid in running_processes().items():
            # All but the supervisor lead a group of their own, to which whatever they start belongs.
            fields = members.get(pid) or [stat_fields(pid)]
            if fields[0]:
                cpu.add_metric([name], sum(int(tick) for one in fields for tick in one[TIMES]) / TICKS_PER_S)
                resident.add_metric([name], sum(int(one[RESIDENT]) for one in fields) * PAGE_BYTES)
                ticks = min(int(one[STARTED]) for one in fields)
                started.add_metric([name], booted_at + ticks / TICKS_PER_S)
        return [cpu, resident, started]


def boot_time() -> int:
    """As the kernel tells it: the same at each reading, so that a start time changes with a new start only."""
    lines = Path("/proc/stat").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("btime"))


def running_processes() -> dict[str, int]:
    """As the supervisor noted them; none where it is none."""
    try:
        noted: dict[str, int] = json.loads((settings.FLEET_HOME / "run.json").read_text())["processes"]
    except (OSError, ValueError, KeyError):
        return {}
    return noted


def members_of_groups() -> dict[int, list[list[str]]]:
    members: dict[int, list[list[str]]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        fields = stat_fields(int(entry.name)) if entry.name.isdigit() else []
        if fields:
            members[int(fields[GROUP])].append(fields)
    return members
