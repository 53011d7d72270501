"""Graphs in a folder: one file of raw numbers per tensor, and a manifest with their sizes and checksums."""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grapevine.data import Data, HeteroData
from grapevine.errors import GraphValueError
from grapevine.graph.by_target import by_target, remember_by_target
from grapevine.io.values import Encoder, rebuild
from grapevine.ops import Relation

FORMAT = "grapevine-folder-1"
MANIFEST = "manifest.json"
PIECE = 1 << 24  # bytes to read or write at once


def save_folder(data: Data | HeteroData, folder: Path) -> None:
    """Writes a graph; see `save_graph`."""
    encoder = Encoder(views=True)
    stores = encoder.stores(data)
    for number, (store, record) in enumerate(zip(data.stores, stores)):
        if isinstance(store.get("edge_index"), Tensor):
            size = (store.size(0) or 0, store.size(1) or 0)
            rows = by_target(store.edge_index, size)
            table = rows.index if rows.edge is None else torch.stack([rows.index, rows.edge], dim=1)
            record["by_target"] = {
                "size": size,
                "ptr": encoder.tensor(rows.ptr, f"{number}/edge_index.ptr"),
                "table": encoder.tensor(table, f"{number}/edge_index.by_target"),
            }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)  # what was saved before ends here
    arrays = {}
    for number, (name, value) in enumerate(encoder.tensors.items()):
        file = f"{number:03d}-{re.sub(r'[^A-Za-z0-9_.-]+', '_', name)}.bin"
        arrays[name] = _write(value, folder, file)
    body = {"format": FORMAT, "class": type(data).__name__, "stores": stores, "arrays": arrays}
    text = json.dumps({"content": body, "checksum": text_checksum(body)}, indent=1)
    temporary = folder / f"{MANIFEST}.part"
    temporary.write_text(text)
    os.replace(temporary, folder / MANIFEST)


def load_folder(folder: Path, device: Any, in_memory: int, verify: bool) -> Data | HeteroData:
    """Reads a graph; see `load_graph`."""
    body = _manifest(folder)
    check_files(folder, body["arrays"].values(), verify)
    grouped = [record["by_target"] for record in body["stores"] if "by_target" in record]
    for_samplers = {rows[part] for rows in grouped for part in ("ptr", "table")}  # which read main memory
    read = {
        name: _read(folder / entry["file"], entry, "cpu" if name in for_samplers else device, in_memory)
        for name, entry in body["arrays"].items()
    }
    graph = rebuild(body["class"], body["stores"], read)
    for store, record in zip(graph.stores, body["stores"]):
        if "by_target" in record:
            rows = record["by_target"]
            ptr, table = read[rows["ptr"]], read[rows["table"]]
            relation = (
                Relation(0, 0, ptr, table) if table.dim() == 1 else Relation(0, 0, ptr, *table.unbind(1))
            )
            remember_by_target(store.edge_index, tuple(rows["size"]), relation)
    return graph


# Files ------------------------------------------------------------------------------------------------------------


def _pieces(value: Any) -> Iterator[Any]:
    """The bytes of a tensor or array, a piece at a time; those of a mapped file are read, not mapped."""
    if isinstance(value, np.memmap) and value.filename is not None and value.flags.c_contiguous:
        left, file = value.nbytes, Path(str(value.filename))
        value.flush()
        with file.open("rb") as source:
            source.seek(value.offset)
            while left > 0:
                piece = source.read(min(PIECE, left))
                if not piece:
                    raise GraphValueError(f"{file}: expected {left} more bytes, got the end of the file")
                left -= len(piece)
                yield piece
        return
    tensor = torch.from_numpy(np.ascontiguousarray(value)) if isinstance(value, np.ndarray) else value
    flat: Any = tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()
    for start in range(0, flat.size, PIECE):
        yield memoryview(flat[start : start + PIECE])


