"""Meshes: the peer's reading of real files, closed forms, and what is refused."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch

from grapevine.data import Data
from grapevine.errors import GraphValueError
from grapevine.io import read_mesh, read_obj, read_off, read_ply, write_off

SQUARE = "0 0 0\n1 0 0\n1 1 0\n0 1 0\n"
COLOURED = SQUARE.replace(" 0\n", " 0 255 0 0 1\n")


def unpacked(archive: Path, folder: Path, ending: str) -> list[Path]:
    with zipfile.ZipFile(archive) as files:
        files.extractall(folder, [name for name in files.namelist() if name.endswith(ending)])
    return sorted(folder.rglob(f"*{ending}"))


def test_real_meshes_in_off(shared_data: Path, tmp_path: Path) -> None:
    peer = pytest.importorskip("torch_geometric.io")
    shapes = unpacked(shared_data / "pointcloud" / "geometric_shapes_raw.zip", tmp_path, ".off")
    models = unpacked(shared_data / "pointcloud" / "modelnet_off_samples.zip", tmp_path / "models", ".off")
    assert len(shapes) == 80
    for path in [*shapes[::2], *(path for path in models if path.stat().st_size < 200_000)]:
        mine, theirs = read_off(path), peer.read_off(str(path))
        assert torch.equal(mine.pos, theirs.pos) and torch.equal(mine.face, theirs.face), path
        assert mine.face.dtype is torch.int64 and mine.pos.dtype is torch.float32


@pytest.mark.parametrize(
    ("text", "faces"),
    [
        ("OFF\n4 2 0\n" + SQUARE + "3 0 1 2\n3 0 2 3\n", [[0, 1, 2], [0, 2, 3]]),
        ("OFF4 1 0\n" + SQUARE + "4 0 1 2 3\n", [[0, 1, 2], [0, 2, 3]]),  # ModelNet forgets a line break
        ("# a square\n\nCOFF # with colours\n4 2 5\n" + COLOURED + "3  1 2 3 0.5 0.5\n4 3 2 1 0\n",
         [[1, 2, 3], [3, 2, 1], [3, 1, 0]]),
        ("OFF\n4 2 0\n" + SQUARE + "2 0 1\n1 3\n", []),  # lines and points are no faces
        ("OFF\r\n5 1 0\r\n" + SQUARE + "0 0 1\r\n5 0 1 2 3 4\r\n", [[0, 1, 2], [0, 2, 3], [0, 3, 4]]),
        ("OFF\n0 0 0\n", []),
    ],
    ids=["triangles", "no line break", "colours and comments", "no faces", "pentagon", "empty"],
)  # fmt: skip
def test_what_off_files_hold(text: str, faces: list[list[int]], tmp_path: Path) -> None:
    path = tmp_path / "mesh.off"
    path.write_text(text)
    mesh = read_off(path)
    assert mesh.face.t().tolist() == faces and mesh.face.shape == (3, len(faces))
    assert mesh.pos[:4].tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]][: len(mesh.pos)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "first line ''"),
        ("ply\n", "first line 'ply'"),
        ("OFF\n4 1 0\n" + SQUARE, r"4 lines behind the sizes, not 4 \+ 1"),
        ("OFF\n4 1 0\n" + SQUARE + "3 0 1 4\n", "vertices 0 to 4, not below 4"),
        ("OFF\n4 1 0\n" + SQUARE + "3 0 1\n", "usecols|column"),
        ("OFF\n4 1 0\n" + SQUARE.replace("1 1 0", "1 x 0") + "3 0 1 2\n", "x"),
        ("OFF\n4\n", "unpack"),
    ],
)
def test_what_off_files_are_refused(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "mesh.off"
    path.write_text(text)
    with pytest.raises(GraphValueError, match=f"mesh.off: expected a mesh in OFF, got .*(?:{says})"):
        read_off(path)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_written_is_read(dtype: torch.dtype, tmp_path: Path) -> None:
    mesh = Data(pos=torch.randn(5, 3, dtype=dtype), face=torch.tensor([[0, 1], [1, 2], [2, 4]]))
    path = tmp_path / "mesh.off"
    write_off(mesh, path)
    again = read_off(path)
    assert torch.equal(again.pos, mesh.pos.float()) and torch.equal(again.face, mesh.face)
    peer = pytest.importorskip("torch_geometric.io").read_off(str(path))
    assert torch.equal(peer.pos, mesh.pos.float()) and torch.equal(peer.face, mesh.face)
    with pytest.raises(GraphValueError, match=r"'pos' and 'face' to write as a mesh, got one with \['pos'\]"):
        write_off(Data(pos=mesh.pos), path)


def test_real_meshes_in_obj(shared_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("trimesh")
    peer = pytest.importorskip("torch_geometric.io")
    found = unpacked(shared_data / "pointcloud" / "meshes_obj.zip", tmp_path, ".obj")
    meshes = {path.stem: path for path in found}
    for name in ("cow", "teapot"):
        mine, theirs = read_obj(meshes[name]), peer.read_obj(str(meshes[name]))
        assert torch.equal(mine.pos, theirs.pos) and torch.equal(mine.face, theirs.face)
    suzanne = read_mesh(meshes["suzanne"])  # triangles and squares, which the peer refuses
    assert suzanne.pos.shape == (507, 3) and suzanne.face.shape == (3, 968)


def test_ply(tmp_path: Path) -> None:
    trimesh = pytest.importorskip("trimesh")
    pos, face = torch.randn(4, 3), torch.tensor([[0, 1], [1, 2], [2, 3]])
    for encoding in ("ascii", "binary_little_endian"):
        path = tmp_path / f"{encoding}.ply"
        mesh = trimesh.Trimesh(pos.numpy(), face.t().numpy(), process=False)
        path.write_bytes(mesh.export(file_type="ply", encoding="ascii" if encoding == "ascii" else "binary"))
        data = read_ply(path)
        torch.testing.assert_close(data.pos, pos, rtol=0, atol=1e-7)
        assert torch.equal(data.face, face)
    cloud = tmp_path / "cloud.ply"
    cloud.write_bytes(trimesh.PointCloud(pos.numpy()).export(file_type="ply"))
    assert torch.equal(read_mesh(cloud).pos, pos) and "face" not in read_mesh(cloud)
    broken = tmp_path / "broken.ply"
    broken.write_text("no mesh")
    with pytest.raises(GraphValueError, match=r"broken.ply: expected a mesh in a format of trimesh"):
        read_mesh(broken)
