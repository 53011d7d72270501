"""Graphs on disk: one safetensors file, or a folder for graphs larger than memory; nothing executable."""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from grapevine.data import Data, HeteroData
from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.io.folder import load_folder, save_folder
from grapevine.io.values import Encoder, rebuild

PathLike = str | os.PathLike[str]

_FORMAT = "grapevine-graph-1"


def save_graph(data: Data | HeteroData, path: PathLike) -> None:
    """Writes a graph to one safetensors file, or to a folder; neither holds code.

    A folder has one file of raw numbers per tensor, the edges grouped as samplers read them, and `manifest.json` with
    shapes, sizes and checksums. It is for graphs larger than memory: attributes may be arrays of `numpy.memmap`, which
    are copied piece by piece, or stay where they are if their file lies in the folder already.

    Args:
        data: the graph. Attributes may be tensors (sparse ones too), numpy arrays, numbers, strings, booleans,
            and lists, tuples and dictionaries of those.
        path: a file, by convention ``*.safetensors``; a path without a suffix, or to a folder, is a folder.

    Raises:
        GraphTypeError: for an attribute of another type, or for a batch or another kind of graph.
        GraphIndexError: for edges that name no node, in a folder.

    Example:
        >>> import tempfile, torch
        >>> file = tempfile.mkdtemp() + "/graph.safetensors"
        >>> save_graph(Data(edge_index=torch.tensor([[0], [1]]), name="pair", num_nodes=2), file)
        >>> load_graph(file)
        Data(edge_index=[2, 1], name='pair', num_nodes=2)
    """
    if type(data) not in (Data, HeteroData):
        raise GraphTypeError(
            f"expected a Data or HeteroData, got {type(data).__name__}; save its parts one by one, such as "
            "`batch.to_data_list()` or `Data.from_dict(data.to_dict())`"
        )
    target = Path(path)
    if target.is_dir() or (not target.suffix and not target.is_file()):
        save_folder(data, target)
        return
    encoder = Encoder()
    stores = encoder.stores(data)
    header = {"format": _FORMAT, "class": type(data).__name__, "stores": json.dumps(stores)}
    save_file(encoder.tensors, os.fspath(path), metadata=header)


def load_graph(
    path: PathLike, device: str | torch.device = "cpu", in_memory: int = 1 << 28, verify: bool = True
) -> Data | HeteroData:
    """Reads a graph that `save_graph` wrote.

    Of a folder, what is larger than `in_memory` stays on disk: features (tensors of two or more dimensions) become
    arrays of `numpy.memmap`, whose rows loaders read from the file; everything else, edges too, becomes mapped tensors.

    Args:
        path: the file or folder.
        device: where its tensors shall lie, but for those that stay on disk.
        in_memory: the most bytes of a tensor to read into memory, of folders.
        verify: compare checksums, which reads all files of a folder once; their sizes are compared in any case.

    Returns:
        The graph, of the class that was saved.

    Raises:
        GraphValueError: if there is no such file, it is not a saved graph, or it was damaged; the error names the file.
    """
    name = os.fspath(path)
    if Path(name).is_dir():
        return load_folder(Path(name), device, in_memory, verify)
    if not Path(name).is_file():
        raise GraphValueError(
            f"expected a graph saved by save_graph, got {name!r}, which is not a file or a folder"
        )
    try:
        with safe_open(name, framework="pt", device=str(device)) as file:
            header = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise GraphValueError(f"{name}: expected a safetensors file, got {error}") from error
    if header.get("format") != _FORMAT:
        raise GraphValueError(
            f"{name}: expected a graph saved by save_graph, got other tensors; read those with "
            "safetensors.torch.load_file"
        )
    return rebuild(header["class"], json.loads(header["stores"]), tensors)
