"""A learned message: two small networks decide what is said and what is made of it.

A layer in PyTorch Geometric's dialect, its message in plain PyTorch, trained on the karate club, of whose members
only four are labelled.

    python examples/learned_message.py
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from grapevine.datasets import KarateClub
from grapevine.nn import MessagePassing


class Gossip(MessagePassing):
    """`x_i' = update(x_i, mean_j message(x_i, x_j))`"""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(aggr="mean")
        self.message_net = nn.Linear(2 * in_channels, out_channels)
        self.update_net = nn.Linear(in_channels + out_channels, out_channels)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        heard = self.propagate(edge_index, x=x)
        return self.update_net(torch.cat([x, heard], dim=-1))

    def message(self, x_i: Tensor, x_j: Tensor) -> Tensor:
        return torch.relu(self.message_net(torch.cat([x_i, x_j], dim=-1)))


def main(epochs: int = 60) -> float:
    """Trains, prints and returns the share of members whose community is found."""
    torch.manual_seed(0)
    data = KarateClub()[0]
    first, second = Gossip(data.num_features, 16), Gossip(16, 4)
    optimizer = torch.optim.Adam([*first.parameters(), *second.parameters()], lr=0.01, weight_decay=5e-3)
    for epoch in range(1, epochs + 1):
        logits = second(first(data.x, data.edge_index).relu(), data.edge_index)
        loss = nn.functional.cross_entropy(logits[data.train_mask], data.y[data.train_mask])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if epoch % 20 == 0:
            print(f"epoch {epoch}: loss {loss.item():.3f}")
    unseen = ~data.train_mask
    right = (logits.argmax(dim=-1) == data.y)[unseen].float().mean().item()
    print(f"communities of the {int(unseen.sum())} unlabelled members: {right:.0%} right")
    return right


if __name__ == "__main__":
    main()
