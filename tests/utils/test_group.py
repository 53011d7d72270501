from __future__ import annotations

import pytest
import torch

from grapevine import utils
from grapevine.errors import GraphValueError

peer = pytest.importorskip("torch_geometric.utils")


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("return_consecutive", [True, False])
@pytest.mark.parametrize("num_groups", [None, 9])
def test_group_argsort(descending, return_consecutive, num_groups):
    index = torch.tensor([2, 0, 2, 5, 0, 2, 2, 5, 0])
    src = torch.randperm(9).float()  # no ties, whose order the peer leaves open
    args = (src, index, 0, num_groups, descending, return_consecutive)
    assert torch.equal(utils.group_argsort(*args), peer.group_argsort(*args))


def test_group_argsort_of_close_values_in_many_groups():
    """Where the peer's sum of value and group number runs out of digits."""
    index = torch.arange(50_000).repeat_interleave(2)
    src = torch.tensor([1.0, 1.0 + 1e-7]).flip(0).repeat(50_000)
    assert torch.equal(utils.group_argsort(src, index), torch.tensor([1, 0]).repeat(50_000))


def test_group_argsort_keeps_the_order_of_ties():
    out = utils.group_argsort(torch.zeros(6), torch.tensor([1, 0, 1, 0, 0, 1]), stable=True)
    assert out.tolist() == [0, 0, 1, 1, 2, 2]
    assert utils.group_argsort(torch.empty(0), torch.empty(0, dtype=torch.int64)).numel() == 0
    with pytest.raises(GraphValueError, match=r"expected vectors of one length"):
        utils.group_argsort(torch.zeros(2, 2), torch.tensor([0, 1]))


def test_group_cat():
    tensors = [torch.rand(4, 3), torch.rand(2, 3), torch.rand(5, 3)]
    indices = [torch.tensor([0, 0, 1, 2]), torch.tensor([0, 2]), torch.tensor([0, 1, 1, 2, 3])]
    for dim in (0, 1):
        moved = tensors if dim == 0 else [x.t() for x in tensors]
        ours = utils.group_cat(moved, indices, dim=dim, return_index=True)
        theirs = peer.group_cat(moved, indices, dim=dim, return_index=True)
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
        assert torch.equal(utils.group_cat(moved, indices, dim=dim), theirs[0])
    with pytest.raises(GraphValueError, match="expected an index for every tensor, got 3 and 1"):
        utils.group_cat(tensors, indices[:1])


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_segment_logsumexp(dim):
    ptr = torch.tensor([0, 3, 3, 4, 8])
    src = (20 * torch.randn(8, 8, dtype=torch.float64)).requires_grad_()
    ours = utils.segment_logsumexp(src, ptr, dim)
    theirs = peer.segment_logsumexp(src, ptr, dim)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
    first = torch.logsumexp(src.transpose(0, dim)[:3], dim=0)
    torch.testing.assert_close(ours.transpose(0, dim)[0], first, rtol=1e-10, atol=0)
    assert torch.autograd.gradcheck(lambda src: utils.segment_logsumexp(src, ptr[[0, 1, 3, 4]], dim), src)
