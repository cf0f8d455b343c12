"""Trains a torchvision model on a CelebA-style folder with fairbit's data, epochs and schedule.

    python benches/peers/train.py --data DIR --model mobilenet_v2 --epochs 8 --lr 1e-3 --seed 1 --out OUT

Everything that `fairbit train` fixes is fixed the same way here: centre crop to a square, antialiased
bilinear resize, ImageNet mean/std, horizontal flip, AdamW (weight decay 0.01, eps 1e-8), linear
warm-up over the first share of the steps and cosine decay after it, partial last batch dropped, the
epoch with the best validation accuracy kept. The predictions are written in the format that
`fairbit audit` reads, so that both programs are measured by the same code.

Needs: torch, torchvision, timm, numpy, pillow.
"""

import argparse
import copy
import csv
import json
import math
import pathlib
import time

import numpy as np
import torch
from PIL import Image

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


def read_table(root, target, attributes):
    lines = (root / "list_attr_celeba.txt").read_text().splitlines()
    header = lines[1].split()
    columns = [header.index(name) for name in [target, *attributes]]
    split = dict(line.split() for line in (root / "list_eval_partition.txt").read_text().splitlines())
    rows = {"0": [], "1": [], "2": []}
    for line in lines[2:]:
        name, *values = line.split()
        rows[split[name]].append((name, *[int(values[c] == "1") for c in columns]))
    return rows


def decode(root, rows, px):
    images = np.empty((len(rows), px, px, 3), np.uint8)
    for i, row in enumerate(rows):
        image = Image.open(root / "img_align_celeba" / row[0]).convert("RGB")
        width, height = image.size
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        crop = image.crop((left, top, left + side, top + side))
        images[i] = np.asarray(crop.resize((px, px), Image.BILINEAR))
    return images


def batch_of(images, indices, flip=None):
    x = (images[indices].astype(np.float32) / 255.0 - MEAN) / STD
    x = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
    if flip is not None:
        x[flip] = x[flip].flip(3)
    return x


def build(name, px):
    import torchvision.models as tv

    if name == "vit_small_patch16":
        import timm

        return timm.create_model("vit_small_patch16_224", num_classes=2, img_size=px)
    return getattr(tv, name)(weights=None, num_classes=2)


def scores(model, images, batch=128):
    model.eval()
    out = []
    with torch.no_grad():
        for start in range(0, len(images), batch):
            x = batch_of(images, np.arange(start, min(start + batch, len(images))))
            out.append(torch.softmax(model(x), 1)[:, 1].numpy())
    return np.concatenate(out)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--data", type=pathlib.Path, required=True)
    p.add_argument("--model", required=True)
    p.add_argument("--epochs", type=int, required=True)
    p.add_argument("--lr", type=float, required=True)
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--px", type=int, default=64)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--warmup", type=float, default=0.1)
    p.add_argument("--final-lr", type=float, default=0.01)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--out", type=pathlib.Path, required=True)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    rng = np.random.default_rng(a.seed)

    rows = read_table(a.data, "Smiling", ["Male", "Young"])
    train, val, test = (decode(a.data, rows[s], a.px) for s in "012")
    labels = {s: torch.tensor([r[1] for r in rows[s]]) for s in "012"}

    model = build(a.model, a.px)
    optim = torch.optim.AdamW(model.parameters(), lr=a.lr, weight_decay=0.01, eps=1e-8)
    per_epoch = len(train) // a.batch
    total = per_epoch * a.epochs
    warm = max(1, round(a.warmup * total))

    def lr_at(step):
        if step < warm:
            return (step + 1) / warm
        share = (step - warm) / max(1, total - warm)
        return a.final_lr + (1 - a.final_lr) * 0.5 * (1 + math.cos(math.pi * share))

    best, best_state, step, seconds = -1.0, None, 0, 0.0
    for epoch in range(a.epochs):
        model.train()
        order = rng.permutation(len(train))
        started = time.perf_counter()
        for b in range(per_epoch):
            indices = order[b * a.batch : (b + 1) * a.batch]
            for group in optim.param_groups:
                group["lr"] = a.lr * lr_at(step)
            x = batch_of(train, indices, torch.from_numpy(rng.random(a.batch) < 0.5))
            loss = torch.nn.functional.cross_entropy(model(x), labels["0"][indices])
            optim.zero_grad()
            loss.backward()
            optim.step()
            step += 1
        seconds += time.perf_counter() - started
        accuracy = float(((scores(model, val) >= 0.5) == labels["1"].numpy()).mean())
        print(f"{a.model} epoch {epoch + 1}: loss {loss.item():.4f} val {accuracy:.4f}", flush=True)
        if accuracy > best:
            best, best_state = accuracy, copy.deepcopy(model.state_dict())

    model.load_state_dict(best_state)
    s = scores(model, test)
    a.out.mkdir(parents=True, exist_ok=True)
    with open(a.out / "predictions-test.csv", "w", newline="") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(["image", "identity", "male", "young", "label", "score"])
        for row, value in zip(rows["2"], s):
            w.writerow([row[0], "", row[2], row[3], row[1], repr(float(value))])
    result = {
        "model": a.model,
        "torch": torch.__version__,
        "seed": a.seed,
        "val_accuracy": best,
        "test_accuracy": float(((s >= 0.5) == labels["2"].numpy()).mean()),
        "train_images_per_s": per_epoch * a.batch * a.epochs / seconds,
    }
    (a.out / "result.json").write_text(json.dumps(result, indent=1))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
