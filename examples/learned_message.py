"""A learned message: two small networks find out from examples what neighbours tell each other.

A layer in PyTorch Geometric's dialect whose message is plain PyTorch. It sees states of the karate club's members
before and after a round of talk (`0.5 * x_i + 2 * x_j`, averaged, half of it added), learns the rule, and is then
tried on a graph that it has never seen.

    python examples/learned_message.py
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

import grapevine as gv
from grapevine.datasets import KarateClub
from grapevine.nn import MessagePassing
from grapevine.utils import erdos_renyi_graph


class Gossip(MessagePassing):
    """`x_i' = update(x_i, mean_j message(x_i, x_j))`"""

    def __init__(self, channels: int, hidden_channels: int) -> None:
        super().__init__(aggr="mean")
        self.message_net = nn.Linear(2 * channels, hidden_channels)
        self.update_net = nn.Linear(channels + hidden_channels, channels)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        heard = self.propagate(edge_index, x=x)
        return self.update_net(torch.cat([x, heard], dim=-1))

    def message(self, x_i: Tensor, x_j: Tensor) -> Tensor:
        return self.message_net(torch.cat([x_i, x_j], dim=-1))


def talk(x: Tensor, edge_index: Tensor) -> Tensor:
    """The rule to be found."""
    edges = gv.Edges(edge_index, num_nodes=x.size(0))
    return x + 0.5 * edges.mean(0.5 * edges.dst(x) + 2 * edges.src(x))


def main(steps: int = 400) -> float:
    """Trains, prints and returns the mean squared error on the unseen graph."""
    torch.manual_seed(0)
    club = KarateClub()[0].edge_index
    layer = Gossip(channels=3, hidden_channels=16)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.01)
    for step in range(1, steps + 1):
        x = torch.randn(34, 3)
        loss = nn.functional.mse_loss(layer(x, club), talk(x, club))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            print(f"step {step}: error {loss.item():.6f}")
    unseen, x = erdos_renyi_graph(50, 0.2), torch.randn(50, 3)
    error = nn.functional.mse_loss(layer(x, unseen), talk(x, unseen)).item()
    print(f"on a graph it has never seen: error {error:.6f}")
    print(gv.plan(layer, x, unseen))
    return error


if __name__ == "__main__":
    main()
