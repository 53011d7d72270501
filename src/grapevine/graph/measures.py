"""Numbers that describe a graph: homophily and assortativity."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.graph._reduce import reduce_rows
from grapevine.graph.num_nodes import bound
from grapevine.graph.sparse import is_torch_sparse_tensor, to_edge_index


def _ends(edge_index: Tensor) -> tuple[Tensor, Tensor]:
    row, col = to_edge_index(edge_index)[0] if is_torch_sparse_tensor(edge_index) else edge_index
    return row, col


def homophily(
    edge_index: Tensor, y: Tensor, batch: Tensor | None = None, method: str = "edge"
) -> float | Tensor:
    r"""How often connected nodes share a label.

    .. math::
        \text{edge:}\ \frac{|\{(u, v) \in E: y_u = y_v\}|}{|E|} \qquad
        \text{node:}\ \frac1N \sum_v \frac{|\{u \in \mathcal N(v): y_u = y_v\}|}{|\mathcal N(v)|} \qquad
        \text{edge\_insensitive:}\ \frac1{C - 1} \sum_k \Bigl[ h_k - \frac{|\{v: y_v = k\}|}N \Bigr]_+

    where :math:`h_k` is the edge homophily among the edges that end in class k.

    Args:
        edge_index: `(2, E)` integers, or a sparse matrix.
        y: `(N,)` labels.
        batch: `(N,)` the graph of every node.
        method: `"edge"`, `"node"` or `"edge_insensitive"`.

    Returns:
        A float, or `(B,)` with a `batch`.

    Raises:
        GraphValueError: for an unknown `method`, or fewer than two classes with `"edge_insensitive"`.

    Example:
        >>> homophily(torch.tensor([[0, 1], [1, 2]]), torch.tensor([0, 0, 1]))
        0.5

    Source: H2GCN (arXiv:2006.11468), Geom-GCN (arXiv:2002.05287), LINKX (arXiv:2110.14446).
    """
    if method not in ("edge", "node", "edge_insensitive"):
        raise GraphValueError(f"expected method 'edge', 'node' or 'edge_insensitive', got {method!r}")
    row, col = _ends(edge_index)
    y = y.squeeze(-1) if y.dim() > 1 else y
    same = (y[row] == y[col]).float()
    if method == "edge":
        return float(same.mean()) if batch is None else reduce_rows(same, batch[col], bound(batch), "mean")
    if method == "node":
        out = reduce_rows(same, col, y.size(0), "mean")
        return float(out.mean()) if batch is None else reduce_rows(out, batch, bound(batch), "mean")

    num_classes = bound(y)
    if num_classes < 2:
        raise GraphValueError(f"expected at least two classes for 'edge_insensitive', got {num_classes}")
    batch = torch.zeros_like(y) if batch is None else batch
    num_graphs = bound(batch)
    group = num_classes * batch + y
    h = reduce_rows(same, group[col], num_graphs * num_classes, "mean").view(num_graphs, num_classes)
    count = torch.bincount(group, minlength=num_graphs * num_classes).view(num_graphs, num_classes)
    out = (h - count / count.sum(dim=1, keepdim=True)).clamp(min=0).sum(dim=1) / (num_classes - 1)
    return out if num_graphs > 1 else float(out)


def assortativity(edge_index: Tensor) -> float:
    """The correlation, over all edges, of the source's out-degree and the destination's in-degree.

    Args:
        edge_index: `(2, E)` integers, or a sparse matrix.

    Returns:
        A number in [-1, 1]; not a number where one of them is constant.

    Example:
        >>> round(assortativity(torch.tensor([[0, 1, 2, 3, 2], [1, 2, 0, 1, 3]])), 4)
        -0.6667

    Source: Mixing patterns in networks (arXiv:cond-mat/0209450).
    """
    row, col = _ends(edge_index)
    x = torch.bincount(row)[row].double()
    y = torch.bincount(col)[col].double()
    x, y = x - x.mean(), y - y.mean()
    return float((x * y).sum() / ((x * x).sum() * (y * y).sum()).sqrt())
