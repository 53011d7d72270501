"""What datasets are made with: downloads, archives, splits, masks, files."""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grapevine.data.files import extract_gz, extract_tar, extract_zip
from grapevine.dgl.base import DGLError, dgl_warning
from grapevine.dgl.data.graph_serialize import load_graphs, load_labels, save_graphs
from grapevine.dgl.data.tensor_serialize import load_tensors, save_tensors
from grapevine.errors import require
from grapevine.io import download_file

__all__ = [
    "Subset",
    "add_node_property_split",
    "add_nodepred_split",
    "check_sha1",
    "download",
    "extract_archive",
    "get_download_dir",
    "load_graphs",
    "load_labels",
    "load_tensors",
    "loadtxt",
    "mask_nodes_by_property",
    "save_graphs",
    "save_tensors",
    "split_dataset",
]

_SPLIT_MASKS = ("in_train_mask", "in_valid_mask", "in_test_mask", "out_valid_mask", "out_test_mask")


def loadtxt(path: str, delimiter: str, dtype: Any = None) -> np.ndarray[Any, Any]:
    """A table of numbers, of two dimensions.

    Args:
        path: the text file.
        delimiter: what stands between two columns.
        dtype: of the numbers; None means int64 where all are integers, else float64.
    """
    table = np.loadtxt(path, delimiter=delimiter, dtype=dtype or float, ndmin=2)
    return table.astype(np.int64) if dtype is None and (table == np.round(table)).all() else table


def _get_dgl_url(file_url: str) -> str:
    """Where DGL publishes a file; the environment variable `DGL_REPO` names another server."""
    return os.environ.get("DGL_REPO", "https://data.dgl.ai/").rstrip("/") + "/" + file_url


def get_download_dir() -> str:
    """The folder of downloads: `$DGL_DOWNLOAD_DIR`, or `~/.dgl`; made if need be."""
    folder = Path(os.environ.get("DGL_DOWNLOAD_DIR", Path.home() / ".dgl"))
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder)


def download(
    url: str,
    path: str | None = None,
    overwrite: bool = True,
    sha1_hash: str | None = None,
    retries: int = 5,
    verify_ssl: bool = True,
    log: bool = True,
) -> str:
    """Downloads a file.

    Args:
        url: where it is.
        path: the file, or the folder, that receives it; None means the working folder.
        overwrite: whether to download what is there already.
        sha1_hash: its checksum; what differs is downloaded again, and refused if it still differs.
        retries: accepted; two attempts are made.
        verify_ssl: must be True.
        log: whether to print.

    Returns:
        where the file lies.

    Raises:
        DGLError: for `verify_ssl=False`.
        DownloadError: if it cannot be had, or differs from the checksum.
    """
    if not verify_ssl:
        raise DGLError(
            "expected verify_ssl=True; download the file yourself if its server has no valid certificate"
        )
    target = Path(path or url.split("/")[-1]).expanduser()
    if target.is_dir():
        target = target / url.split("/")[-1]
    if target.exists() and not overwrite and not (sha1_hash and not check_sha1(str(target), sha1_hash)):
        return str(target)
    if log:
        print(f"Downloading {target} from {url}...")  # noqa: T201
    target.parent.mkdir(parents=True, exist_ok=True)
    # Under another name first, so that a failed download leaves the old file alone.
    fresh = download_file(target.name + ".new", target.parent, url, sha1_hash and f"sha1:{sha1_hash}")
    fresh.replace(target)
    return str(target)


