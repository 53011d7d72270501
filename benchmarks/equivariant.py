"""`python -m benchmarks.equivariant`: equivariant networks beside the references' algebra, written in plain torch.

The opponents share the weights and compute what the published code computes: radial weights for every edge
(E x O I F), fused bases, self-interaction on every edge for the SE(3)-Transformer; edges x (2F + 1) inputs for EGNN.
Outputs and gradients are compared first; then both take turns, forward and backward, and the medians count: of the
clock, and of processor time (all threads), which other programs on the machine disturb less. "saved" is what
autograd keeps for the backward pass; "peak" is by how much the resident memory of a fresh process grows in between.

    python -m benchmarks.equivariant --threads 2 --json out.json
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import grapevine as gv
from benchmarks.resident import peak_above, resident
from grapevine.nn.equivariant import (
    E_GCL,
    ConvSE3,
    EGNN_vel,
    NormSE3,
    PointGraph,
    SE3TransformerWrapper,
    get_basis,
    make_full_graph,
    make_topk_graph,
    update_basis_with_fused,
    with_distance,
)

Run = Callable[[], tuple[Tensor, ...]]


# ------------------------------------------------------------- the SE(3)-Transformer with a weight per edge
def conv(
    layer: ConvSE3, x: dict[str, Tensor], e: dict[str, Tensor], graph: PointGraph, basis: dict[str, Tensor]
) -> dict:
    """A convolution as the reference computes it."""
    src, dst = graph.edges()
    features = {d: x[str(d)][src] for d in layer.fiber_in.degrees}

    def versatile(name: str, feature: Tensor, fused: Tensor) -> Tensor:
        radial = layer.get_submodule(name).radial_func
        weights = radial(e["0"].squeeze(-1)).view(len(src), radial.channels_out, -1)
        mixed = (feature @ fused.reshape(len(src), fused.shape[1], -1)).view(len(src), -1, fused.shape[-1])
        return weights @ mixed

    if "conv_out" in layer._modules:
        together = torch.cat([features[d] for d in layer.fiber_in.degrees], dim=-1)
        out = {
            str(d): versatile(f"conv_out.{d}", together, basis[f"out{d}_fused"])[..., : 2 * d + 1]
            for d in layer.fiber_out.degrees
        }
    else:
        joint = sum(versatile(f"conv_in.{d}", f, basis[f"in{d}_fused"]) for d, f in features.items())
        parts = joint.split([2 * d + 1 for d in layer.fiber_out.degrees], dim=-1)
        out = {str(d): part for d, part in zip(layer.fiber_out.degrees, parts, strict=True)}
    if layer.self_interaction:
        for d, weight in layer.to_kernel_self.items():
            out[d] = out[d] + weight @ x[d][dst]
    if layer.pool:
        out = {d: y.new_zeros(graph.num_nodes(), *y.shape[1:]).index_add(0, dst, y) for d, y in out.items()}
    return out


def attention_block(block: nn.Module, x: dict, e: dict, graph: PointGraph, basis: dict) -> dict:
    dst, nodes = graph.edges()[1], graph.num_nodes()
    heads, fiber = block.attention.num_heads, block.key_fiber
    both = conv(block.to_key_value, x, e, graph, basis)
    value, key = ({d: y.chunk(2, dim=1)[k] for d, y in both.items()} for k in (0, 1))
    query = {d: w @ x[d] for d, w in block.to_query.weights.items()}
    k = torch.cat([key[str(d)].reshape(len(dst), heads, -1) for d in fiber.degrees], dim=-1)
    q = torch.cat([query[str(d)].reshape(nodes, heads, -1) for d in fiber.degrees], dim=-1)
    scores = (k * q[dst]).sum(-1) / fiber.num_features**0.5
    top = scores.new_full((nodes, heads), -torch.inf).index_reduce(0, dst, scores.detach(), "amax")
    weights = (scores - top[dst]).exp()
    weights = weights / weights.new_zeros(nodes, heads).index_add(0, dst, weights)[dst]
    z = {}
    for d, v in value.items():
        m = weights.unsqueeze(-1) * v.reshape(len(dst), heads, -1)
        z[d] = m.new_zeros(nodes, *m.shape[1:]).index_add(0, dst, m).view(nodes, *v.shape[1:])
    return {d: w @ torch.cat([z[d], x[d]], dim=1) for d, w in block.project.weights.items()}


def transformer(model: SE3TransformerWrapper, graph: PointGraph, x: dict, edge: Tensor) -> dict[str, Tensor]:
    """The whole model with a weight tensor per edge."""
    vectors = graph.edata["rel_pos"]
    with torch.no_grad():
        basis = update_basis_with_fused(get_basis(vectors, model.se3.max_degree), model.se3.max_degree)
    e = with_distance(vectors, {"0": edge})
    for module in model.se3.graph_modules:
        if isinstance(module, NormSE3):
            x = module(x)
        elif isinstance(module, ConvSE3):
            x = conv(module, x, e, graph, basis)
        else:
            x = attention_block(module, x, e, graph, basis)
    return x


def se3(kind: str, length: int = 128) -> tuple[dict[str, Run], str]:
    """RFdiffusion's two configurations, on 128 residues."""
    torch.manual_seed(0)
    full = kind == "full"
    scalars, channels = (8, 32) if full else (64, 64)
    model = SE3TransformerWrapper(1, 32, 2, 4, 4, scalars, scalars, 3, 2, channels)
    for p in model.parameters():
        nn.init.normal_(p, std=0.2)
    xyz = 10 * torch.randn(1, length, 3)
    pair, idx = torch.randn(1, length, length, channels), torch.arange(length).unsqueeze(0)
    graph, edge = make_full_graph(xyz, pair, idx) if full else make_topk_graph(xyz, pair, idx, 64, 1)
    x = {
        "0": torch.randn(length, scalars, 1).requires_grad_(),
        "1": torch.randn(length, 3, 3).requires_grad_(),
    }
    edge = edge.detach().requires_grad_()
    inputs = [*x.values(), edge, *model.parameters()]
    seeds = [torch.randn(length, scalars, 1), torch.randn(length, 2, 3)]

    def step(forward: Callable[[], dict[str, Tensor]]) -> Run:
        def run() -> tuple[Tensor, ...]:
            out = forward()
            out = [out["0"], out["1"]]
            return (*(o.detach() for o in out), *torch.autograd.grad(out, inputs, seeds))

        return run

    ours = step(lambda: model(graph, x["0"], x["1"], edge))
    return {"grapevine": ours, "reference": step(lambda: transformer(model, graph, x, edge))}, f"{graph}"


