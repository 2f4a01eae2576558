# %% [markdown]
# # A tour of digit recognition
#
# From raw pixels to a reader that knows when it is unsure. Everything is trained and measured while
# you watch; the whole notebook runs in less than three minutes on two cores, without a GPU.
#
# [The data](#the-data) · [Preprocessing](#preprocessing) · [Why a CNN](#why-a-cnn) ·
# [Why non-linear](#why-non-linear) · [The network](#the-network) · [Training](#training) ·
# [Evaluation](#evaluation) · [What the network sees](#what-the-network-sees) ·
# [Overfitting](#overfitting) · [Hyper-parameters](#hyper-parameters) · [Confidence](#confidence) ·
# [Damaged digits](#damaged-digits) · [Your own handwriting](#your-own-handwriting) ·
# [Saving and loading](#saving-and-loading)

# %%
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import display
from torch import nn

import inkdigits

WORK = Path(tempfile.mkdtemp())  # for what this notebook trains
_ = torch.manual_seed(0)
# %%
BLUE, ORANGE, RED, GREY = "#2f6fdb", "#e8833a", "#c0392b", "#9aa5b1"
plt.rcParams |= {"figure.dpi": 80, "figure.constrained_layout.use": True, "font.size": 10}
plt.rcParams |= {"axes.spines.top": False, "axes.spines.right": False, "image.cmap": "gray"}
plt.rcParams |= {"axes.titlelocation": "left", "legend.frameon": False, "axes.grid.axis": "y"}


def show(pictures, captions, columns=10, size=0.95, **look):
    """Draw pictures in a grid, with a caption above each."""
    rows = -(-len(pictures) // columns)
    _, grid = plt.subplots(rows, columns, figsize=(columns * size, rows * (size + 0.25)))
    for axes in np.ravel(grid):
        axes.axis("off")
    for axes, picture, caption in zip(np.ravel(grid), pictures, captions):
        axes.imshow(picture, **look)
        axes.set_title(caption, fontsize=8, loc="center")


# %% [markdown]
# ## The data
#
# MNIST has 70,000 digits, written around 1990 by employees of the US Census Bureau and by students of a
# high school: 60,000 for training and 10,000 for testing. Each is a grey picture of 28×28 pixels, white on
# black. It was scaled to fit 20×20 pixels, and its centre of mass lies in the middle.
#
# The test set is for the end. Until then the last 10,000 training digits are held out, and
# all comparisons here are made on them.

# %%
data = inkdigits.load_data("mnist", "train")
images, labels = data.images[:50_000], data.labels[:50_000]
held_images, held_labels = data.images[50_000:], data.labels[50_000:]
print(data.images.shape, data.images.dtype, data.labels[:10])

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), width_ratios=(3, 2))
examples = [images[labels == digit][:16] for digit in range(10)]
left.imshow(np.block([[*row] for row in examples]))
left.set(title="sixteen of each digit", xticks=[], yticks=[])
means = [images[labels == digit].mean(axis=0) for digit in range(10)]
right.imshow(np.block([means[:5], means[5:]]), cmap="magma")
right.set(title="the mean of each digit", xticks=[], yticks=[])
plt.show()
# %% [markdown]
# ## Preprocessing
#
# Three steps come before every classic network for MNIST:
#
# * **Normalise.** Pixels 0…255 become small numbers around 0: minus the mean, divided by the
#   standard deviation. Gradient descent converges faster when the inputs have about the same scale.
# * **4-D.** A convolution wants (images, channels, height, width). There is one channel, grey.
# * **One-hot.** The label 3 becomes a row of ten numbers, all 0 except a 1 at place 3. These are
#   the probabilities that a perfect network would give.

# %%
mean, deviation = images.mean(), images.std()
normal = (images - mean) / deviation
one_hot = np.eye(10)[labels]
four_d = normal[:, None]
print(f"mean {mean:.1f}, deviation {deviation:.1f}")
print("images", images.shape, "→", four_d.shape, " labels", labels.shape, "→", one_hot.shape)

# %%
figure, panels = plt.subplots(1, 3, figsize=(10, 2.9), width_ratios=(1, 1, 1.6))
for axes, picture in zip(panels, (images[0], normal[0])):
    figure.colorbar(axes.imshow(picture), ax=axes, shrink=0.8)
    axes.set(xticks=[], yticks=[])