def check_sha1(filename: str, sha1_hash: str) -> bool:
    """Whether a file has that SHA-1 checksum, in hexadecimal digits.

    Args:
        filename: the file.
        sha1_hash: the checksum.
    """
    with open(filename, "rb") as file:
        digest = hashlib.sha1(usedforsecurity=False)
        for chunk in iter(lambda: file.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest() == sha1_hash


def extract_archive(file: str, target_dir: str, overwrite: bool = False) -> None:
    """Unpacks a `.zip`, `.tar`, `.tar.gz`, `.tgz` or `.gz` file.

    Args:
        file: the archive.
        target_dir: the folder that receives what is in it.
        overwrite: whether to unpack into a folder that exists already.

    Raises:
        DGLError: for other kinds of files.
    """
    if os.path.exists(target_dir) and not overwrite:
        return
    if file.endswith((".tar.gz", ".tar", ".tgz")):
        extract_tar(file, target_dir, "r:*", log=False)
    elif file.endswith(".gz"):
        os.makedirs(target_dir, exist_ok=True)
        extract_gz(file, target_dir, log=False)
    elif file.endswith(".zip"):
        extract_zip(file, target_dir, log=False)
    else:
        raise DGLError(f"Unrecognized file type: {file}; expected .zip, .tar, .tar.gz, .tgz or .gz")


def makedirs(path: str) -> None:
    """Makes a folder, with those above it, unless it is there."""
    os.makedirs(os.path.expanduser(path), exist_ok=True)


def save_info(path: str | os.PathLike[str], info: Any) -> None:
    """Pickles what belongs to a dataset beside its graphs.

    Args:
        path: the file.
        info: any Python object.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(pickle.dumps(info))


def load_info(path: str | os.PathLike[str]) -> Any:
    """Unpickles what `save_info` wrote; never load files of people you do not trust.

    Args:
        path: the file.
    """
    return pickle.loads(Path(path).read_bytes())


def deprecate_property(old: str, new: str) -> None:
    """Warns that a property goes by another name."""
    dgl_warning(f"Property {old} will be deprecated, please use {new} instead.")


def deprecate_function(old: str, new: str) -> None:
    """Warns that a function goes by another name."""
    dgl_warning(f"Function {old} will be deprecated, please use {new} instead.")


def deprecate_class(old: str, new: str) -> None:
    """Warns that a class goes by another name."""
    dgl_warning(f"Class {old} will be deprecated, please use {new} instead.")


def idx2mask(idx: Any, len: int) -> np.ndarray[Any, Any]:
    """`(len,)` numbers, 1 at the given places and 0 elsewhere.

    Example:
        >>> idx2mask([0, 2], 3).tolist()
        [1.0, 0.0, 1.0]
    """
    mask = np.zeros(len)
    mask[idx] = 1
    return mask


def generate_mask_tensor(mask: np.ndarray[Any, Any]) -> Tensor:
    """A mask as a tensor of booleans.

    Example:
        >>> generate_mask_tensor(idx2mask([0, 2], 3))
        tensor([ True, False,  True])
    """
    return torch.from_numpy(np.asarray(mask)).bool()


class Subset:
    """The items of a dataset at given places.

    Args:
        dataset: has `dataset[i]`.
        indices: the places.

    Example:
        >>> Subset("abc", [2, 0])[0]
        'c'
    """

    def __init__(self, dataset: Any, indices: Any) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, item: Any) -> Any:
        return self.dataset[self.indices[item]]

    def __len__(self) -> int:
        return len(self.indices)


def split_dataset(
    dataset: Any, frac_list: Sequence[float] | None = None, shuffle: bool = False, random_state: Any = None
) -> list[Subset]:
    """Cuts a dataset into parts.

    Args:
        dataset: has a length and items.
        frac_list: the fraction of every part, 1 in all; None means 0.8, 0.1 and 0.1.
        shuffle: whether to draw the items of the parts at random, or to take them as they come.
        random_state: seed of the draw, as of `numpy.random.RandomState`.

    Returns:
        the parts.

    Raises:
        DGLError: if the fractions are not 1 in all.

    Example:
        >>> [[int(i) for i in part.indices] for part in split_dataset(range(10), [0.5, 0.3, 0.2])]
        [[0, 1, 2, 3, 4], [5, 6, 7], [8, 9]]
    """
    fractions = np.asarray([0.8, 0.1, 0.1] if frac_list is None else frac_list)
    if not np.isclose(fractions.sum(), 1):
        raise DGLError(f"Expect frac_list sum to 1, got {fractions.sum():.4f}")
    count = len(dataset)
    lengths = (count * fractions).astype(int)
    lengths[-1] = count - lengths[:-1].sum()
    order = np.random.RandomState(random_state).permutation(count) if shuffle else np.arange(count)
    return [Subset(dataset, order[end - n : end]) for end, n in zip(accumulate(lengths), lengths)]


def add_nodepred_split(dataset: Any, ratio: Sequence[float], ntype: str | None = None) -> None:
    """Draws `train_mask`, `val_mask` and `test_mask` for the nodes of every graph, with numpy's global generator.

    Args:
        dataset: graphs.
        ratio: the fractions of the three sets.
        ntype: the node type.

    Raises:
        DGLError: if there are not three fractions.
    """
    if len(ratio) != 3:
        raise DGLError(f"Split ratio must be a float triplet but got {ratio}.")
    for i in range(len(dataset)):
        g = dataset[i]
        count = g.num_nodes(ntype)
        order = np.arange(count)
        np.random.shuffle(order)  # noqa: NPY002  (as DGL draws them)
        num_train, num_val = int(count * ratio[0]), int(count * ratio[1])
        parts = np.split(order, [num_train, num_train + num_val])
        for name, part in zip(("train_mask", "val_mask", "test_mask"), parts):
            g.nodes[ntype if ntype is not None else g.ntypes[0]].data[name] = _mask(part, count)


def mask_nodes_by_property(
    property_values: Any, part_ratios: Sequence[float], random_seed: int | None = None
) -> dict[str, Tensor]:
    """Splits nodes so that those with large values are out of the distribution that training sees.

    Args:
        property_values: `(N,)` numbers.
        part_ratios: fractions of training, validation and test inside the distribution, and of validation and test
            outside it; 1 in all.
        random_seed: of the draw.

    Returns:
        `in_train_mask`, `in_valid_mask`, `in_test_mask`, `out_valid_mask` and `out_test_mask`, `(N,)` booleans.

    Source: Bazhenov et al., Evaluating Robustness and Uncertainty of Graph Models Under Structural Distributional
    Shifts, arXiv:2302.13875.
    """
    values = np.asarray(property_values)
    count = len(values)
    sizes = np.round(count * np.array(part_ratios)).astype(int)
    sizes[-1] -= sizes.sum() - count
    generator = np.random.RandomState(random_seed)
    order = generator.permutation(count)
    order = order[np.argsort(values[order])]
    inside = sizes[:3].sum()
    order[:inside] = generator.permutation(order[:inside])
    parts = np.split(order, np.cumsum(sizes)[:-1])
    return {name: _mask(part, count) for name, part in zip(_SPLIT_MASKS, parts)}


def add_node_property_split(
    dataset: Any,
    part_ratios: Sequence[float],
    property_name: str,
    ascending: bool = True,
    random_seed: int | None = None,
) -> None:
    """Gives every graph the masks of `mask_nodes_by_property`, by a property of its structure.

    Args:
        dataset: graphs.
        part_ratios: five fractions.
        property_name: `"popularity"` (PageRank), `"locality"` (PageRank around the most popular node) or `"density"`
            (clustering coefficient).
        ascending: whether training sees the nodes where the property is large.
        random_seed: of the draw.

    Raises:
        DGLError: for another property, or another number of fractions.
    """
    if property_name not in ("popularity", "locality", "density"):
        raise DGLError(f"expected 'popularity', 'locality' or 'density' as a property, got {property_name!r}")
    if len(part_ratios) != 5:
        raise DGLError(f"part_ratios must contain 5 values, got {part_ratios}")
    nx = require("networkx")
    for i in range(len(dataset)):
        g = dataset[i]
        undirected = nx.Graph(g.to_networkx())
        if property_name == "density":
            values = _values(nx.clustering(undirected))
        else:
            values = _values(nx.pagerank(undirected))
            if property_name == "locality":
                at = dict.fromkeys(range(len(values)), 0.0) | {int(values.argmax()): 1.0}
                values = _values(nx.pagerank(undirected, personalization=at))
        masks = mask_nodes_by_property(-values if ascending else values, part_ratios, random_seed)
        for name, mask in masks.items():
            g.ndata[name] = mask


def _values(by_node: Mapping[Any, float]) -> np.ndarray[Any, Any]:
    return np.array(list(by_node.values()))


def _mask(ids: Iterable[int], count: int) -> Tensor:
    return generate_mask_tensor(idx2mask(ids, count))
