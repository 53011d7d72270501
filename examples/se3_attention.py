"""Porting a layer from DGL: from apply_edges, edge_softmax and copy_e / sum to one equation on `Edges`.

    python examples/se3_attention.py

In DGL, attention of the SE(3)-Transformer over scalars and vectors reads

    def __call__(self, graph, k0, k1, q0, q1, v0, v1):
        graph.edata["k"], graph.ndata["q"] = torch.cat([k0, k1.flatten(1)], 1), torch.cat([q0, q1.flatten(1)], 1)
        graph.apply_edges(fn.e_dot_v("k", "q", "score"))
        graph.edata["a"] = edge_softmax(graph, graph.edata["score"] / scale)
        graph.edata["m"] = graph.edata["a"] * v0
        graph.update_all(fn.copy_e("m", "m"), fn.sum("m", "s"))
        ...

Here a message is an expression; the engine stores none of it. `attend` below is the whole port, and `main` shows
that its output turns with its input, scalars and vectors together.
"""

from __future__ import annotations

import torch
from torch import Tensor

import grapevine as gv
from grapevine.geometry import knn_graph
from grapevine.nn.equivariant import FrameAttention, frames_of
from grapevine.testing import assert_equivariant


def attend(
    edges: gv.Edges, k: tuple[Tensor, Tensor], q: tuple[Tensor, Tensor], v: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Keys and values are given per edge, (E, C) and (E, C, 3); queries per node. Sums per node come back."""
    scale = (k[0].shape[1] + 3 * k[1].shape[1]) ** 0.5
    dot = (k[0] * edges.dst(q[0])).sum(-1) + (k[1] * edges.dst(q[1])).flatten(1).sum(-1)
    a = edges.softmax(dot / scale)
    return edges.sum(a[:, None] * v[0]), edges.sum(a[:, None, None] * v[1])


def main() -> dict[str, float]:
    """Checks the port, then a layer that looks at its neighbours from each residue's own frame."""
    torch.manual_seed(0)
    atoms = 3 * torch.randn(20, 1, 3) + torch.randn(20, 3, 3)  # N, CA, C of 20 residues
    edges = gv.Edges(knn_graph(atoms[:, 1], k=6), num_nodes=20)
    scalars, vectors = torch.randn(2, edges.num_edges, 8), torch.randn(2, edges.num_edges, 4, 3)
    queries = torch.randn(20, 8), torch.randn(20, 4, 3)

    def port(k1: Tensor, q1: Tensor, v1: Tensor) -> tuple[Tensor, Tensor]:
        return attend(edges, (scalars[0], k1), (queries[0], q1), (scalars[1], v1))

    errors = assert_equivariant(
        port,
        [vectors[0], queries[1], vectors[1]],
        "O(3)",
        kinds=["vector"] * 3,
        outputs=["invariant", "vector"],
    )
    print("attention over scalars and vectors, error under rotations:", errors)

    layer = FrameAttention(scalars=16, vectors=4, heads=4)
    s, v = torch.randn(20, 16), torch.randn(20, 4, 3)

    def frames(atoms: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        return layer(s, v, atoms[:, 1], frames_of(*atoms.unbind(1)), edges)

    found = assert_equivariant(
        frames, [atoms, v], "SE(3)", kinds=["point", "vector"], outputs=["invariant", "vector"]
    )
    print("messages between frames, error under motions:           ", found)
    return {**errors, **{f"frames_{k}": e for k, e in found.items()}}


if __name__ == "__main__":
    main()
