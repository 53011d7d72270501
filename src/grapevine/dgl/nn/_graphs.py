"""What the layers share: both ends' features, weights, degrees, and the check for nodes that nothing reaches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from grapevine.dgl.base import DGLError
from grapevine.edges import Edges
from grapevine.engine import materialise
from grapevine.nn.conv._derived import kept
from grapevine.nn.conv._relations import Relations, relations
from grapevine.utils import cumsum

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph

#: Node features: one tensor, or a pair for sources and destinations.
Feat = Tensor | tuple[Tensor, Tensor]


def expand_as_pair(input_: Any, g: DGLGraph | None = None) -> tuple[Any, Any]:
    """What belongs to sources and to destinations.

    Args:
        input_: a pair, which is handed on; or one value for both. For a block, whose destinations are its first
            sources, the destinations' rows of a tensor, or of each tensor of a dict by node type.
        g: the graph.

    Example:
        >>> expand_as_pair(4)
        (4, 4)
    """
    if isinstance(input_, tuple):
        return input_[0], input_[1]
    if g is None or not g.is_block:
        return input_, input_
    if isinstance(input_, Mapping):
        return input_, {key: x[: g.num_dst_nodes(key)] for key, x in input_.items()}
    return input_, input_[: g.num_dst_nodes()]


def check_eq_shape(input_: Feat) -> None:
    """Refuses a pair of features whose shapes differ in more than the number of rows.

    Raises:
        DGLError: names both shapes.
    """
    source, target = expand_as_pair(input_)
    if source.shape[1:] != target.shape[1:]:
        raise DGLError(
            f"The feature shape of source nodes: {tuple(source.shape[1:])} should be equal to "
            f"the feature shape of destination nodes: {tuple(target.shape[1:])}."
        )


def check_in_degrees(graph: DGLGraph, allow_zero: bool) -> None:
    """Refuses a graph with a node that no edge arrives at; found out once per graph.

    Raises:
        DGLError: says how to add self-loops, or to allow it.
    """
    if allow_zero:
        return
    edges = graph._relation()
    if kept(edges, "unreached", lambda: bool((edges.in_degrees() == 0).any())):
        raise DGLError(
            "There are 0-in-degree nodes in the graph, output for those nodes will be invalid. "
            "Do this instead: g = dgl.add_self_loop(g); "
            "or build the layer with allow_zero_in_degree=True, where it has that argument."
        )


class ChecksInDegrees(nn.Module):
    """Base of the layers that refuse a graph where some node has no in-edge, unless they are told to accept it."""

    _allow_zero_in_degree: bool

    def set_allow_zero_in_degree(self, set_value: bool) -> None:
        """Whether a graph with nodes that no edge arrives at is accepted."""
        self._allow_zero_in_degree = set_value


def padded(x: Tensor, rank: int) -> Tensor:
    """Ones between the first dim and the others, up to `rank` dims: DGL's way to broadcast."""
    return x if x.dim() >= rank else x.view(x.shape[0], *[1] * (rank - x.dim()), *x.shape[1:])


def sent(edges: Edges, x: Tensor, weight: Tensor | None = None) -> Tensor:
    """The message `x_j`, or `w_ij x_j`: lazy `(E, ...)`."""
    if weight is None:
        return edges.src(x)
    rank = max(x.dim(), weight.dim())
    return edges.edge(padded(weight, rank)) * edges.src(padded(x, rank))


def degree_scale(edges: Edges, power: float, like: Tensor) -> Tensor:
    """`max(in-degree, 1) ** power` of each destination, as a factor of rows such as those of `like`."""
    dtype = like.dtype
    scale = kept(
        edges, ("degree_scale", power, dtype), lambda: edges.in_degrees(dtype).clamp(min=1).pow(power)
    )
    return scale.view(-1, *[1] * (like.dim() - 1))


def by_type(edges: Edges, types: Tensor, num_types: int) -> Relations:
    """Typed edges by way of pairs (type, destination), found once per graph, and fit for training."""
    with torch.inference_mode(False), torch.no_grad():
        return relations(edges, types, num_types)


def segments(graph: DGLGraph) -> Tensor:
    """Where the nodes of each graph of a batch begin, and end: `(B + 1,)`."""
    return cumsum(graph.batch_num_nodes().long())


def per_node(graph: DGLGraph, x: Tensor) -> Tensor:
    """Rows of the graphs of a batch, `(B, ...)`, repeated for their nodes, `(N, ...)`."""
    return torch.repeat_interleave(x, graph.batch_num_nodes().long(), dim=0, output_size=graph.num_nodes())


def relu_gain() -> float:
    """The factor by which DGL's initialisers widen the weights ahead of a ReLU."""
    return nn.init.calculate_gain("relu")


def init_linear(linear: nn.Module | None, gain: float, uniform: bool = False) -> None:
    """Xavier's weights for a linear map, with a bias of zeros; anything else is left alone."""
    if isinstance(linear, nn.Linear):
        (nn.init.xavier_uniform_ if uniform else nn.init.xavier_normal_)(linear.weight, gain=gain)
        if linear.bias is not None:
            nn.init.zeros_(linear.bias)


def propagations(graph: DGLGraph, x: Tensor, steps: int, weight: Tensor | None = None) -> Iterator[Tensor]:
    """The features, and after each step of `D^-1/2 A D^-1/2`, with in-degrees D of at least 1.

    Args:
        graph: a homogeneous graph.
        x: (N, ...).
        steps: how many.
        weight: (E,), positive: the weighted adjacency, normalised by both sums of weights instead.
    """
    edges = graph._relation()
    if edges.num_src != edges.num_dst:
        raise DGLError(f"expected a graph over one set of nodes, got {edges}; build it with dgl.graph")
    yield x
    root = degree_scale(edges, -0.5, x)
    if weight is not None:
        weight = normalised(edges, weight)
    for _ in range(steps):
        x = edges.sum(sent(edges, x, weight)) if weight is not None else root * edges.sum(edges.src(root * x))
        yield x


def normalised(edges: Edges, weight: Tensor, both: bool = True, eps: float = 0.0) -> Tensor:
    """Each weight divided by the sum of those that arrive at its destination.

    With `both`, divided by the root of that sum, and of the sum of those that leave its source.

    Raises:
        DGLError: for weights of more dimensions, or ones that are not positive where a root is taken.
    """
    if weight.dim() > 1:
        raise DGLError(
            "Currently the normalization is only defined on scalar edge weight: "
            f"expected shape (E,), got {list(weight.shape)}"
        )
    arriving = edges.sum(weight) + eps
    if not both:
        return materialise(weight * edges.dst(1 / arriving))
    if bool((weight <= 0).any()):
        raise DGLError(
            'Non-positive edge weight detected with `norm="both"`, which takes roots of their sums; '
            'clamp them, or use norm="right"'
        )
    leaving = edges.reverse().sum(weight) + eps
    return materialise(weight * edges.src(leaving.rsqrt()) * edges.dst(arriving.rsqrt()))
