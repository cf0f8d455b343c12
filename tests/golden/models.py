"""Golden values for tests/models.rs from torchvision 0.29 and timm 1.0.

    pip install torch==2.15.* torchvision==0.29.* timm==1.0.* && python tests/golden/models.py

Every weight is value(name, index), a formula that tests/models/formula.rs repeats bit by bit, so that no
weight file is needed. The weights are float32, the arithmetic here float64: what is compared is the other
side's rounding alone. Writes one models_<name>.json per model beside this script.
"""

import json
import math
from pathlib import Path

import numpy as np
import timm
import torch
import torchvision
from torchvision.models import efficientnet_b0, mobilenet_v2, resnet50, squeezenet1_1

torch.manual_seed(0)

def vit(num_classes, px):
    return timm.create_model("vit_small_patch16_224", num_classes=num_classes, img_size=px)


# With batch statistics over a few values, a ReLU input that rounds to the other side of zero moves the first
# layer's gradient by a percent: PyTorch's own float32 gradients of these two differ from its float64 ones by
# 1.7e-2 and 1.1e-2. For their training step normalizations get weights near 1/8 and biases near 1, which keeps
# ReLU inputs eight deviations from zero.
CALM = {"resnet50", "mobilenet_v2"}

# Builder, first and last layer.
MODELS = {
    "resnet50": (resnet50, "conv1.weight", "fc.weight"),
    "mobilenet_v2": (mobilenet_v2, "features.0.0.weight", "classifier.1.weight"),
    "efficientnet_b0": (efficientnet_b0, "features.0.0.weight", "classifier.1.weight"),
    "vit_small_patch16": (vit, "patch_embed.proj.weight", "head.weight"),
    "squeezenet1_1": (squeezenet1_1, "features.0.weight", "classifier.1.weight"),
}


def fnv1a64(text):
    h = 0xCBF29CE484222325
    for byte in text.encode():
        h = ((h ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return h


def uniform(name, count):
    """`count` values in [0, 1) on a grid of 2^-24: splitmix64 started at fnv1a64(name)."""
    with np.errstate(over="ignore"):
        i = np.arange(1, count + 1, dtype=np.uint64)
        z = np.uint64(fnv1a64(name)) + i * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(40)).astype(np.float64) / 2**24).astype(np.float32)


def value(name, shape, calm=False):
    """The tensor called `name`: He-uniform for weights, small or near one otherwise."""
    u = uniform(name, math.prod(shape))
    signed = np.float32(2) * u - np.float32(1)
    last = name.rsplit(".", 1)[-1]
    if last == "running_var":
        v = u + np.float32(0.5)
    elif last == "weight" and len(shape) >= 2:
        v = signed * np.float32(math.sqrt(6 / math.prod(shape[1:])))
    elif calm and last == "weight":
        v = np.float32(0.03125) * signed + np.float32(0.125)
    elif calm and last == "bias":
        v = np.float32(0.125) * signed + np.float32(1)
    elif last == "weight":
        v = np.float32(0.25) * signed + np.float32(1)
    else:
        v = np.float32(0.125) * signed
    return torch.from_numpy(v.reshape(shape))


def images(batch, px):
    u = uniform(f"images.{px}", batch * 3 * px * px)
    return torch.from_numpy(((np.float32(2) * u - np.float32(1)) * np.float32(2)).reshape(batch, 3, px, px)).double()


def filled(build, classes, px, calm=False):
    model = build(num_classes=classes, px=px) if build is vit else build(num_classes=classes)
    state = {k: value(k, tuple(v.shape), calm) for k, v in model.state_dict().items() if v.is_floating_point()}
    model.load_state_dict(state, strict=False)
    return model.double().eval()


def quiet(model):
    """Training mode without dropout and stochastic depth."""
    model.train()
    for module in model.modules():
        if isinstance(module, (torch.nn.Dropout, torchvision.ops.StochasticDepth)):
            module.p = 0.0
    return model


def sample(tensor):
    """About 64 evenly strided values, and the norm over all."""
    flat = tensor.detach().flatten().double()
    stride = max(1, flat.numel() // 64)
    return {"stride": stride, "values": flat[::stride].tolist(), "norm": flat.norm().item(), "max": flat.abs().max().item()}


def golden(name):
    build, first, last = MODELS[name]
    out = {"torch": torch.__version__, "torchvision": torchvision.__version__, "timm": timm.__version__, "params": {}}
    for classes in (2, 1000):
        model = filled(build, classes, 224)
        out["params"][str(classes)] = sum(p.numel() for p in model.parameters())
    out["state_dict"] = {k: list(v.shape) for k, v in filled(build, 2, 224).state_dict().items() if v.is_floating_point()}
    out["eval"] = []
    for classes, px in ((2, 64), (2, 224), (1000, 64)):
        with torch.no_grad():
            logits = filled(build, classes, px)(images(2, px))
        # A model that ignores its input would make a poor witness.
        spread = ((logits[0] - logits[1]).abs().max() / logits.abs().max()).item()
        print(f"{name} {classes} classes {px} px: max {logits.abs().max():.4g}, images differ by {spread:.2g}")
        out["eval"].append({"classes": classes, "px": px, "logits": logits.tolist() if classes == 2 else sample(logits)})
    model = quiet(filled(build, 2, 64, name in CALM))
    loss = torch.nn.functional.cross_entropy(model(images(4, 64)), torch.tensor([0, 1, 1, 0]))
    loss.backward()
    grads = dict(model.named_parameters())
    out["train"] = {
        "calm": name in CALM,
        "loss": loss.item(),
        "gradients": {n: sample(grads[n].grad) for n in (first, last)},
        "running": {k: sample(v) for k, v in list(model.state_dict().items()) if "running" in k},
    }
    running = list(out["train"]["running"])
    out["train"]["running"] = {k: out["train"]["running"][k] for k in running[:2] + running[-2:]}
    print(f"{name} loss {loss.item():.6g}, |grad| first {grads[first].grad.norm():.4g} last {grads[last].grad.norm():.4g}")
    if name == "vit_small_patch16":
        from timm.layers import resample_abs_pos_embed
        embed = value("pos_embed", (1, 197, 384))
        out["positions"] = {str(px): sample(resample_abs_pos_embed(embed, [px // 16] * 2)) for px in (64, 320)}
    return out


if __name__ == "__main__":
    for name in MODELS:
        path = Path(__file__).with_name(f"models_{name}.json")
        path.write_text(json.dumps(golden(name), indent=None, separators=(",", ":")) + "\n")
        print(path.name, path.stat().st_size, "bytes")
