"""Serves the pages and the API with uvicorn, on a socket that the supervisor holds open, or on HOST and PORT.

python -m fleet_manager.web [--fd NUMBER]
"""

import argparse
import gc
import os
import socket

import uvicorn

from fleet_manager import env
from fleet_manager.asgi import application

GRACE_S = 1
"""Streams (progress of an upload) stay open for long: without a limit they would hold up every stop."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fd", type=int, help="the number of an open socket that listens already")
    number = parser.parse_args().fd
    config = uvicorn.Config(
        application,
        host=env.text("HOST", "127.0.0.1"),
        port=env.integer("PORT", 8000, least=1, most=65535),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=GRACE_S,
        forwarded_allow_ips=os.environ.get("FORWARDED_ALLOW_IPS"),
    )
    # What is loaded by now lives as long as the process: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    sockets = [socket.socket(fileno=number)] if number is not None else None
    uvicorn.Server(config).run(sockets=sockets)


if __name__ == "__main__":
    main()
