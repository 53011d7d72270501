"""Programs written for DGL and PyTorch Geometric run unchanged."""

from __future__ import annotations

from pathlib import Path

from tests.compat.programs import run

DGL_TUTORIALS = """
import dgl
import dgl.function as fn
import dgl.nn.pytorch as dglnn
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)


class SAGEConv(nn.Module):
    def __init__(self, in_feat, out_feat):
        super().__init__()
        self.linear = nn.Linear(in_feat * 2, out_feat)

    def forward(self, g, h):
        with g.local_scope():
            g.ndata["h"] = h
            g.update_all(message_func=fn.copy_u("h", "m"), reduce_func=fn.mean("m", "h_N"))
            return self.linear(torch.cat([h, g.ndata["h_N"]], dim=1))


class WeightedSAGEConv(SAGEConv):
    def forward(self, g, h, w):
        with g.local_scope():
            g.ndata["h"] = h
            g.edata["w"] = w
            g.update_all(message_func=fn.u_mul_e("h", "w", "m"), reduce_func=fn.mean("m", "h_N"))
            return self.linear(torch.cat([h, g.ndata["h_N"]], dim=1))


def u_mul_e_udf(edges):
    return {"m": edges.src["h"] * edges.data["w"]}


def mean_udf(nodes):
    return {"h_N": nodes.mailbox["m"].mean(1)}


# Two rings, joined by one edge.
src = torch.tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0])
dst = torch.tensor([1, 2, 3, 4, 0, 6, 7, 8, 9, 5, 5])
g = dgl.to_bidirected(dgl.graph((src, dst)))
g.ndata["feat"] = torch.eye(10)
g.ndata["label"] = torch.tensor([0] * 5 + [1] * 5)
train = torch.tensor([0, 2, 5, 7])


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = SAGEConv(10, 16), SAGEConv(16, 2)

    def forward(self, g, h):
        return self.conv2(g, F.relu(self.conv1(g, h)))


model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(60):
    logits = model(g, g.ndata["feat"])
    loss = F.cross_entropy(logits[train], g.ndata["label"][train])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
assert torch.equal(model(g, g.ndata["feat"]).argmax(1)[train], g.ndata["label"][train])

weighted = WeightedSAGEConv(10, 4)
w = torch.rand(g.num_edges(), 1)
built_in = weighted(g, g.ndata["feat"], w)
with g.local_scope():
    g.ndata["h"], g.edata["w"] = g.ndata["feat"], w
    g.update_all(u_mul_e_udf, mean_udf)
    by_hand = weighted.linear(torch.cat([g.ndata["feat"], g.ndata["h_N"]], dim=1))
torch.testing.assert_close(built_in, by_hand)

# Types of edges, one function pair each, summed across types.
hetero = dgl.heterograph({
    ("user", "follows", "user"): ([0, 1], [1, 2]),
    ("user", "plays", "game"): ([0, 1, 2], [0, 0, 1]),
    ("game", "played-by", "user"): ([0, 0, 1], [0, 1, 2]),
})
hetero.nodes["user"].data["x"] = torch.tensor([[1.0], [2.0], [4.0]])
hetero.nodes["game"].data["x"] = torch.tensor([[10.0], [20.0]])
funcs = {etype: (fn.copy_u("x", "m"), fn.mean("m", "out")) for etype in hetero.etypes}
hetero.multi_update_all(funcs, "sum")
assert hetero.nodes["user"].data["out"].tolist() == [[10.0], [11.0], [22.0]]
conv = dglnn.HeteroGraphConv({e: dglnn.GraphConv(1, 3, norm="right") for e in hetero.etypes}, aggregate="sum")
out = conv(hetero, {"user": hetero.nodes["user"].data["x"], "game": hetero.nodes["game"].data["x"]})
assert {k: tuple(v.shape) for k, v in out.items()} == {"user": (3, 3), "game": (2, 3)}

# Names of older releases.
old = dgl.graph(([0, 1, 1], [1, 2, 0]))
old.ndata["h"], old.edata["w"] = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([2.0, 3.0, 5.0])
for message, expected in (
    (fn.copy_src("h", "m"), [2.0, 1.0, 2.0]),
    (fn.copy_src(src="h", out="m"), [2.0, 1.0, 2.0]),
    (fn.copy_edge("w", "m"), [5.0, 2.0, 3.0]),
    (fn.src_mul_edge("h", "w", "m"), [10.0, 2.0, 6.0]),
):
    old.update_all(message, fn.sum("m", "o"))
    assert old.ndata["o"].tolist() == expected, message
old.send_and_recv(old.edges(), fn.copy_u("h", "m"), fn.sum("m", "o"))
assert old.ndata["o"].tolist() == [2.0, 1.0, 2.0]
assert dgl.transform.add_self_loop(old).num_edges() == 6
assert old.number_of_nodes() == 3 and old.number_of_edges() == 3
from dgl.nn.pytorch.softmax import edge_softmax
assert edge_softmax(old, torch.zeros(3)).tolist() == [1.0, 1.0, 1.0]
print("done", dgl.__name__)
"""

