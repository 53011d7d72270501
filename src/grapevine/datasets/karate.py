"""Zachary's karate club."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from grapevine.data import Data, InMemoryDataset
from grapevine.errors import require

# The communities found by maximising modularity, node by node, as Kipf & Welling use them.
_COMMUNITIES = "1111333101311100310101002200200200"


class KarateClub(InMemoryDataset):
    """The 34 members of a karate club and the 78 friendships between them.

    Features are one-hot node ids; the four classes are communities found by maximising modularity. The
    training mask holds the first node of each class.

    Args:
        transform: called on the graph at every access.

    Example:
        >>> KarateClub()[0]
        Data(x=[34, 34], edge_index=[2, 156], y=[34], train_mask=[34])

    Source: Zachary, "An Information Flow Model for Conflict and Fission in Small Groups", 1977; the classes
    of Kipf & Welling, arXiv:1609.02907.
    """

    def __init__(self, transform: Callable[..., Any] | None = None) -> None:
        super().__init__(None, transform)
        friends = require("networkx").karate_club_graph().edges()
        both_ways = sorted([*friends, *((v, u) for u, v in friends)])
        y = torch.tensor([int(label) for label in _COMMUNITIES])
        train_mask = torch.zeros(y.numel(), dtype=torch.bool)
        train_mask[[_COMMUNITIES.index(label) for label in "0123"]] = True
        data = Data(
            x=torch.eye(y.numel()),
            edge_index=torch.tensor(both_ways).t().contiguous(),
            y=y,
            train_mask=train_mask,
        )
        self.data, self.slices = self.collate([data])
