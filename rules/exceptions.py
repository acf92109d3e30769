class ActionFailed(Exception):
    """An action cannot succeed, however often it is tried; says why in a whole sentence."""


class ActionIsNotWaiting(Exception):
    """Only an action that failed or was given up is tried again."""


class RuleIsNotYours(Exception):
    """One sees the rule, but not all that it watches."""
