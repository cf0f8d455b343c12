"""Golden values of the statistics that a study's hypotheses rest on: SciPy, permutations written out.

    pip install numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
    python tests/golden/study.py           # rewrites study.json beside this file
"""

import itertools
import json
import pathlib

import numpy as np
from scipy import stats
from sklearn.linear_model import Ridge

rng = np.random.default_rng(6)


def spearman_case(a, b):
    """Exact one-sided p by writing all orders out, checked by SciPy's permutation test."""
    rho = stats.spearmanr(a, b).statistic
    orders = [stats.spearmanr(a, p).statistic for p in itertools.permutations(b)]
    case = {"a": a, "b": b, "rho": rho}
    for side, sign, alternative in (("negative", -1, "less"), ("positive", 1, "greater")):
        p = float(np.mean([sign * r >= sign * rho - 1e-9 for r in orders]))
        test = stats.permutation_test(
            (np.array(b),),
            lambda x: stats.spearmanr(a, x).statistic,
            permutation_type="pairings",
            alternative=alternative,
            n_resamples=np.inf,
        )
        assert abs(test.pvalue - p) < 1e-12, (a, b, side, test.pvalue, p)
        case[side] = p
    return case


def sign_flip_case(values):
    """Exact two-sided p of a mean of 0 by all flips of signs, for |t|."""
    values = np.array(values)

    def t(x):
        return abs(x.mean()) / (x.std(ddof=1) / np.sqrt(len(x)))

    observed = t(values)
    flips = [t(values * s) for s in itertools.product((-1, 1), repeat=len(values))]
    p = float(np.mean([f >= observed - 1e-9 for f in flips]))
    test = stats.permutation_test(
        (values,),
        lambda x, axis=-1: np.abs(np.mean(x, axis=axis)),
        permutation_type="samples",
        alternative="greater",
        n_resamples=np.inf,
        vectorized=True,
    )
    # |t| is a monotone function of |mean| over flips of the same values.
    assert abs(test.pvalue - p) < 1e-12, (test.pvalue, p)
    return {"values": values.tolist(), "p": p}


def kruskal_case(groups):
    values = [x for g in groups for x in g]
    kinds = [k for k, g in enumerate(groups) for _ in g]
    return {"values": values, "kinds": kinds, "h": stats.kruskal(*groups).statistic}


def ridge_case(rows, left_out, y, penalty):
    """What the others' responses say of the one left out, as a shift from their mean."""
    others = [r for m, r in enumerate(rows) if m != left_out]
    x = np.array(others, dtype=float)
    mean, spread = x.mean(axis=0), x.std(axis=0)
    keep = spread > 0
    z = (x[:, keep] - mean[keep]) / spread[keep]
    mine = (np.array(rows[left_out], dtype=float)[keep] - mean[keep]) / spread[keep]
    of = [v for m, v in enumerate(y) if m != left_out]
    model = Ridge(alpha=penalty).fit(z, of)
    return {
        "rows": rows,
        "left_out": left_out,
        "y": of,
        "penalty": penalty,
        "shift": float(model.predict([mine])[0] - np.mean(of)),
    }


def t_case(values, confidence):
    half = stats.t.ppf(0.5 + confidence / 2, len(values) - 1) * stats.sem(values)
    return {"values": values, "confidence": confidence, "half": float(half)}


def normal(*shape):
    return np.round(rng.normal(size=shape), 3).tolist()


# log10 of parameters, depth, share of depthwise weights, attention, activation: as in descriptors.rs.
ARCHITECTURES = [
    [7.371, 54, 0, 0, 0],
    [6.348, 53, 0.0293, 0, 0],
    [6.603, 82, 0.046, 0, 1],
    [7.334, 50, 0, 1, 1],
    [5.859, 26, 0, 0, 0],
]

golden = {
    "spearman": [
        spearman_case([1, 2, 3, 4, 5], [5, 4, 3, 2, 1]),
        spearman_case([1, 2, 3, 4, 5], [5, 4, 3, 1, 2]),
        spearman_case([7.37, 6.35, 6.6, 7.33, 5.86], [0.01, 0.03, -0.01, 0.02, 0.05]),
        spearman_case([1, 2, 3, 4, 5], [1, 1, 2, 3, 3]),
        spearman_case([1, 2, 2, 4, 5, 6], [0.2, 0.1, 0.4, 0.3, 0.6, 0.5]),
        spearman_case([3, 1, 2], [1, 3, 2]),
    ],
    "sign_flips": [
        sign_flip_case([0.3, 0.1, 0.4, 0.2, -0.1, 0.25, 0.05, 0.15]),
        sign_flip_case(normal(10)),
        sign_flip_case([0.3, -0.1, 0.4, -0.2, -0.1, 0.25, -0.45]),
    ],
    "kruskal": [
        kruskal_case([[1, 3, 5, 7, 9], [2, 4, 6, 8, 10]]),
        kruskal_case([normal(7), normal(12), normal(5)]),
    ],
    "ridge": [
        ridge_case(ARCHITECTURES, m, normal(5), penalty) for m, penalty in ((0, 1.0), (2, 1.0), (3, 1.0), (4, 0.1))
    ],
    "t": [t_case([1.7, 1.9, 2.4, 1.2, 1.5], 0.95), t_case([0.1, 0.4, 0.2], 0.9)],
}

path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(golden, indent=1) + "\n")
