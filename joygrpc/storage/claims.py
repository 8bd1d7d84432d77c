"""Who works on which object: at most one of upload, sync, reconciliation and clean-up at a time."""

import contextlib
from collections.abc import Iterator

from joygrpc.mesh import JoygrpcError


class UploadInProgress(JoygrpcError):
    """Another upload or download of this object is running."""

    reason = "UPLOAD_IN_PROGRESS"


class Claims:
    """Objects that are being written, moved or dropped now. Belongs to one event loop."""

    def __init__(self) -> None:
        self._held: set[int] = set()

    def __repr__(self) -> str:
        return f"<Claims held={len(self._held)}>"

    def __contains__(self, object_id: int) -> bool:
        return object_id in self._held

    @contextlib.contextmanager
    def hold(self, object_id: int) -> Iterator[None]:
        """Has the object for the length of a `with` block. Raises `UploadInProgress` when somebody else does."""
        if object_id in self._held:
            raise UploadInProgress(f"Data object {object_id} is being uploaded already")
        self._held.add(object_id)
        try:
            yield
        finally:
            self._held.discard(object_id)
