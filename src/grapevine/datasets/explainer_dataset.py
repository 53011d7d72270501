"""Random graphs with motifs attached: what an explanation should find is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grapevine.data import InMemoryDataset
from grapevine.datasets.graph_generator import GraphGenerator
from grapevine.datasets.motif_generator import MotifGenerator
from grapevine.errors import GraphValueError
from grapevine.explain import Explanation


class ExplainerDataset(InMemoryDataset):
    """Random graphs with motifs attached by one edge each, at nodes drawn without repetition.

    Nodes of the graph have the label 0, those of a motif that of their place in it, from 1 on. `node_mask` (N,) and
    `edge_mask` (E,) are 1 in the motifs: what an explanation of these labels should find.

    Args:
        graph_generator: such as `BAGraph(300, 5)`, or a name ("ba") with `graph_generator_kwargs`.
        motif_generator: such as `HouseMotif()`, or a name ("house") with `motif_generator_kwargs`.
        num_motifs: how many to attach to each graph.
        num_graphs: how many graphs.
        graph_generator_kwargs: arguments of a generator given by name.
        motif_generator_kwargs: likewise.
        transform: called on a graph at every access.

    Raises:
        GraphValueError: for no motif at all.

    Example:
        >>> from grapevine.datasets.graph_generator import BAGraph
        >>> dataset = ExplainerDataset(BAGraph(num_nodes=300, num_edges=5), "house", num_motifs=80)
        >>> dataset[0].num_nodes, int(dataset[0].edge_mask.sum())
        (700, 960)

    Source: "GNNExplainer: Generating Explanations for Graph Neural Networks" (arXiv:1903.03894).
    """

    def __init__(
        self,
        graph_generator: GraphGenerator | str,
        motif_generator: MotifGenerator | str,
        num_motifs: int,
        num_graphs: int = 1,
        graph_generator_kwargs: dict[str, Any] | None = None,
        motif_generator_kwargs: dict[str, Any] | None = None,
        transform: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__(None, transform)
        if num_motifs <= 0:
            raise GraphValueError(f"expected at least one motif to attach, got num_motifs={num_motifs}")
        self.graph_generator = GraphGenerator.resolve(graph_generator, **(graph_generator_kwargs or {}))
        self.motif_generator = MotifGenerator.resolve(motif_generator, **(motif_generator_kwargs or {}))
        self.num_motifs = num_motifs
        self.data, self.slices = self.collate([self.get_graph() for _ in range(num_graphs)])

    def get_graph(self) -> Explanation:
        """Draws a graph, with its masks."""
        graph = self.graph_generator()
        assert graph.num_nodes is not None
        num_nodes = graph.num_nodes
        parts = [(graph["edge_index"], 0.0)]
        labels = [torch.zeros(num_nodes, dtype=torch.long)]
        inside = [torch.zeros(num_nodes)]
        for node in torch.randperm(num_nodes)[: self.num_motifs].tolist():
            motif = self.motif_generator()
            assert motif.num_nodes is not None
            door = int(torch.randint(motif.num_nodes, (1,))) + num_nodes
            bridge = torch.tensor([[node, door], [door, node]])
            parts += [(motif["edge_index"] + num_nodes, 1.0), (bridge, 0.0)]
            if isinstance(motif.y, Tensor):
                labels.append(motif.y + int(motif.y.min() == 0))
            else:
                labels.append(torch.ones(motif.num_nodes, dtype=torch.long))
            inside.append(torch.ones(motif.num_nodes))
            num_nodes += motif.num_nodes
        return Explanation(
            edge_index=torch.cat([pairs for pairs, _ in parts], dim=1),
            y=torch.cat(labels),
            edge_mask=torch.cat([torch.full((pairs.size(1),), value) for pairs, value in parts]),
            node_mask=torch.cat(inside),
        )

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({len(self)}, graph_generator={self.graph_generator}, "
            f"motif_generator={self.motif_generator}, num_motifs={self.num_motifs})"
        )
