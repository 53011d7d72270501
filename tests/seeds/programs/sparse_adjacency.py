# ruff: noqa: T201  (typed as their readers would)
"""Adjacencies as matrices: dense, of torch, of torch_sparse; and an edge list that was made one by mistake."""

import torch
from torch_geometric.data import Data
from torch_geometric.nn import GCNConv, SAGEConv
from torch_geometric.transforms import ToSparseTensor
from torch_geometric.utils import to_dense_adj, to_torch_coo_tensor
from torch_geometric.utils.sparse import dense_to_sparse
from torch_sparse import SparseTensor

torch.manual_seed(0)
x = torch.randn(6, 4)
edge_index = torch.tensor([[0, 1, 1, 2, 3, 4, 5, 5], [1, 0, 2, 1, 4, 3, 0, 2]])
dense = torch.zeros(6, 6)
dense[edge_index[0], edge_index[1]] = 1.0
again, weight = dense_to_sparse(dense)
print(
    "dense_to_sparse", sorted(map(tuple, again.t().tolist())) == sorted(map(tuple, edge_index.t().tolist()))
)
print("to_dense_adj", torch.equal(to_dense_adj(edge_index, max_num_nodes=6)[0], dense))

for cls in (GCNConv, SAGEConv):
    conv = cls(4, 3)
    expected = conv(x, edge_index)
    forms = {
        "torch_sparse": SparseTensor(row=edge_index[0], col=edge_index[1], sparse_sizes=(6, 6)).t(),
        "coo": to_torch_coo_tensor(edge_index, size=6).t().coalesce(),
        "transform": ToSparseTensor()(Data(x=x, edge_index=edge_index, num_nodes=6)).adj_t,
        "dense_to_sparse": dense.t().to_sparse(),
    }
    for name, adj_t in forms.items():
        print(f"{cls.__name__}:{name}", float((conv(x, adj_t) - expected).abs().max()))

    try:
        conv(x, edge_index.to_sparse())
    except ValueError as error:
        print(f"{cls.__name__}:taught", "pass edge_index itself" in str(error))
    working = torch.sparse_coo_tensor(edge_index.flip(0), torch.ones(edge_index.size(1)), (6, 6))
    print(f"{cls.__name__}:working_form", float((conv(x, working) - expected).abs().max()))
