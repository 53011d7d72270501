"""Older name of `dgl.transforms`."""

from __future__ import annotations

from grapevine.dgl.transforms import *  # noqa: F403
from grapevine.dgl.transforms import __all__ as __all__
