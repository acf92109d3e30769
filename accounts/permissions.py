"""What a role may do; what it may see is the fence's business."""

from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request


class RolePermission(BasePermission):
    """Administrators everything, managers everything but people, keys and fleets, operators reading.

    A view may say ``administrators_only``, ``administrators_write`` (all may read), which
    ``operator_actions`` are open to operators, and which ``device_actions`` to a key that speaks for
    one vehicle alone.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        actor: Any = request.user
        if not actor.is_authenticated:
            return False
        if actor.key is not None and not actor.can_read:
            return False
        return actor.is_administrator or _is_unknown_method(request, view) or _may(actor, request, view)


def _is_unknown_method(request: Request, view: Any) -> bool:
    """Nothing will be done: the answer is 405."""
    return not hasattr(view, str(request.method).lower())


def _may(actor: Any, request: Request, view: Any) -> bool:
    if getattr(view, "administrators_only", False):
        return False
    if request.method in SAFE_METHODS:
        return True
    if getattr(view, "administrators_write", False):
        return False
    action = getattr(view, "action", None)
    if actor.bound_vehicle_id is not None and action not in getattr(view, "device_actions", ()):
        return False
    acts_as_operator = actor.key is None and action in getattr(view, "operator_actions", ())
    return bool(actor.can_write or acts_as_operator)
