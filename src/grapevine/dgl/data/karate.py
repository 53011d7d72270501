"""Zachary's karate club."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from grapevine.dgl.base import DGLError
from grapevine.dgl.data.dgl_dataset import DGLDataset
from grapevine.dgl.foreign import from_networkx
from grapevine.dgl.heterograph import DGLGraph
from grapevine.errors import require

__all__ = ["KarateClub", "KarateClubDataset"]


class KarateClubDataset(DGLDataset):
    """The 34 members of a karate club, their 78 friendships in both directions, and whom they followed.

    Args:
        transform: called on the graph at every access.

    Example:
        >>> g = KarateClubDataset()[0]
        >>> g.num_edges(), int(g.ndata["label"].sum())
        (156, 17)

    Source: Zachary, An Information Flow Model for Conflict and Fission in Small Groups, 1977.
    """

    #: The club of the instructor, and that of the administrator.
    num_classes = 2

    def __init__(self, transform: Callable[[Any], Any] | None = None) -> None:
        super().__init__("karate_club", transform=transform)

    def process(self) -> None:
        nx = require("networkx")
        club = nx.karate_club_graph()
        self._graph = from_networkx(nx.convert_node_labels_to_integers(club).to_directed())
        self._graph.ndata["label"] = torch.tensor([int(club.nodes[i]["club"] != "Mr. Hi") for i in club])

    def __getitem__(self, idx: int) -> DGLGraph:
        if idx != 0:
            raise DGLError(f"This dataset has only one graph, got index {idx}")
        graph: DGLGraph = self._transformed(self._graph)
        return graph

    def __len__(self) -> int:
        return 1


KarateClub = KarateClubDataset
