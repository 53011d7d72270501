"""Key points of things in photographs, to be matched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from scipy.io import loadmat

from grapevine.data import Data, InMemoryDataset
from grapevine.datasets._parts import obtain_tree
from grapevine.errors import GraphValueError

_KINDS = (
    "aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person pottedplant sheep "
    "sofa train tvmonitor"
)


class PascalPF(InMemoryDataset):
    """Key points of things of 20 kinds in photographs, and which photographs are to be matched.

    Args:
        root: folder of the dataset. The zip ``PF-dataset-PASCAL.zip`` is taken from here or from the folder
            ``$GRAPEVINE_DATA``, and downloaded otherwise.
        category: the kind, such as ``"car"``, in any case.
        transform: called on a cloud at every access.
        pre_transform: called on each cloud once, before they are saved.
        pre_filter: called on each cloud before that; clouds for which it returns False are left out, and their pairs.
        force_reload: whether to read the raw files again.

    Returns:
        Clouds with ``pos`` (N, 2), centred, the farthest at distance 1, ``y`` (N,), which point each is, and ``name``.
        `pairs` holds the numbers of the clouds to be matched.

    Raises:
        GraphValueError: for an unknown kind.

    Source: Ham et al., "Proposal Flow" (arXiv:1511.05065).
    """

    url = "https://www.di.ens.fr/willow/research/proposalflow/dataset/PF-dataset-PASCAL.zip"
    categories = tuple(_KINDS.split())

    def __init__(
        self,
        root: str,
        category: str,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        pre_filter: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        self.category = category.lower()
        if self.category not in self.categories:
            raise GraphValueError(f"expected a category of {self.categories}, got {category!r}")
        super().__init__(root, transform, pre_transform, pre_filter, force_reload=force_reload)
        self.load(self.processed_paths[0])
        self.pairs: list[tuple[int, int]] = torch.load(self.processed_paths[1], weights_only=True)

    @property
    def raw_file_names(self) -> list[str]:
        return ["Annotations", "parsePascalVOC.mat"]

    @property
    def processed_file_names(self) -> list[str]:
        return [f"grapevine_{self.category}.pt", f"grapevine_{self.category}_pairs.pt"]

    def download(self) -> None:
        folder = Path(self.url).stem
        obtain_tree(f"{folder}.zip", folder, self.raw_dir, self.url, self.root, folder)

    def process(self) -> None:
        clouds = []
        for file in sorted(Path(self.raw_paths[0], self.category).glob("*.mat")):
            pos = torch.from_numpy(loadmat(file)["kps"]).float()
            (y,) = torch.nonzero(~pos[:, 0].isnan(), as_tuple=True)
            pos = pos[y] - pos[y].mean(dim=0)
            clouds.append(Data(pos=pos / pos.norm(dim=1).max(), y=y, name=file.stem))
        clouds = self._kept(clouds)
        number = {cloud.name: i for i, cloud in enumerate(clouds)}
        lists = loadmat(self.raw_paths[1])["PascalVOC"]["pair"][0, 0]
        named = [(a[0], b[0]) for a, b in lists[0, self.categories.index(self.category)]]
        pairs = [(number[a], number[b]) for a, b in named if a in number and b in number]
        self.save(clouds, self.processed_paths[0])
        torch.save(pairs, self.processed_paths[1])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)}, category={self.category})"
