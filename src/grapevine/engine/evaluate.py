"""Computes trees the plain way: one row per edge, every intermediate stored."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.engine import kernels
from grapevine.engine.tree import Apply, Leaf, Node, Side, call, walk
from grapevine.errors import GrapevineError
from grapevine.topology import Topology


def value(node: Node, topology: Topology) -> Tensor:
    """The node's value without gradient history, kept on the node for the backward pass.

    A kept value that was changed in place meanwhile is computed again.
    """
    kept = node.kept
    if kept is not None and kept[0]._version == kept[1]:
        return kept[0]
    if isinstance(node, Leaf):
        out = node.read().detach()
        if node.side in (Side.SRC, Side.DST):
            out = out.index_select(0, topology.src_index if node.side is Side.SRC else topology.dst_index)
    else:
        assert isinstance(node, Apply)
        out = call(node, lambda child: value(child, topology))
    if not out.is_inference():
        node.kept = (out, out._version)
    return out


def connected(node: Node, topology: Topology, memo: dict[Node, Tensor] | None = None) -> Tensor:
    """The node's value with its gradient history, from the leaves up; equal subtrees are computed once."""
    memo = {} if memo is None else memo
    found = memo.get(node)
    if found is not None:
        return found
    if isinstance(node, Leaf):
        out = node.read()
        if node.side is Side.SRC:
            out = kernels.gather(topology, out)
        elif node.side is Side.DST:
            out = kernels.gather(topology.reverse(), out)
    else:
        assert isinstance(node, Apply)
        out = call(node, lambda child: connected(child, topology, memo))
    memo[node] = out
    return out


def on_nodes(node: Node, memo: dict[Node, Tensor]) -> Tensor:
    """The value of a subtree that depends on one side only, one row per node of that side."""
    found = memo.get(node)
    if found is None:
        if isinstance(node, Leaf):
            found = node.read()
        else:
            assert isinstance(node, Apply)
            found = call(node, lambda child: on_nodes(child, memo))
        memo[node] = found
    return found


def operand_gradients(
    node: Apply, topology: Topology, needed: tuple[bool, ...], grad: Tensor
) -> list[Tensor | None]:
    """Gradients of one op with respect to its operands, by running it once more on their values.

    Where a graph of the gradient is asked for, the operands stay connected to the leaves.
    """
    create_graph = torch.is_grad_enabled()
    memo: dict[Node, Tensor] = {}
    with torch.enable_grad():
        # An alias each, so that an operand that is used twice gets two gradients instead of their sum twice.
        if create_graph:
            inputs = [t.view_as(t) for t in (connected(n, topology, memo) for n in node.operands)]
        else:
            inputs = [value(n, topology).detach() for n in node.operands]
        for tensor, need in zip(inputs, needed, strict=True):
            if need and not tensor.requires_grad:
                tensor.requires_grad_()
        in_order = iter(inputs)
        out = call(node, lambda _: next(in_order))
        wanted = [tensor for tensor, need in zip(inputs, needed, strict=True) if need]
        found = iter(torch.autograd.grad(out, wanted, grad, create_graph=create_graph, allow_unused=True))
        if create_graph:
            for n, tensor in zip(node.operands, inputs, strict=True):
                if tensor.requires_grad and any(part.altered for part in walk(n)):
                    tensor.register_hook(_refuse)
    return [next(found) if need else None for need in needed]


def _refuse(grad: Tensor) -> Tensor:
    """Second derivatives go from operands to leaves at once, past the hooks in between."""
    raise GrapevineError(
        "a gradient hook on a message cannot take part in second derivatives; do this instead: remove the hook, "
        "or run inside gv.materialised()"
    )
