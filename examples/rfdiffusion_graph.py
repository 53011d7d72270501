"""From a PDB file to RFdiffusion's graph, and one step of its SE(3)-Transformer over it.

    python examples/rfdiffusion_graph.py                       # two helices, written to a file and read back
    python examples/rfdiffusion_graph.py --pdb 1qys.pdb.gz

A residue sends to its nearest residues in space and to its neighbours along the chain. The transformer gets the
backbone as vectors around C-alpha and answers with a turn and a shift for every residue. Weights are random here: a
checkpoint's would load by the same names. Whatever they are, the new backbone must move with the old one.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import torch
from torch import Tensor, nn

from grapevine.io import Backbone, read_backbone
from grapevine.nn.equivariant import SE3TransformerWrapper, make_full_graph, make_topk_graph
from grapevine.testing import assert_equivariant

#: RFdiffusion's transformer of its neighbour graph: numbers of layers, channels, degrees and so on.
TOP_K = {
    "num_layers": 1, "num_channels": 32, "num_degrees": 2, "n_heads": 4, "div": 4, "l0_in_features": 64,
    "l0_out_features": 64, "l1_in_features": 3, "l1_out_features": 2, "num_edge_features": 64,
}  # fmt: skip
#: Radius, angle and height of N, CA and C in an ideal alpha helix; each residue adds 100 degrees and 1.5 ångström.
HELIX = (("N", 1.546, -28.0, -0.87), ("CA", 2.28, 0.0, 0.0), ("C", 1.66, 26.9, 1.11))


def helix(residues: int, chain: str, x: float) -> list[str]:
    """The lines of a PDB file for the backbone of a helix along z, at `x`."""
    lines = []
    for n in range(residues):
        for name, r, angle, z in HELIX:
            turn = math.radians(100 * n + angle)
            at = f"{x + r * math.cos(turn):8.3f}{r * math.sin(turn):8.3f}{1.5 * n + z:8.3f}"
            serial = len(lines) + 1
            lines.append(
                f"ATOM  {serial:5d}  {name:<3} ALA {chain}{n + 1:4d}    {at}  1.00  0.00           {name[0]}"
            )
    return [*lines, "TER"]


def numbered(backbone: Backbone, gap: int = 200) -> Tensor:
    """Numbers of residues as RFdiffusion counts them: a new chain starts `gap` later, so that it is no neighbour."""
    lengths = [len(list(residues)) for _, residues in groupby(backbone.chain)]
    chains = torch.repeat_interleave(torch.tensor(lengths))
    return torch.arange(len(chains)) + gap * chains


def pair_features(ca: Tensor, idx: Tensor, size: int = 64) -> Tensor:
    """What every pair of residues is like: distances in space as Gaussians, along the chain as waves, (1, L, L,
    size)."""
    centres = torch.linspace(2, 22, size // 2)
    space = torch.exp(-((torch.cdist(ca, ca).unsqueeze(-1) - centres) / 0.625).square())
    apart = (idx[:, :, None] - idx[:, None, :]).clamp(-32, 32).unsqueeze(-1)
    waves = apart * torch.logspace(0, -1.5, size // 4)
    return torch.cat([space, waves.sin(), waves.cos()], dim=-1)


def moved(atoms: Tensor, offset: Tensor) -> Tensor:
    """The backbone (L, 3, 3) after each residue's shift and turn, (L, 2, 3), in RFdiffusion's units."""
    shift, turn = offset[:, 0] / 10, offset[:, 1] / 100
    w = (
        (1 + turn.square().sum(-1, keepdim=True)).rsqrt().unsqueeze(-1)
    )  # the quaternion (1, turn), of length one
    u = (turn * w.squeeze(-1)).unsqueeze(1)
    ca = atoms[:, 1:2]
    v = atoms - ca
    cross = torch.linalg.cross(u.expand_as(v), v)
    return ca + v + 2 * (w * cross + torch.linalg.cross(u.expand_as(v), cross)) + shift.unsqueeze(1)


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Reads a structure, builds its graphs, moves it by one step, and checks that the step is equivariant."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pdb", type=Path, default=None)
    parser.add_argument("--top-k", type=int, default=16)
    parser.add_argument("--kmin", type=int, default=9)
    options = parser.parse_args(arguments)
    if options.pdb is None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "helices.pdb"
            file.write_text("\n".join([*helix(24, "A", 0.0), *helix(18, "B", 9.5), "END"]))
            backbone = read_backbone(file)
    else:
        backbone = read_backbone(options.pdb)
    atoms, idx = backbone.pos, numbered(backbone).unsqueeze(0)
    print(f"{len(idx[0])} residues in chains {', '.join(dict.fromkeys(backbone.chain))}")

    torch.manual_seed(0)
    model = SE3TransformerWrapper(**TOP_K)
    for p in model.parameters():  # a fresh model moves nothing
        nn.init.normal_(p, std=0.1)
    scalars = torch.randn(len(atoms), TOP_K["l0_in_features"], 1)
    graph, _ = make_topk_graph(
        atoms[None, :, 1], pair_features(atoms[None, :, 1], idx), idx, options.top_k, options.kmin
    )
    src, dst = graph.edges()
    full, _ = make_full_graph(atoms[None, :, 1], pair_features(atoms[None, :, 1], idx), idx)
    print(f"neighbours: {graph}; complete: {full}")

    def step(atoms: Tensor) -> Tensor:
        ca = atoms[None, :, 1]
        # Edges stay those of the structure as it was read: near-ties between distances may flip when it is moved.
        edge = pair_features(ca, idx)[0, src, dst].unsqueeze(-1)
        out = model(
            graph.relation, scalars, atoms - atoms[:, 1:2], edge, rel_pos=atoms[dst, 1] - atoms[src, 1]
        )
        return moved(atoms, out["1"])

    with torch.no_grad():
        after = step(atoms)
        bonds = torch.stack([(x[:, 1] - x[:, 0]).norm(dim=-1) for x in (atoms, after)])
        numbers = {
            "residues": float(len(atoms)),
            "edges": float(graph.num_edges()),
            "full_edges": float(full.num_edges()),
            "moved": float((after - atoms).norm(dim=-1).mean()),
            "bonds_change": float((bonds[0] - bonds[1]).abs().max()),
            **assert_equivariant(step, [atoms], "SE(3)", kinds=["point"], outputs="point"),
        }
    print(
        f"one step moves atoms by {numbers['moved']:.3f} ångström on average, and bonds stay as long as they were"
    )
    print(f"error under rotations and translations, relative: {numbers['output']:.1e}")
    return numbers


if __name__ == "__main__":
    main()