# --------------------------------------------------------------------- EGNN with every input on every edge
def egcl(
    layer: E_GCL, h: Tensor, ends: Tensor, x: Tensor, a: Tensor | None, vel: Tensor | None = None
) -> tuple:
    """An EGNN layer as the published code computes it."""
    row, col = ends
    d = x[row] - x[col]
    r2 = d.square().sum(1, keepdim=True)
    m = layer.edge_mlp(torch.cat([h[row], h[col], r2] + ([] if a is None else [a]), dim=1))
    moved = d * layer.coord_mlp(m)
    if layer.clamp is not None:
        moved = torch.clamp(moved, -layer.clamp, layer.clamp)
    index = row.unsqueeze(1)
    total = x.new_zeros(x.shape).scatter_add(0, index.expand_as(moved), moved)
    count = x.new_zeros(x.shape).scatter_add(0, index.expand_as(moved), torch.ones_like(moved))
    x = x + total / count.clamp(min=1)
    if vel is not None:
        x = x + layer.coord_mlp_vel(h) * vel
    arrived = h.new_zeros(len(h), m.shape[1]).scatter_add(0, index.expand_as(m), m)
    return h + layer.node_mlp(torch.cat([h, arrived], dim=1)), x


def dense(nodes: int = 1000) -> tuple[dict[str, Run], str]:
    """One layer on a complete graph."""
    torch.manual_seed(0)
    layer = E_GCL(64, 64, 64)
    h, x = torch.randn(nodes, 64).requires_grad_(), torch.randn(nodes, 3).requires_grad_()
    row, col = torch.nonzero(~torch.eye(nodes, dtype=torch.bool), as_tuple=True)
    ends = torch.stack([row, col])
    edges = gv.Edges((col, row), num_nodes=nodes)
    inputs, seeds = [h, x, *layer.parameters()], [torch.randn(nodes, 64), torch.randn(nodes, 3)]

    def step(forward: Callable[[], tuple[Tensor, ...]]) -> Run:
        def run() -> tuple[Tensor, ...]:
            out = forward()[:2]
            return (*(o.detach() for o in out), *torch.autograd.grad(out, inputs, seeds))

        return run

    ours, theirs = step(lambda: layer(h, edges, x)), step(lambda: egcl(layer, h, ends, x, None))
    return {"grapevine": ours, "reference": theirs}, f"complete graph of {nodes} nodes, one layer of 64"


def nbody(systems: int = 100) -> tuple[dict[str, Run], str]:
    """A training step of the n-body experiment, Adam included."""
    ends = torch.nonzero(~torch.eye(5, dtype=torch.bool)).t().repeat(1, systems)
    ends = ends + 5 * torch.arange(systems).repeat_interleave(20)
    x, vel, target = torch.randn(3, 5 * systems, 3)
    q = torch.randn(20 * systems, 1)
    edges = gv.Edges((ends[1], ends[0]), num_nodes=5 * systems)

    def contender(predict: Callable[[EGNN_vel, Tensor], Tensor]) -> Run:
        torch.manual_seed(0)
        model = EGNN_vel(1, 2, 64, n_layers=4, recurrent=True)
        optimiser = torch.optim.Adam(model.parameters(), lr=5e-4, weight_decay=1e-12)

        def run() -> tuple[Tensor, ...]:
            attributes = torch.cat([q, (x[ends[0]] - x[ends[1]]).square().sum(1, keepdim=True)], dim=1)
            out = predict(model, attributes)
            optimiser.zero_grad()
            F.mse_loss(out, target).backward()
            optimiser.step()
            return (out.detach(),)

        return run

    def reference(model: EGNN_vel, a: Tensor) -> Tensor:
        h, y = model.embedding(vel.norm(dim=1, keepdim=True)), x
        for name, layer in model.named_children():
            if name.startswith("gcl_"):
                h, y = egcl(layer, h, ends, y, a, vel)
        return y

    def ours(model: EGNN_vel, a: Tensor) -> Tensor:
        return model(vel.norm(dim=1, keepdim=True), x, edges, vel, a)

    return {"grapevine": contender(ours), "reference": contender(reference)}, f"{systems} systems of 5 bodies"


