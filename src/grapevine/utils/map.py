"""Maps between numberings."""

from grapevine.graph.mask import (
    map_index,
)

__all__ = [
    "map_index",
]
