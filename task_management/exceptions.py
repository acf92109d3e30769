class TaskIsFinal(Exception):
    """A task that is complete or canceled, or gone by now, and stays so."""


class TaskConflict(Exception):
    """An external id that another task has."""
