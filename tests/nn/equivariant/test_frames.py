"""Messages between frames, and the example that ports DGL's attention."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.nn.equivariant import FrameAttention, frames_of
from grapevine.testing import assert_equivariant
from tests.test_examples import example

RING = torch.stack([torch.arange(6), (torch.arange(6) + 1) % 6])


def test_frame_attention_is_its_equation() -> None:
    layer = FrameAttention(4, 2, heads=2, edge_dim=1).double()
    s, v, x = (torch.randn(6, *shape, dtype=torch.float64) for shape in ((4,), (2, 3), (3,)))
    atoms, a = torch.randn(6, 3, 3, dtype=torch.float64), torch.randn(12, 1, dtype=torch.float64)
    R = frames_of(*atoms.unbind(1))
    edge_index = torch.cat([RING, RING.flip(0)], dim=1)
    new_s, new_v = layer(s, v, x, R, edge_index, a)
    i = 2
    arriving = (edge_index[1] == i).nonzero().squeeze(1).tolist()
    u = [
        R[i].T @ torch.cat([v[j], (x[j] - x[i])[None]]).T for j in edge_index[0, arriving]
    ]  # (3, V + 1) each
    flat = [w.T.flatten() for w in u]
    senders = edge_index[0, arriving].tolist()
    score = torch.stack(
        [
            layer.score(torch.cat([s[i], s[j], f, a[e]]))
            for j, f, e in zip(senders, flat, arriving, strict=True)
        ]
    ).softmax(0)
    sums = torch.zeros(2, 2, dtype=torch.float64)
    turned = torch.zeros(2, 1, 3, dtype=torch.float64)
    for w, j, f, arrow in zip(score, senders, flat, u, strict=True):
        sums += w[:, None] * layer.to_scalars(torch.cat([s[j], f])).view(2, 2)
        turned += w[:, None, None] * (layer.to_vectors.weight @ arrow.T).view(2, 1, 3)
    torch.testing.assert_close(new_s[i], sums.flatten())
    torch.testing.assert_close(new_v[i], turned.view(2, 3) @ R[i].T)


def test_frame_attention_moves_with_its_input() -> None:
    layer = FrameAttention(8, 4).double()
    s, v, atoms = (torch.randn(6, *shape, dtype=torch.float64) for shape in ((8,), (4, 3), (3, 3)))

    def run(atoms: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        return layer(s, v, atoms[:, 1], frames_of(*atoms.unbind(1)), RING)

    kinds, outputs = ["point", "vector"], ["invariant", "vector"]
    assert_equivariant(run, [atoms, v], "SE(3)", kinds=kinds, outputs=outputs, distance=1.0)
    with pytest.raises(GraphValueError, match="heads divide"):
        FrameAttention(6, 4)


def test_the_ported_layer() -> None:
    assert max(example("se3_attention").main().values()) < 1e-5
