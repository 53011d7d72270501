"""Farthest points, a choice of every graph at a time."""

from __future__ import annotations

import torch
from torch import Tensor


def run(x: Tensor, ptr: Tensor, count: Tensor, start: Tensor) -> Tensor:
    size, first = ptr.diff().to(x.device), ptr[:-1].to(x.device)
    rounds, longest = (int(n.max()) if n.numel() else 0 for n in (count, size))
    place = torch.arange(longest, device=x.device)
    inside = place < size[:, None]
    points = x[(first[:, None] + place).masked_fill(~inside, 0)]  # (G, longest, D)
    apart = torch.where(inside, torch.inf, -2.0).to(x.dtype)  # -1: chosen already
    last = start.to(x.device)[:, None]
    found = []
    for _ in range(rounds):
        found.append(first + last[:, 0])
        distance = (points - points.gather(1, last[:, :, None].expand(-1, 1, x.shape[1]))).square().sum(2)
        apart = torch.where(distance < apart, distance, apart).scatter(1, last, -1)
        last = apart.argmax(1, keepdim=True)
    if not found:
        return first.new_empty(0)
    wanted = torch.arange(rounds, device=x.device) < count.to(x.device)[:, None]
    return torch.stack(found, dim=1)[wanted]