panels[0].set_title("pixels 0…255")
panels[1].set_title("normalised")
panels[2].imshow(one_hot[:14].T, cmap="Blues")
panels[2].set(title="one-hot: a column for each image", yticks=range(10))
panels[2].set_xticks(range(14), labels[:14])
panels[2].set(xlabel="label", ylabel="place of the 1")
plt.show()
# %% [markdown]
# You don't have to do any of this. `inkdigits` keeps mean and deviation inside the network, so
# pixels go in as they are, and no program can normalise them differently.

# %% [markdown]
# ## Why a CNN
#
# An SVM, a random forest or a dense layer takes 784 pixels as 784 unrelated numbers: shuffle
# the pixels, and they learn just as well. A convolution looks at neighbours, and uses the same weights
# everywhere. So it needs fewer examples, and copes better with a digit that is shifted by two pixels.
# Here all four learn from the same 5,000 digits.

# %%
from sklearn.ensemble import RandomForestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from inkdigits.sklearn import InkdigitsClassifier

candidates = {
    "random forest": RandomForestClassifier(n_estimators=200, n_jobs=-1, random_state=0),
    "SVM, RBF kernel": SVC(C=5, gamma=0.02),
    "dense, 128 units": MLPClassifier((128,), early_stopping=True, random_state=0),
    "CNN, fast": InkdigitsClassifier("fast", epochs=10, random_state=0),
}

# %%
few = images[:5000].reshape(-1, 784) / 255
shifted = np.roll(held_images, (2, 2), axis=(1, 2))
checks = [x[:3000].reshape(-1, 784) / 255 for x in (held_images, shifted)]
results = {}
print(f"{'':18}{'seconds':>9}{'right':>9}{'shifted by 2 pixels':>22}")
for name, model in candidates.items():
    start = time.perf_counter()
    model.fit(few, labels[:5000])
    seconds = time.perf_counter() - start
    results[name] = [100 * model.score(x, held_labels[:3000]) for x in checks]
    print(f"{name:18}{seconds:9.1f}{results[name][0]:8.1f}%{results[name][1]:21.1f}%")

# %%
figure, axes = plt.subplots(figsize=(8, 2.6))
places, values = np.arange(len(results)), np.array(list(results.values()))
plain = axes.barh(places + 0.2, values[:, 0], 0.36, color=BLUE, label="as they are")
moved = axes.barh(places - 0.2, values[:, 1], 0.36, color=ORANGE, label="shifted by 2 pixels")
for bars in (plain, moved):
    axes.bar_label(bars, fmt="%.1f %%", padding=3)
axes.set_yticks(places, results)
axes.set(xlim=(0, 112), title="right, of 3,000 held-out digits, %")
axes.grid(visible=False)
axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# ## Why non-linear
#
# Without something non-linear between them, many layers are worth no more than one: a linear map of a
# linear map is a linear map. Here the same network is trained twice, with its ReLUs and without them.
#
# `learn` is a whole training loop in plain PyTorch. It is used again below.


# %%
def measure(network, x, y):
    """The loss and the share that is right."""
    network.eval()
    with torch.inference_mode():
        scores = torch.cat([network(part) for part in x.split(1000)])
    loss = nn.functional.cross_entropy(scores, y)
    return loss.item(), (scores.argmax(1) == y).float().mean().item()


# %%
def learn(network, digits, epochs, change=lambda x: x, decay=0.0, rate=lambda _: 0.001):
    """Train; a row for each epoch: loss on the training and on the held-out digits, accuracy."""
    x, y, held_x, held_y = digits
    adam, rows = torch.optim.Adam(network.parameters(), weight_decay=decay), []
    for epoch in range(epochs):
        adam.param_groups[0]["lr"] = rate(epoch / epochs)
        network.train()
        for chosen in torch.randperm(len(x)).split(64):
            loss = nn.functional.cross_entropy(network(change(x[chosen])), y[chosen])
            adam.zero_grad()
            loss.backward()
            adam.step()
        rows.append((measure(network, x, y)[0], *measure(network, held_x, held_y)))
    return np.array(rows)


