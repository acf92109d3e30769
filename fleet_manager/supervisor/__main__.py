"""`python -m fleet_manager.supervisor run` serves until Ctrl-C; `… stop` ends the copy on FLEET_HOME."""

import argparse
import sys

from fleet_manager import env
from fleet_manager.supervisor.plan import make_plan
from fleet_manager.supervisor.runner import Supervisor, stop_running
from fleet_manager.supervisor.servers import ServerError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fleet_manager.supervisor", description=__doc__)
    parser.add_argument("action", choices=["run", "stop"])
    action = parser.parse_args().action
    try:
        env.load_dotenv()
        if action == "stop":
            stop_running(env.folder("FLEET_HOME", env.CHECKOUT / "var"))
        else:
            Supervisor(make_plan()).run()
    except (ServerError, env.SettingError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
