"""Prints a markdown table of images per second: fairbit beside PyTorch, alternating on this machine.

    cargo build --release --benches      # once
    python benches/peers/table.py --threads 2 [--rounds 3] [--seconds 6] [--devices flex,ndarray]

Each figure is the median over the rounds; in a round every device of fairbit and PyTorch run one after
the other, so that a machine that others use slows all. A ratio is the median of the rounds' ratios: of
the first device to PyTorch, then of each further device to the first. Needs: torch, torchvision, timm.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

MODELS = ["resnet50", "mobilenet_v2", "efficientnet_b0", "vit_small_patch16", "squeezenet1_1"]


def torch_side(model_name, mode, px, batch, seconds, threads):
    import torch

    sys.path.insert(0, os.path.dirname(__file__))
    from train import build

    torch.set_num_threads(threads)
    model = build(model_name, px)
    x = torch.randn(batch, 3, px, px)
    y = torch.arange(batch) % 2
    if mode == "infer":
        model.eval()

        def step():
            with torch.no_grad():
                model(x)
    else:
        model.train()
        optim = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01)

        def step():
            optim.zero_grad()
            torch.nn.functional.cross_entropy(model(x), y).backward()
            optim.step()

    for _ in range(2):
        step()
    began, images = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        step()
        images += batch
    print(json.dumps({"images_per_s": images / (time.perf_counter() - began)}))


def run(command, threads):
    env = dict(os.environ, RAYON_NUM_THREADS=str(threads), OMP_NUM_THREADS=str(threads))
    out = subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout
    return json.loads(out.strip().splitlines()[-1])["images_per_s"]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--px", type=int, default=64)
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=float, default=6)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--devices", default="flex,ndarray")
    p.add_argument("--models", default=",".join(MODELS))
    p.add_argument("--torch-side", nargs=2, metavar=("MODEL", "MODE"))
    a = p.parse_args()
    if a.torch_side:
        torch_side(*a.torch_side, a.px, a.batch, a.seconds, a.threads)
        return
    shared = ["--px", str(a.px), "--batch", str(a.batch), "--seconds", str(a.seconds)]
    devices = a.devices.split(",")
    ours = ["cargo", "bench", "-q", "--bench", "throughput", "--"]
    peer = [sys.executable, __file__, *shared, "--threads", str(a.threads), "--torch-side"]
    names = [f"{devices[0]} / PyTorch", *(f"{d} / {devices[0]}" for d in devices[1:])]
    head = ["model", "mode", *(f"fairbit {d}" for d in devices), "PyTorch", *names]
    print("| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|", flush=True)
    ratios = {}
    for model in a.models.split(","):
        for mode in ("train", "infer"):
            rounds = []
            for _ in range(a.rounds):
                of = lambda device: run([*ours, model, mode, *shared, "--device", device], a.threads)
                rounds.append([*(of(d) for d in devices), run([*peer, model, mode], a.threads)])
            cells = [f"{statistics.median(side):.1f}" for side in zip(*rounds)]
            for i, name in enumerate(names):
                pair = (0, -1) if i == 0 else (i, 0)
                ratio = statistics.median(r[pair[0]] / r[pair[1]] for r in rounds)
                ratios.setdefault((mode, name), []).append(ratio)
                cells.append(f"{ratio:.2f}")
            print(f"| {model} | {mode} | " + " | ".join(cells) + " |", flush=True)
    print()
    for (mode, name), values in sorted(ratios.items()):
        print(f"geometric mean of {name}, {mode}: {statistics.geometric_mean(values):.2f}", flush=True)


if __name__ == "__main__":
    main()
