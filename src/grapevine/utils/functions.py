"""Small functions on tensors."""

from grapevine.utils._scatter import (
    cumsum,
)

__all__ = [
    "cumsum",
]