# %%
def tensors(count):
    """So many training digits, and 3,000 held-out ones."""
    x, held_x = (torch.from_numpy(part)[:, None].float() for part in (images, held_images))
    y, held_y = (torch.from_numpy(part).long() for part in (labels, held_labels))
    return x[:count], y[:count], held_x[:3000], held_y[:3000]


# %%
curved, straight = inkdigits.build_model("tiny"), inkdigits.build_model("tiny")
for place, layer in enumerate(straight.network):
    if isinstance(layer, nn.ReLU):
        straight.network[place] = nn.Identity()
for name, network in (("with ReLU", curved), ("without", straight)):
    rows = learn(network, tensors(20_000), epochs=2, rate=lambda _: 0.003)
    print(f"{name:10} {rows[-1, 2]:.1%} right")

# %% [markdown]
# The second network is really a single linear layer. To see it, feed it the mean of two images: its
# output is the mean of its outputs for each. With ReLUs this doesn't hold.

# %%
one, other = tensors(2)[0].split(1)
with torch.inference_mode():
    for name, network in (("with ReLU", curved), ("without", straight)):
        between = network((one + other) / 2)
        gap = between - (network(one) + network(other)) / 2
        print(f"{name:10} differs by up to {gap.abs().max():.5f}")

# %% [markdown]
# ## The network
#
# `standard`, the default recipe: three convolutions, then one dense layer. Each layer sees less
# of *where* and more of *what*: the pictures become smaller, and there are more of them.


# %%
def shapes_of(model):
    """The name, the output's shape and the number of weights of each layer."""
    rows = [("pixels", (1, 28, 28), 0)]

    def note(layer, _, output):
        weights = sum(part.numel() for part in layer.parameters())
        rows.append((type(layer).__name__, tuple(output.shape[1:]), weights))

    for layer in model.network:
        layer.register_forward_hook(note)
    model.eval()(torch.zeros(1, 1, 28, 28))
    return rows


# %%
rows = shapes_of(inkdigits.build_model("standard"))
for name, shape, weights in rows:
    print(f"{name:12} {'×'.join(map(str, shape)):12} {weights or '':>8}")

# %%
LOOK = {"pixels": GREY, "Conv2d": BLUE, "MaxPool2d": ORANGE, "Linear": RED}
figure, axes = plt.subplots(figsize=(10, 2.6))
across = 0.0
for name, shape, _ in (row for row in rows if row[0] in LOOK):
    channels, *sides = shape
    side = sides[0] if sides else 1.5
    for layer in range(min(channels, 16), 0, -1):  # a pile of at most 16 maps
        corner = (across + 0.7 * layer, 0.35 * layer - side / 2)
        box = plt.Rectangle(corner, side, side, fc=LOOK[name], ec="white", lw=0.8)
        axes.add_patch(box)
    axes.text(across, -16, f"{name}\n{'×'.join(map(str, shape))}", fontsize=9, va="top")
    across += max(side + 16, 20)
axes.set(xlim=(-1, across), ylim=(-24, 16), aspect="equal")
axes.axis("off")
plt.show()

# %% [markdown]
# ## Training
#
# One line trains a recipe. It writes a folder in which `history.csv` grows by a line each epoch, so
# the curves can be drawn while it trains. Ten per cent of the training digits are held out for validation.


# %%
def curves(history):
    """Error and loss against the epoch."""
    figure, (error, loss) = plt.subplots(1, 2, figsize=(9, 2.6))
    for part, color in (("train", GREY), ("validation", BLUE)):
        wrong = 100 - 100 * history[f"{part}_accuracy"]
        error.plot(history["epoch"], wrong, "o-", color=color, label=part)
        loss.plot(history["epoch"], history[f"{part}_loss"], "o-", color=color)
    error.set(title="error, %", xlabel="epoch", xlim=(0.8, 6.2), ylim=(0.2, 30), yscale="log")
    error.yaxis.set_major_formatter("{x:g}")
    loss.set(title="loss, nats", xlabel="epoch", xlim=(0.8, 6.2), ylim=(0, 0.6))
    error.legend()
    plt.close(figure)
    return figure


