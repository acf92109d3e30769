"""An MQTT 3.1.1 broker for tests: ``python -m telemetry.tests.amqtt_broker PORT USER PASSWORD``."""

import asyncio
import logging
import sys

from amqtt.broker import Broker
from amqtt.plugins.base import BaseAuthPlugin
from amqtt.session import Session


class OnePerson(BaseAuthPlugin):
    async def authenticate(self, *, session: Session) -> bool:
        # For who is anonymous amqtt keeps nothing.
        session.is_anonymous = False
        return [session.username, session.password] == sys.argv[2:]


async def main() -> None:
    plugin = f"{OnePerson.__module__}.{OnePerson.__qualname__}"
    listeners = {"default": {"type": "tcp", "bind": f"127.0.0.1:{sys.argv[1]}"}}
    await Broker({"listeners": listeners, "plugins": {plugin: {}}}).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    asyncio.run(main())
