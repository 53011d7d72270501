"""Where older programs import DGLError from."""

from __future__ import annotations

from grapevine.dgl.base import DGLError

__all__ = ["DGLError"]
