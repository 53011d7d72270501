"""A device that is not the CPU, in Python: it runs the ops that accelerators implement, and refuses all others.

`python -m tests.other_device NAME ...` calls those layers and models of `test_any_device.py` there, both passes, and
compares outputs and gradients with the CPU's; a tensor of the wrong device among the arguments is an error, as it
is on any device. A program of its own, since torch has room for one such device in a process.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

import grapevine as gv
from tests import test_any_device as programs

_setup_privateuseone_for_python_backend("elsewhere")
DEVICE = torch.device("elsewhere", 0)


class There(Tensor):
    """A tensor on that device; `here` holds its numbers."""

    here: Tensor

    @staticmethod
    def __new__(cls, here: Tensor) -> There:
        made = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, here.shape, here.stride(), here.storage_offset(), dtype=here.dtype, device=DEVICE
        )
        made.here = here
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(func, *args, **(kwargs or {}))

    def tolist(self) -> Any:
        return self.here.tolist()

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]


def run(func: Any, *args: Any, **kwargs: Any) -> Any:
    """An op on that device, if it has it."""
    name = func._overloadpacket.__name__
    if not {name, name.removesuffix("_")} & programs.ALLOWED:
        sys.stderr.write(
            f"{name} is not implemented there\n"
        )  # an error on autograd's thread ends the process
        raise NotImplementedError(f"{name} is not implemented there")
    copies = name in ("_to_copy", "copy_")
    for x in tree_leaves((args, kwargs)):
        if isinstance(x, Tensor) and not isinstance(x, There) and x.dim() > 0 and not copies:
            raise RuntimeError(f"{name} got a tensor of shape {list(x.shape)} on {x.device}")
    target = kwargs.get("device", DEVICE)
    if "device" in kwargs:
        kwargs["device"] = torch.device("cpu")
    out = func(*tree_map(home, args), **tree_map(home, kwargs))
    if name.endswith("_") and isinstance(args[0], There):
        return args[0]
    return out if torch.device(target).type == "cpu" else tree_map(away, out)


def home(x: Any) -> Any:
    return x.here if isinstance(x, There) else x


def away(x: Any) -> Any:
    return There(x) if isinstance(x, Tensor) and not isinstance(x, There) else x


def moved(make: Callable[[], torch.nn.Module], inputs: Any) -> tuple[torch.nn.Module, Any]:
    """A layer with the same numbers there, and its inputs."""
    torch.manual_seed(0)
    layer = make()
    layer(*inputs)  # gives waiting weights their size
    torch.manual_seed(0)
    for module in layer.modules():
        for name, p in module._parameters.items():
            if p is not None:
                module._parameters[name] = torch.nn.Parameter(away(p.detach().clone()))
        for name, b in module._buffers.items():
            if b is not None:
                module._buffers[name] = away(b.clone())
    return layer, tree_map(away, inputs)


def registered() -> list[torch.library.Library]:
    """Makes torch call `run` for the device; in force as long as what is returned is kept."""
    fallback, aten = torch.library.Library("_", "IMPL"), torch.library.Library("aten", "IMPL")
    fallback.fallback(run, "PrivateUse1")
    for overload in ("default", "start", "start_step"):  # torch's own would resize an empty tensor
        arange = getattr(torch.ops.aten.arange, overload)
        aten.impl(arange, functools.partial(run, arange), "PrivateUse1")
    return [fallback, aten]


def compare(name: str) -> None:
    """One of the layers and models there and here."""
    make, inputs = programs.LAYERS.get(name) or programs.MODELS[name]
    torch.manual_seed(0)
    layer = make()
    layer(*inputs())
    with gv.materialised():
        want = programs.stepped(layer, inputs())
    got = programs.stepped(*moved(make, inputs()))
    assert all(isinstance(x, There) for x in got), name
    torch.testing.assert_close([x.here for x in got], want, msg=lambda text: f"{name}: {text}")


def main(names: list[str]) -> None:
    kept = registered()
    torch._C._set_mkldnn_enabled(False)
    for name in names:
        compare(name)
        sys.stdout.write(f"{name}\n")
    del kept


if __name__ == "__main__":
    main(sys.argv[1:])
