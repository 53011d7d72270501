"""Where older programs import `DGLError` from."""

from __future__ import annotations

from grapevine.dgl.base import DGLError

__all__ = ["DGLError", "is_tensor_adaptor_enabled"]


def is_tensor_adaptor_enabled() -> bool:
    """Whether DGL's own library allocates through torch: False, as there is no such library."""
    return False
