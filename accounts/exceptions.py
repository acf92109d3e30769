"""What services of this app refuse, besides values (``ValidationError``)."""


class WrongCredentials(Exception):
    """No active person has this e-mail and password."""


class TokenRefused(Exception):
    """A token that is unknown, used, expired or ended."""


class LastAdministrator(Exception):
    """Someone must stay who can administer."""


class FleetInUse(Exception):
    """A fleet that things still belong to."""


class FleetConflict(Exception):
    """A fleet's id is taken."""