# %%
folder = WORK / "standard"
log = folder / "history.csv"
with ThreadPoolExecutor() as pool:
    training = pool.submit(inkdigits.train, "standard", seed=0, out=folder, quiet=True)
    view, seen = display("training …", display_id=True), 0
    while not training.done() or seen < 6:
        lines = log.read_text().splitlines()[1:] if log.exists() else []
        if len(lines) > seen:
            seen = len(lines)
            history = np.genfromtxt(log, delimiter=",", names=True)
            view.update(curves(np.atleast_1d(history)))
        time.sleep(0.2)
        training.done() and training.result()  # an error ends the loop
run = training.result()

# %% [markdown]
# At first the error is higher on the *training* digits. They are harder, because they are turned, shifted,
# scaled and slanted at random. Their loss stays higher, because label smoothing punishes certainty.

# %% [markdown]
# ## Evaluation
#
# Now the test set is opened, for the first time. A *confusion matrix* counts which digit was
# taken for which. *Precision* is the share of digits read as 7 that are sevens; *recall* is the share of
# sevens that were read as 7. The interval says how much of the accuracy may be luck with 10,000 digits.

# %%
report = run.report(quiet=True)
report

# %% [markdown]
# Look at the mistakes before you believe any figure. People would disagree about many of these, too.

# %%
test = inkdigits.load_data("mnist", "test")
reader = inkdigits.Reader.load(run)
probabilities = reader.predict_proba(test.images)
guesses, sureness = probabilities.argmax(axis=1), probabilities.max(axis=1)
wrong = np.flatnonzero(guesses != test.labels)
wrong = wrong[np.argsort(-sureness[wrong])][:20]  # the surest first
captions = [f"{test.labels[i]} as {guesses[i]}, {sureness[i]:.0%}" for i in wrong]
show(test.images[wrong], captions)

# %% [markdown]
# ## What the network sees
#
# `build_model` builds the network as a plain PyTorch module, and `load_weights` fills in what was learned.
# The first layer has sixteen filters of 5×5 pixels that look for edges and strokes. Blue
# weights want ink, red ones want none.

# %%
model = inkdigits.build_model("standard").eval()
inkdigits.load_weights(model, run)
filters = model.network[0].weight.detach().numpy()[:, 0]
reach = np.abs(filters).max()
show(filters, range(1, 17), columns=16, size=0.65, cmap="RdBu", vmin=-reach, vmax=reach)

# %% [markdown]
# Given a digit, each filter makes a *feature map*, bright where it finds what it looks for. The second layer
# combines these into coarser maps of corners, ends and parts of strokes. Here are 17 of its 32.

# %%
glyph = test.images[0]
maps = [model.normalise(torch.from_numpy(glyph)[None, None].float())]
for layer in model.network:
    maps.append(layer(maps[-1]).detach().clone())
is_norm = [isinstance(layer, nn.BatchNorm2d) for layer in model.network]
after_relu = [maps[place + 1][0].clamp(0) for place in np.flatnonzero(is_norm)]
show([glyph, *after_relu[0]], ["a digit", *range(1, 17)], columns=17, size=0.6, cmap="magma")
show(after_relu[1][:17], range(1, 18), columns=17, size=0.6, cmap="magma")

# %% [markdown]
# **Evidence maps** show which ink made the network decide. Small windows of ink are removed, one after the
# other. Where the label then becomes less likely, the ink spoke for it (blue); where it becomes more likely, the
# ink spoke against it (red). The lower row shows mistakes, and what led to them.

# %%
chosen = np.r_[[np.flatnonzero(test.labels == digit)[3] for digit in range(10)], wrong[:10]]
digits = [reading.digits[0] for reading in reader.read_glyphs(test.images[chosen])]
evidence = [reader.explain(digit) for digit in digits]
captions = [f"read as {digit}" for digit in digits]
pictures = []
for digit, found in zip(digits, evidence):
    strength = np.clip(np.abs(found) / np.abs(found).max(), 0, 1)[..., None] ** 0.5
    side = np.where(found[..., None] > 0, (0.18, 0.44, 0.86), (0.75, 0.22, 0.17))
    paper = 1 - 0.25 * digit.glyph[..., None] / 255
    pictures.append(paper * (1 - strength) + side * strength)
show(pictures, captions)

