"""Neighbours by distances of all pairs."""

from __future__ import annotations

import torch

from grapevine.nn import approx_knn, approx_knn_graph


def test_nearest_of_the_same_graph() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(20, 5, generator=generator), torch.rand(8, 5, generator=generator)
    of_x, of_y = torch.arange(20) // 10, torch.arange(8) // 4
    distance = torch.cdist(y, x).masked_fill(of_y[:, None] != of_x, float("inf"))
    near = distance.topk(3, largest=False).indices
    assert torch.equal(approx_knn(x, y, 3, of_x, of_y)[1].view(8, 3), near)
    for loop, flow in ((False, "source_to_target"), (True, "target_to_source")):
        distance = torch.cdist(x, x).masked_fill(of_x[:, None] != of_x, float("inf"))
        distance = distance if loop else distance.fill_diagonal_(float("inf"))
        near = distance.topk(2, largest=False).indices.flatten()
        centre = torch.arange(20).repeat_interleave(2)
        found = approx_knn_graph(x, 2, of_x, loop, flow)
        expected = torch.stack([near, centre] if flow == "source_to_target" else [centre, near])
        assert torch.equal(found, expected)
