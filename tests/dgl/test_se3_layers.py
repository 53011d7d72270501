"""SE(3)-Transformer layers written for DGL run unchanged, and give the reference's values."""

from __future__ import annotations

from pathlib import Path

import torch

from tests.compat.programs import run
from tests.nn.equivariant.golden import EXACT, FOLDER, GRADIENT, OUTPUT, apart, assert_like, golden

PROGRAM = '''
import sys

import dgl
import numpy as np
import torch
from dgl import DGLGraph
from dgl.nn.pytorch import AvgPooling, MaxPooling
from dgl.ops import edge_softmax
from torch import Tensor, nn

from grapevine.nn.equivariant import get_basis


class Attention(nn.Module):
    """Heads attend over the edges that arrive at a node, all degrees with one weight."""

    def __init__(self, heads: int, key_features: int) -> None:
        super().__init__()
        self.heads, self.key_features = heads, key_features

    def rows(self, features: dict[str, Tensor]) -> Tensor:
        parts = [x.reshape(x.shape[0], self.heads, -1) for _, x in sorted(features.items())]
        return torch.cat(parts, -1)

    def forward(self, value, key, query, graph: DGLGraph) -> dict[str, Tensor]:
        weights = dgl.ops.e_dot_v(graph, self.rows(key), self.rows(query)).squeeze(-1)
        weights /= np.sqrt(self.key_features)
        weights = edge_softmax(graph, weights)[..., None, None]
        out = {}
        for degree, v in value.items():
            v = v.view(v.shape[0], self.heads, -1, v.shape[-1]) if v.is_contiguous() else v.reshape(
                v.shape[0], self.heads, -1, v.shape[-1])
            out[degree] = dgl.ops.copy_e_sum(graph, weights * v).view(graph.num_nodes(), -1, v.shape[-1])
        return out


class Pair(nn.Module):
    """Weights of a pair of degrees from the invariant features of an edge."""

    def __init__(self, edge: int, c_in: int, c_out: int, frequencies: int) -> None:
        super().__init__()
        self.c_out = c_out
        self.radial_func = nn.Module()
        self.radial_func.net = nn.Sequential(
            nn.Linear(edge, 32), nn.LayerNorm(32), nn.ReLU(), nn.Linear(32, 32), nn.LayerNorm(32), nn.ReLU(),
            nn.Linear(32, c_in * c_out * frequencies, bias=False))

    def forward(self, features: Tensor, invariants: Tensor, basis: Tensor | None) -> Tensor:
        radial = self.radial_func.net(invariants).view(len(invariants), self.c_out, -1)
        if basis is None:  # from scalars to scalars
            return radial @ features
        count, width, _, out_width = basis.shape
        return radial @ (features @ basis.reshape(count, width, -1)).view(count, -1, out_width)


class Conv(nn.Module):
    def __init__(self, fiber_in: dict[int, int], fiber_out: dict[int, int], edge: int) -> None:
        super().__init__()
        self.conv = nn.ModuleDict({
            f"{i},{o}": Pair(edge, ci, co, 2 * min(i, o) + 1)
            for o, co in fiber_out.items() for i, ci in fiber_in.items()})
        self.to_kernel_self = nn.ParameterDict(
            {str(o): nn.Parameter(torch.zeros(co, fiber_in[o])) for o, co in fiber_out.items()})

    def forward(self, nodes, edges, graph: DGLGraph, basis) -> dict[str, Tensor]:
        src, dst = graph.edges()
        out = {}
        for o, kernel in self.to_kernel_self.items():
            messages = kernel @ nodes[o][dst]
            for i in nodes:
                messages = messages + self.conv[f"{i},{o}"](nodes[i][src], edges["0"].squeeze(-1), basis[f"{i},{o}"])
            out[o] = dgl.ops.copy_e_sum(graph, messages)
        return out


def inputs(case, dtype):
    return {k: v.detach().to(dtype, copy=True).requires_grad_() for k, v in case["inputs"].items()}


def of(i, letter):
    return {k[1:]: v for k, v in i.items() if k[0] == letter}


def finish(case, i, out):
    sum((out[k] * c).sum() for k, c in case["cotangents"].items()).backward()
    return {"outputs": {k: v.detach() for k, v in out.items()}, "grads": {k: v.grad for k, v in i.items()}}


file = torch.load(sys.argv[1])
device = torch.device("cpu")
results = {}
for dtype in (torch.float32, torch.float64):
    g = file["graph"]
    graph = dgl.graph((g["src"], g["dst"]), num_nodes=int(g["num_nodes"])).to(device)
    graph.edata["rel_pos"] = g["rel_pos"].to(dtype).detach()

    case = file["cases"]["attention"]
    i = inputs(case, dtype)
    value, key = dict(of(i, "v")), dict(of(i, "k"))
    for d in key:  # as one convolution makes both: halves of one tensor
        value[d], key[d] = torch.chunk(torch.cat([value[d], key[d]], -2), 2, -2)
    out = Attention(4, 32)(value, key, of(i, "q"), graph)
    results["attention", dtype] = finish(case, i, out)

    case = file["cases"]["conv_none"]
    i = inputs(case, dtype)
    conv = Conv({0: 5, 1: 3}, {0: 4, 1: 2}, 4).to(dtype)
    conv.load_state_dict(case["state_dict"])
    basis = {**get_basis(graph.edata["rel_pos"], 1), "0,0": None}
    results["conv_none", dtype] = finish(case, i, conv(of(i, "f"), of(i, "e"), graph, basis))

# Graphs without edges, the mean, pooling of features of three dimensions, and what the tests of such layers use.
empty = dgl.graph((torch.empty(0, dtype=torch.int64),) * 2, num_nodes=3)
assert dgl.ops.copy_e_sum(empty, torch.ones(0, 2, 3)).tolist() == torch.zeros(3, 2, 3).tolist()
assert dgl.ops.copy_e_mean(empty, torch.ones(0, 2, 3)).shape == (3, 2, 3)
assert edge_softmax(empty, torch.ones(0, 4)).shape == (0, 4)
assert dgl.ops.e_dot_v(empty, torch.ones(0, 4, 8), torch.ones(3, 4, 8)).shape == (0, 4, 1)
batch = dgl.batch([dgl.graph(([0, 1], [1, 0])), dgl.graph(([0], [2]), num_nodes=3)])
x = torch.arange(30.0).view(5, 2, 3)
assert torch.equal(AvgPooling()(batch, x), torch.stack([x[:2].mean(0), x[2:].mean(0)]))
assert torch.equal(MaxPooling()(batch, x), torch.stack([x[1], x[4]]))
for remove in (dgl.remove_self_loop, dgl.transform.remove_self_loop, dgl.transforms.remove_self_loop):
    random = remove(dgl.rand_graph(6, 30))
    assert isinstance(random, DGLGraph) and not bool((random.edges()[0] == random.edges()[1]).any())
torch.save(results, sys.argv[2])
'''


def test_layers_written_for_dgl(tmp_path: Path) -> None:
    file = golden("layers.pt")
    run(tmp_path, PROGRAM, FOLDER / "layers.pt", tmp_path / "results.pt")
    results = torch.load(tmp_path / "results.pt")
    for (name, dtype), result in results.items():
        case = file["cases"][name]
        if dtype == torch.float64:
            assert_like(result["outputs"], case["outputs_fp64"], EXACT)
            continue
        assert_like(result["outputs"], case["outputs"], OUTPUT)
        for key, expected in case["grad_inputs"].items():
            assert apart(result["grads"][key], expected) <= GRADIENT, (name, key)
    assert len(results) == 4
