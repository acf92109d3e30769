"""Hears commands for simulated vehicles and hands on what they answer: by the bus, or by asking the API."""

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from api_pattern.outages import is_away
from msg_pattern.bus import Bus
from msg_pattern.messages import Channel, MalformedMessage, Message, MessageType
from telemetry.simulation.http import Api, Away
from telemetry.simulation.orders import Answer

ASKED_EVERY_S = 3.0
PAUSE_S = 1.0

Hear = Callable[[Any], None]


class BusOrders(threading.Thread):
    """Subscribes to ``fleet.commands`` until ``stopping``; what is said while the bus is away is lost."""

    def __init__(self, bus: Bus, hear: Hear, stopping: threading.Event) -> None:
        super().__init__(name="orders", daemon=True)
        self._bus, self._hear, self._stopping = bus, hear, stopping
        self.is_listening = threading.Event()

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except Exception as error:
                if not is_away(error):
                    raise
                self._stopping.wait(PAUSE_S)

    def _listen(self) -> None:
        with self._bus.subscribe(Channel.COMMANDS) as subscription:
            self.is_listening.set()
            while not self._stopping.is_set():
                heard = subscription.receive(timeout_s=0.5)
                if heard:
                    self._tell(heard[1])

    def _tell(self, raw: bytes) -> None:
        with suppress(MalformedMessage):
            message = Message.from_json(raw)
            if message.type != MessageType.COMMAND_RESULT:
                for data in items_of(message.data):
                    self._hear(data)

    def answer(self, answers: Sequence[Answer]) -> None:
        told = [answer.as_data() for answer in answers]
        try:
            self._bus.publish(Channel.COMMANDS, Message(MessageType.COMMAND_RESULT, told))
        except Exception as error:
            if not is_away(error):
                raise


class HttpOrders(threading.Thread):
    """Asks ``commands/{vehicle_id}/pending`` for each vehicle in turn; of one that answers 404, no more."""

    def __init__(self, api: Api, hear: Hear, stopping: threading.Event, vehicle_ids: Iterable[str]) -> None:
        super().__init__(name="orders", daemon=True)
        self._api, self._hear, self._stopping = api, hear, stopping
        self._asked = list(vehicle_ids)
        self._heard: set[Any] = set()
        self._answers: list[Answer] = []

    def run(self) -> None:
        while self._asked and not self._stopping.wait(ASKED_EVERY_S):
            with suppress(Away):
                self._hand_on()
                for vehicle_id in list(self._asked):
                    self._ask(vehicle_id)
        self._api.close()

    def _ask(self, vehicle_id: str) -> None:
        if self._stopping.is_set():
            return
        answered = self._api.ask("GET", f"commands/{quote(vehicle_id, safe='')}/pending")
        if answered.status == 404:
            self._asked.remove(vehicle_id)
        elif answered.status == 200:
            for data in items_of(answered.body):
                self._tell(data, vehicle_id)

    def _tell(self, data: Any, vehicle_id: str) -> None:
        """A command stays pending until it is answered: it is obeyed once."""
        if isinstance(data, dict) and data.get("id") not in self._heard:
            self._heard.add(data.get("id"))
            self._hear({"vehicle_id": vehicle_id, **data})

    def answer(self, answers: Sequence[Answer]) -> None:
        self._answers += answers

    def _hand_on(self) -> None:
        while self._answers:
            answer = self._answers[0]
            path = f"commands/{quote(answer.vehicle_id, safe='')}/{quote(str(answer.id), safe='')}/result"
            self._api.ask("POST", path, {"status": answer.status, "message": answer.message})
            del self._answers[0]


def items_of(told: Any) -> list[Any]:
    """One object, a list of them, or a list's envelope."""
    if isinstance(told, dict) and isinstance(told.get("data"), list):
        return told["data"]
    return told if isinstance(told, list) else [told] if told else []
