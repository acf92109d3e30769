"""Real MQTT brokers on free ports of this machine: amqtt (MQTT 3.1.1), and mosquitto (5) where it is installed."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from fleet_manager.env import CHECKOUT

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
USER, PASSWORD = "fleet", "its p@ssword"


class RealBroker:
    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, self._folder = kind, folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"mqtt://{USER}:{quote(PASSWORD)}@127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        amqtt = [sys.executable, "-m", "telemetry.tests.amqtt_broker", str(self.port), USER, PASSWORD]
        command = self._mosquitto() if self.kind == "mosquitto" else amqtt
        with (self._folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=CHECKOUT)
        deadline = time.monotonic() + 20
        while not self._answers():
            assert time.monotonic() < deadline, (self._folder / "broker.log").read_text()
            time.sleep(0.05)

    def _mosquitto(self) -> list[str]:
        assert MOSQUITTO is not None
        passwords = self._folder / "passwords"
        if not passwords.exists():
            making = ["mosquitto_passwd", "-b", "-c", str(passwords), USER, PASSWORD]
            subprocess.run(making, check=True, capture_output=True)
        lines = [
            f"listener {self.port} 127.0.0.1",
            "allow_anonymous false",
            f"password_file {passwords}",
            "persistence true",
            f"persistence_location {self._folder}/",
            "max_queued_messages 0",
        ]
        if os.getuid() == 0:
            lines.append("user root")
        config = self._folder / "mosquitto.conf"
        config.write_text("\n".join(lines) + "\n")
        return [MOSQUITTO, "-c", str(config)]

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def publish(self, *messages: tuple[str, bytes]) -> None:
        """Returns when the broker has them all."""
        with self.publishing() as client:
            told = [client.publish(topic, payload, qos=1) for topic, payload in messages]
            wait_for(told)

    @contextmanager
    def publishing(self) -> Iterator[Client]:
        client = Client(CallbackAPIVersion.VERSION2, "a-device")
        client.username_pw_set(USER, PASSWORD)
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        try:
            yield client
        finally:
            client.disconnect()
            client.loop_stop()


def wait_for(told: Iterable) -> None:
    for one in told:
        one.wait_for_publish(10)
        assert one.is_published()
