"""Meshes: OFF files, and through trimesh the other formats."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grapevine.data import Data
from grapevine.errors import GraphValueError, require
from grapevine.utils import from_trimesh

PathLike = str | os.PathLike[str]


def read_off(path: PathLike) -> Data:
    """Reads a mesh in Object File Format.

    Polygons are cut into triangles that share their first corner; colours, normals and comments are passed over.

    Args:
        path: the file. What some files lack is done without: a line break behind ``OFF``.

    Returns:
        A graph with ``pos`` (N, 3), float32, and ``face`` (3, T), int64: the triangles of the file, then the first of
        each larger polygon, its second, and so on.

    Raises:
        GraphValueError: for a file that is none, is cut off, or names a vertex that it does not have.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "square.off")
        ...     _ = path.write_text("OFF 4 1 0 / 0 0 0 / 1 0 0 / 1 1 0 / 0 1 0 / 4 0 1 2 3".replace(" / ", chr(10)))
        ...     read_off(path)
        Data(pos=[4, 3], face=[3, 2])

    Source: the format of Geomview, http://www.geomview.org/docs/html/OFF.html.
    """
    text = Path(path).read_text(errors="replace")
    lines = [line for raw in text.splitlines() if (line := raw.partition("#")[0].strip())]
    try:
        head = lines[0] if lines else ""
        kind, off, rest = head.partition("OFF")
        if not off or kind not in ("", "C", "N", "CN", "ST", "STN", "STC", "STCN"):
            raise ValueError(f"a first line {head!r}, not OFF")
        body = ([rest] if rest.strip() else []) + lines[1:]
        vertices, faces = (int(number) for number in body[0].split()[:2])
        if len(body) < 1 + vertices + faces:
            raise ValueError(f"{len(body) - 1} lines behind the sizes, not {vertices} + {faces}")
        pos = torch.from_numpy(_columns(body[1 : 1 + vertices], 0, 3, np.float32))
        face = _triangles(body[1 + vertices : 1 + vertices + faces])
        if face.numel() and not 0 <= int(face.min()) <= int(face.max()) < vertices:
            raise ValueError(
                f"faces with vertices {int(face.min())} to {int(face.max())}, not below {vertices}"
            )
    except (ValueError, IndexError) as error:
        raise GraphValueError(f"{os.fspath(path)}: expected a mesh in OFF, got {error}") from error
    return Data(pos=pos, face=face)


def _columns(lines: Sequence[str], start: int, count: int, dtype: Any) -> np.ndarray:
    """(lines, count): a run of columns of a table."""
    if not lines:
        return np.empty((0, count), dtype)
    return np.loadtxt(lines, dtype, comments=None, usecols=range(start, start + count), ndmin=2)


def _triangles(lines: Sequence[str]) -> Tensor:
    """(3, T), of lines that hold a number of corners and the corners."""
    by_count: dict[int, list[str]] = {}
    for line in lines:
        by_count.setdefault(int(line.split(maxsplit=1)[0]), []).append(line)
    parts = [np.empty((0, 3), np.int64)]
    for count in sorted(count for count in by_count if count > 2):
        corners = _columns(by_count[count], 1, count, np.int64)
        parts += [corners[:, [0, k, k + 1]] for k in range(1, count - 1)]
    return torch.from_numpy(np.concatenate(parts).T.copy())


def write_off(data: Data, path: PathLike) -> None:
    """Writes a mesh in Object File Format, with as many digits as tell every number from its neighbours.

    Args:
        data: a graph with ``pos`` (N, 3) and ``face`` (C, T), T polygons of C corners.
        path: the file.

    Raises:
        GraphValueError: for a graph without them.

    Example:
        >>> import tempfile
        >>> mesh = Data(pos=torch.eye(3), face=torch.tensor([[0], [1], [2]]))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_off(mesh, Path(folder, "triangle.off"))
        ...     read_off(Path(folder, "triangle.off")).face.tolist()
        [[0], [1], [2]]
    """
    pos, face = data.get("pos"), data.get("face")
    if pos is None or face is None:
        raise GraphValueError(
            f"expected a graph with 'pos' and 'face' to write as a mesh, got one with {list(data.keys())}"
        )
    digits = 17 if pos.dtype is torch.float64 else 9
    with Path(path).open("w") as file:
        file.write(f"OFF\n{pos.size(0)} {face.size(1)} 0\n")
        np.savetxt(file, pos.detach().cpu().double().numpy(), fmt=f"%.{digits}g")
        corners = face.t().cpu().numpy()
        np.savetxt(file, np.insert(corners, 0, corners.shape[1], axis=1), fmt="%d")


def read_mesh(path: PathLike) -> Data:
    """Reads a triangle mesh or a cloud of points in any format that trimesh knows: PLY, OBJ, STL, GLB, 3MF, ...

    Args:
        path: the file; its ending tells the format.

    Returns:
        A graph with ``pos`` (N, 3), float32, and ``face`` (3, T), int64, which a cloud of points lacks. Vertices are
        those of the file, in its order.

    Raises:
        MissingDependencyError: without trimesh; `pip install "grapevine-gnn[meshes]"`.
        GraphValueError: for a file that trimesh cannot read.
    """
    trimesh = require("trimesh", '"grapevine-gnn[meshes]"')
    try:
        mesh = trimesh.load(str(path), process=False, maintain_order=True)
        if isinstance(mesh, trimesh.Scene):
            mesh = mesh.to_mesh()
    except (ValueError, IndexError, KeyError, NotImplementedError) as error:
        raise GraphValueError(
            f"{os.fspath(path)}: expected a mesh in a format of trimesh, got {error!r}"
        ) from error
    if isinstance(mesh, trimesh.PointCloud):
        return Data(pos=torch.from_numpy(np.array(mesh.vertices)).float())
    return from_trimesh(mesh)


def read_ply(path: PathLike) -> Data:
    """Reads a mesh in the Polygon File Format of Stanford; see `read_mesh`."""
    return read_mesh(path)


def read_obj(in_file: PathLike) -> Data:
    """Reads a mesh in Wavefront's OBJ; see `read_mesh`."""
    return read_mesh(in_file)
