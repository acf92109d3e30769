"""Works on the outbox until its parent is gone. Waits and leases are short, so that a benchmark of kills ends soon."""

import os
import time
from datetime import datetime, timedelta

from benchmarks import setting


def main() -> None:
    setting.prepare_django()
    from django import db

    from rules import attempts as noting
    from rules import outbox

    def soon(attempts: int, now: datetime) -> datetime:
        return now + timedelta(seconds=min(0.2 * 2**attempts, 3))

    noting.next_attempt = soon
    outbox.LEASE, outbox._RENEW_S = timedelta(seconds=3), 1.0
    parent = os.getppid()
    print("at work", flush=True)
    while os.getppid() == parent:
        try:
            done = outbox.run_pending_actions()
        except db.Error:
            db.close_old_connections()
            done = 0
        if not done:
            time.sleep(0.05)


if __name__ == "__main__":
    main()
