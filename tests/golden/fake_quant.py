"""Golden values of fake quantization: PyTorch's values and gradients, as the bits of float32.

    pip install torch numpy
    python tests/golden/fake_quant.py > tests/golden/fake_quant.json
"""

import json

import numpy as np
import torch


def bits(t):
    return np.asarray(t.detach().numpy(), dtype=np.float32).reshape(-1).view(np.uint32).tolist()


def numbers(n, seed, spread):
    x = np.random.default_rng(seed).normal(0, spread, n).astype(np.float32)
    # Ties, ends of the range and numbers far outside.
    x[:8] = np.float32([0.0, -0.0, 0.25, -0.25, 0.75, 3.5, 1e6, -1e6])
    return torch.tensor(x, requires_grad=True)


out = {"torch": torch.__version__, "tensor": [], "channel": [], "learned": []}
for b in range(2, 9):
    for low, high, zero in [
        (-(2 ** (b - 1)) + 1, 2 ** (b - 1) - 1, 0),
        (-(2 ** (b - 1)) + 1, 2 ** (b - 1) - 1, -(2 ** (b - 2)) + 1),
        (0, 2**b - 1, 2 ** (b - 1)),
        (0, 2**b - 1, 0),
    ]:
        scale = float(np.float32(0.5 / (1 + b % 3) if b % 2 else 0.37 / b))
        x = numbers(40, b, scale * 2 ** (b - 1) / 2)
        y = torch.fake_quantize_per_tensor_affine(x, scale, zero, low, high)
        upstream = torch.linspace(-1, 2, 40)
        y.backward(upstream)
        out["tensor"].append(
            dict(low=low, high=high, zero=zero, scale=scale, x=bits(x), y=bits(y), dx=bits(x.grad))
        )
    low, high = -(2 ** (b - 1)) + 1, 2 ** (b - 1) - 1
    x = numbers(3 * 14, 100 + b, 1.0)
    w = x.reshape(3, 14)
    scale = torch.tensor([0.031, 0.5, 0.2], dtype=torch.float32)
    y = torch.fake_quantize_per_channel_affine(w, scale, torch.zeros(3, dtype=torch.int32), 0, low, high)
    out["channel"].append(dict(low=low, high=high, scale=bits(scale), x=bits(x), y=bits(y)))
    scale = torch.tensor([0.031, 0.5, 0.2], dtype=torch.float32, requires_grad=True)
    factor = 1.0 / (14 * high) ** 0.5
    y = torch._fake_quantize_learnable_per_channel_affine(w, scale, torch.zeros(3), 0, low, high, factor)
    x.grad = None
    y.backward(torch.linspace(-1, 2, 42).reshape(3, 14))
    out["learned"].append(
        dict(
            bits=b, scale=bits(scale), x=bits(x), y=bits(y), dx=bits(x.grad),
            dscale=[float(v) for v in scale.grad],
        )
    )
print(json.dumps(out))
