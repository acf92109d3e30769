class ActionFailed(Exception):
    """An action cannot succeed, however often it is tried; says why in a whole sentence."""


class ActionMustWait(Exception):
    """Another action has to do something first; says what. This is no attempt."""


class TryLater(Exception):
    """An attempt failed, and who was asked told after how many seconds to come again."""

    def __init__(self, message: str, after_s: float) -> None:
        super().__init__(message)
        self.after_s = after_s


class ActionIsNotWaiting(Exception):
    """Only an action that failed or was given up is tried again."""


class RuleIsNotYours(Exception):
    """One sees the rule, but not all that it watches."""
