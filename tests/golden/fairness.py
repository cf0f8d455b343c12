"""Golden values of the fairness metrics: Fairlearn and scikit-learn on generated predictions.

    pip install fairlearn==0.15.0 scikit-learn==1.9.1
    python tests/golden/fairness.py        # rewrites fairness.json beside this file

Every group has positive and negative labels and positive decisions: where it has not, fairbit says
"not estimable" on purpose and Fairlearn does not. Scores keep off the edges of the 15 calibration
bins, which scikit-learn closes on the right and fairbit on the left.

`cases` have a frame for each attribute alone and one for all of them together. `crossed` have three
attributes and a frame for every intersection of up to `order` of them, because intersections nest: a
group that is defined at order 2 may be empty at order 3, so the uneven shares stop at 2.
"""

import itertools
import json
import pathlib

import fairlearn
import fairlearn.metrics as fl
import numpy as np
import pandas as pd
import sklearn
import sklearn.metrics as sk
from sklearn.calibration import calibration_curve

BINS = 15
MALE = ("male", ["0", "1"])
YOUNG = ("young", ["0", "1"])
RACE = ("race", ["Asian", "Black", "Indian", "Others", "White"])
AGE = ("age", ["0-19", "20-59", "60+"])
AGE_BINS = ("age", ["0-19", "20-39", "40-59", "60+"])
UNEVEN = {"race": [0.15, 0.14, 0.13, 0.11, 0.47], "age": [0.21, 0.38, 0.25, 0.16], "male": [0.58, 0.42]}

# name, attributes, rows, threshold, distinct scores (None: three decimals)
CASES = [
    ("two binary attributes", [MALE, YOUNG], 160, 0.5, None),
    ("another threshold", [MALE, YOUNG], 160, 0.3, None),
    ("many tied scores", [MALE, YOUNG], 160, 0.5, 12),
    ("one attribute of five levels", [RACE], 150, 0.5, None),
    ("race by gender", [RACE, MALE], 300, 0.5, None),
    ("three attributes", [AGE, MALE, RACE], 720, 0.4, None),
]

# seed, the same fields, highest order of the intersections, shares of the levels (None: equal)
CROSSED = [
    (101, "pairs of three attributes, uneven", [RACE, AGE_BINS, MALE], 600, 0.5, None, 2, UNEVEN),
    (102, "pairs of three attributes, tied scores", [MALE, RACE, AGE_BINS], 480, 0.6, 12, 2, UNEVEN),
    (103, "triples of three attributes", [RACE, AGE_BINS, MALE], 640, 0.4, None, 3, None),
]


def generate(rng, attributes, n, distinct, shares):
    columns = {
        name: rng.choice(len(levels), size=n, p=shares[name]) if shares else rng.integers(len(levels), size=n)
        for name, levels in attributes
    }
    shift = sum(codes * 0.1 for codes in columns.values())
    label = (rng.random(n) < 0.45 + 0.2 * (shift - shift.mean())).astype(int)
    score = 1 / (1 + np.exp(-rng.normal(1.3 * (2 * label - 1) + shift, 1.4)))
    if distinct:
        score = (np.floor(score * distinct) + 0.5) / distinct
    else:
        score = np.round(np.clip(score, 0.001, 0.999), 3)
        score[::17] = 0.5  # exactly on the default threshold
        on_edge = np.isclose(score * BINS, np.round(score * BINS))
        score[on_edge] += 0.0003
    return columns, label, score


def ece(label, score):
    true, predicted = calibration_curve(label, score, n_bins=BINS, strategy="uniform")
    counts, _ = np.histogram(score, bins=BINS, range=(0, 1))
    counts = counts[counts > 0]
    assert len(counts) == len(true)
    return float((counts / counts.sum() * np.abs(true - predicted)).sum())


