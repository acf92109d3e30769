class TripConflict(Exception):
    """An Idempotency-Key that its sender has used for another trip."""


class TripIsNotScored(Exception):
    """A trip without a score: not yet, or for the reason that the message tells."""


class TripIsNotFailed(Exception):
    """Only what failed is scored again."""
