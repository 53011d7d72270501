"""Rooms as clouds of points."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from grapevine.data import Data
from grapevine.datasets._parts import TrainTestDataset, obtain_tree
from grapevine.errors import GraphValueError, require


class S3DIS(TrainTestDataset):
    """Blocks of the rooms of six areas of offices, 4,096 points each, labelled by 13 kinds of things; needs h5py.

    Args:
        root: folder of the dataset. The zip ``indoor3d_sem_seg_hdf5_data.zip`` is taken from here or from the folder
            ``$GRAPEVINE_DATA``, and downloaded otherwise.
        test_area: the area for testing, 1 to 6.
        train: whether to load the other areas, else this one.
        transform: called on a cloud at every access.
        pre_transform: called on each cloud once, before they are saved.
        pre_filter: called on each cloud before that; clouds for which it returns False are left out.
        force_reload: whether to read the raw files again.

    Returns:
        Clouds with ``pos`` (4096, 3), ``x`` (4096, 6), colours and places within the room, and ``y`` (4096,).

    Raises:
        GraphValueError: for another area.
        DownloadError: if the zip is missing and cannot be downloaded.
        MissingDependencyError: without h5py.

    Source: Armeni et al., "3D Semantic Parsing of Large-Scale Indoor Spaces", CVPR 2016; the blocks of
    arXiv:1612.00593.
    """

    url = "https://shapenet.cs.stanford.edu/media/indoor3d_sem_seg_hdf5_data.zip"

    def __init__(
        self,
        root: str,
        test_area: int = 6,
        train: bool = True,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        pre_filter: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        if not 1 <= test_area <= 6:
            raise GraphValueError(f"expected a test_area from 1 to 6, got {test_area}")
        self.test_area = test_area
        super().__init__(root, train, transform, pre_transform, pre_filter, force_reload)

    @property
    def raw_file_names(self) -> list[str]:
        return ["all_files.txt", "room_filelist.txt"]

    @property
    def processed_file_names(self) -> list[str]:
        return [f"grapevine_{part}_{self.test_area}.pt" for part in self.parts]

    def download(self) -> None:
        folder = Path(self.url).stem
        obtain_tree(f"{folder}.zip", folder, self.raw_dir, self.url, self.root, folder)

    def _read(self, part: str) -> Iterator[Data]:
        h5py = require("h5py", "h5py")
        files, rooms = (Path(path).read_text().split() for path in self.raw_paths)
        owners = iter(rooms)
        for file in files:
            with h5py.File(Path(self.raw_dir, Path(file).name), "r") as blocks:
                points, labels = (torch.from_numpy(blocks[key][:]) for key in ("data", "label"))
            for point, label, room in zip(points, labels.long(), owners):
                if (f"Area_{self.test_area}" in room) == (part == "test"):
                    yield Data(pos=point[:, :3], x=point[:, 3:], y=label)