def frame(label, score, decision, sensitive, order):
    by_decision = fl.MetricFrame(
        metrics={
            "n": fl.count,
            "accuracy": sk.accuracy_score,
            "selection_rate": fl.selection_rate,
            "tpr": fl.true_positive_rate,
            "fpr": fl.false_positive_rate,
            "ppv": sk.precision_score,
        },
        y_true=label, y_pred=decision, sensitive_features=sensitive,
    )
    by_score = fl.MetricFrame(
        metrics={"auc": sk.roc_auc_score, "ece": ece}, y_true=label, y_pred=score, sensitive_features=sensitive
    )
    groups = []
    for key in order:
        index = key if len(key) > 1 else key[0]
        values = by_decision.by_group.loc[index].to_dict() | by_score.by_group.loc[index].to_dict()
        groups.append({
            "name": "*".join(f"{column}={level}" for column, level in zip(sensitive.columns, key)),
            **{metric: float(value) for metric, value in values.items()},
        })
    given = {"sensitive_features": sensitive}
    apart = by_decision.difference(method="between_groups")
    gaps = {
        "dp_gap": fl.demographic_parity_difference(label, decision, **given),
        "eo_gap": fl.equalized_odds_difference(label, decision, agg="worst_case", **given),
        "eo_mean": fl.equalized_odds_difference(label, decision, agg="mean", **given),
        "eo_sum": apart["tpr"] + apart["fpr"],
        "eopp_gap": fl.equal_opportunity_difference(label, decision, **given),
        "pe_gap": apart["fpr"],
        "di_ratio": fl.demographic_parity_ratio(label, decision, **given),
        "accuracy_gap": apart["accuracy"],
        "worst_group_accuracy": by_decision.group_min()["accuracy"],
        "ppv_gap": apart["ppv"],
    }
    return {"groups": groups, "gaps": {name: float(value) for name, value in gaps.items()}}


def alone_and_together(names):
    return [[name] for name in names] + ([names] if len(names) > 1 else [])


def up_to(order, names):
    return [list(subset) for k in range(1, order + 1) for subset in itertools.combinations(names, k)]


def case(seed, name, attributes, n, threshold, distinct, subsets, shares=None):
    rng = np.random.default_rng(seed)
    columns, label, score = generate(rng, attributes, n, distinct, shares)
    decision = (score >= threshold).astype(int)
    levels = dict(attributes)
    table = pd.DataFrame({a: np.array(levels[a])[codes] for a, codes in columns.items()})
    for subset in subsets:
        cells = [rows.index for _, rows in table.groupby(subset)]
        assert len(cells) == np.prod([len(levels[a]) for a in subset]), f"{name}: an empty group"
        for rows in cells:
            y, d = label[rows], decision[rows]
            assert 0 < y.sum() < len(y) and d.sum() > 0, f"{name}: a group without positives, negatives or decisions"
    return {
        "name": name,
        "threshold": threshold,
        "levels": levels,
        "attributes": {a: codes.tolist() for a, codes in columns.items()},
        "label": label.tolist(),
        "score": score.tolist(),
        "overall": {
            "accuracy": float(sk.accuracy_score(label, decision)),
            "auc": float(sk.roc_auc_score(label, score)),
            "ece": ece(label, score),
        },
        "frames": {
            "*".join(subset): frame(
                label, score, decision, table[subset], list(itertools.product(*(levels[a] for a in subset)))
            )
            for subset in subsets
        },
    }


def main():
    golden = {
        "generator": "tests/golden/fairness.py",
        "fairlearn": fairlearn.__version__,
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
        "cases": [
            case(seed, *spec, alone_and_together([name for name, _ in spec[1]]))
            for seed, spec in enumerate(CASES, start=1)
        ],
        "crossed": [
            {"order": order} | case(seed, name, attributes, *fields, up_to(order, [a for a, _ in attributes]), shares)
            for seed, name, attributes, *fields, order, shares in CROSSED
        ],
    }
    text = json.dumps(golden, separators=(",", ":")).replace('{"name":', '\n{"name":').replace('{"order":', '\n{"order":')
    pathlib.Path(__file__).with_suffix(".json").write_text(text + "\n")


if __name__ == "__main__":
    main()
