"""Bootstrap intervals of DP and EO: fairbit beside Fairlearn's MetricFrame, on the same predictions.

    cargo build --release                # once; or name a binary with --fairbit
    python benches/peers/fairness.py [--fairbit FILE] [--images 20000] [--replicates 10000]
                                     [--n-boot 30] [--rounds 3] [--threads 1,2]

20,000 predictions with the group sizes and smiling rates of CelebA's test partition are drawn from a
fixed seed and written as CSV. In each round Fairlearn (n_boot replicates) and `fairbit audit` (all
replicates, for every number of threads) run one after the other, so that a machine that others use
slows all; each figure is the median over the rounds, a ratio the median of the rounds' ratios.

Fairlearn's seconds per replicate are those of MetricFrame(n_boot=N) beyond the same frame without a
bootstrap, divided by N; its loop over replicates is linear, so a small N is extrapolated. It computes
selection rate, TPR and FPR of male × young and their reductions on one thread. Of fairbit both the
whole process is shown (start, reading the CSV, noise floors, printing) and what replicates add to it
(the difference to two replicates); a replicate measures all metrics, AUC and ECE among them, and all
gaps on male, young and both. The point estimates of the two programs are asserted to be equal.

Needs: fairlearn, pandas, numpy.
"""

import argparse
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import tempfile
import time

import fairlearn
import fairlearn.metrics as fl
import numpy as np
import pandas as pd

ROOT = pathlib.Path(__file__).resolve().parents[2]

# male, young, images in CelebA's test partition, share that smiles
CELLS = [(0, 0, 1916, 0.681), (0, 1, 10331, 0.541), (1, 0, 2932, 0.404), (1, 1, 4783, 0.399)]
PRINTED = re.compile(r"bootstrap\D[^\n]*?([0-9.]+) ?(ms|s)\b", re.IGNORECASE)


def predictions(n, seed=20):
    """Scores that are right for nine in ten images, a little less for men, and lean with the base rate."""
    rng = np.random.default_rng(seed)
    male, young, images, smiling = np.array(CELLS).T
    cell = rng.choice(len(CELLS), size=n, p=images / images.sum())
    label = (rng.random(n) < smiling[cell]).astype(int)
    logit = rng.normal((2 * label - 1) * (2.8 - 0.3 * male[cell]) + 2 * (smiling[cell] - 0.5), 2.1)
    return pd.DataFrame({
        "image": np.arange(n),
        "identity": "",
        "male": male[cell].astype(int),
        "young": young[cell].astype(int),
        "label": label,
        "score": np.round(1 / (1 + np.exp(-logit)), 6),
    })


def fairlearn_side(table, n_boot):
    """Seconds without and with replicates, and the point estimates of both gaps."""
    metrics = {"sr": fl.selection_rate, "tpr": fl.true_positive_rate, "fpr": fl.false_positive_rate}
    given = {
        "metrics": metrics,
        "y_true": table["label"],
        "y_pred": (table["score"] >= 0.5).astype(int),
        "sensitive_features": table[["male", "young"]],
    }
    began = time.perf_counter()
    apart = fl.MetricFrame(**given).difference(method="between_groups")
    plain = time.perf_counter()
    frame = fl.MetricFrame(**given, n_boot=n_boot, ci_quantiles=[0.025, 0.975], random_state=1)
    frame.difference_ci(method="between_groups")
    return plain - began, time.perf_counter() - plain, (apart["sr"], max(apart["tpr"], apart["fpr"]))


def fairbit_side(binary, table, replicates, threads, out):
    """Seconds of the process, and of the bootstrap where the program prints them."""
    command = [binary, "audit", table, "--replicates", str(replicates), "--out", out]
    env = dict(os.environ, RAYON_NUM_THREADS=str(threads))
    began = time.perf_counter()
    done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    printed = PRINTED.search(done.stdout + done.stderr)
    return seconds, printed and float(printed[1]) * (0.001 if printed[2] == "ms" else 1)


def same_gaps(out, expected):
    report = json.loads(next(pathlib.Path(out).glob("fairness*.json")).read_text())
    both = report["attributes"]["male*young"]
    for gap, value in zip(("dp_gap", "eo_gap"), expected):
        assert abs(both[gap]["value"] - value) < 1e-12, f"{gap}: {both[gap]['value']}, Fairlearn has {value}"


def machine():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines() if os.path.exists("/proc/cpuinfo") else []
    model = next((line.split(": ", 1)[1] for line in lines if line.startswith("model name")), platform.machine())
    return f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start"


def main():
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    p = argparse.ArgumentParser()
    p.add_argument("--fairbit", default=str(target / "release" / "fairbit"))
    p.add_argument("--images", type=int, default=20_000)
    p.add_argument("--replicates", type=int, default=10_000)
    p.add_argument("--n-boot", type=int, default=30)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--threads", default=",".join(str(t) for t in sorted({1, os.cpu_count()})))
    a = p.parse_args()
    version = subprocess.run([a.fairbit, "--version"], check=True, capture_output=True, text=True).stdout.strip()
    print(f"{version}; Fairlearn {fairlearn.__version__}, pandas {pd.__version__}; {machine()}\n", flush=True)

    threads = [int(t) for t in a.threads.split(",")]
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        csv, out = f"{folder}/predictions.csv", f"{folder}/audit"
        table = predictions(a.images)
        table.to_csv(csv, index=False)
        for _ in range(a.rounds):
            plain, booted, gaps = fairlearn_side(table, a.n_boot)
            name = f"Fairlearn, 1 thread: replicates alone, extrapolated from {a.n_boot}"
            found = {name: (booted - plain) / a.n_boot * a.replicates}
            for t in threads:
                few, _ = fairbit_side(a.fairbit, csv, 2, t, out)
                whole, printed = fairbit_side(a.fairbit, csv, a.replicates, t, out)
                same_gaps(out, gaps)
                found[f"fairbit, {t} threads: whole process"] = whole
                found[f"fairbit, {t} threads: beyond 2 replicates"] = whole - few
                if printed:
                    found[f"fairbit, {t} threads: bootstrap as printed"] = printed
            rounds.append(found)

    peer = next(iter(rounds[0]))
    print(f"| {a.images} images, {a.replicates} replicates | s | s per replicate | Fairlearn takes |\n|---|---|---|---|")
    for name in rounds[0]:
        seconds = statistics.median(found[name] for found in rounds)
        ratio = statistics.median(found[peer] / found[name] for found in rounds)
        per = f"{seconds / a.replicates:.3g}"
        print(f"| {name.replace(' 1 threads', ' 1 thread')} | {seconds:.3g} | {per} | {ratio:.3g} × |")


if __name__ == "__main__":
    main()
