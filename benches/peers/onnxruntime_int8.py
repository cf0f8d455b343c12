"""fairbit's static INT8 beside ONNX Runtime's, of one float model, with the same calibration images.

    python benches/peers/onnxruntime_int8.py RUN DATA [METHOD.toml] [ROUNDS]

RUN is a folder of `fairbit train`, DATA a CelebA folder. Quantizes RUN with METHOD (the static INT8 one by
default), exports its floats, quantizes those with `onnxruntime.quantization.quantize_static` (QDQ, per
channel, activations in 8 bits without sign, min-max: its defaults) on the images of calibration.csv, and
scores the images of predictions-test.csv. Then times a batch of 32 on two threads, the four programs in turn,
ROUNDS times; medians count. Prints one line of JSON. Builds the program and the benchmark first.

needs: numpy, pillow, onnx, onnxruntime
"""

import csv
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from PIL import Image

BATCH, SECONDS = 32, 3.0
MEAN, DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def image(path, px):
    """RGB, centre crop to a square, antialiased bilinear resize, ImageNet's mean and deviation."""
    face = Image.open(path).convert("RGB")
    side = min(face.size)
    left, top = (face.width - side) // 2, (face.height - side) // 2
    face = face.crop((left, top, left + side, top + side)).resize((px, px), Image.BILINEAR)
    pixels = np.asarray(face, dtype=np.float32) / 255
    return ((pixels - MEAN) / DEVIATION).astype(np.float32).transpose(2, 0, 1)


def images(data, names, px):
    return np.stack([image(Path(data) / "img_align_celeba" / name, px) for name in names])


class Reader(CalibrationDataReader):
    def __init__(self, batches):
        self.batches = iter(batches)

    def get_next(self):
        return next(self.batches, None)


def session(file):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 2
    return ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def decisions(run, x):
    logits = np.concatenate([run.run(None, {"images": x[i : i + 100]})[0] for i in range(0, len(x), 100)])
    return logits[:, 1] >= logits[:, 0]


def ort_speed(run, x):
    run.run(None, {"images": x})
    started, done = time.perf_counter(), 0
    while time.perf_counter() - started < SECONDS:
        run.run(None, {"images": x})
        done += len(x)
    return done / (time.perf_counter() - started)


def our_speed(file):
    command = ["cargo", "bench", "-q", "--bench", "throughput", "--", str(file), "infer"]
    command += ["--batch", str(BATCH), "--seconds", str(SECONDS)]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["images_per_s"]


def main(run, data, method="configs/methods/ptq-static-int8.toml", rounds=5):
    work = Path(tempfile.mkdtemp())
    fairbit = ["cargo", "run", "-q", "--release", "--"]
    quantize = ["quantize", run, "--method", method, "--data", data, "--out", str(work / "int8")]
    subprocess.run(fairbit + quantize, check=True, stdout=subprocess.DEVNULL)
    export = ["export", run, "--onnx", str(work / "float.onnx")]
    subprocess.run(fairbit + export, check=True, stdout=subprocess.DEVNULL)
    floats = session(work / "float.onnx")
    px = floats.get_inputs()[0].shape[2]
    calibration = [row["image"] for row in csv.DictReader(open(work / "int8/calibration.csv"))]
    x = images(data, calibration, px)
    quant_pre_process(str(work / "float.onnx"), str(work / "prepared.onnx"))
    quantize_static(
        str(work / "prepared.onnx"),
        str(work / "theirs.onnx"),
        Reader({"images": x[i : i + 64]} for i in range(0, len(x), 64)),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        weight_type=QuantType.QInt8,
        activation_type=QuantType.QUInt8,
    )
    theirs = session(work / "theirs.onnx")
    rows = list(csv.DictReader(open(work / "int8/predictions-test.csv")))
    test = images(data, [row["image"] for row in rows], px)
    labels = np.array([row["label"] == "1" for row in rows])
    right = {
        "fairbit_int8": np.array([float(row["score"]) >= 0.5 for row in rows]) == labels,
        "ort_fp32": decisions(floats, test) == labels,
        "ort_int8": decisions(theirs, test) == labels,
    }
    pairs = right["fairbit_int8"].astype(float) - right["ort_int8"]
    found = {"run": str(run), "images": len(rows)}
    found |= {f"accuracy_{name}": round(float(r.mean()), 4) for name, r in right.items()}
    found["difference"] = round(float(pairs.mean()), 4)
    found["standard_error"] = round(float(pairs.std(ddof=1) / len(pairs) ** 0.5), 4)
    batch = test[:BATCH]
    contestants = {
        "fairbit_fp32": lambda: our_speed(Path(run) / "model.safetensors"),
        "fairbit_int8": lambda: our_speed(work / "int8/model.safetensors"),
        "ort_fp32": lambda: ort_speed(floats, batch),
        "ort_int8": lambda: ort_speed(theirs, batch),
    }
    speeds = {name: [] for name in contestants}
    for _ in range(int(rounds)):
        for name, measure in contestants.items():
            speeds[name].append(measure())
    for name, each in speeds.items():
        found[f"images_per_s_{name}"] = round(statistics.median(each), 1)
    ratios = lambda a, b: statistics.median(x / y for x, y in zip(speeds[a], speeds[b]))
    found["int8_over_own_fp32"] = round(ratios("fairbit_int8", "fairbit_fp32"), 2)
    found["int8_over_ort_int8"] = round(ratios("fairbit_int8", "ort_int8"), 2)
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
