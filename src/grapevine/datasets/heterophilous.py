"""Node classification where neighbours tend to differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from grapevine.data import Data
from grapevine.datasets._one_file import OneFileDataset
from grapevine.datasets._published import known_name
from grapevine.utils import to_undirected

_NAMES = (
    "roman_empire",
    "amazon_ratings",
    "minesweeper",
    "tolokers",
    "questions",
    "actor",
    "chameleon_filtered",
    "squirrel_filtered",
    "cornell",
    "texas",
    "wisconsin",
)


class HeterophilousGraphDataset(OneFileDataset):
    """Graphs whose neighbours tend to belong to different classes, with ten splits as columns of the masks.

    | name           | nodes  | edges, once | features | classes |
    |----------------|--------|-------------|----------|---------|
    | Roman-empire   | 22,662 | 32,927      | 300      | 18      |
    | Amazon-ratings | 24,492 | 93,050      | 300      | 5       |
    | Minesweeper    | 10,000 | 39,402      | 7        | 2       |
    | Tolokers       | 11,758 | 519,000     | 10       | 2       |
    | Questions      | 48,921 | 153,540     | 301      | 2       |

    The older graphs that its authors publish in the same form can be had too: Actor, Chameleon-filtered,
    Squirrel-filtered, Cornell, Texas, Wisconsin.

    Args:
        root: folder of the dataset. The raw file is taken from here, or from the folder ``$GRAPEVINE_DATA``,
            where it lies there, and downloaded otherwise.
        name: one of the names above, in any case.
        transform: called on the graph at every access.
        pre_transform: called on the graph once, before it is saved.
        force_reload: whether to read the raw file again.

    Raises:
        GraphValueError: for an unknown name.
        DownloadError: if the raw file is missing and cannot be downloaded.

    Source: Platonov et al., "A critical look at the evaluation of GNNs under heterophily: Are we really
    making progress?", arXiv:2302.11640.
    """

    url = "https://github.com/yandex-research/heterophilous-graphs/raw/main/data"
    sha256 = {
        "actor.npz": "c350eef06b2c2a9bf8218be2b57cac6d4003d0922eb597a039e9123f75817816",
        "chameleon_filtered.npz": "bf46f07e1fb5249280447e5fe3100f3e82fc4b93ad1e13ffcfdec924b6ac0bb5",
        "cornell.npz": "684c54ba3daa13b0ba1f04a3d6dd1b1175c1ae9bdeb982851fd4ff96d3aac298",
        "minesweeper.npz": "e664c8dacf1e8ac466c2c09ed4b237bd2c5541f47a6eae9c6092cb87f16412b3",
        "squirrel_filtered.npz": "f06370ffb3116c5de8b7a600005400b2293c025e0ce2f6916d8201a825505ac7",
        "texas.npz": "b164b99e6c3d43e4ab07488ec59bd8c815f90cbc1bd4cf425ce587d2b534d844",
        "tolokers.npz": "dacf3ac94cec53d03cd2adb5255c08b33dee1656c33ca8164a464bd9450a1667",
        "wisconsin.npz": "2543c89838cfc75f737f7c4664cc1d097f8268602c20b2d1bd4f21407df9c074",
    }

    def __init__(
        self,
        root: str,
        name: str,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        self.name = known_name(name, _NAMES)
        super().__init__(root, transform, pre_transform, force_reload)

    @property
    def raw_file_names(self) -> str:
        return f"{self.name}.npz"

    def _read(self, path: str) -> Data:
        with np.load(path) as arrays:
            raw = {key: torch.from_numpy(arrays[key]) for key in arrays.files}
        masks = {f"{part}_mask": raw[f"{part}_masks"].t().contiguous() for part in ("train", "val", "test")}
        edge_index = to_undirected(raw["edges"].t().contiguous(), num_nodes=raw["node_features"].size(0))
        return Data(x=raw["node_features"], y=raw["node_labels"], edge_index=edge_index, **masks)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name})"
