"""Outputs for all nodes, layer by layer, every rank for its own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grapevine.distributed.exchange import Exchange
from grapevine.distributed.features import Group, Rows
from grapevine.distributed.graph import DistGraph
from grapevine.distributed.topology import tensor
from grapevine.errors import GraphValueError


@torch.no_grad()
def inference(model: Any, graph: DistGraph, name: str = "x", batch_size: int = 4096) -> Tensor:
    """The output of a model for the nodes of this rank; all ranks call it, with the same model.

    A layer is computed for blocks of a rank's own nodes, with all their neighbours, whose rows come from their owners;
    its outputs are the next layer's inputs. So no node is computed twice, and a rank holds the rows of its own nodes.

    Args:
        model: a basic model, such as `grapevine.nn.GraphSAGE`, in evaluation mode, of a graph with one type of nodes.
        graph: opened from a folder.
        name: the attribute of nodes that enters the first layer.
        batch_size: nodes per block.

    Returns:
        `(n, F')` for the nodes `graph.own()`, in main memory.

    Raises:
        GraphValueError: in training mode, for a model that joins its layers, or for a graph without parts.

    Departure: a layer sees the edges into one block only; one that weighs edges by the degrees of their sources, such
    as `GCNConv`, would take these for the whole graph.
    """
    if model.training or model.jk_mode not in (None, "last"):
        raise GraphValueError(
            "expected a model in evaluation mode with jk=None or jk='last', got "
            f"{'training mode' if model.training else f'jk={model.jk_mode!r}'}; call model.eval()"
        )
    if graph.is_hetero or graph.whole is not None or batch_size < 1:
        raise GraphValueError(
            "expected a graph with one type of nodes, opened from a folder, and batch_size of at least 1, got "
            f"{graph!r} and batch_size={batch_size}; on one machine call model.inference(loader)"
        )
    world = graph.world
    exchange = Exchange(world, "inference")
    device = next(model.parameters()).device
    blocks = [_Block(part, start, batch_size) for part in graph.parts for start in _starts(part, batch_size)]
    rounds = max(world.gather(len(blocks)))
    shift = torch.full((world.size,), graph.own().start)
    mine = torch.arange(world.size) == world.rank
    nobody, no_edges = torch.empty(0, dtype=torch.int64), torch.empty(2, 0, dtype=torch.int64)
    x = graph.local(name)
    for layer in range(model.num_layers):
        rows = Rows({0: Group(graph.offsets(), {"x": x}, shift)}, mine)
        outs: list[Tensor] = []
        for number in range(rounds):  # all ranks take part in all, to serve the others
            exchange.step = number
            block = blocks[number] if number < len(blocks) else None
            nodes, edge_index = (nobody, no_edges) if block is None else block.neighbourhood()
            found = rows.fetch({0: (nodes, ["x"])}, exchange)[0]["x"]
            if block is not None:
                out = model.inference_per_layer(layer, found.to(device), edge_index.to(device), block.count)
                outs.append(out.cpu())
        widths = world.gather([tuple(out.shape[1:]) for out in outs[:1]])
        shape = next(found[0] for found in widths if found)  # a rank may own no nodes
        x = torch.cat(outs) if outs else torch.empty(0, *shape, dtype=x.dtype)
    return x


class _Block:
    """Some nodes of a part, one after the other."""

    def __init__(self, part: Any, start: int, most: int) -> None:
        self.first = int(part.manifest.node_offsets[None][part.index]) + start
        ptr = part.edges[None]["ptr"][start : start + most + 1]
        self.count = len(ptr) - 1
        self._ptr, self._index = tensor(ptr), part.edges[None]["index"][int(ptr[0]) : int(ptr[-1])]

    def neighbourhood(self) -> tuple[Tensor, Tensor]:
        """Ids of the block's nodes and then of their neighbours, and the edges, numbered by place among these."""
        source = tensor(self._index)
        last = self.first + self.count
        outside = source[(source < self.first) | (source >= last)].unique()
        nodes = torch.cat([torch.arange(self.first, last), outside])
        inside = (source >= self.first) & (source < last)
        place = torch.where(inside, source - self.first, self.count + torch.searchsorted(outside, source))
        row = torch.repeat_interleave(torch.arange(self.count), self._ptr.diff())
        return nodes, torch.stack([place, row])


def _starts(part: Any, most: int) -> range:
    return range(0, len(part.nodes[None]["node_id"]), most)
