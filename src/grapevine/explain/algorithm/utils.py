"""Masks over the edges of a model (see `grapevine.nn.edge_masks`)."""

from grapevine.nn.edge_masks import clear_masks, set_hetero_masks, set_masks

__all__ = ["clear_masks", "set_hetero_masks", "set_masks"]
