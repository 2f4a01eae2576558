"""Two Keras networks, written from their published descriptions. Needs its own environment.

    python keras_networks.py NAME DATA.npz SEED

`keras-baseline`: seed 000's network (conv 32, pool, conv 64, pool, dense 128, dropout 0.5; Adam
0.001, batch 64, 10 epochs, 20 % validation). `keras-io`: the MNIST convnet of keras.io (conv 32,
pool, conv 64, pool, dropout 0.5; Adam, batch 128, 15 epochs, 10 % validation).
Prints one JSON object with seconds and test accuracy after each epoch. Accuracy is evaluated only
after training.
"""

import json
import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
from keras import layers

SETTINGS = {
    "keras-baseline": {"batch_size": 64, "epochs": 10, "validation_split": 0.2},
    "keras-io": {"batch_size": 128, "epochs": 15, "validation_split": 0.1},
}


def build(name: str) -> keras.Model:
    """The compiled network."""
    head = {
        "keras-baseline": [
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
        ],
        "keras-io": [layers.Flatten(), layers.Dropout(0.5)],
    }
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            *head[name],
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model


class Snapshots(keras.callbacks.Callback):
    """Seconds and weights at the end of each epoch."""

    def __init__(self, started: float) -> None:
        super().__init__()
        self.started = started
        self.seconds: list[float] = []
        self.weights: list[list[np.ndarray]] = []

    def on_epoch_end(self, *_arguments: object) -> None:
        """Store both."""
        self.seconds.append(time.perf_counter() - self.started)
        self.weights.append(self.model.get_weights())


def main(name: str, path: str, seed: str) -> None:
    """Train, then test every snapshot."""
    data = np.load(path)
    keras.utils.set_random_seed(int(seed))
    started = time.perf_counter()
    model = build(name)
    snapshots = Snapshots(started)
    images = data["train_images"][..., None].astype("float32") / 255
    labels = keras.utils.to_categorical(data["train_labels"], 10)
    model.fit(images, labels, **SETTINGS[name], callbacks=[snapshots], verbose=0)
    test_images = data["test_images"][..., None].astype("float32") / 255
    accuracies = []
    for weights in snapshots.weights:
        model.set_weights(weights)
        predicted = model.predict(test_images, batch_size=1000, verbose=0).argmax(1)
        accuracies.append(float((predicted == data["test_labels"]).mean()))
    versions = {"keras": keras.__version__, "backend": keras.backend.backend()}
    print(json.dumps({"seconds": snapshots.seconds, "accuracy": accuracies, "versions": versions}))


if __name__ == "__main__":
    main(*sys.argv[1:])
