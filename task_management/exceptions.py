class TaskIsFinal(Exception):
    """The task is complete or canceled already, and stays so."""
