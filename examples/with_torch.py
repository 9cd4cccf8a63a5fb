"""Train on the images of urls.txt as they arrive; nothing is stored.

    python examples/with_torch.py
    torchrun --nproc-per-node=2 examples/with_torch.py

Needs `pip install 'img2dataset[torch]'`.  One engine fetches for all ranks and workers of a machine.
"""
# ruff: noqa: T201, INP001  (a script for people)

from __future__ import annotations

import torch
from torch.utils.data import DataLoader

from img2dataset import stream


def main() -> None:
    """Learn to restore images that were made grey: a task that needs no labels."""
    model = torch.nn.Conv2d(1, 3, kernel_size=3, padding=1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with stream("urls.txt", image_size=64) as samples:
        for batch in DataLoader(samples.torch(), batch_size=16, num_workers=2):
            images = batch["image"].float() / 255
            loss = torch.nn.functional.mse_loss(model(images.mean(1, keepdim=True)), images)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            print(f"{len(images)} images, loss {loss.item():.3f}")


if __name__ == "__main__":
    main()
