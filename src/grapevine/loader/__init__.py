"""Loaders: they move data from datasets to models."""

from grapevine.loader.dataloader import Collater, DataLoader

__all__ = ["Collater", "DataLoader"]
