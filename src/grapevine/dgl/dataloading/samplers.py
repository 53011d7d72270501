"""The samplers: neighbours by layer, clusters, random subgraphs, subgraphs around seeds."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from grapevine.dgl.base import EID, NID, DGLError
from grapevine.dgl.blocks import to_block
from grapevine.dgl.data.tensor_serialize import load_tensors, save_tensors
from grapevine.dgl.dataloading.base import (
    BlockSampler,
    Names,
    Sampler,
    set_edge_lazy_features,
    set_node_lazy_features,
)
from grapevine.dgl.heterograph import DGLGraph
from grapevine.dgl.partition import metis_partition_assignment
from grapevine.dgl.random import choice
from grapevine.dgl.sampling import pack_traces, random_walk

__all__ = [
    "ClusterGCNSampler",
    "MultiLayerFullNeighborSampler",
    "MultiLayerNeighborSampler",
    "NeighborSampler",
    "SAINTSampler",
    "ShaDowKHopSampler",
]


class NeighborSampler(BlockSampler):
    """For every layer, up to k neighbours of the nodes whose outputs the next layer needs.

    Args:
        fanouts: k of every layer, from input to output; each may be a dict by edge type; -1 takes all.
        edge_dir: `"in"`; `"out"` only where the drawn edges end at the seeds too, as blocks must.
        prob: the edge feature with the weights of the draw.
        mask: the edge feature that says which edges may be drawn; not together with `prob`.
        replace: draw with replacement.
        prefetch_node_feats: as of `BlockSampler`, like the rest.
        prefetch_labels: features to fetch for the outputs.
        prefetch_edge_feats: features to fetch for the edges.
        output_device: where the blocks go.
        fused: accepted; the result is the same.

    Raises:
        DGLError: for both `prob` and `mask`.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.graph(([1, 2, 3], [0, 0, 1]))
        >>> inputs, outputs, blocks = NeighborSampler([-1, 1]).sample(g, torch.tensor([0]))
        >>> len(blocks), blocks[1].num_edges()
        (2, 1)

    Source: Hamilton et al., Inductive Representation Learning on Large Graphs, arXiv:1706.02216.
    """

    def __init__(
        self,
        fanouts: Sequence[Any],
        edge_dir: str = "in",
        prob: str | None = None,
        mask: str | None = None,
        replace: bool = False,
        prefetch_node_feats: Names = None,
        prefetch_labels: Names = None,
        prefetch_edge_feats: Names = None,
        output_device: Any = None,
        fused: bool = True,
    ) -> None:
        super().__init__(prefetch_node_feats, prefetch_labels, prefetch_edge_feats, output_device)
        if mask is not None and prob is not None:
            raise DGLError(
                "Mask and probability arguments are mutually exclusive. Consider multiplying the probability with "
                "the mask to achieve the same goal."
            )
        self.fanouts = fanouts
        self.edge_dir = edge_dir
        self.prob = prob or mask
        self.replace = replace
        self.fused = fused

    def sample_blocks(
        self, g: DGLGraph, seed_nodes: Any, exclude_eids: Any = None
    ) -> tuple[Any, Any, list[Any]]:
        output_nodes = seed_nodes
        blocks: list[DGLGraph] = []
        for fanout in reversed(self.fanouts):
            frontier = g.sample_neighbors(
                seed_nodes,
                fanout,
                edge_dir=self.edge_dir,
                prob=self.prob,
                replace=self.replace,
                exclude_edges=exclude_eids,
                output_device=self.output_device,
            )
            block = to_block(frontier, seed_nodes)
            for mine, other in zip(block._edge_frames, frontier._edge_frames):
                mine[EID] = other[EID]  # the ids of the whole graph, not those of the frontier
            seed_nodes = block.srcdata[NID]
            blocks.insert(0, block)
        return seed_nodes, output_nodes, blocks


MultiLayerNeighborSampler = NeighborSampler


class MultiLayerFullNeighborSampler(NeighborSampler):
    """For every layer, all neighbours.

    Args:
        num_layers: how many layers.
        **kwargs: as of `NeighborSampler`.
    """

    def __init__(self, num_layers: int, **kwargs: Any) -> None:
        super().__init__([-1] * num_layers, **kwargs)


class _SubgraphSampler(Sampler):
    """A subgraph per batch, with features to fetch."""

    def __init__(self, node_feats: Names, edge_feats: Names, output_device: Any) -> None:
        self.prefetch_ndata = node_feats or []
        self.prefetch_edata = edge_feats or []
        self.output_device = output_device

    def _induced(self, g: DGLGraph, nodes: Any) -> DGLGraph:
        part = g.subgraph(nodes, relabel_nodes=True, output_device=self.output_device)
        set_node_lazy_features(part, self.prefetch_ndata)
        set_edge_lazy_features(part, self.prefetch_edata)
        return part


class ClusterGCNSampler(_SubgraphSampler):
    """The subgraph of some clusters of a graph; the items of batches are numbers of clusters.

    Args:
        g: a graph with one type of nodes and edges.
        k: how many clusters.
        cache_path: file that keeps the clusters; None keeps them nowhere.
        balance_ntypes: as of `dgl.metis_partition_assignment`, like the next two.
        balance_edges: whether clusters shall have as many edges each.
        mode: of the partition.
        prefetch_ndata: node features to fetch.
        prefetch_edata: edge features to fetch.
        output_device: where the subgraphs go.

    Raises:
        DGLError: for a file of other clusters.

    Source: Chiang et al., Cluster-GCN, arXiv:1905.07953.
    """

    def __init__(
        self,
        g: DGLGraph,
        k: int,
        cache_path: str | None = "cluster_gcn.pkl",
        balance_ntypes: Any = None,
        balance_edges: bool = False,
        mode: str = "k-way",
        prefetch_ndata: Names = None,
        prefetch_edata: Names = None,
        output_device: Any = None,
    ) -> None:
        super().__init__(prefetch_ndata, prefetch_edata, output_device)
        if cache_path is not None and os.path.exists(cache_path):
            kept = load_tensors(cache_path)
            self.partition_offset, self.partition_node_ids = kept["offset"], kept["nodes"]
            if len(self.partition_offset) != k + 1 or len(self.partition_node_ids) != g.num_nodes():
                raise DGLError(
                    f"expected {k} clusters of {g.num_nodes()} nodes in {cache_path}, got "
                    f"{len(self.partition_offset) - 1} of {len(self.partition_node_ids)}; remove it, or name another"
                )
            return
        cluster = metis_partition_assignment(
            g, k, balance_ntypes=balance_ntypes, balance_edges=balance_edges, mode=mode
        ).to(torch.int64)
        sizes = torch.bincount(cluster, minlength=k).cumsum(0)
        self.partition_node_ids = torch.argsort(cluster, stable=True)
        self.partition_offset = torch.cat((sizes.new_zeros(1), sizes))
        if cache_path is not None:
            save_tensors(cache_path, {"offset": self.partition_offset, "nodes": self.partition_node_ids})

    def sample(self, g: DGLGraph, partition_ids: Any) -> DGLGraph:
        """The subgraph of clusters.

        Args:
            g: the graph.
            partition_ids: numbers of clusters.
        """
        ptr = self.partition_offset.tolist()
        nodes = [
            self.partition_node_ids[ptr[i] : ptr[i + 1]] for i in torch.as_tensor(partition_ids).tolist()
        ]
        return self._induced(g, g._as_ids(torch.cat(nodes)).to(g.device))


class SAINTSampler(_SubgraphSampler):
    """Random subgraphs; a batch is drawn whatever its items are.

    Args:
        mode: `"node"` (nodes by degree), `"edge"` (edges, the rarer their ends' the likelier) or `"walk"`.
        budget: how many nodes or edges to draw, with replacement; `(roots, steps)` of walks.
        cache: whether to keep the weights of the draw.
        prefetch_ndata: node features to fetch.
        prefetch_edata: edge features to fetch.
        output_device: where the subgraphs go.

    Raises:
        DGLError: for another mode.

    Source: Zeng et al., GraphSAINT, arXiv:1907.04931.
    """

    def __init__(
        self,
        mode: str,
        budget: Any,
        cache: bool = True,
        prefetch_ndata: Names = None,
        prefetch_edata: Names = None,
        output_device: Any = "cpu",
    ) -> None:
        super().__init__(prefetch_ndata, prefetch_edata, output_device)
        samplers = {"node": self.node_sampler, "edge": self.edge_sampler, "walk": self.walk_sampler}
        if mode not in samplers:
            raise DGLError(f"Expect mode to be 'node', 'edge' or 'walk', got {mode}.")
        self.sampler = samplers[mode]
        self.budget = budget
        self.cache = cache
        self.prob: Tensor | None = None

    def _weights(self, weights: Tensor) -> Tensor:
        if self.cache:
            self.prob = weights
        return weights

    def node_sampler(self, g: DGLGraph) -> Tensor:
        """Nodes drawn by out-degree."""
        prob = self.prob if self.prob is not None else self._weights(g.out_degrees().float().clamp(min=1))
        return g._as_ids(torch.multinomial(prob, self.budget, replacement=True).unique())

    def edge_sampler(self, g: DGLGraph) -> Tensor:
        """The ends of drawn edges."""
        src, dst = g.edges()
        prob = self.prob
        if prob is None:
            into, out = (degrees.float().clamp(min=1) for degrees in (g.in_degrees(), g.out_degrees()))
            prob = self._weights(1 / into[dst.long()] + 1 / out[src.long()])
        edges = choice(len(prob), self.budget, prob=prob).unique()
        return torch.cat((src[edges], dst[edges])).unique()

    def walk_sampler(self, g: DGLGraph) -> Tensor:
        """The nodes of random walks."""
        roots, steps = self.budget
        start = torch.randint(g.num_nodes(), (roots,), dtype=g.idtype, device=g.device)
        return pack_traces(*random_walk(g, start, length=steps))[0].unique()

    def sample(self, g: DGLGraph, indices: Any) -> DGLGraph:
        """A random subgraph.

        Args:
            g: the graph.
            indices: ignored.
        """
        return self._induced(g, self.sampler(g))


class ShaDowKHopSampler(_SubgraphSampler):
    """The subgraph of all nodes that sampled hops from the seeds reach.

    Args:
        fanouts: neighbours per hop, the last number first.
        replace: draw with replacement.
        prob: the edge feature with the weights of the draw.
        prefetch_node_feats: node features to fetch.
        prefetch_edge_feats: edge features to fetch.
        output_device: where the subgraphs go.

    Source: Zeng et al., Decoupling the Depth and Scope of Graph Neural Networks, arXiv:2201.07858.
    """

    def __init__(
        self,
        fanouts: Sequence[Any],
        replace: bool = False,
        prob: str | None = None,
        prefetch_node_feats: Names = None,
        prefetch_edge_feats: Names = None,
        output_device: Any = None,
    ) -> None:
        super().__init__(prefetch_node_feats, prefetch_edge_feats, output_device)
        self.fanouts = fanouts
        self.replace = replace
        self.prob = prob

    def sample(self, g: DGLGraph, seed_nodes: Any, exclude_eids: Any = None) -> tuple[Any, Any, DGLGraph]:
        """Nodes of the subgraph (seeds first), the seeds, the subgraph.

        Args:
            g: the graph.
            seed_nodes: ids, or a dict of them by node type.
            exclude_eids: edges to leave out of hops and subgraph.
        """
        hops = NeighborSampler(self.fanouts, prob=self.prob, replace=self.replace)
        nodes, _, _ = hops.sample_blocks(g, seed_nodes, exclude_eids)
        part = self._induced(g, nodes)
        if exclude_eids is not None:
            given = (
                exclude_eids if isinstance(exclude_eids, Mapping) else {g.canonical_etypes[0]: exclude_eids}
            )
            for etype, ids in given.items():
                bad = torch.isin(part.edges[etype].data[EID], ids.to(part.device)).nonzero().view(-1)
                part.remove_edges(part._as_ids(bad), etype=etype)
        return nodes, seed_nodes, part
