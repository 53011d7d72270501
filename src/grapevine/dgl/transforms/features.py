"""Transforms of features."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from grapevine.dgl.base import DGLError, dgl_warning
from grapevine.dgl.heterograph import DGLGraph
from grapevine.dgl.structure import EType
from grapevine.dgl.transforms.base import BaseTransform, chosen_frames
from grapevine.dgl.transforms.encodings import lap_pe, random_walk_pe, svd_pe
from grapevine.edges import Edges
from grapevine.engine import materialise

__all__ = [
    "SVDPE",
    "FeatMask",
    "GCNNorm",
    "LapPE",
    "LaplacianPE",
    "NodeShuffle",
    "RandomWalkPE",
    "RowFeatNormalizer",
    "SIGNDiffusion",
]


class RowFeatNormalizer(BaseTransform):
    """Divides every row of features by its sum, at least 1, in the graph itself.

    Args:
        subtract_min: whether the smallest entry of the feature is subtracted first.
        node_feat_names: names of node features.
        edge_feat_names: names of edge features.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.graph(([0], [1]))
        >>> g.ndata["h"] = torch.tensor([[1.0, 3.0], [0.0, 0.5]])
        >>> RowFeatNormalizer(node_feat_names=["h"])(g).ndata["h"].tolist()
        [[0.25, 0.75], [0.0, 0.5]]
    """

    def __init__(
        self,
        subtract_min: bool = False,
        node_feat_names: Sequence[str] | None = None,
        edge_feat_names: Sequence[str] | None = None,
    ) -> None:
        self.subtract_min = subtract_min
        self.node_feat_names = node_feat_names or []
        self.edge_feat_names = edge_feat_names or []

    def __call__(self, g: DGLGraph) -> DGLGraph:
        for frame, name, x in chosen_frames(g, self.node_feat_names, self.edge_feat_names):
            if self.subtract_min:
                x = x - x.min()
            frame[name] = x / x.sum(dim=-1, keepdim=True).clamp(min=1.0)
        return g


class FeatMask(BaseTransform):
    """Sets each column of features to zero with probability p, in the graph itself.

    Args:
        p: the probability.
        node_feat_names: names of node features.
        edge_feat_names: names of edge features.

    Source: "Graph Contrastive Learning with Augmentations" (arXiv:2010.13902).
    """

    def __init__(
        self,
        p: float = 0.5,
        node_feat_names: Sequence[str] | None = None,
        edge_feat_names: Sequence[str] | None = None,
    ) -> None:
        self.p = p
        self.node_feat_names = node_feat_names or []
        self.edge_feat_names = edge_feat_names or []

    def __call__(self, g: DGLGraph) -> DGLGraph:
        if self.p > 0:
            for frame, name, x in chosen_frames(g, self.node_feat_names, self.edge_feat_names):
                dropped = torch.rand(x.shape[-1], device=x.device) < self.p
                frame[name] = x.masked_fill(dropped, 0)
        return g


class RandomWalkPE(BaseTransform):
    """Stores `random_walk_pe` as a node feature.

    Args:
        k: the number of steps.
        feat_name: the feature.
        eweight_name: the edge feature that weighs the steps.
    """

    def __init__(self, k: int, feat_name: str = "PE", eweight_name: str | None = None) -> None:
        self.k = k
        self.feat_name = feat_name
        self.eweight_name = eweight_name

    def __call__(self, g: DGLGraph) -> DGLGraph:
        g.ndata[self.feat_name] = random_walk_pe(g, self.k, self.eweight_name).to(g.device)
        return g


class LapPE(BaseTransform):
    """Stores `lap_pe` as a node feature.

    Args:
        k: the number of eigenvectors.
        feat_name: the feature.
        eigval_name: the feature for the eigenvalues, a row for every node; None stores none.
        padding: whether missing eigenvectors are zero.
    """

    def __init__(
        self, k: int, feat_name: str = "PE", eigval_name: str | None = None, padding: bool = False
    ) -> None:
        self.k = k
        self.feat_name = feat_name
        self.eigval_name = eigval_name
        self.padding = padding

    def __call__(self, g: DGLGraph) -> DGLGraph:
        encoding, eigenvalues = lap_pe(g, self.k, self.padding, return_eigval=True)
        if self.eigval_name:
            g.ndata[self.eigval_name] = eigenvalues.to(g.device).repeat(g.num_nodes(), 1)
        g.ndata[self.feat_name] = encoding.to(g.device)
        return g


class LaplacianPE(LapPE):
    """Older name of `LapPE`."""

    def __init__(
        self, k: int, feat_name: str = "PE", eigval_name: str | None = None, padding: bool = False
    ) -> None:
        super().__init__(k, feat_name, eigval_name, padding)
        dgl_warning("LaplacianPE will be deprecated. Use LapPE please.")


class SVDPE(BaseTransform):
    """Stores `svd_pe` as a node feature.

    Args:
        k: the number of singular vectors.
        feat_name: the feature.
        padding: whether missing columns are zero.
        random_flip: whether rows are multiplied by random signs.
    """

    def __init__(
        self, k: int, feat_name: str = "svd_pe", padding: bool = False, random_flip: bool = True
    ) -> None:
        self.k = k
        self.feat_name = feat_name
        self.padding = padding
        self.random_flip = random_flip

    def __call__(self, g: DGLGraph) -> DGLGraph:
        g.ndata[self.feat_name] = svd_pe(g, self.k, self.padding, self.random_flip).to(g.device)
        return g


class NodeShuffle(BaseTransform):
    """Deals the rows of features out anew among the nodes of each type, on a copy.

    Source: "Deep Graph Infomax" (arXiv:1809.10341).
    """

    def __call__(self, g: DGLGraph) -> DGLGraph:
        g = g.clone()
        for frame in g._node_frames:
            perm = torch.randperm(frame.num_rows, device=g.device)
            for name in frame:
                frame[name] = frame[name][perm]
        return g


class GCNNorm(BaseTransform):
    """Stores symmetric normalising weights of the edges, relation by relation.

        w_ij = w_ij / sqrt(d_i d_j),   d = the (weighted) number of edges that arrive

    Args:
        eweight_name: the edge feature: the weights, if there are any, and the result.

    Example:
        >>> from grapevine import dgl
        >>> GCNNorm()(dgl.graph(([0, 1], [1, 0]))).edata["w"]
        tensor([1., 1.])

    Source: "Semi-Supervised Classification with Graph Convolutional Networks" (arXiv:1609.02907).
    """

    def __init__(self, eweight_name: str = "w") -> None:
        self.eweight_name = eweight_name

    def __call__(self, g: DGLGraph) -> DGLGraph:
        found = {etype: self._weights(g, etype) for etype in g.canonical_etypes if etype[0] == etype[2]}
        for etype, weight in found.items():
            g.edges[etype].data[self.eweight_name] = weight
        return g

    def _weights(self, g: DGLGraph, etype: EType) -> Tensor:
        edges, frame = g._relation(etype), g._edge_frame(etype)
        weight = frame.get(self.eweight_name)
        degree = edges.in_degrees(torch.float32) if weight is None else edges.sum(edges.edge(weight))
        root = degree.rsqrt()
        root = root.masked_fill(root.isinf(), 0)
        both = edges.src(root) * edges.dst(root)
        return materialise(both if weight is None else both * edges.edge(weight))


class SIGNDiffusion(BaseTransform):
    """Stores node features averaged over 1 .. k steps, as `<out_feat_name>_1` .. `<out_feat_name>_k`.

    Args:
        k: the number of steps.
        in_feat_name: the feature to start from.
        out_feat_name: how the results are called.
        eweight_name: the edge feature that weighs edges.
        diffuse_op: "raw" (sum), "rw" (mean), "gcn" (symmetric weights), "ppr" (these, mixed with the start).
        alpha: for "ppr": the share of the start.

    Raises:
        DGLError: for another operator.

    Source: "SIGN: Scalable Inception Graph Neural Networks" (arXiv:2004.11198).
    """

    def __init__(
        self,
        k: int,
        in_feat_name: str = "feat",
        out_feat_name: str = "out_feat",
        eweight_name: str | None = None,
        diffuse_op: str = "raw",
        alpha: float = 0.2,
    ) -> None:
        if diffuse_op not in ("raw", "rw", "gcn", "ppr"):
            raise DGLError(f"Expect diffuse_op to be from ['raw', 'rw', 'gcn', 'ppr'], got {diffuse_op}")
        self.k = k
        self.in_feat_name = in_feat_name
        self.out_feat_name = out_feat_name
        self.eweight_name = eweight_name
        self.diffuse_op = diffuse_op
        self.alpha = alpha

    def __call__(self, g: DGLGraph) -> DGLGraph:
        edges = g._relation()
        start = x = g.ndata[self.in_feat_name]
        weight = self._weight(g)
        for step in range(1, self.k + 1):
            x = _spread(edges, x, weight)
            if self.diffuse_op == "rw":
                total = (
                    edges.in_degrees(x.dtype).clamp(min=1) if weight is None else _spread(edges, None, weight)
                )
                x = x / total.view(-1, *[1] * (x.dim() - 1))
            elif self.diffuse_op == "ppr":
                x = (1 - self.alpha) * x + self.alpha * start
            g.ndata[f"{self.out_feat_name}_{step}"] = x
        return g

    def _weight(self, g: DGLGraph) -> Tensor | None:
        if self.diffuse_op in ("raw", "rw"):
            found = None if self.eweight_name is None else g.edata.get(self.eweight_name)
            return None if found is None else found.reshape(g.num_edges())
        name = self.eweight_name
        plain = g.local_var()
        if name is None:
            plain.edata.pop("w", None)
        return GCNNorm(name or "w")(plain).edata[name or "w"].reshape(g.num_edges())


def _spread(edges: Edges, x: Tensor | None, weight: Tensor | None) -> Tensor:
    """The (weighted) sum of what the neighbours have; of ones, where x is None."""
    if x is None:
        assert weight is not None
        return edges.sum(edges.edge(weight))
    if weight is None:
        return edges.sum(edges.src(x))
    return edges.sum(edges.src(x) * edges.edge(weight.view(-1, *[1] * (x.dim() - 1))))
