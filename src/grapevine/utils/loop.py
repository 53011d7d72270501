"""Self-loops."""

from grapevine.graph.loops import (
    add_remaining_self_loops,
    add_self_loops,
    contains_self_loops,
    get_self_loop_attr,
    remove_self_loops,
    segregate_self_loops,
)

__all__ = [
    "add_remaining_self_loops",
    "add_self_loops",
    "contains_self_loops",
    "get_self_loop_attr",
    "remove_self_loops",
    "segregate_self_loops",
]