# %% [markdown]
# ## Overfitting
#
# With 500 digits to learn from, a network of 57,000 weights learns them by heart. The training loss
# goes to zero, while the loss on held-out digits stops falling and rises again. That is overfitting.

# %%
digits_500 = tensors(500)


def fresh(before_last=None, after_convolutions=False):
    """The network of `fast`, with a layer before the last, or batch norm, if you like."""
    torch.manual_seed(1)
    model = inkdigits.build_model("fast")
    if before_last:
        model.network.insert(len(model.network) - 1, before_last)
    if after_convolutions:
        model.network.insert(1, nn.BatchNorm2d(16))
        model.network.insert(4, nn.BatchNorm2d(32))
    return model


# %% [markdown]
# Each remedy is one change to the same training:
#
# * **Dropout** sets a random half of the last layer's inputs to 0, so the network can't rely on any one of them.
# * **L2** pulls all weights towards 0, so the function stays simple.
# * **Augmentation** turns, scales and shifts each digit at random, so none is ever seen twice.
# * **Batch norm** normalises between the layers, with the batch's own noisy mean and deviation.
# * A **schedule** takes smaller steps towards the end, so the weights settle.
# * **Early stopping** keeps the weights of the epoch with the lowest held-out loss.


# %%
def augmented(x):
    """Digits turned by up to 12°, scaled by up to 10 % and shifted by up to 2 pixels."""
    angle = torch.empty(len(x)).uniform_(-0.2, 0.2)
    zoom = torch.empty(len(x)).uniform_(0.9, 1.1)
    shift = torch.empty(len(x), 2, 1).uniform_(-0.14, 0.14)
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1)
    maps = torch.cat([turn.view(-1, 2, 2) * zoom[:, None, None], shift], 2)
    grid = nn.functional.affine_grid(maps, x.shape, align_corners=False)
    return nn.functional.grid_sample(x, grid, align_corners=False)


# %%
some = digits_500[0][:1].expand(12, -1, -1, -1)
show(augmented(some)[:, 0], [""] * 12, columns=12, size=0.8)

# %%
trials = {
    "nothing": learn(fresh(), digits_500, 40),
    "dropout": learn(fresh(nn.Dropout(0.5)), digits_500, 40),
    "L2": learn(fresh(), digits_500, 40, decay=0.01),
    "augmentation": learn(fresh(), digits_500, 40, change=augmented),
    "batch norm": learn(fresh(after_convolutions=True), digits_500, 40),
    "schedule": learn(fresh(), digits_500, 40, rate=lambda done: 0.002 * (1 - done)),
}

# %%
figure, grid = plt.subplots(2, 3, figsize=(10, 5), sharex=True, sharey=True)
for axes, (name, rows) in zip(grid.flat, trials.items()):
    epochs, best = np.arange(1, 41), rows[:, 1].argmin()
    axes.plot(epochs, rows[:, 0].clip(1e-3), color=GREY, label="training")
    axes.plot(epochs, rows[:, 1], color=BLUE, label="held out")
    axes.plot(epochs[best], rows[best, 1], "o", color=ORANGE, label="early stopping")
    axes.set(yscale="log", title=f"{name}: {rows[-1, 2]:.1%} right")
grid[0, 0].legend(fontsize=8)
for axes in grid[1]:
    axes.set_xlabel("epoch")
for axes in grid[:, 0]:
    axes.set_ylabel("loss, nats")
plt.show()

# %% [markdown]
# Augmentation helps the most, because it adds knowledge of handwriting. The others mostly keep the loss
# down, and so the confidence honest. Each was trained only once, so a difference of a point says little.
#
# A recipe has fields for these, such as `rotation_deg`, `shift_px`, `weight_decay`, `schedule` and `patience`. Any of them
# can be changed: `inkdigits.train("fast", weight_decay=0.01)`.

# %% [markdown]
# ## Hyper-parameters
#
# | setting | worth trying | what you will see |
# |---|---|---|
# | learning rate, `peak_lr` | 1e-4 … 1e-1, on a log scale | too high: the loss jumps, or training diverges and stops; too low: the loss is still falling at the end |
# | batch size, `batch_size` | 32 … 512 | larger batches take less time per image, and need a higher rate |
# | `epochs` | 1 … 20 | more epochs help as long as the validation loss falls |
# | filters and units | 16 … 128 | more of them learn more and cost more; here they belong to the architecture |
# | `schedule` | `one-cycle`, `cosine`, `constant` | the loss settles as the rate falls |
#
# Change the learning rate first. Here is a small sweep of learning rate and batch size, on 10,000 digits:

