"""Addresses that work with and without their trailing slash."""

from rest_framework.routers import SimpleRouter


class Router(SimpleRouter):
    """Lists and details of view sets; a row is named by anything without a slash."""

    def __init__(self) -> None:
        super().__init__()
        self.trailing_slash = "/?"
