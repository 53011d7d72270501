"""A sparse matrix against its dense form; graphs of points against distances."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from grapevine.compat import torch_cluster, torch_sparse
from grapevine.compat.torch_sparse import SparseTensor
from grapevine.edges import Edges
from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.nn import GCN, GATConv, GCNConv, GINConv, GraphConv, Linear, MessagePassing, SAGEConv


def matrix(seed: int = 0, rows: int = 4, cols: int = 5) -> tuple[SparseTensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    dense = torch.randn(rows, cols, generator=generator, dtype=torch.float64)
    dense[torch.rand(rows, cols, generator=generator) < 0.6] = 0
    row, col = dense.nonzero(as_tuple=True)
    order = torch.randperm(len(row), generator=generator)
    value = dense[row, col][order]
    return SparseTensor(row=row[order], col=col[order], value=value, sparse_sizes=(rows, cols)), dense


def same(ours: SparseTensor, dense: Tensor) -> None:
    row, col, _ = ours.coo()
    keys = row * dense.shape[1] + col
    assert bool((keys.diff() > 0).all())
    assert ours.sparse_sizes() == tuple(dense.shape)
    torch.testing.assert_close(ours.to_dense(dense.dtype), dense)


def test_forms() -> None:
    a, dense = matrix()
    same(a, dense)
    same(a.t(), dense.t())
    same(SparseTensor.from_dense(dense), dense)
    same(SparseTensor.from_scipy(a.to_scipy("csr")), dense)
    same(SparseTensor.from_torch_sparse_csr_tensor(a.to_torch_sparse_csr_tensor()), dense)
    same(SparseTensor.from_torch_sparse_coo_tensor(a.to_torch_sparse_coo_tensor()), dense)
    rowptr, col, value = a.csr()
    same(SparseTensor(rowptr=rowptr, col=col, value=value, sparse_sizes=(4, 5)), dense)
    colptr, row, value = a.csc()
    same(SparseTensor(rowptr=colptr, col=row, value=value, sparse_sizes=(5, 4)).t(), dense)
    assert torch.equal(a.storage.rowptr(), rowptr) and a.storage.rowcount().tolist() == rowptr.diff().tolist()
    same(SparseTensor.eye(2, 3), torch.eye(2, 3))
    same(a.set_value(value, layout="csc"), dense)
    assert a.nnz() == int((dense != 0).sum()) and a.sizes() == [4, 5] and a.size(1) == 5


def test_products() -> None:
    (a, dense), (b, other) = matrix(), matrix(1, 5, 3)
    x = torch.randn(5, 2, dtype=torch.float64)
    torch.testing.assert_close(a @ x, dense @ x)
    torch.testing.assert_close(a.matmul(b).to_dense(), dense @ other)
    for reduce in ("sum", "add", "mean", "max", "min"):
        products = [dense[r, dense[r] != 0].unsqueeze(1) * x[dense[r] != 0] for r in range(4)]
        how = {"add": "sum", "max": "amax", "min": "amin"}.get(reduce, reduce)
        expected = torch.stack([getattr(p, how)(0) if len(p) else x.new_zeros(2) for p in products])
        torch.testing.assert_close(torch_sparse.matmul(a, x, reduce), expected)
    index, value = torch.stack(a.coo()[:2]), a.coo()[2]
    assert value is not None
    torch.testing.assert_close(torch_sparse.spmm(index, value, 4, 5, x), dense @ x)
    row, col, factor = b.coo()
    assert factor is not None
    index, value = torch_sparse.spspmm(index, value, torch.stack([row, col]), factor, 4, 5, 3)
    torch.testing.assert_close(
        SparseTensor(index[0], None, index[1], value, (4, 3)).to_dense(), dense @ other
    )


def test_gradients_reach_the_values() -> None:
    a, dense = matrix()
    value = a.coo()[2]
    assert value is not None
    leaf, full = value.clone().requires_grad_(), dense.clone().requires_grad_()
    x = torch.randn(5, 2, dtype=torch.float64)
    (a.set_value(leaf) @ x).square().sum().backward()
    (full @ x).square().sum().backward()
    assert leaf.grad is not None and full.grad is not None
    torch.testing.assert_close(leaf.grad, full.grad[a.coo()[0], a.coo()[1]])


def test_sums_and_scaling() -> None:
    a, dense = matrix()
    torch.testing.assert_close(a.sum(), dense.sum())
    torch.testing.assert_close(a.sum(dim=1), dense.sum(1))
    torch.testing.assert_close(torch_sparse.sum(a, 0), dense.sum(0))
    factor = torch.randn(4, 1, dtype=torch.float64)
    same(a * factor, dense * factor)
    same(torch_sparse.mul(a, factor.new_ones(1, 5) * 2), dense * 2)
    same(2.0 * a, 2 * dense)
    with pytest.raises(GraphValueError, match="factor of shape"):
        a.mul(torch.ones(3, 1))


def test_diagonals_symmetry_selection() -> None:
    a, dense = matrix(3, 4, 4)
    off = dense * (1 - torch.eye(4))
    same(a.remove_diag(), off)
    same(torch_sparse.fill_diag(a, 3.0), off + 3 * torch.eye(4))
    same(torch_sparse.set_diag(a), off + torch.eye(4))
    same(
        a.set_diag(torch.tensor([1.0, 2.0, 3.0]), k=1),
        dense
        - dense.diag(0).diag(0) * 0
        - torch.diag(dense.diag(1), 1)
        + torch.diag(torch.tensor([1.0, 2.0, 3.0]), 1),
    )
    same(a.to_symmetric(), dense + dense.t())
    torch.testing.assert_close(a.get_diag(), dense.diag())
    assert not a.is_symmetric() and a.to_symmetric().is_symmetric()
    rows = torch.tensor([3, 0])
    torch.testing.assert_close(a.index_select(0, rows).to_dense(), dense[rows])
    torch.testing.assert_close(a[rows].to_dense(), dense[rows])
    torch.testing.assert_close(a[1:3, rows].to_dense(), dense[1:3][:, rows])
    torch.testing.assert_close(a[:, dense[0] != 0].to_dense(), dense[:, dense[0] != 0])


def test_duplicates_stay_until_they_are_joined() -> None:
    index = torch.tensor([[1, 0, 1], [0, 2, 0]])
    a = SparseTensor.from_edge_index(index, torch.tensor([1.0, 2.0, 3.0]), (2, 3))
    assert a.nnz() == 3 and a.coalesce().coo()[2].tolist() == [2.0, 4.0]  # type: ignore[union-attr]
    joined, value = torch_sparse.coalesce(index, torch.tensor([1.0, 2.0, 3.0]), 2, 3, op="max")
    assert joined.tolist() == [[0, 1], [2, 0]] and value is not None and value.tolist() == [2.0, 3.0]
    turned, _ = torch_sparse.transpose(index, None, 2, 3)
    assert turned.tolist() == [[0, 2], [1, 0]]


def test_layers_take_its_torch_form() -> None:
    edge_index, x = torch.randint(6, (2, 12)).unique(dim=1), torch.randn(6, 3)
    adj = SparseTensor.from_edge_index(edge_index, sparse_sizes=(6, 6)).t()
    layer = GCNConv(3, 2)
    torch.testing.assert_close(layer(x, adj.to_torch_sparse_csr_tensor()), layer(x, edge_index))


class Matrix(MessagePassing):
    """A layer written for torch_sparse: its fused form takes the matrix that `propagate` was given."""

    def __init__(self) -> None:
        super().__init__(aggr="mean")
        self.seen: list[type] = []

    def forward(self, x: Tensor, adj_t: SparseTensor) -> Tensor:
        return self.propagate(adj_t.fill_diag(1.0), x=x)

    def message(self, x_j: Tensor) -> Tensor:
        return x_j

    def message_and_aggregate(self, adj_t: SparseTensor, x: Tensor) -> Tensor:
        self.seen.append(type(adj_t))
        return torch_sparse.matmul(adj_t.set_value(None, layout=None), x, reduce=self.aggr)


class Messages(MessagePassing):
    def forward(self, x: Tensor, adj_t: SparseTensor) -> Tensor:
        return self.propagate(adj_t, x=x, edge_weight=None)

    def message(self, x_j: Tensor, edge_weight: Tensor) -> Tensor:
        return edge_weight.view(-1, 1) * x_j


@pytest.mark.parametrize(
    "layer",
    [
        GCNConv(3, 2),
        SAGEConv(3, 2),
        GATConv(3, 2, heads=2),
        GINConv(Linear(3, 2)),
        GraphConv(3, 2),
        GCN(3, 4, 2),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_take_it(layer: torch.nn.Module) -> None:
    edge_index, x = torch.randint(6, (2, 12)).unique(dim=1), torch.randn(6, 3)
    adj = SparseTensor.from_edge_index(edge_index, sparse_sizes=(6, 6)).t()
    for _ in range(2):
        torch.testing.assert_close(layer(x, adj), layer(x, edge_index))
    torch.testing.assert_close(layer(x, edge_index=adj), layer(x, edge_index))
    assert torch.equal(Edges.of(adj).edge_index.unique(dim=1), edge_index)
    assert adj.to_torch_sparse_csr_tensor() is adj.to_torch_sparse_csr_tensor()


def test_its_values_are_weights() -> None:
    edge_index, x = torch.tensor([[0, 1, 2, 2], [1, 2, 0, 0]]), torch.randn(3, 3)  # an edge twice
    weight = torch.rand(4, requires_grad=True)
    for layer in (GCNConv(3, 2), GraphConv(3, 2)):
        adj = SparseTensor(row=edge_index[1], col=edge_index[0], value=weight, sparse_sizes=(3, 3))
        expected, found = layer(x, edge_index, weight), layer(x, adj)
        torch.testing.assert_close(found, expected)
        wanted = torch.autograd.grad(expected.square().sum(), weight)
        torch.testing.assert_close(torch.autograd.grad(found.square().sum(), weight), wanted)
    torch.testing.assert_close(Messages()(x, adj), adj.to_dense() @ x)


def test_own_layers_get_what_they_pass_on() -> None:
    x = torch.randn(4, 2)
    adj = SparseTensor(row=torch.tensor([1, 1, 3]), col=torch.tensor([0, 2, 2]), sparse_sizes=(4, 4))
    layer = Matrix()
    dense = adj.to_dense() + torch.eye(4)
    torch.testing.assert_close(layer(x, adj), dense @ x / dense.sum(1, keepdim=True))
    assert layer.seen == [SparseTensor]


def test_mistakes_are_named() -> None:
    with pytest.raises(GraphTypeError, match="col and either row or rowptr"):
        SparseTensor(row=torch.tensor([0]))
    with pytest.raises(GraphValueError, match="larger sparse_sizes"):
        SparseTensor(row=torch.tensor([2]), col=torch.tensor([0]), sparse_sizes=(2, 2))
    with pytest.raises(GraphValueError, match="one per column"):
        SparseTensor.eye(3) @ torch.ones(2, 1)


def test_graphs_of_points() -> None:
    points, batch = torch.randn(12, 3), torch.tensor([0] * 7 + [1] * 5)
    distances = torch.cdist(points, points)
    near = (distances <= 1.5) & (batch[:, None] == batch) & ~torch.eye(12, dtype=torch.bool)
    found = torch.zeros_like(near)
    found[tuple(torch_cluster.radius_graph(points, 1.5, batch))] = True
    assert torch.equal(found, near)
    dst, src = torch_cluster.radius(points, points[:2], 1.5)
    assert set(zip(dst.tolist(), src.tolist())) == {
        tuple(p) for p in (distances[:2] <= 1.5).nonzero().tolist()
    }
    assert torch_cluster.knn_graph(points, 2, batch).shape == (2, 24)
    assert torch_cluster.fps(points, ptr=torch.tensor([0, 7, 12]), random_start=False).tolist() == (
        torch_cluster.fps(points, batch, random_start=False).tolist()
    )
    assert torch_cluster.fps(points, ratio=torch.tensor(0.25), random_start=False).shape == (3,)
    cells = torch_cluster.grid_cluster(
        torch.tensor([[0.0, 0.0], [11.0, 9.0], [2.0, 8.0]]), torch.tensor([5.0, 5.0])
    )
    assert cells.tolist() == [0, 5, 3]
