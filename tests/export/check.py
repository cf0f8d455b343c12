"""Runs an exported model with ONNX Runtime and compares its logits with fairbit's.

usage: check.py MODEL.onnx IMAGES.f32 LOGITS.f32 [as-written]

IMAGES and LOGITS are little-endian float32 in the order of the model's input and output, for any number of
images. All of them go in at once, and then the first alone, so that the size of a batch is seen to be open.
With `as-written` nothing is fused: codes are where the file has them.
Prints one line of JSON: the largest difference and the largest logit.

needs: numpy, onnxruntime; with onnx installed the file is also checked against the specification.
"""

import json
import sys

import numpy as np
import onnxruntime as ort


def check_file(path):
    try:
        import onnx
    except ImportError:
        return
    onnx.checker.check_model(path, full_check=True)


def main(model, images, logits, how="optimized"):
    check_file(model)
    options = ort.SessionOptions()
    if how == "as-written":
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (given,), (wanted,) = session.get_inputs(), session.get_outputs()
    assert (given.name, wanted.name) == ("images", "logits"), (given.name, wanted.name)
    images = np.fromfile(images, "<f4").reshape(-1, *given.shape[1:])
    logits = np.fromfile(logits, "<f4").reshape(-1, *wanted.shape[1:])
    assert len(images) == len(logits) > 1, (images.shape, logits.shape)
    (all_at_once,) = session.run(["logits"], {"images": images})
    (first,) = session.run(["logits"], {"images": images[:1]})
    assert all_at_once.shape == logits.shape, (all_at_once.shape, logits.shape)
    difference = max(np.abs(all_at_once - logits).max(), np.abs(first - logits[:1]).max())
    metadata = session.get_modelmeta().custom_metadata_map
    found = {
        "difference": float(difference),
        "largest": float(np.abs(logits).max()),
        "metadata": metadata,
    }
    print(json.dumps(found))


main(*sys.argv[1:])