# %%
rates, sizes = (0.001, 0.004, 0.016, 0.064), (64, 128, 256, 512)
some = images[:10_000], labels[:10_000]
sweep = np.zeros((len(rates), len(sizes)))
for row, column in np.ndindex(sweep.shape):
    setting = {"peak_lr": rates[row], "batch_size": sizes[column]}
    folder = WORK / f"sweep-{row}-{column}"
    trial = inkdigits.train("fast", some, out=folder, quiet=True, **setting)
    sweep[row, column] = 100 - 100 * trial.history[-1]["validation_accuracy"]

# %%
figure, axes = plt.subplots(figsize=(5.5, 3))
axes.imshow(np.log(sweep), cmap="YlOrRd", aspect="auto")
for (row, column), error in np.ndenumerate(sweep):
    dark = error > np.median(sweep) * 1.5
    style = {"ha": "center", "va": "center", "color": "white" if dark else "black"}
    axes.text(column, row, f"{error:.1f}", **style)
axes.set_xticks(range(len(sizes)), sizes)
axes.set_yticks(range(len(rates)), rates)
axes.set(title="validation error, %", xlabel="batch size", ylabel="learning rate")
axes.spines[:].set_visible(False)
plt.show()

# %% [markdown]
# In one epoch of so few digits, small batches win, because they take more steps. If the rate is too low, the
# network hasn't learned enough by the end; if it is too high, the steps overshoot. `inkdigits tune fast` searches many
# settings at once, stops bad trials early, and says which setting mattered.

# %% [markdown]
# ## Confidence
#
# From here on we use the model inside the package. Its recipe is `robust`, which also learns what is *not* a
# digit. Its probabilities are calibrated on held-out digits: of the digits read with a confidence of 90%, about
# nine in ten are right. If a person reads the least certain ones, hardly any mistakes remain.

# %%
reader = inkdigits.Reader.load()
probabilities, familiarity = reader.score_glyphs(test.images)
right = probabilities.argmax(axis=1) == test.labels
order = np.argsort(-probabilities.max(axis=1), kind="stable")
error = 100 * np.cumsum(~right[order]) / np.arange(1, 10_001)
figure, axes = plt.subplots(figsize=(7, 2.8))
axes.plot(100 - np.arange(1, 10_001) / 100, error, color=BLUE)
axes.set(xscale="log", xlim=(0.1, 50), title="error of the rest, %")
axes.set_xlabel("share of the digits that a person reads instead, %")
axes.xaxis.set_major_formatter("{x:g}")
print(f"nobody asked: {error[-1]:.2f} %; 2 % asked: {error[9799]:.2f} %")
plt.show()

# %% [markdown]
# **Prediction sets.** When it is unsure, the reader gives a set of possible labels. For 99.9% of digits like
# MNIST's the set contains the right label, and most sets have only one.

# %%
sets = reader.prediction_sets(probabilities)
sizes = sets.sum(axis=1)
covered = sets[np.arange(len(sets)), test.labels].mean()
print(f"{(sizes == 1).mean():.1%} have one label; {covered:.2%} contain the right one")
several = np.flatnonzero(sizes > 2)[:10]
captions = [f"{', '.join(map(str, np.flatnonzero(sets[i])))}" for i in several]
show(test.images[several], captions)

# %% [markdown]
# **Refusal.** A classifier answers with one of ten digits, whatever it is shown. `familiarity` says how
# much an image resembles a digit at all. Below a threshold it is refused, even if it is a badly written digit.

# %%
from PIL import Image, ImageDraw, ImageFont


def letter(text):
    """A printed letter or sign in white on black."""
    page = Image.new("L", (28, 28))
    ImageDraw.Draw(page).text((14, 14), text, 255, ImageFont.load_default(22), anchor="mm")
    return np.asarray(page)


