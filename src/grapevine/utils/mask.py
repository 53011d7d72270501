"""Masks and indices."""

from grapevine.graph.mask import (
    index_to_mask,
    mask_select,
    mask_to_index,
)

__all__ = [
    "index_to_mask",
    "mask_select",
    "mask_to_index",
]