def _write(value: Any, folder: Path, file: str) -> dict[str, Any]:
    """Writes the bytes of a tensor or array; a mapped file that lies in the folder already stays what it is."""
    checksum = 0
    dtype = str(value.dtype).removeprefix("torch.")
    entry = {"file": file, "dtype": dtype, "shape": list(value.shape), "offset": 0}
    stays = isinstance(value, np.memmap) and value.filename is not None and value.flags.c_contiguous
    if stays and Path(str(value.filename)).resolve().parent == folder.resolve():
        entry |= {"file": Path(str(value.filename)).name, "offset": value.offset}
        for piece in _pieces(value):
            checksum = zlib.crc32(piece, checksum)
    else:
        temporary = folder / f"{file}.part"  # the old file may be mapped by the graph that is being saved
        with temporary.open("wb") as target:
            for piece in _pieces(value):
                checksum = zlib.crc32(piece, checksum)
                target.write(piece)
        os.replace(temporary, folder / file)
    return {**entry, "bytes": int(value.nbytes), "crc32": f"{checksum:08x}"}


def text_checksum(body: Any) -> str:
    """The checksum of a manifest."""
    return f"{zlib.crc32(json.dumps(body, sort_keys=True).encode()):08x}"


def _manifest(folder: Path) -> Any:
    path = folder / MANIFEST
    if not path.is_file():
        raise GraphValueError(
            f"{folder}: expected a graph saved by save_graph, got a folder without {MANIFEST}; save the graph again: "
            "saving may have been interrupted"
        )
    try:
        saved = json.loads(path.read_text())
        body, checksum = saved["content"], saved["checksum"]
        known = body["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise GraphValueError(
            f"{path}: expected a manifest of save_graph, got {error!r}; save the graph again"
        ) from error
    if known != FORMAT:
        raise GraphValueError(
            f"{path}: expected format {FORMAT!r}, got {known!r}; read it with the release that wrote it"
        )
    if checksum != text_checksum(body):
        raise GraphValueError(
            f"{path}: expected checksum {checksum}, got {text_checksum(body)}; save the graph again"
        )
    return body


def check_files(folder: Path, entries: Iterable[dict[str, Any]], verify: bool) -> None:
    """Compares files with the sizes (and, to verify, the checksums) that a manifest has of them, several at once."""

    def check(entry: dict[str, Any]) -> None:
        path = folder / entry["file"]
        wanted = entry["offset"] + entry["bytes"]
        size = path.stat().st_size if path.is_file() else None
        if size is None or size < wanted:
            got = "no such file" if size is None else f"{size}"
            raise GraphValueError(f"{path}: expected {wanted} bytes, got {got}; copy or save the graph again")
        if not verify:
            return
        checksum, left = 0, entry["bytes"]
        with path.open("rb", buffering=0) as file:
            file.seek(entry["offset"])
            while left > 0 and (piece := file.read(min(PIECE, left))):
                checksum, left = zlib.crc32(piece, checksum), left - len(piece)
        if f"{checksum:08x}" != entry["crc32"]:
            raise GraphValueError(
                f"{path}: expected checksum {entry['crc32']}, got {checksum:08x}: the file was changed or damaged; "
                "copy or save the graph again"
            )

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        list(pool.map(check, entries))


def _read(path: Path, entry: dict[str, Any], device: Any, in_memory: int) -> Any:
    """A tensor in memory if it is small; else a mapped one, of features (two or more dimensions) an array."""
    dtype: torch.dtype = getattr(torch, entry["dtype"])
    shape, start, size = tuple(entry["shape"]), entry["offset"], entry["bytes"]
    if size <= in_memory:
        out = torch.empty(shape, dtype=dtype)
        if size:
            into: Any = out.view(-1).view(torch.uint8).numpy()
            with path.open("rb") as file:
                file.seek(start)
                file.readinto(into)
        return out.to(device)
    features = len(shape) > 1 and "edge_index" not in path.name
    if features and dtype is not torch.bfloat16:  # which numpy lacks
        return np.memmap(path, np.dtype(entry["dtype"]), "r", start, shape)
    # Private: pages come from the file when they are first read, and may be changed without changing it.
    mapped = torch.from_file(str(path), shared=False, size=start + size, dtype=torch.uint8)
    return mapped[start:].view(dtype).view(shape)
