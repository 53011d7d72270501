from __future__ import annotations

import pytest
import torch

from grapevine import utils
from grapevine.errors import GraphValueError

peer = pytest.importorskip("torch_geometric.utils")
pytestmark = pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")

BATCH = torch.tensor([0, 0, 1, 2, 2, 2])


def test_to_and_from_nested_tensor():
    x = torch.rand(6, 4, 3)
    theirs = peer.to_nested_tensor(x, BATCH)
    for nested in (
        utils.to_nested_tensor(x, BATCH),
        utils.to_nested_tensor(x, ptr=torch.tensor([0, 2, 3, 6])),
    ):
        assert nested.is_nested
        assert all(torch.equal(a, b) for a, b in zip(nested.unbind(), theirs.unbind(), strict=True))
        out, batch = utils.from_nested_tensor(nested, return_batch=True)
        assert torch.equal(out, x) and torch.equal(batch, BATCH)
        assert torch.equal(utils.from_nested_tensor(nested), peer.from_nested_tensor(nested))
    assert len(utils.to_nested_tensor(x).unbind()) == 1
    assert len(utils.to_nested_tensor(x, BATCH, batch_size=5).unbind()) == 5


def test_gradients():
    x = torch.rand(6, 2, requires_grad=True)
    out = utils.from_nested_tensor(utils.to_nested_tensor(x, BATCH))
    assert torch.equal(torch.autograd.grad(out.sum(), x)[0], torch.ones(6, 2))


def test_errors():
    with pytest.raises(GraphValueError, match="expected a nested tensor, got a plain one"):
        utils.from_nested_tensor(torch.rand(2))
    nested = torch.nested.nested_tensor([torch.rand(2, 3), torch.rand(2, 4)])
    with pytest.raises(GraphValueError, match=r"got the sizes \[\(2, 3\), \(2, 4\)\]"):
        utils.from_nested_tensor(nested)
