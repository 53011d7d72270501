"""What samplers of the dialect are made of, and edge prediction on top of any of them."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import torch

from grapevine.dgl.base import EID, NID, DGLError
from grapevine.dgl.blocks import compact_graphs
from grapevine.dgl.construct import heterograph
from grapevine.dgl.frame import LazyFeature
from grapevine.dgl.heterograph import DGLGraph

__all__ = [
    "BlockSampler",
    "EdgePredictionSampler",
    "Sampler",
    "as_edge_prediction_sampler",
    "find_exclude_eids",
    "set_dst_lazy_features",
    "set_edge_lazy_features",
    "set_node_lazy_features",
    "set_src_lazy_features",
]

Names = Iterable[str] | Mapping[Any, Iterable[str]] | None


def _mark(views: Any, data: Any, names: Names) -> None:
    if isinstance(names, Mapping):
        for kind, some in names.items():
            views[kind].data.update({name: LazyFeature(name) for name in some})
    elif names is not None:
        data.update({name: LazyFeature(name) for name in names})


def set_node_lazy_features(g: DGLGraph, feature_names: Names) -> None:
    """Marks node features that the loader shall fetch for the nodes of `g`.

    Args:
        g: a sampled graph.
        feature_names: names, or a dict of them by node type.
    """
    _mark(g.nodes, g.ndata, feature_names)


def set_edge_lazy_features(g: DGLGraph, feature_names: Names) -> None:
    """Marks edge features that the loader shall fetch for the edges of `g`.

    Args:
        g: a sampled graph.
        feature_names: names, or a dict of them by edge type.
    """
    _mark(g.edges, g.edata, feature_names)


def set_src_lazy_features(g: DGLGraph, feature_names: Names) -> None:
    """Marks node features that the loader shall fetch for the sources of a block.

    Args:
        g: a block.
        feature_names: names, or a dict of them by node type.
    """
    _mark(g.srcnodes, g.srcdata, feature_names)


def set_dst_lazy_features(g: DGLGraph, feature_names: Names) -> None:
    """Marks node features that the loader shall fetch for the destinations of a block.

    Args:
        g: a block.
        feature_names: names, or a dict of them by node type.
    """
    _mark(g.dstnodes, g.dstdata, feature_names)


class Sampler:
    """Says what of a graph belongs to some items; subclasses write `sample`."""

    def sample(self, g: Any, indices: Any) -> Any:
        """What belongs to the items.

        Args:
            g: the graph.
            indices: the items of a batch.
        """
        raise TypeError(f"expected {type(self).__name__} to say what belongs to a batch; write its sample()")


class BlockSampler(Sampler):
    """Samples one block per layer; subclasses write `sample_blocks`.

    Args:
        prefetch_node_feats: features to fetch for the inputs of the first block; by node type if there are several.
        prefetch_labels: features to fetch for the outputs of the last block, likewise.
        prefetch_edge_feats: features to fetch for the edges of all blocks; by edge type if there are several.
        output_device: where the blocks go.
    """

    def __init__(
        self,
        prefetch_node_feats: Names = None,
        prefetch_labels: Names = None,
        prefetch_edge_feats: Names = None,
        output_device: Any = None,
    ) -> None:
        self.prefetch_node_feats = prefetch_node_feats or []
        self.prefetch_labels = prefetch_labels or []
        self.prefetch_edge_feats = prefetch_edge_feats or []
        self.output_device = output_device

    def sample_blocks(self, g: Any, seed_nodes: Any, exclude_eids: Any = None) -> tuple[Any, Any, list[Any]]:
        """Input nodes, output nodes, and the blocks from input to output.

        Args:
            g: the graph.
            seed_nodes: the output nodes.
            exclude_eids: edges to leave out.
        """
        raise TypeError(f"expected {type(self).__name__} to sample blocks; write its sample_blocks()")

    def assign_lazy_features(self, result: tuple[Any, Any, list[Any]]) -> tuple[Any, Any, list[Any]]:
        """Marks the features to fetch.

        Args:
            result: as of `sample_blocks`.
        """
        _, _, blocks = result
        set_src_lazy_features(blocks[0], self.prefetch_node_feats)
        set_dst_lazy_features(blocks[-1], self.prefetch_labels)
        for block in blocks:
            set_edge_lazy_features(block, self.prefetch_edge_feats)
        return result

    def sample(self, g: Any, seed_nodes: Any, exclude_eids: Any = None) -> Any:
        """Blocks, with the features to fetch marked.

        Args:
            g: the graph.
            seed_nodes: the output nodes.
            exclude_eids: edges to leave out.
        """
        return self.assign_lazy_features(self.sample_blocks(g, seed_nodes, exclude_eids))


def find_exclude_eids(
    g: DGLGraph,
    seed_edges: Any,
    exclude: Any,
    reverse_eids: Any = None,
    reverse_etypes: Mapping[Any, Any] | None = None,
    output_device: Any = None,
) -> Any:
    """The edges that message passing must not see when some edges are predicted.

    Args:
        g: the graph.
        seed_edges: ids of the predicted edges, or a dict of them by edge type.
        exclude: None, `"self"` (those), `"reverse_id"` (and their reverses by id), `"reverse_types"` (and the edges
            with the same ids of the reverse types), ids, or a function of the seed edges.
        reverse_eids: `(E,)` the id of the reverse of every edge; by edge type if there are several.
        reverse_etypes: from edge type to the type of its reverses.
        output_device: where the ids go.

    Raises:
        DGLError: for another `exclude`.
    """
    found: Any
    if exclude is None:
        return None
    if callable(exclude):
        found = exclude(seed_edges)
    elif not isinstance(exclude, str):
        found = exclude
    elif exclude == "self":
        found = seed_edges
    elif exclude == "reverse_id" and isinstance(seed_edges, Mapping):
        back = {g.to_canonical_etype(k): ids for k, ids in reverse_eids.items()}
        found = {
            g.to_canonical_etype(k): torch.cat((ids, back[g.to_canonical_etype(k)][ids]))
            for k, ids in seed_edges.items()
        }
    elif exclude == "reverse_id":
        found = torch.cat((seed_edges, reverse_eids[seed_edges]))
    elif exclude == "reverse_types":
        found = {g.to_canonical_etype(k): ids for k, ids in seed_edges.items()}
        for k, v in (reverse_etypes or {}).items():
            there, back_type = g.to_canonical_etype(k), g.to_canonical_etype(v)
            if there in found:
                both = [found[there], *([found[back_type]] if back_type in found else [])]
                found[back_type] = torch.cat(both).unique() if len(both) > 1 else both[0]
    else:
        raise DGLError(
            f"expected exclude to be None, 'self', 'reverse_id', 'reverse_types', ids or a function, got {exclude!r}"
        )
    if output_device is None:
        return found
    return (
        {k: v.to(output_device) for k, v in found.items()}
        if isinstance(found, Mapping)
        else found.to(output_device)
    )


class EdgePredictionSampler(Sampler):
    """Samples around the ends of edges, with another sampler; see `as_edge_prediction_sampler`."""

    def __init__(
        self,
        sampler: Any,
        exclude: Any = None,
        reverse_eids: Any = None,
        reverse_etypes: Mapping[Any, Any] | None = None,
        negative_sampler: Any = None,
        prefetch_labels: Names = None,
    ) -> None:
        if len(inspect.signature(sampler.sample).parameters) < 3:
            raise DGLError(
                "This sampler does not support edge or link prediction; please add an optional third argument for "
                "edge IDs to exclude in its sample() method."
            )
        self.sampler = sampler
        self.exclude = exclude
        self.reverse_eids = reverse_eids
        self.reverse_etypes = reverse_etypes
        self.negative_sampler = negative_sampler
        self.prefetch_labels = prefetch_labels or []
        self.output_device = sampler.output_device

    def _negative_graph(self, g: DGLGraph, seed_edges: Any) -> DGLGraph:
        pairs = self.negative_sampler(g, seed_edges)
        if not isinstance(pairs, Mapping):
            if len(g.canonical_etypes) != 1:
                raise DGLError(
                    "graph has multiple or no edge types; please return a dict in negative sampler."
                )
            pairs = {g.canonical_etypes[0]: pairs}
        none = torch.empty(0, dtype=g.idtype, device=g.device)
        edges = {etype: pairs.get(etype, (none, none)) for etype in g.canonical_etypes}
        return heterograph(edges, {ntype: g.num_nodes(ntype) for ntype in g.ntypes})

    def assign_lazy_features(self, result: tuple[Any, ...]) -> tuple[Any, ...]:
        """Marks the labels to fetch on the graph of the predicted edges.

        Args:
            result: as of `sample`.
        """
        set_edge_lazy_features(result[1], self.prefetch_labels)
        return result

    def sample(self, g: DGLGraph, seed_edges: Any) -> tuple[Any, ...]:
        """`(input nodes, graph of the edges, blocks)`, with the graph of negative pairs before the blocks if asked.

        Args:
            g: the graph.
            seed_edges: ids, or a dict of them by edge type.
        """
        if isinstance(seed_edges, Mapping):
            seed_edges = {g.to_canonical_etype(k): ids for k, ids in seed_edges.items()}
        pairs = g.edge_subgraph(seed_edges, relabel_nodes=False, output_device=self.output_device)
        eids = [frame[EID] for frame in pairs._edge_frames]
        graphs = [pairs]
        if self.negative_sampler is not None:
            graphs.append(self._negative_graph(g, seed_edges).to(pairs.device))
        graphs = compact_graphs(graphs)
        for frame, ids in zip(graphs[0]._edge_frames, eids):
            frame[EID] = ids
        seeds: Any = {ntype: graphs[0].nodes[ntype].data[NID] for ntype in g.ntypes}
        excluded = find_exclude_eids(
            g, seed_edges, self.exclude, self.reverse_eids, self.reverse_etypes, self.output_device
        )
        seeds = seeds if len(g.ntypes) > 1 else seeds[g.ntypes[0]]
        inputs, _, blocks = self.sampler.sample(g, seeds, excluded)
        return self.assign_lazy_features((inputs, *graphs, blocks))


def as_edge_prediction_sampler(
    sampler: Any,
    exclude: Any = None,
    reverse_eids: Any = None,
    reverse_etypes: Mapping[Any, Any] | None = None,
    negative_sampler: Any = None,
    prefetch_labels: Names = None,
) -> EdgePredictionSampler:
    """A sampler for edges from one for nodes: it samples around both ends of a batch of edges.

    Args:
        sampler: for nodes; its `sample` takes edges to exclude as a third argument.
        exclude: which edges message passing must not see, as of `find_exclude_eids`.
        reverse_eids: as of `find_exclude_eids`.
        reverse_etypes: as of `find_exclude_eids`.
        negative_sampler: a function of the graph and the edges that returns pairs of nodes, such as `Uniform(5)`.
        prefetch_labels: edge features to fetch for the predicted edges.

    Raises:
        DGLError: for a sampler that cannot exclude edges.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 0]))
        >>> sampler = as_edge_prediction_sampler(
        ...     dgl.dataloading.MultiLayerFullNeighborSampler(1), negative_sampler=dgl.dataloading.Uniform(2)
        ... )
        >>> inputs, positive, negative, blocks = sampler.sample(g, torch.tensor([0]))
        >>> positive.num_edges(), negative.num_edges()
        (1, 2)
    """
    return EdgePredictionSampler(
        sampler, exclude, reverse_eids, reverse_etypes, negative_sampler, prefetch_labels
    )
