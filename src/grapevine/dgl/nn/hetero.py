"""Layers for graphs of several types, made of layers for one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from grapevine.dgl.base import DGLError
from grapevine.dgl.nn._graphs import expand_as_pair
from grapevine.errors import GraphKeyError

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph

__all__ = ["HeteroEmbedding", "HeteroGraphConv", "HeteroLinear"]

_REDUCTIONS: dict[str, Callable[[list[Tensor]], Tensor]] = {
    "sum": lambda outs: torch.stack(outs).sum(0),
    "mean": lambda outs: torch.stack(outs).mean(0),
    "max": lambda outs: torch.stack(outs).max(0).values,
    "min": lambda outs: torch.stack(outs).min(0).values,
    "stack": lambda outs: torch.stack(outs, dim=1),
}


def get_aggregate_fn(agg: str) -> Callable[[list[Tensor], str], Tensor]:
    """What joins the outputs of several relations that arrive at one type of nodes.

    Args:
        agg: "sum", "mean", "max", "min", or "stack" along a new dim 1.

    Raises:
        DGLError: for another name.

    Example:
        >>> get_aggregate_fn("sum")([torch.ones(1), torch.ones(1)], "user")
        tensor([2.])
    """
    if agg not in _REDUCTIONS:
        raise DGLError(
            f'Invalid cross type aggregator. Must be one of "sum", "max", "min", "mean" or "stack". But got "{agg}"'
        )
    reduction = _REDUCTIONS[agg]
    return lambda outs, dsttype: reduction(outs)


class HeteroGraphConv(nn.Module):
    """A layer for each relation, and the outputs that arrive at one type of nodes joined.

    The layers accept nodes that no edge arrives at from then on.

    Args:
        mods: the layers, by canonical type `(source, relation, destination)` or by the name of the relation.
        aggregate: "sum", "mean", "max", "min", "stack", or a function of the list of outputs and the type of nodes.

    Forward:
        g: a graph of any types, or a block.
        inputs: features by type of nodes, (N, ...); or a pair of such dicts for sources and destinations.
        mod_args: further positional arguments for the layer of each relation, by its name.
        mod_kwargs: likewise keyword arguments.

    Returns:
        by type of nodes what arrives there. Relations without features for their sources are left out.

    Raises:
        GraphKeyError: for a relation without a layer.
        DGLError: for an unknown aggregation.

    Example:
        >>> import grapevine.dgl as dgl
        >>> from grapevine.dgl.nn import GraphConv
        >>> g = dgl.heterograph({("user", "plays", "game"): ([0, 1], [0, 0])})
        >>> conv = HeteroGraphConv({"plays": GraphConv(4, 2)})
        >>> {k: v.shape for k, v in conv(g, {"user": torch.ones(2, 4), "game": torch.ones(1, 4)}).items()}
        {'game': torch.Size([1, 2])}
    """

    def __init__(
        self,
        mods: Mapping[Any, nn.Module],
        aggregate: str | Callable[[list[Tensor], str], Tensor] = "sum",
    ) -> None:
        super().__init__()
        self.mod_dict = mods
        self.mods = nn.ModuleDict({str(key): module for key, module in mods.items()})
        for module in self.mods.values():
            allow = getattr(module, "set_allow_zero_in_degree", None)
            if callable(allow):
                allow(True)
        self.agg_fn = get_aggregate_fn(aggregate) if isinstance(aggregate, str) else aggregate

    def _get_module(self, etype: Any) -> nn.Module:
        for key in (etype, etype[1] if isinstance(etype, tuple) else etype):
            if key in self.mod_dict:
                return self.mod_dict[key]
        raise GraphKeyError(f"Cannot find module with edge type {etype}; there are {list(self.mod_dict)}")

    def forward(
        self,
        g: DGLGraph,
        inputs: Mapping[str, Tensor] | tuple[Mapping[str, Tensor], Mapping[str, Tensor]],
        mod_args: Mapping[str, tuple[Any, ...]] | None = None,
        mod_kwargs: Mapping[str, dict[str, Any]] | None = None,
    ) -> dict[str, Any]:
        sources, targets = expand_as_pair(inputs, g)
        outs: dict[str, list[Any]] = {}
        for stype, etype, dtype in g.canonical_etypes:
            if stype in sources and dtype in targets:
                layer = self._get_module((stype, etype, dtype))
                args, kwargs = (mod_args or {}).get(etype, ()), (mod_kwargs or {}).get(etype, {})
                pair = (sources[stype], targets[dtype])
                outs.setdefault(dtype, []).append(layer(g[stype, etype, dtype], pair, *args, **kwargs))
        return {ntype: self.agg_fn(outs[ntype], ntype) for ntype in g.dsttypes if ntype in outs}


class HeteroLinear(nn.Module):
    """A linear map for each type.

    Args:
        in_size: number of features F of each type.
        out_size: F'.
        bias: learn a shift.

    Forward:
        feat: features by type, (N, F).

    Returns:
        by type (N, F').

    Example:
        >>> HeteroLinear({"user": 4, ("a", "r", "b"): 3}, 2)({"user": torch.ones(5, 4)})["user"].shape
        torch.Size([5, 2])
    """

    def __init__(self, in_size: Mapping[Any, int], out_size: int, bias: bool = True) -> None:
        super().__init__()
        self.linears = nn.ModuleDict(
            {str(key): nn.Linear(size, out_size, bias=bias) for key, size in in_size.items()}
        )

    def forward(self, feat: Mapping[Any, Tensor]) -> dict[Any, Tensor]:
        return {key: self.linears[str(key)](x) for key, x in feat.items()}


class HeteroEmbedding(nn.Module):
    """An embedding for each type.

    Args:
        num_embeddings: number of rows of each type.
        embedding_dim: F.

    Forward:
        input_ids: numbers of rows by type, integers (N,).

    Returns:
        by type (N, F).

    Example:
        >>> HeteroEmbedding({"user": 4, "game": 3}, 2)({"user": torch.tensor([0, 3])})["user"].shape
        torch.Size([2, 2])
    """

    def __init__(self, num_embeddings: Mapping[Any, int], embedding_dim: int) -> None:
        super().__init__()
        self.embeds = nn.ModuleDict(
            {str(key): nn.Embedding(rows, embedding_dim) for key, rows in num_embeddings.items()}
        )
        self.raw_keys: dict[str, Hashable] = {str(key): key for key in num_embeddings}

    @property
    def weight(self) -> dict[Any, Tensor]:
        """The rows of each type."""
        return {key: cast("nn.Embedding", self.embeds[name]).weight for name, key in self.raw_keys.items()}

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for weight in self.weight.values():
            nn.init.xavier_uniform_(weight)

    def forward(self, input_ids: Mapping[Any, Tensor]) -> dict[Any, Tensor]:
        return {key: self.embeds[str(key)](ids) for key, ids in input_ids.items()}
