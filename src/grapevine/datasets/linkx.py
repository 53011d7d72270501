"""Large graphs whose neighbours differ, collected for LINKX."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.io import loadmat
from torch import Tensor

from grapevine.data import Data
from grapevine.data.files import google_url
from grapevine.datasets._published import NamedDataset
from grapevine.errors import GraphValueError
from grapevine.io import ArrayUnpickler
from grapevine.utils import one_hot

_FACEBOOK = {
    "penn94": "Penn94",
    "reed98": "Reed98",
    "amherst41": "Amherst41",
    "cornell5": "Cornell5",
    "johnshopkins55": "Johns%20Hopkins55",
}
_GITHUB = "https://github.com/CUAI/Non-Homophily-Large-Scale/raw/master/data"
_WIKI = {
    "wiki_views2M.pt": "1p5DlVHrnFgYm3VsNIzahSsvCD424AyvP",
    "wiki_edges2M.pt": "14X7FlkjrlUgmnsYtPwdh-gGuFla4yb5u",
    "wiki_features2M.pt": "1ySNspxbK-snNoAZM7oxiWGvOnTRdSyEK",
}
_SPLITS = "fb100-Penn94-splits.npy"


class LINKXDataset(NamedDataset):
    """Friends at American universities (the gender is to be found), users who like each other, articles.

    | name           | nodes     | edges       | features | classes |
    |----------------|-----------|-------------|----------|---------|
    | penn94         | 41,554    | 2,724,458   | 4,814    | 3       |
    | reed98         | 962       | 37,624      | 745      | 3       |
    | amherst41      | 2,235     | 181,908     | 1,193    | 3       |
    | cornell5       | 18,660    | 1,581,554   | 4,735    | 3       |
    | johnshopkins55 | 5,180     | 373,172     | 2,406    | 3       |
    | genius         | 421,961   | 984,979     | 12       | 2       |
    | wiki           | 1,925,342 | 303,434,860 | 600      | 5       |

    Arguments as for `NamedDataset`.

    Returns:
        A graph with ``x``, ``edge_index`` and ``y``, -1 where a Facebook user does not say; for penn94 also the five
        splits, as columns of the masks.

    Source: Lim et al., "Large Scale Learning on Non-Homophilous Graphs: New Benchmarks and Strong Simple Methods"
    (arXiv:2110.14446).
    """

    names = (*_FACEBOOK, "genius", "wiki")

    def _urls(self) -> Mapping[str, str]:
        if self.name == "wiki":
            return {file: google_url(key) for file, key in _WIKI.items()}
        if self.name == "genius":
            return {"data.mat": f"{_GITHUB}/genius.mat"}
        files = {"data.mat": f"{_GITHUB}/facebook100/{_FACEBOOK[self.name]}.mat"}
        return files | ({_SPLITS: f"{_GITHUB}/splits/{_SPLITS}"} if self.name == "penn94" else {})

    def _read(self, folder: Path) -> Data:
        if self.name == "wiki":
            y, edges, x = (torch.load(folder / file, weights_only=True) for file in _WIKI)
            return Data(x=x, edge_index=edges.t().contiguous(), y=y)
        arrays = loadmat(folder / "data.mat")
        if self.name == "genius":
            x, edge_index, y = (torch.from_numpy(arrays[key]) for key in ("node_feat", "edge_index", "label"))
            return Data(x=x.float(), edge_index=edge_index.long(), y=y.squeeze().long())
        data = _facebook(arrays)
        if self.name == "penn94":
            parts = read_splits(folder / _SPLITS)
            for mask, part in (("train_mask", "train"), ("val_mask", "valid"), ("test_mask", "test")):
                columns = torch.zeros(data.num_nodes or 0, len(parts), dtype=torch.bool)
                for column, split in enumerate(parts):
                    columns[torch.from_numpy(np.array(split[part])), column] = True
                data[mask] = columns
        return data

    def __repr__(self) -> str:
        return f"{self.name.capitalize()}({len(self)})"


def _facebook(arrays: Mapping[str, Any]) -> Data:
    friends = arrays["A"].tocsr().tocoo()
    edge_index = torch.from_numpy(np.stack([friends.row, friends.col])).long()
    about = torch.from_numpy(arrays["local_info"].astype(np.int64))
    columns = [column for number, column in enumerate(about.t()) if number != 1]
    x = torch.cat([one_hot(column.unique(return_inverse=True)[1]) for column in columns], dim=1)
    return Data(x=x, edge_index=edge_index, y=about[:, 1] - 1)


def read_splits(file: Path) -> list[dict[str, Any]]:
    """Reads an `.npy` that holds dicts of arrays, which numpy would only read by running what the file says.

    Raises:
        UnsafePickleError: if it names anything else than arrays.
    """
    with file.open("rb") as source:
        version = np.lib.format.read_magic(source)
        header = (
            np.lib.format.read_array_header_1_0 if version[0] == 1 else np.lib.format.read_array_header_2_0
        )
        _, _, dtype = header(source)
        if not dtype.hasobject:
            raise GraphValueError(f"{file}: expected an array of dicts, got one of {dtype}")
        return [_plain(part) for part in _ObjectUnpickler(source).load().value]


class _Kind:
    """A dtype that is described, not made: objects have none that a file may change."""

    def __init__(self, code: str, *_: Any) -> None:
        self.code, self.order = code, "="

    def __setstate__(self, state: Any) -> None:
        self.order = state[1].replace("|", "=")


class _Array:
    """An array from its pickled state: a list of objects, or numbers."""

    def __init__(self, *_: Any) -> None:
        self.value: Any = []

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, in_columns, content = state
        if isinstance(content, bytes):
            numbers = np.frombuffer(content, np.dtype(kind.code).newbyteorder(kind.order))
            self.value = numbers.reshape(shape, order="F" if in_columns else "C")
        else:
            self.value = content


class _ObjectUnpickler(ArrayUnpickler):
    def find_class(self, module: str, name: str) -> Any:
        own = {"dtype": _Kind, "_reconstruct": _Array, "ndarray": _Array}
        return own[name] if module.startswith("numpy") and name in own else super().find_class(module, name)


def _plain(part: Any) -> dict[str, Tensor]:
    return {key: getattr(value, "value", value) for key, value in part.items()}
