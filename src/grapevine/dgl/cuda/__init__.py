"""Rows of features kept near the processor that needs them."""

from __future__ import annotations

from grapevine.dgl.cuda.gpu_cache import GPUCache

__all__ = ["GPUCache"]
