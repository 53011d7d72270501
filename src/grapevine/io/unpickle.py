"""Reading pickles of arrays without running what they say."""

from __future__ import annotations

import collections
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse

from grapevine.errors import GrapevineError

_SPARSE = {
    name: getattr(scipy.sparse, name) for name in ("csr_matrix", "csc_matrix", "csr_array", "csc_array")
}
_NUMPY = {
    "numpy",
    *(f"numpy.{core}.{part}" for core in ("core", "_core") for part in ("multiarray", "numeric")),
}
# What the interpreter of pickles raises on nonsense.
_BROKEN = (
    pickle.UnpicklingError,
    EOFError,
    AttributeError,
    TypeError,
    ValueError,
    LookupError,
    OverflowError,
)


class UnsafePickleError(GrapevineError, pickle.UnpicklingError):
    """A pickle asks for something other than arrays."""


def _reconstruct(kind: type, shape: tuple[int, ...], code: Any) -> np.ndarray[Any, Any]:
    if kind is not np.ndarray:
        raise UnsafePickleError(f"expected a pickled numpy array, got an instance of {kind!r}")
    return np.ndarray.__new__(np.ndarray, (0,), np.int8)


def _dtype(code: Any, *_: Any) -> np.dtype[Any]:
    dtype = np.dtype(code, False, True)  # a copy, since a state may follow
    # That state could rewrite the flags of these kinds, and numpy would take numbers for pointers.
    if dtype.hasobject or dtype.kind == "V":
        raise UnsafePickleError(f"expected an array of numbers or strings in the pickle, got dtype {dtype!r}")
    return dtype


def _frombuffer(
    buffer: bytes, dtype: np.dtype[Any], shape: tuple[int, ...], order: str
) -> np.ndarray[Any, Any]:
    return np.frombuffer(buffer, dtype).reshape(shape, order="F" if order == "F" else "C")


def _scalar(dtype: np.dtype[Any], value: bytes | str) -> np.generic:
    raw = value if isinstance(value, bytes) else value.encode("latin1")
    scalar: np.generic = np.frombuffer(raw, dtype, count=1)[0]
    return scalar


def _encode(text: str, encoding: str = "latin1") -> bytes:
    # How Python 3 writes bytes in the protocols of Python 2.
    if encoding != "latin1":
        raise UnsafePickleError(f"expected bytes encoded as 'latin1' in the pickle, got {encoding!r}")
    return text.encode("latin1")


def _new_object(cls: type, base: type, state: Any) -> Any:
    if base is not object or cls not in _SPARSE.values():
        raise UnsafePickleError(f"expected a pickled scipy matrix, got an instance of {cls!r}")
    return object.__new__(cls)


def _admitted(module: str, name: str) -> Any:
    if module in _NUMPY:
        return {
            "ndarray": np.ndarray,
            "dtype": _dtype,
            "_reconstruct": _reconstruct,
            "_frombuffer": _frombuffer,
            "scalar": _scalar,
        }.get(name)
    if module.startswith("scipy.sparse"):
        return _SPARSE.get(name)
    return {
        ("copy_reg", "_reconstructor"): _new_object,
        ("copyreg", "_reconstructor"): _new_object,
        ("__builtin__", "object"): object,
        ("builtins", "object"): object,
        ("__builtin__", "list"): list,
        ("builtins", "list"): list,
        ("collections", "defaultdict"): collections.defaultdict,
        ("_codecs", "encode"): _encode,
    }.get((module, name))


class ArrayUnpickler(pickle.Unpickler):
    """Unpickles numbers, strings, lists, dicts, numpy arrays, scipy's CSR and CSC matrices, and nothing else.

    A pickle is a program: the standard unpickler calls whatever function the file names. This one knows a
    short table of names, each of which can only build an array.
    """

    def find_class(self, module: str, name: str) -> Any:
        found = _admitted(module, name)
        if found is None:
            raise UnsafePickleError(
                f"expected a pickle of numpy and scipy arrays, got one that calls '{module}.{name}'; "
                "do not load this file unless you trust who made it, and convert it to .npz if you do"
            )
        return found

    def persistent_load(self, pid: Any) -> Any:
        raise UnsafePickleError(f"expected a pickle without outside references, got the reference {pid!r}")


def read_pickle(path: str | os.PathLike[str], encoding: str = "latin1") -> Any:
    """Reads a pickle that holds arrays, refusing every other class.

    Args:
        path: the file.
        encoding: how strings of Python 2 are decoded; arrays pickled by Python 2 need ``"latin1"``.

    Returns:
        What was pickled: numbers, strings, lists, dicts, numpy arrays, CSR and CSC matrices of scipy. The
        indices of a matrix that stands alone have been checked.

    Raises:
        UnsafePickleError: if the pickle names any other class or function, or is broken.
    """
    with Path(path).open("rb") as file:
        try:
            value = ArrayUnpickler(file, encoding=encoding).load()
            if scipy.sparse.issparse(value):
                value.check_format(full_check=True)  # an index out of range would write out of bounds
        except UnsafePickleError as error:
            raise UnsafePickleError(f"{os.fspath(path)}: {error}") from None
        except _BROKEN as error:
            raise UnsafePickleError(
                f"{os.fspath(path)}: expected a pickle of arrays, got a broken one ({error})"
            ) from error
    return value
