"""Blocks whose layers share neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from grapevine.dgl.base import EID, NID
from grapevine.dgl.blocks import to_block
from grapevine.dgl.dataloading.base import BlockSampler, Names
from grapevine.dgl.heterograph import DGLGraph

__all__ = ["LaborSampler"]


class LaborSampler(BlockSampler):
    """As `NeighborSampler`, but nodes of a batch share neighbours where they can, as of `sample_labors`.

    Args:
        fanouts: about how many neighbours in every layer, from input to output; each may be a dict by edge type.
        edge_dir: as of `NeighborSampler`.
        prob: the edge feature with the weights of the draw.
        importance_sampling: rounds of it; -1 for as many as change something. Edges then have `edge_weights`.
        layer_dependency: whether all layers of a batch draw with the same random numbers.
        batch_dependency: over how many batches the random numbers change slowly; 1 draws new ones for each.
        prefetch_node_feats: as of `BlockSampler`, like the rest.
        prefetch_labels: features to fetch for the outputs.
        prefetch_edge_feats: features to fetch for the edges.
        output_device: where the blocks go.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.graph(([2, 3, 2, 3], [0, 0, 1, 1]))
        >>> inputs, outputs, blocks = LaborSampler([-1]).sample(g, torch.tensor([0, 1]))
        >>> blocks[0].num_edges()
        4

    Source: Balin, Catalyurek, Layer-Neighbor Sampling, arXiv:2210.13339.
    """

    def __init__(
        self,
        fanouts: Sequence[Any],
        edge_dir: str = "in",
        prob: str | None = None,
        importance_sampling: int = 0,
        layer_dependency: bool = False,
        batch_dependency: int = 1,
        prefetch_node_feats: Names = None,
        prefetch_labels: Names = None,
        prefetch_edge_feats: Names = None,
        output_device: Any = None,
    ) -> None:
        super().__init__(prefetch_node_feats, prefetch_labels, prefetch_edge_feats, output_device)
        self.fanouts = fanouts
        self.edge_dir = edge_dir
        self.prob = prob
        self.importance_sampling = importance_sampling
        self.layer_dependency = layer_dependency
        self.batch_dependency = batch_dependency
        self.set_seed()

    def set_seed(self, random_seed: int | None = None) -> None:
        """Begins a new sequence of random numbers.

        Args:
            random_seed: of the sequence; None draws one with torch's global generator.
        """
        seed = int(torch.randint(2**62, (1,))) if random_seed is None else random_seed
        self._generator = torch.Generator().manual_seed(seed)
        self.random_seed = torch.randint(2**62, (2,), generator=self._generator)
        self._batch = 0

    def _next(self) -> None:
        self._batch += 1
        if self._batch >= max(self.batch_dependency, 1):  # the second seed becomes the first
            fresh = torch.randint(2**62, (1,), generator=self._generator)
            self.random_seed = torch.cat((self.random_seed[1:], fresh))
            self._batch = 0

    def sample_blocks(
        self, g: DGLGraph, seed_nodes: Any, exclude_eids: Any = None
    ) -> tuple[Any, Any, list[Any]]:
        output_nodes = seed_nodes
        blocks: list[DGLGraph] = []
        for layer, fanout in enumerate(reversed(self.fanouts)):
            frontier, weights = g.sample_labors(
                seed_nodes,
                fanout,
                self.edge_dir,
                self.prob,
                self.importance_sampling,
                self.random_seed + (0 if self.layer_dependency else layer),
                self._batch / max(self.batch_dependency, 1),
                exclude_edges=exclude_eids,
                output_device=self.output_device,
            )
            block = to_block(frontier, seed_nodes)
            for mine, drawn, weight in zip(block._edge_frames, frontier._edge_frames, weights):
                mine[EID] = drawn[EID]
                if len(weight):
                    mine["edge_weights"] = weight
            seed_nodes = block.srcdata[NID]
            blocks.insert(0, block)
        self._next()
        return seed_nodes, output_nodes, blocks
