"""Social networks of Rozemberczki et al.: one `.npz` each, with embedded features, classes and edges."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from grapevine.data import Data
from grapevine.datasets._published import NamedDataset, PublishedDataset

_URL = "https://graphmining.ai/datasets/ptg"


def read_musae(file: Path) -> Data:
    """Reads the arrays `features` (N, F), where there are some, `target` (N,), and `edges` (E, 2)."""
    with np.load(file) as arrays:
        found = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    y = found["target"]
    data = Data(y=y if y.is_floating_point() else y.long(), edge_index=found["edges"].long().t().contiguous())
    if "features" in found:
        data.x = found["features"].float()
    return data


class _OneNetwork(PublishedDataset):
    file: str

    def _urls(self) -> Mapping[str, str]:
        return {self.file: f"{_URL}/{self.file}"}

    def _read(self, folder: Path) -> Data:
        return read_musae(folder / self.file)


class FacebookPagePage(_OneNetwork):
    """Verified pages that like each other: 22,470 nodes, 342,004 edges, 128 features, 4 kinds of pages.

    Arguments as for `PublishedDataset`.

    Source: Rozemberczki et al., "Multi-Scale Attributed Node Embedding", arXiv:1909.13021.
    """

    file = "facebook.npz"


class GitHub(_OneNetwork):
    """Developers who follow each other: 37,700 nodes, 578,006 edges, 128 features; for the web, or machine learning.

    Arguments as for `PublishedDataset`.

    Source: Rozemberczki et al., "Multi-Scale Attributed Node Embedding", arXiv:1909.13021.
    """

    file = "github.npz"


class DeezerEurope(_OneNetwork):
    """Listeners who follow each other: 28,281 nodes, 185,504 edges, 128 features, 2 genders.

    Arguments as for `PublishedDataset`.

    Source: Rozemberczki, Sarkar, "Characteristic Functions on Graphs", arXiv:2005.07959.
    """

    file = "deezer_europe.npz"


class LastFMAsia(_OneNetwork):
    """Listeners who follow each other: 7,624 nodes, 55,612 edges, 128 features, 18 countries.

    Arguments as for `PublishedDataset`.

    Source: Rozemberczki, Sarkar, "Characteristic Functions on Graphs", arXiv:2005.07959.
    """

    file = "lastfm_asia.npz"


class Twitch(NamedDataset):
    """Players who are friends, by language; whether they use mature words.

    | name | nodes | edges   | features |
    |------|-------|---------|----------|
    | DE   | 9,498 | 315,774 | 128      |
    | EN   | 7,126 | 77,774  | 128      |
    | ES   | 4,648 | 123,412 | 128      |
    | FR   | 6,551 | 231,883 | 128      |
    | PT   | 1,912 | 64,510  | 128      |
    | RU   | 4,385 | 78,993  | 128      |

    Arguments as for `NamedDataset`.

    Source: Rozemberczki et al., "Multi-Scale Attributed Node Embedding", arXiv:1909.13021.
    """

    names: tuple[str, ...] = ("DE", "EN", "ES", "FR", "PT", "RU")
    place = "twitch"

    def _urls(self) -> Mapping[str, str]:
        return {f"{self.name}.npz": f"{_URL}/{self.place}/{self.name}.npz"}

    def _read(self, folder: Path) -> Data:
        return read_musae(folder / f"{self.name}.npz")


class GemsecDeezer(Twitch):
    """Listeners who are friends, by country, and the 84 genres that they like.

    | name | nodes  | edges   |
    |------|--------|---------|
    | HU   | 47,538 | 445,774 |
    | HR   | 54,573 | 996,404 |
    | RO   | 41,773 | 251,652 |

    Arguments as for `NamedDataset`.

    Source: Rozemberczki et al., "GEMSEC: Graph Embedding with Self Clustering", arXiv:1802.03997.
    """

    names = ("HU", "HR", "RO")
    place = "gemsec"
