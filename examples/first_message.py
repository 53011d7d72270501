"""A first message: what neighbours say, what a node hears, and what it makes of it.

Every node tells its neighbours `0.5 * x_i + 2 * x_j` (`x_i` of the listener, `x_j` of the speaker), listens to the
loudest in each feature, and adds half of that to its own state.

    python examples/first_message.py
"""

from __future__ import annotations

import torch
from torch import Tensor

import grapevine as gv

X = torch.tensor([[6.0, 4.0], [0.0, 1.0], [5.0, 3.0], [1.0, 2.0]])
# Who is connected: 0-1, 0-2, 1-2, 2-3, in both directions.
EDGE_INDEX = torch.tensor([[0, 1, 0, 2, 1, 2, 2, 3], [1, 0, 2, 0, 2, 1, 3, 2]])


def round_of_talk(x: Tensor, edges: gv.Edges) -> Tensor:
    """One round: message, aggregation, update. Nothing of one row per edge is stored."""
    message = 0.5 * edges.dst(x) + 2 * edges.src(x)
    return x + 0.5 * edges.max(message)


def main() -> None:
    """Prints the state after one round, and what ran to compute it."""
    edges = gv.Edges(EDGE_INDEX, num_nodes=4)
    print(round_of_talk(X, edges))
    print(gv.plan(round_of_talk, X, edges))


if __name__ == "__main__":
    main()