PYG_TUTORIALS = '''
import sys

import torch
import torch.nn.functional as F
import torch_geometric
import torch_geometric.transforms as T
from torch import Tensor
from torch_geometric import seed_everything
from torch_geometric.data import Batch, Data, HeteroData
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GCNConv, MessagePassing, SAGEConv, global_mean_pool
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.nn.norm.pair_norm import PairNorm
from torch_geometric.typing import Adj, OptTensor
from torch_geometric.utils import add_self_loops, degree, softmax, to_undirected
from torch_geometric.utils.degree import degree as older_degree
from torch_scatter import scatter_add

seed_everything(0)


class MeanSAGE(MessagePassing):
    def __init__(self, in_channels: int, out_channels: int):
        super().__init__(aggr="mean")
        self.lin = torch.nn.Linear(2 * in_channels, out_channels)

    def forward(self, x: Tensor, edge_index: Adj, weight: OptTensor = None) -> Tensor:
        out = self.propagate(edge_index, x=x, weight=weight)
        return self.lin(torch.cat([x, out], dim=-1))

    def message(self, x_j: Tensor, weight: OptTensor) -> Tensor:
        return x_j if weight is None else weight.view(-1, 1) * x_j


class Attention(MessagePassing):
    """The softmax by hand, inside a message."""

    def forward(self, x, edge_index, e):
        return self.propagate(edge_index, x=x, e=e, size=(x.size(0), x.size(0)))

    def message(self, x_j, e, index, size_i):
        exponentials = torch.exp(e)
        total = scatter_add(exponentials, index, dim=0, dim_size=size_i)
        return (exponentials / total[index]).unsqueeze(-1) * x_j


edge_index = to_undirected(torch.tensor([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0], [1, 2, 3, 4, 0, 6, 7, 8, 9, 5, 5]]))
data = Data(x=torch.eye(10), edge_index=edge_index, y=torch.tensor([0] * 5 + [1] * 5))
train = torch.tensor([0, 2, 5, 7])


class Net(torch.nn.Module):
    def __init__(self, conv):
        super().__init__()
        self.conv1, self.conv2 = conv(10, 16), conv(16, 2)

    def forward(self, x, edge_index):
        return self.conv2(F.relu(self.conv1(x, edge_index)), edge_index)


for conv in (MeanSAGE, SAGEConv, GCNConv):
    net = Net(conv)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for epoch in range(60):
        optimizer.zero_grad()
        F.cross_entropy(net(data.x, data.edge_index)[train], data.y[train]).backward()
        optimizer.step()
    assert torch.equal(net(data.x, data.edge_index).argmax(1)[train], data.y[train]), conv

e = torch.randn(data.num_edges)
weights = softmax(e, data.edge_index[1])
expected = scatter_add(weights.unsqueeze(-1) * data.x[data.edge_index[0]], data.edge_index[1], dim=0)
torch.testing.assert_close(Attention()(data.x, data.edge_index, e), expected)

for batch in DataLoader([data, data, data], batch_size=2):
    assert global_mean_pool(batch.x, batch.batch).shape == (batch.num_graphs, 10)
assert T.ToSparseTensor()(data.clone()).adj_t.shape == (10, 10)
assert torch_geometric.utils.degree is degree is older_degree and torch_geometric.nn.PairNorm is PairNorm
assert torch_geometric.__version__ >= "2.0" and torch_geometric.typing.Adj is Adj
print("done", Data.__module__, sys.argv[1:])
'''

