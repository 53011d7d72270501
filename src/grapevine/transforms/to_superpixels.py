"""Pictures as graphs of patches."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grapevine.data import Data
from grapevine.errors import require
from grapevine.transforms.base import BaseTransform
from grapevine.utils import scatter


class ToSLIC(BaseTransform):
    """Makes a graph of a picture: patches of similar colour that `skimage.segmentation.slic` finds, without edges.

    Args:
        add_seg: keep which patch each pixel belongs to, as ``seg`` (1, H, W).
        add_img: keep the picture, as ``img`` (1, C, H, W).
        kwargs: of `slic`, such as `n_segments`.

    Call:
        a picture, (C, H, W).

    Returns:
        A graph with ``x`` (N, C), the mean colours, and ``pos`` (N, 2), the centres, column before row.

    Raises:
        MissingDependencyError: without scikit-image.

    Source: Achanta et al., "SLIC Superpixels Compared to State-of-the-Art Superpixel Methods", TPAMI 34 (2012).
    """

    def __init__(self, add_seg: bool = False, add_img: bool = False, **kwargs: Any) -> None:
        self.add_seg = add_seg
        self.add_img = add_img
        self.kwargs = kwargs

    def forward(self, data: Tensor) -> Data:
        slic = require("skimage.segmentation", "scikit-image").slic
        pixels = data.permute(1, 2, 0)
        height, width, _ = pixels.shape
        patch = torch.from_numpy(slic(pixels.double().numpy(), start_label=0, **self.kwargs)).long()
        row, column = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        place = torch.stack([column, row], dim=-1).float()
        x, pos = (scatter(value.flatten(0, 1), patch.flatten(), reduce="mean") for value in (pixels, place))
        out = Data(x=x, pos=pos)
        if self.add_seg:
            out.seg = patch.unsqueeze(0)
        if self.add_img:
            out.img = data.unsqueeze(0)
        return out
