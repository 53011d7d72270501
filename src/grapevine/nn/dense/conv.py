"""Graph convolutions over dense adjacency matrices, (B, N, N): for batches of small graphs of equal size.

`adj[b, i, j]` is the weight of the edge that brings the message of node j to node i. A matrix (N, N) or
features (N, F) without the batch dimension stand for a batch of one, or are shared by the batch.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Parameter

from grapevine.errors import GraphValueError
from grapevine.nn.dense.linear import Linear
from grapevine.nn.inits import glorot, reset, zeros


def batched(x: Tensor) -> Tensor:
    """Adds the batch dimension where it is missing."""
    return x.unsqueeze(0) if x.dim() == 2 else x


def masked(x: Tensor, mask: Tensor | None) -> Tensor:
    """Zeros the rows of (B, N, F) that `mask`, (B, N), excludes."""
    return x if mask is None else x * mask.view(-1, x.size(1), 1).to(x.dtype)


def with_loops(adj: Tensor, weight: float = 1.0) -> Tensor:
    """The adjacency matrices with `weight` on the diagonal."""
    loops = torch.eye(adj.size(-1), dtype=torch.bool, device=adj.device)
    return adj.masked_fill(loops, weight)


class DenseGCNConv(torch.nn.Module):
    r"""The graph convolution of `GCNConv`, on dense adjacency matrices.

    .. math::
        \mathbf{X}^{\prime} = \hat{\mathbf{D}}^{-1/2} \hat{\mathbf{A}} \hat{\mathbf{D}}^{-1/2}
        \mathbf{X} \mathbf{W}^{\top} + \mathbf{b}

    Args:
        in_channels: F.
        out_channels: F'.
        improved: self-loops of weight 2 instead of 1.
        bias: learn the shift.

    Forward:
        x: features, (B, N, F) or (N, F).
        adj: adjacency, (B, N, N) or (N, N), non-negative.
        mask: which nodes exist, bool (B, N).
        add_loop: put self-loops on the diagonal first.

    Returns:
        (B, N, F').

    Example:
        >>> DenseGCNConv(4, 2)(torch.ones(3, 4), torch.ones(3, 3)).shape
        torch.Size([1, 3, 2])

    Source: "Semi-Supervised Classification with Graph Convolutional Networks" (arXiv:1609.02907).
    """

    def __init__(
        self, in_channels: int, out_channels: int, improved: bool = False, bias: bool = True
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.improved = improved
        self.lin = Linear(in_channels, out_channels, bias=False, weight_initializer="glorot")
        self.register_parameter("bias", Parameter(torch.empty(out_channels)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        self.lin.reset_parameters()
        zeros(self.bias)

    def forward(self, x: Tensor, adj: Tensor, mask: Tensor | None = None, add_loop: bool = True) -> Tensor:
        x, adj = batched(x), batched(adj)
        if add_loop:
            adj = with_loops(adj, 2.0 if self.improved else 1.0)
        scale = adj.sum(dim=-1).clamp(min=1).rsqrt()
        out = scale.unsqueeze(-1) * adj * scale.unsqueeze(-2) @ self.lin(x)
        return masked(out if self.bias is None else out + self.bias, mask)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels}, {self.out_channels})"


class DenseSAGEConv(torch.nn.Module):
    r"""The convolution of `SAGEConv` with the mean, on dense adjacency matrices of zeros and ones.

    .. math::
        \mathbf{x}^{\prime}_i =
        \mathbf{W}_1 \, \mathrm{mean}_{j \in \mathcal{N}(i)} \mathbf{x}_j + \mathbf{W}_2 \mathbf{x}_i

    Args:
        in_channels: F.
        out_channels: F'.
        normalize: scale each output row to length 1.
        bias: learn a shift.

    Forward:
        x: features, (B, N, F) or (N, F).
        adj: adjacency, (B, N, N) or (N, N), of zeros and ones (for weights use `DenseGraphConv`).
        mask: which nodes exist, bool (B, N).

    Returns:
        (B, N, F').

    Example:
        >>> DenseSAGEConv(4, 2)(torch.ones(3, 4), torch.ones(3, 3)).shape
        torch.Size([1, 3, 2])

    Source: "Inductive Representation Learning on Large Graphs" (arXiv:1706.02216).
    """

    def __init__(
        self, in_channels: int, out_channels: int, normalize: bool = False, bias: bool = True
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.normalize = normalize
        self.lin_rel = torch.nn.Linear(in_channels, out_channels, bias=False)
        self.lin_root = torch.nn.Linear(in_channels, out_channels, bias=bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        self.lin_rel.reset_parameters()
        self.lin_root.reset_parameters()

    def forward(self, x: Tensor, adj: Tensor, mask: Tensor | None = None) -> Tensor:
        x, adj = batched(x), batched(adj)
        mean = adj @ x / adj.sum(dim=-1, keepdim=True).clamp(min=1)
        out = self.lin_rel(mean) + self.lin_root(x)
        return masked(F.normalize(out, dim=-1) if self.normalize else out, mask)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels}, {self.out_channels})"


class DenseGraphConv(torch.nn.Module):
    r"""The convolution of `GraphConv`, on dense adjacency matrices.

    .. math::
        \mathbf{x}^{\prime}_i =
        \mathbf{W}_1 \bigoplus_{j \in \mathcal{N}(i)} a_{ij} \mathbf{x}_j + \mathbf{W}_2 \mathbf{x}_i

    Args:
        in_channels: F.
        out_channels: F'.
        aggr: `"add"`, `"mean"` (by the sum of the weights), or `"max"` (over the neighbours, ignoring their
            weights).
        bias: learn a shift.

    Forward:
        x: features, (B, N, F) or (N, F).
        adj: adjacency, (B, N, N) or (N, N).
        mask: which nodes exist, bool (B, N).

    Returns:
        (B, N, F').

    Raises:
        GraphValueError: for another `aggr`.

    Departures from the paper: with `"max"` the neighbours of node i are those j with an edge `adj[j, i]`.

    Example:
        >>> DenseGraphConv(4, 2, aggr="max")(torch.ones(3, 4), torch.ones(3, 3)).shape
        torch.Size([1, 3, 2])

    Source: "Weisfeiler and Leman Go Neural: Higher-order Graph Neural Networks" (arXiv:1810.02244).
    """

    def __init__(self, in_channels: int, out_channels: int, aggr: str = "add", bias: bool = True) -> None:
        super().__init__()
        if aggr not in ("add", "mean", "max"):
            raise GraphValueError(f"expected aggr 'add', 'mean' or 'max', got {aggr!r}")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.aggr = aggr
        self.lin_rel = torch.nn.Linear(in_channels, out_channels, bias=bias)
        self.lin_root = torch.nn.Linear(in_channels, out_channels, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        self.lin_rel.reset_parameters()
        self.lin_root.reset_parameters()

    def forward(self, x: Tensor, adj: Tensor, mask: Tensor | None = None) -> Tensor:
        x, adj = batched(x), batched(adj)
        if self.aggr == "max":
            messages = x.unsqueeze(-2).masked_fill(adj.unsqueeze(-1) == 0, -torch.inf)  # (B, N, N, F)
            out = messages.max(dim=-3).values
            out = out.masked_fill(out == -torch.inf, 0.0)
        else:
            out = adj @ x
            if self.aggr == "mean":
                out = out / adj.sum(dim=-1, keepdim=True).clamp(min=1)
        return masked(self.lin_rel(out) + self.lin_root(x), mask)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels}, {self.out_channels})"


class DenseGINConv(torch.nn.Module):
    r"""The convolution of `GINConv`, on dense adjacency matrices.

    .. math::
        \mathbf{X}^{\prime} = h_{\Theta}((1 + \epsilon) \mathbf{X} + \mathbf{A} \mathbf{X})

    Args:
        nn: the network h, (*, F) to (*, F').
        eps: ε at first.
        train_eps: learn ε.

    Forward:
        x: features, (B, N, F) or (N, F).
        adj: adjacency, (B, N, N) or (N, N).
        mask: which nodes exist, bool (B, N).
        add_loop: add the node's own features, the first term.

    Returns:
        (B, N, F').

    Example:
        >>> DenseGINConv(torch.nn.Linear(4, 2))(torch.ones(3, 4), torch.ones(3, 3)).shape
        torch.Size([1, 3, 2])

    Source: "How Powerful are Graph Neural Networks?" (arXiv:1810.00826).
    """

    def __init__(self, nn: torch.nn.Module, eps: float = 0.0, train_eps: bool = False) -> None:
        super().__init__()
        self.nn = nn
        self.initial_eps = eps
        if train_eps:
            self.eps = Parameter(torch.empty(1))
        else:
            self.register_buffer("eps", torch.empty(1))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers; ε as at first."""
        reset(self.nn)
        self.eps.data.fill_(self.initial_eps)

    def forward(self, x: Tensor, adj: Tensor, mask: Tensor | None = None, add_loop: bool = True) -> Tensor:
        x, adj = batched(x), batched(adj)
        out = adj @ x
        if add_loop:
            out = (1 + self.eps) * x + out
        return masked(self.nn(out), mask)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}(nn={self.nn})"


class DenseGATConv(torch.nn.Module):
    r"""The attention of `GATConv`, on dense adjacency matrices.

    .. math::
        \mathbf{x}^{\prime}_i = \sum_{j \in \mathcal{N}(i)} \alpha_{ij} \mathbf{W} \mathbf{x}_j, \qquad
        \alpha_{ij} = \mathrm{softmax}_j(\mathrm{LeakyReLU}(\mathbf{a}_s^{\top} \mathbf{W} \mathbf{x}_j +
        \mathbf{a}_d^{\top} \mathbf{W} \mathbf{x}_i))

    Args:
        in_channels: F.
        out_channels: F', per head.
        heads: number of heads H.
        concat: concatenate the heads instead of averaging them.
        negative_slope: of the leaky ReLU.
        dropout: probability of dropping an attention weight in training.
        bias: learn a shift.

    Forward:
        x: features, (B, N, F) or (N, F).
        adj: adjacency, (B, N, N) or (N, N): zero means no edge.
        mask: which nodes exist, bool (B, N).
        add_loop: put self-loops on the diagonal first.

    Returns:
        (B, N, H · F'), or (B, N, F') without `concat`.

    Example:
        >>> DenseGATConv(4, 2, heads=3)(torch.ones(3, 4), torch.ones(3, 3)).shape
        torch.Size([1, 3, 6])

    Source: "Graph Attention Networks" (arXiv:1710.10903).
    """

    bias: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        heads: int = 1,
        concat: bool = True,
        negative_slope: float = 0.2,
        dropout: float = 0.0,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.heads = heads
        self.concat = concat
        self.negative_slope = negative_slope
        self.dropout = dropout
        self.lin = Linear(in_channels, heads * out_channels, bias=False, weight_initializer="glorot")
        self.att_src = Parameter(torch.empty(1, 1, heads, out_channels))
        self.att_dst = Parameter(torch.empty(1, 1, heads, out_channels))
        size = heads * out_channels if concat else out_channels
        self.register_parameter("bias", Parameter(torch.empty(size)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        self.lin.reset_parameters()
        glorot(self.att_src)
        glorot(self.att_dst)
        zeros(self.bias)

    def forward(self, x: Tensor, adj: Tensor, mask: Tensor | None = None, add_loop: bool = True) -> Tensor:
        x, adj = batched(x), batched(adj)
        if add_loop:
            adj = with_loops(adj)
        x = self.lin(x).unflatten(-1, (self.heads, self.out_channels))  # (B, N, H, F')
        score_src = (x * self.att_src).sum(dim=-1)  # (B, N, H)
        score_dst = (x * self.att_dst).sum(dim=-1)
        alpha = F.leaky_relu(
            score_src.unsqueeze(1) + score_dst.unsqueeze(2), self.negative_slope
        )  # (B, N, N, H)
        alpha = alpha.masked_fill(adj.unsqueeze(-1) == 0, -torch.inf).softmax(dim=2)
        alpha = F.dropout(alpha, p=self.dropout, training=self.training)
        out = torch.einsum("bijh,bjhf->bihf", alpha, x)
        out = out.flatten(2) if self.concat else out.mean(dim=2)
        return masked(out if self.bias is None else out + self.bias, mask)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels}, {self.out_channels}, heads={self.heads})"
