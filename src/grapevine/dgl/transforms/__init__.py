"""Transforms of structures and features, as functions and as classes."""

from __future__ import annotations

from grapevine.dgl.transforms import functional, module
from grapevine.dgl.transforms.functional import *  # noqa: F403
from grapevine.dgl.transforms.module import *  # noqa: F403
from grapevine.dgl.transforms.to_block import to_block

# `to_block` now names the function, as in DGL, no longer the module above it.
__all__ = [*functional.__all__, *module.__all__, "to_block"]
__all__.remove("pairwise_squared_distance")