PARENT = """
import multiprocessing
import subprocess
import sys

import torch
from dataset import Graphs

if __name__ == "__main__":
    loader = torch.utils.data.DataLoader(
        Graphs(), batch_size=None, num_workers=1, multiprocessing_context=multiprocessing.get_context("spawn"))
    assert [g.num_nodes() for g in loader] == [2, 3]
    child = "import sys; assert 'torch' not in sys.modules; import dgl, torch_sparse; print(dgl.DGLGraph.__module__)"
    print(subprocess.run([sys.executable, "-c", child], capture_output=True, text=True, check=True).stdout)
"""

DATASET = """
import dgl
import torch_geometric.data


class Graphs:
    def __len__(self):
        return 2

    def __getitem__(self, i):
        assert "grapevine" in dgl.__file__ and "grapevine" in torch_geometric.data.__file__
        return dgl.rand_graph(i + 2, 4)
"""


def test_tutorials_of_dgl(tmp_path: Path) -> None:
    assert run(tmp_path, DGL_TUTORIALS).split() == ["done", "grapevine.dgl"]


def test_tutorials_of_pyg(tmp_path: Path) -> None:
    printed = run(tmp_path, PYG_TUTORIALS, "--epochs", "3", "--help")
    assert printed.strip() == "done grapevine.data.data ['--epochs', '3', '--help']"


def test_children_and_workers(tmp_path: Path) -> None:
    """A worker that starts afresh, a subprocess, and modules beside the program."""
    (tmp_path / "dataset.py").write_text(DATASET)
    assert run(tmp_path, PARENT).strip() == "grapevine.dgl.heterograph"


OLD_DGL = """
import dgl
import dgl.backend as F
import dgl.function as fn
import torch
from dgl.contrib.data import load_data
from dgl.cuda import GPUCache
from dgl.data.knowledge_graph import FB15k237Dataset
from dgl.data.rdf import AIFBDataset, Entity
from dgl.data.reddit import RedditDataset
from dgl.data.tree import SST
from dgl.dataloading.neighbor_sampler import NeighborSampler
from dgl.nn import NodeEmbedding
from dgl.optim import SparseAdam
from dgl.view import HeteroNodeDataView

assert RedditDataset is dgl.data.RedditDataset and NeighborSampler is dgl.dataloading.NeighborSampler
assert isinstance(dgl.batch_hetero([dgl.bipartite([(0, 1)], "u", "e", "v")]), dgl.BatchedDGLGraph)

g = dgl.DGLGraph()
g.add_nodes(3)
g.add_edges([0, 1], [1, 2])
g.ndata["h"] = F.tensor([[1.0], [2.0], [3.0]])
g.register_message_func(fn.copy_src(src="h", out="m"))
g.register_reduce_func(fn.sum(msg="m", out="h"))
g.update_all()

sampler = dgl.dataloading.MultiLayerFullNeighborSampler(1)
batches = dgl.dataloading.NodeDataLoader(
    g, torch.arange(3), sampler, batch_size=2, shuffle=False, drop_last=False, num_workers=0
)
assert [(outputs.tolist(), blocks[0].num_edges()) for _, outputs, blocks in batches] == [([0, 1], 1), ([2], 1)]

table = NodeEmbedding(3, 1, "nodes", init_func=torch.nn.init.ones_)
optimizer = SparseAdam([table], lr=0.5)
(table(torch.tensor([1])) * g.ndata["h"][1]).sum().backward()
optimizer.step()
print(g.ndata["h"].view(-1).tolist(), [round(w, 3) for w in table.weight.view(-1).tolist()])
"""


def test_names_of_older_dgl(tmp_path: Path) -> None:
    assert run(tmp_path, OLD_DGL).splitlines()[-1] == "[0.0, 1.0, 2.0] [1.0, 0.5, 1.0]"