Case = Callable[[], tuple[dict[str, Run], str]]
CASES: dict[str, Case] = {
    "se3_topk": lambda: se3("topk"),
    "se3_full": lambda: se3("full"),
    "egnn_nbody": nbody,
    "egnn_dense": dense,
}
SMALL: dict[str, Case] = {
    "se3_topk": lambda: se3("topk", 16),
    "se3_full": lambda: se3("full", 16),
    "egnn_nbody": lambda: nbody(2),
    "egnn_dense": lambda: dense(50),
}


# ------------------------------------------------------------------------------------------------ measuring
class _BackwardBegins(Exception):
    pass


def saved(run: Run) -> float:
    """MB that autograd keeps between forward and backward, each storage once; parameters and inputs included."""
    seen: dict[int, int] = {}
    kept = []

    def pack(t: Tensor) -> Tensor:
        seen[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
        kept.append(t)
        return t

    def stop(*args: Any, **kwargs: Any) -> None:
        raise _BackwardBegins

    with (
        mock.patch("torch.autograd.grad", stop),
        mock.patch("torch.Tensor.backward", stop),
        torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t),
        contextlib.suppress(_BackwardBegins),
    ):
        run()
    return sum(seen.values()) / 1e6


def peak(case: str, contender: str, threads: int) -> float:
    """MB by which a fresh process grows in its first run, after a small one of the same kind.

    The small one brings in what torch loads at the first backward pass of a process, whoever asks for it (sympy alone
    takes 35 MB).
    """
    code = f"from benchmarks import equivariant as b; b.grow({case!r}, {contender!r}, {threads})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def grow(case: str, contender: str, threads: int) -> None:
    torch.set_num_threads(threads)
    SMALL[case]()[0][contender]()
    run = CASES[case]()[0][contender]
    print(peak_above(resident("VmRSS"), run))


def measure(name: str, rounds: int, threads: int) -> dict[str, Any]:
    contenders, what = CASES[name]()
    ours, theirs = (contenders[c]() for c in ("grapevine", "reference"))
    apart = max(
        float((a - b).abs().max() / b.abs().max().clamp(min=1e-6)) for a, b in zip(ours, theirs, strict=True)
    )
    times: dict[str, list[float]] = {c: [] for c in contenders}
    busy: dict[str, list[float]] = {c: [] for c in contenders}
    for _ in range(rounds):
        for c, run in contenders.items():
            start, processor = time.perf_counter(), time.process_time()
            run()
            times[c].append(1e3 * (time.perf_counter() - start))
            busy[c].append(1e3 * (time.process_time() - processor))
    row: dict[str, Any] = {"case": name, "what": what, "apart": apart}
    row["ms"] = {c: statistics.median(t) for c, t in times.items()}
    row["processor_ms"] = {c: statistics.median(t) for c, t in busy.items()}
    row["saved_mb"] = {c: saved(run) for c, run in contenders.items()}
    row["peak_mb"] = {c: peak(name, c, threads) for c in contenders}
    return row


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", default=None)
    options = parser.parse_args()
    warnings.filterwarnings("ignore", message="index_reduce")
    torch.set_num_threads(options.threads)
    rows = []
    for name in options.cases:
        rounds = 3 if name == "egnn_dense" else options.rounds
        row = measure(name, rounds, options.threads)
        rows.append(row)
        ms, busy, kept, grown = row["ms"], row["processor_ms"], row["saved_mb"], row["peak_mb"]
        print(
            f"{name:11} {row['what']}: {ms['grapevine']:.1f} ms, reference {ms['reference']:.1f} "
            f"({ms['reference'] / ms['grapevine']:.2f} times faster; processor {busy['grapevine']:.1f} of "
            f"{busy['reference']:.1f}, {busy['reference'] / busy['grapevine']:.2f} times less); saved "
            f"{kept['grapevine']:.0f} MB of "
            f"{kept['reference']:.0f}; peak {grown['grapevine']:.0f} MB of {grown['reference']:.0f}; "
            f"results differ by {row['apart']:.1e}",
            flush=True,
        )
    if options.json:
        with open(options.json, "w") as out:
            json.dump({"threads": options.threads, "torch": torch.__version__, "rows": rows}, out, indent=1)


if __name__ == "__main__":
    main()
