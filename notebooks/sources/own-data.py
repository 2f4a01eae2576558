# %% [markdown]
# # From a folder of pictures to a reader
#
# You have pictures of digits, one in each file, in a folder for each digit. This notebook looks at them, measures
# how well the model inside the package reads them, trains it further on them, and measures again.

# %%
import os
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

import inkdigits

os.chdir(tempfile.mkdtemp())
PICTURES = Path("my-digits")

# %% [markdown]
# ## The pictures
#
# Yours may be photographs or scans of any size, dark on light or light on dark. Here we use
# scikit-learn's digits, which are only 8×8 pixels, enlarged and drawn dark on grey paper. To use your own,
# set `PICTURES` to your folder above, as a full path, and skip the next two cells.

# %% tags=["parameters"]
COUNT = 1_797  # pictures

# %%
small = load_digits()
rng = np.random.default_rng(0)
for number in range(COUNT):
    ink = Image.fromarray((small.images[number] * 15.9).astype(np.uint8)).resize((64, 64))
    page = np.full((90, 90), 225.0) + rng.normal(0, 4, (90, 90))
    page[13:77, 13:77] -= 0.75 * np.asarray(ink)
    path = PICTURES / str(small.target[number]) / f"{number}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(page.clip(0, 255).astype(np.uint8)).save(path)
print(*sorted(PICTURES.rglob("*.png"))[:3], "…")

# %% [markdown]
# ## What was understood
#
# `load_data` takes a folder just as it takes the name of a data set. It says what it understood: check that line first.
# These pictures aren't divided into training and test sets, so a fifth of each class is kept for testing.

# %%
train = inkdigits.load_data(str(PICTURES), "train")
test = inkdigits.load_data(str(PICTURES), "test")
print(train.about)
print(len(train.labels), "to train,", len(test.labels), "to test; left out:", len(train.left_out))

# %%
figure, rows = plt.subplots(2, 10, figsize=(9, 2.2), layout="constrained")
for digit in range(10):
    place = np.flatnonzero(train.labels == digit)[0]
    picture = Image.open(PICTURES / str(digit) / train.names[place])
    rows[0, digit].imshow(picture, cmap="gray", vmin=0, vmax=255)
    rows[1, digit].imshow(train.images[place], cmap="gray")
for axes in rows.flat:
    axes.axis("off")
rows[0, 0].set_title("as they are", loc="left", fontsize=9)
rows[1, 0].set_title("as the network sees them", loc="left", fontsize=9)
plt.show()
# %% [markdown]
# `inkdigits data inspect` writes a page with samples of each class, doubtful labels, near
# duplicates, blank pictures and cut-off ink. Look at it before you train on pictures of your own.

# %%
# !inkdigits data inspect {PICTURES} --out inspected.html --quiet

# %% [markdown]
# ## The model as it is

# %%
before = inkdigits.evaluate(None, (test.images, test.labels), quiet=True)
print(before.headline())

# %% [markdown]
# ## Trained further
#
# `--from shipped` starts from the weights of the model inside the package. `--replay mnist` adds as many of
# MNIST's digits as there are pictures of yours, so that the model doesn't forget other people's writing.

# %%
# !inkdigits train --from shipped --data {PICTURES} --replay mnist --out mine --no-test --quiet

# %%
run = inkdigits.Run(Path("mine"))
after = run.report((test.images, test.labels), quiet=True)
print(after.headline())
after

# %% [markdown]
# ## A reader of your own
#
# `artifact.onnx` in the run folder is all that reading needs: no PyTorch, no data.

# %%
reader = inkdigits.Reader.load(run)
path = sorted((PICTURES / "7").glob("*.png"))[0]
reading = reader.read(path, single=True)
print(reading.text, f"{reading.confidence:.1%}", "accepted" if reading.accepted else "not accepted")

# %% [markdown]
# These are still wrong, with the most confident mistakes first:

# %%
probabilities = reader.predict_proba(test.images)
guesses, sureness = probabilities.argmax(axis=1), probabilities.max(axis=1)
wrong = np.flatnonzero(guesses != test.labels)
wrong = wrong[np.argsort(-sureness[wrong])][:10]
figure, grid = plt.subplots(1, 10, figsize=(9, 1.3), layout="constrained")
for axes in grid:
    axes.axis("off")
for axes, place in zip(grid, wrong):
    axes.imshow(test.images[place], cmap="gray")
    axes.set_title(f"{test.labels[place]} as {guesses[place]}", fontsize=8)
plt.show()

# %% [markdown]
# ## Where to go from here
#
# [Your own data](../docs/how-to/own-data.md) lists the forms of data that are understood. It also says how to keep a writer
# on one side of a split, and how to train on other symbols than digits. [Train a model further](../docs/how-to/fine-tune.md)
# shows how accuracy grows with the number of pictures.
