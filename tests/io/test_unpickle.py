"""Pickles: arrays come through, everything else is refused before it can do anything."""

from __future__ import annotations

import collections
import datetime
import io
import os
import pickle
import pickletools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import torch

from grapevine.errors import GrapevineError
from grapevine.io import UnsafePickleError, read_pickle


@pytest.fixture
def written(tmp_path: Path) -> Any:
    def write(value: Any, protocol: int = 2) -> Path:
        path = tmp_path / "value.pkl"
        path.write_bytes(value if isinstance(value, bytes) else pickle.dumps(value, protocol))
        return path

    return write


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "u1", "?", "c16", "S3", "U2", ">i4"])
def test_arrays(dtype: str, protocol: int, written: Any) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    back = read_pickle(written(array, protocol))
    assert back.dtype.newbyteorder("=") == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("layout", ["csr_matrix", "csc_matrix", "csr_array"])
def test_sparse_matrices(layout: str, protocol: int, written: Any) -> None:
    matrix = getattr(scipy.sparse, layout)(np.eye(3) * 2)
    back = read_pickle(written(matrix, protocol))
    assert type(back) is type(matrix)
    np.testing.assert_array_equal(back.toarray(), matrix.toarray())


def test_containers_and_scalars(written: Any) -> None:
    graph = collections.defaultdict(list, {0: [1, 2], 1: [0]})
    value = [graph, (1, 2.5, "text", b"bytes", None, True), np.float64(0.5), {"a": np.int32(3)}]
    assert read_pickle(written(value)) == value


@pytest.mark.parametrize("name", ["cora", "citeseer", "pubmed"])
def test_nothing_else_is_needed_for_the_citation_networks(
    name: str, shared_data: Path, tmp_path: Path
) -> None:
    import zipfile

    with zipfile.ZipFile(shared_data / "planetoid" / f"{name}.zip") as archive:
        for part in ("y", "graph", "x"):
            path = archive.extract(f"ind.{name}.{part}", tmp_path)
            assert read_pickle(path) is not None


class Command:
    """A pickle of this runs a command when it is loaded."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.reduced = (function, args)

    def __reduce__(self) -> Any:
        return self.reduced


def test_a_command_is_refused_and_does_not_run(written: Any, tmp_path: Path) -> None:
    target = tmp_path / "harm"
    path = written(Command(os.system, f"touch {target}"))
    with pytest.raises(
        UnsafePickleError, match=r"value.pkl: expected a pickle of numpy .* calls '\w+.system'"
    ):
        read_pickle(path)
    assert not target.exists()
    pickle.loads(path.read_bytes())  # the standard unpickler runs it
    assert target.exists()


@pytest.mark.parametrize(
    "value",
    [
        Command(eval, "1"),
        Command(exec, "x = 1"),
        Command(getattr, "text", "upper"),
        Command(__import__, "os"),
        Command(np.load, "file.npy"),
        Command(np.fromfile, "file"),
        Command(np.lib.npyio.DataSource, "."),
        Command(scipy.sparse.load_npz, "file.npz"),
        Command(torch.load, "file.pt"),
        Command(open, "file"),
        datetime.date(2020, 1, 1),
        collections.OrderedDict(a=1),
        np.array([Command(os.system, "true")], dtype=object),
        np.array([1, "a"], dtype=object),
        np.zeros(2, dtype=[("a", "i4")]),
        np.ma.masked_array([1, 2], [True, False]),
        scipy.sparse.lil_matrix(np.eye(2)),
        test_arrays,
        Command,
    ],
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_other_classes_and_functions_are_refused(value: Any, protocol: int, written: Any) -> None:
    with pytest.raises(UnsafePickleError):
        read_pickle(written(value, protocol))


def assembled(*parts: bytes) -> bytes:
    code = b"\x80\x02" + b"".join(parts) + b"."
    pickletools.dis(code, io.StringIO())  # is a well-formed pickle
    return code


@pytest.mark.parametrize(
    "code",
    [
        # A subclass or an attribute reached through an admitted name.
        assembled(b"cnumpy\nndarray.__class__\n"),
        assembled(b"cnumpy.core.multiarray\n_reconstruct\n(c__builtin__\nlist\n(K\x00tU\x01btR"),
        assembled(b"ccopy_reg\n_reconstructor\n(cnumpy\nndarray\nc__builtin__\nobject\nNtR"),
        assembled(b"ccopy_reg\n_reconstructor\n(cscipy.sparse\ncsr_matrix\nc__builtin__\nlist\nNtR"),
        # Another codec than that which pickle itself writes.
        assembled(b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x05\x00\x00\x00rot13tR"),
        # A reference to something outside.
        assembled(b"X\x01\x00\x00\x00aQ"),
        # Broken ones.
        b"",
        b"not a pickle",
        assembled(b"K\x01")[:-1],
        assembled(b"cnumpy\nndarray\n(X\x01\x00\x00\x00atR"),
    ],
)
def test_crafted_and_broken_pickles_are_refused(code: bytes, written: Any) -> None:
    with pytest.raises(UnsafePickleError) as caught:
        read_pickle(written(code))
    assert isinstance(caught.value, GrapevineError) and isinstance(caught.value, pickle.UnpicklingError)


def test_indices_beyond_the_matrix_are_refused(written: Any) -> None:
    matrix = scipy.sparse.csr_matrix(np.eye(3))
    matrix.indices[1] = 1_000_000  # toarray() would write there
    with pytest.raises(UnsafePickleError, match="broken"):
        read_pickle(written(matrix))
