import hashlib
from collections.abc import Sequence

from file_manager.models import MappingProfile, Upload


def signature(headers: Sequence[str]) -> str:
    return hashlib.sha256("\x1f".join(headers).encode()).hexdigest()


def remembered_mapping(upload: Upload, kind: str, headers: Sequence[str]) -> dict[str, str | None]:
    """What was chosen for the last file with these headers, of this kind and fleet."""
    profile = MappingProfile.objects.filter(
        fleet=upload.fleet, kind=kind, signature=signature(headers)
    ).first()
    return dict(profile.mapping) if profile else {}
