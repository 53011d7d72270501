"""Personalised PageRank."""

from grapevine.graph.ppr import (
    get_ppr,
)

__all__ = [
    "get_ppr",
]
