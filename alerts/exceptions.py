class AlertIsClosed(Exception):
    """An alert that ended, and stays so; where the same happens again, another one is raised."""


class AlertIsNotYoursToGive(Exception):
    """Operators take alerts themselves and hand their own back; whom others work for is for managers to say."""
