"""Golden values of the activation observers: PyTorch's and ONNX Runtime's on the same numbers.

    pip install numpy==2.4.6 torch==2.15.0 onnxruntime==1.32.0
    python tests/golden/observers.py       # rewrites observers.json beside this file

The numbers are a formula of sums, products and divisions, in float64 and then rounded to float32, so
that Rust computes them bit by bit and none are stored; `checksum` says that it did.
"""

import contextlib
import importlib.metadata
import io
import json
import pathlib

import numpy as np
import torch
from onnxruntime.quantization.calibrate import HistogramCollector
from torch.ao.quantization import HistogramObserver, MinMaxObserver, MovingAverageMinMaxObserver

BATCHES, VALUES = 8, 4096


def uniforms(seed, count):
    """Knuth's MMIX generator, the upper 24 bits of its state as a number in [0, 1)."""
    state, out = seed, np.empty(count)
    for i in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out[i] = (state >> 40) / 2**24
    return out


def normals(seed):
    """Sums of twelve uniforms, less 6: variance 1, tails to ±6."""
    u = uniforms(seed, BATCHES * VALUES * 12).reshape(-1, 12)
    total = np.zeros(len(u))
    for column in u.T:
        total = total + column
    return total - 6.0


def lognormal(z):
    """(1 + z/8)⁸, nearly eᶻ: one-sided, with outliers."""
    x = 1.0 + z / 8.0
    for _ in range(3):
        x = x * x
    return x


def silu(z):
    """x times a gate, as SiLU is; here the gate is ½ + ½ x/(1 + |x|), and the least value near −½."""
    x = 3.0 * z
    return x * (0.5 + 0.5 * (x / (1.0 + np.abs(x))))


TENSORS = {
    "normal": lambda z: z,
    "lognormal": lognormal,
    "silu": silu,
    "relu": lambda z: np.maximum(z, 0.0),
    "relu6": lambda z: np.minimum(np.maximum(6.0 * z, 0.0), 6.0),
    "cubes": lambda z: z * z * z,
    "constant": lambda z: np.full_like(z, 3.7),
    "zero": lambda z: np.zeros_like(z),
}


def observed(observer, batches):
    for batch in batches:
        observer(torch.from_numpy(batch))
    return observer


def ends(observer):
    return [observer.min_val.item(), observer.max_val.item()]


def histogram_observer(batches):
    """Range and mean squared error of PyTorch's default for static quantization, 256 codes."""
    observer = observed(HistogramObserver(), batches)
    low, high = observer._non_linear_param_search()
    scale, zero = observer.calculate_qparams()
    x = torch.from_numpy(batches.reshape(-1))
    back = torch.fake_quantize_per_tensor_affine(x, scale.item(), int(zero.item()), 0, 255)
    error = float(((back.double() - x.double()) ** 2).mean())
    return {"range": [float(low), float(high)], "mse": error}


def onnxruntime(batches, method, **settings):
    arguments = {"symmetric": False, "num_quantized_bins": 128, "percentile": 99.99, "scenario": "same"}
    collector = HistogramCollector(method, **(arguments | settings))
    with contextlib.redirect_stdout(io.StringIO()):
        for batch in batches:
            collector.collect({"x": batch})
        low, high, *_ = collector.compute_collection_result()["x"]
    edges = collector.get_histogram_dict()["x"][1]
    return {"range": [float(low), float(high)], "width": float(edges[1] - edges[0])}


def case(seed, formula):
    x = formula(normals(seed)).astype(np.float32)
    batches = x.reshape(BATCHES, VALUES)
    return {
        "seed": seed,
        "checksum": int(x.view(np.uint32).sum(dtype=np.uint64) % 2**32),
        "min_max": ends(observed(MinMaxObserver(), batches)),
        "moving_average": {
            str(c): ends(observed(MovingAverageMinMaxObserver(averaging_constant=c), batches)) for c in (0.01, 0.3)
        },
        "histogram_observer": histogram_observer(batches),
        "percentile": {
            str(p): onnxruntime(batches, "percentile", num_bins=2048, percentile=p) for p in (99.99, 99.0, 90.0)
        },
        "entropy": onnxruntime(batches, "entropy", num_bins=2048),
    }


def main():
    values = {
        "made_with": {name: importlib.metadata.version(name) for name in ("numpy", "torch", "onnxruntime")},
        "cases": {name: case(seed, formula) for seed, (name, formula) in enumerate(TENSORS.items(), 1)},
    }
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(values, indent=1) + "\n")


if __name__ == "__main__":
    main()
