"""The MNIST network of the PyTorch examples, written from its published description.

    python pytorch_example.py pytorch-example DATA.npz SEED

Conv 32, conv 64, max pool, dropout 0.25, dense 128, dropout 0.5; Adadelta at 1.0, × 0.7 an epoch,
batch 64, 14 epochs, fp32; the data as tensors in memory, so that no loader slows it down.
Prints one JSON object with seconds and test accuracy after each epoch. Accuracy is evaluated only
after training.
"""

import copy
import json
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional

EPOCHS, BATCH = 14, 64


def build() -> nn.Module:
    """The network, giving logits."""
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU()),
        *(nn.MaxPool2d(2), nn.Dropout(0.25), nn.Flatten()),
        *(nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10)),
    )


def normalise(images: np.ndarray) -> torch.Tensor:
    """Pixels minus MNIST's mean, divided by its standard deviation."""
    return (torch.from_numpy(images).unsqueeze(1).float() / 255 - 0.1307) / 0.3081


def main(_name: str, path: str, seed: str) -> None:
    """Train, then test every snapshot."""
    data = np.load(path)
    torch.manual_seed(int(seed))
    started = time.perf_counter()
    images, labels = normalise(data["train_images"]), torch.from_numpy(data["train_labels"]).long()
    model = build()
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    seconds, snapshots = [], []
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(images)).split(BATCH):
            loss = functional.cross_entropy(model(images[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
        seconds.append(time.perf_counter() - started)
        snapshots.append(copy.deepcopy(model.state_dict()))
    test_images = normalise(data["test_images"])
    accuracies = []
    model.eval()
    for weights in snapshots:
        model.load_state_dict(weights)
        with torch.inference_mode():
            predicted = torch.cat([model(part).argmax(1) for part in test_images.split(1000)])
        accuracies.append(float((predicted.numpy() == data["test_labels"]).mean()))
    versions = {"torch": torch.__version__}
    print(json.dumps({"seconds": seconds, "accuracy": accuracies, "versions": versions}))


if __name__ == "__main__":
    main(*sys.argv[1:])
