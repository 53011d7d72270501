"""Random graphs."""

from grapevine.graph.generate import (
    barabasi_albert_graph,
    erdos_renyi_graph,
    stochastic_blockmodel_graph,
)

__all__ = [
    "barabasi_albert_graph",
    "erdos_renyi_graph",
    "stochastic_blockmodel_graph",
]