# %%
rng = np.random.default_rng(0)
noise = rng.integers(0, 256, (28, 28), dtype=np.uint8)
stripes = np.tile(np.uint8([0, 0, 255, 255]), (28, 7))
strange = [noise, stripes, np.zeros_like(noise), *map(letter, "AKRWX&%"), *test.images[:10]]
accepted = reader.accepts(reader.score_glyphs(np.array(strange))[1])
show(strange, np.where(accepted, "accepted", "refused"))

# %% [markdown]
# ## Damaged digits
#
# A test set flatters, because it comes from the same pens and the same scanner as the training set. Here is how
# `standard` copes with damage, and how `robust` does, which was trained with other pens, blur, noise and strokes.

# %%
from scipy import ndimage

some, some_labels = test.images[:2000].astype(float), test.labels[:2000]
scratches = np.zeros((28, 28))
scratches[[8, 19], :], scratches[:, 20] = 255, 255
damaged = {
    "as they are": some,
    "noise": some + rng.normal(0, 70, some.shape),
    "blur": ndimage.gaussian_filter(some, (0, 1.6, 1.6)),
    "turned by 25°": ndimage.rotate(some, 25, axes=(1, 2), reshape=False, order=1),
    "shifted": np.roll(some, (3, -3), axis=(1, 2)),
    "scratches": np.maximum(some, scratches),
    "pale": some * 0.35 + 90,
}

# %%
damaged = {name: x.clip(0, 255).astype(np.uint8) for name, x in damaged.items()}
show([x[3] for x in damaged.values()], damaged, columns=7, size=1.2, vmin=0, vmax=255)

# %%
readers = {"standard": inkdigits.Reader.load(run), "robust": reader}
print(f"{'':16}", *(f"{name:>10}" for name in readers))
for name, x in damaged.items():
    scores = [(each.predict(x) == some_labels).mean() for each in readers.values()]
    print(f"{name:16}", *(f"{score:>10.1%}" for score in scores))

# %% [markdown]
# ## Your own handwriting
#
# In a picture, digits must be found before they can be read. `reader.read` takes photographs, scans and drawings,
# of one digit or a page. Each digit has a box, a confidence and the labels that are possible.

# %%
reading = reader.read("../docs/photo.jpg")
print(reading.text.splitlines(), f"confidence {reading.confidence:.1%}")
reading

# %% [markdown]
# Now yours: write some digits, photograph them, and choose the file below. Then run the cell after it.

# %%
import ipywidgets

chosen = ipywidgets.FileUpload(accept="image/*", description="a picture")
chosen

# %%
files = chosen.value  # a dict in ipywidgets 7, which Colab has; empty until you choose a picture
for file in files.values() if isinstance(files, dict) else files:
    display(reader.read(file["content"]))

# %% [markdown]
# ## Saving and loading
#
# A run's artifact is one ONNX file. It contains the network, its normalisation and calibration, the labels, the recipe
# and the figures measured on held-out digits. `Reader.load` checks the file's hash first, and never runs code from it.

# %%
print(run.artifact.name, f"{run.artifact.stat().st_size / 1000:.0f} kB")
reader = inkdigits.Reader.load(run.artifact)
print("labels", *reader.info.labels)
print(f"{reader.info.validation['accuracy']:.2%} of the held-out digits right")

# %% [markdown]
# Any ONNX runtime opens it without `inkdigits`, in Python, JavaScript or C++:

# %%
import onnxruntime

session = onnxruntime.InferenceSession(str(run.artifact))
outputs = session.run(["probabilities", "familiarity"], {"images": test.images[:5]})
print(outputs[0].argmax(axis=1), test.labels[:5])

# %% [markdown]
# The weights alone can be saved as safetensors, for PyTorch:

# %%
inkdigits.save_weights(model, WORK / "standard.safetensors")
again = inkdigits.build_model("standard").eval()
inkdigits.load_weights(again, WORK / "standard.safetensors")
x = tensors(100)[0]
with torch.inference_mode():
    print((model(x) - again(x)).abs().max().item())

# %% [markdown]
# ## Where to go from here
#
# * [Your own pictures](own-data.ipynb): from a folder of pictures to a reader.
# * The same network by hand, step by step: [in PyTorch](pytorch.ipynb), [in Keras](keras.ipynb).
# * [Usage](../docs/how-to/usage.md): the commands and their options.
