"""Golden values of the statistics behind comparisons: SciPy, statsmodels, MLstatkit, published examples.

    pip install numpy==2.4.6 scipy==1.17.1 statsmodels==0.15.0 MLstatkit==0.1.91 scikit-learn==1.9.1
    python tests/golden/stats.py           # rewrites statistics.json beside this file

Not called statistics.py: in the folder of models.py that would hide Python's module of that name,
which torch imports.

A library's value is taken wherever one computes it, and a second way to the same number is asserted
beside it, so that a slip in either stops this script. Nothing computes step-down p-values or max-|t|
bands from given replicates; those are written plainly here, the former twice.
"""

import importlib.metadata
import json
import math
import pathlib
from fractions import Fraction

import numpy as np
from MLstatkit import Delong_test
from scipy import stats
from sklearn.metrics import roc_auc_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint, proportion_effectsize


def close(a, b, tolerance=1e-10):
    assert math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance), f"{a} and {b}"


# --- McNemar ---

# b, c, exact, mid-p, half of the last digit: Fagerland, Lydersen & Laake 2013 (BMC Med Res Methodol
# 13:91), airway hyper-responsiveness; complete response, as their R package contingencytables prints it.
PUBLISHED = [(1, 7, 0.070, 0.039, 5e-4), (6, 16, 0.052479, 0.034690, 5e-7)]
DISCORDANT = [
    (0, 0), (0, 1), (1, 0), (1, 1), (0, 5), (5, 0), (1, 7), (7, 1), (6, 16), (16, 6), (2, 9), (12, 2), (3, 3),
    (4, 5), (10, 10), (15, 25), (50, 50), (30, 71), (100, 140), (3, 400), (0, 1000), (500, 560), (1000, 1000),
    (20000, 20300), (20300, 20000),
]


def mcnemar_case(b, c):
    """Exact conditional p, and the mid-p of Fagerland et al. 2013, which is 1 − f/2 where b = c.

    That is not the limit of 2 F(min) − f, which is 1 for b = c. Without discordant pairs it would be
    ½, though nothing has been observed: p is 1 there.
    """
    low, n = min(b, c), b + c
    pmf = stats.binom.pmf(low, n, 0.5)
    midp = 1 - pmf / 2 if b == c else 2 * stats.binom.cdf(low, n, 0.5) - pmf
    exact = mcnemar([[0, b], [c, 0]], exact=True).pvalue
    ways, below = 1, 0  # n over k in integers
    for k in range(low):
        below += ways
        ways = ways * (n - k) // (k + 1)
    assert math.isclose(exact, min(1, float(Fraction(2 * (below + ways), 2**n))), rel_tol=1e-9)
    between = 1 - Fraction(ways, 2 ** (n + 1)) if b == c else Fraction(2 * below + ways, 2**n)
    assert math.isclose(midp, float(between), rel_tol=1e-9)
    for published in PUBLISHED:
        if (b, c) == published[:2]:
            assert np.allclose((exact, midp), published[2:4], rtol=0, atol=published[4])
    return {"b": b, "c": c, "midp": 1.0 if n == 0 else float(midp), "exact": float(exact)}


# Discordant glands per patient (Obuchowski 1998, Stat Med 17:1495, PET and SPECT) and answers per
# psychiatrist (Donner & Petryshen 1989, Psychiatry Res 28:41), both as in Durkalski et al. 2003 (Stat
# Med 22:2417), who give Obuchowski's statistic as 2.86 and 7.19.
THYROIDS = (
    [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 1, 0, 0, 0],
)
PSYCHIATRY = (
    [0, 1, 1, 1, 0, 3, 3, 3, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 1, 1, 2, 0, 0, 0, 0, 0, 0, 0],
    [4, 2, 3, 2, 1, 3, 0, 2, 2, 4, 2, 4, 3, 2, 1, 3, 1, 2, 0, 0, 0, 2, 1, 2, 2, 0, 0, 1, 1],
)


def clustered_case(name, b, c, obuchowski=None):
    """(Σ (b − c))² / Σ (b − c)² over clusters, χ² with one degree of freedom.

    That is Obuchowski's 1998 statistic (in the form of Yang, Sun & Hardin 2010, Biom J 52:638) without
    its factor (K − 1)/K, and for clusters of one size that of Durkalski et al. 2003. With one pair in
    each cluster it is McNemar's, which the factor would make smaller.
    """
    net = np.array(b) - np.array(c)
    if not net.any():
        return {"name": name, "b": b, "c": c, "statistic": None, "p": 1.0}
    statistic = net.sum() ** 2 / (net**2).sum()
    if obuchowski:
        assert round((len(b) - 1) / len(b) * statistic, 2) == obuchowski
    if max(b) + max(c) <= 2 and all(x + y <= 1 for x, y in zip(b, c)):
        close(statistic, mcnemar([[0, sum(b)], [sum(c), 0]], exact=False, correction=False).statistic)
    return {"name": name, "b": b, "c": c, "statistic": float(statistic), "p": float(stats.chi2.sf(statistic, 1))}


def clustered():
    rng = np.random.default_rng(21)
    size = rng.integers(1, 31, 40)
    b = rng.binomial(size, rng.beta(0.5, 6, 40))
    c = rng.binomial(size - b, 0.04)
    return [
        clustered_case("thyroids", *THYROIDS, obuchowski=2.86),
        clustered_case("psychiatry", *PSYCHIATRY, obuchowski=7.19),
        clustered_case("identities of up to 30 images", b.tolist(), c.tolist()),
        clustered_case("one pair each", [1] * 12 + [0] * 20, [0] * 12 + [1] * 5 + [0] * 15),
        clustered_case("one cluster", [9], [2]),
        clustered_case("clusters cancel", [3, 0, 2], [0, 3, 2]),
        clustered_case("nothing discordant", [0, 0, 0], [0, 0, 0]),
    ]


# --- AUC ---


def placements(label, score):
    """Mean of ψ over the other class (DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44:837)."""
    x, y = score[label == 1], score[label == 0]
    psi = np.where(x[:, None] > y, 1.0, np.where(x[:, None] == y, 0.5, 0.0))
    return psi.mean(axis=1), psi.mean(axis=0)


def delong_case(name, label, a, b):
    """z = (AUC_b − AUC_a) / SE; intervals are normal, cut at 0 and 1, as MLstatkit has them."""
    (x_a, y_a), (x_b, y_b) = placements(label, a), placements(label, b)
    cov = np.cov(x_a, x_b) / len(x_a) + np.cov(y_a, y_b) / len(y_a)
    auc = (x_a.mean(), x_b.mean())
    variance = cov[0, 0] + cov[1, 1] - 2 * cov[0, 1]
    z = (auc[1] - auc[0]) / math.sqrt(variance)
    found = {
        "auc_a": auc[0], "auc_b": auc[1], "var_a": cov[0, 0], "var_b": cov[1, 1], "cov": cov[0, 1],
        "z": z, "p": 2 * stats.norm.sf(abs(z)),
    }
    their_z, their_p, ci_a, ci_b, their_a, their_b, info = Delong_test(label, a, b, alpha=0.95)
    assert info["method"] == "delong"
    pairs = [(z, their_z), (found["p"], their_p), (auc[0], their_a), (auc[1], their_b), (variance, info["var_diff"])]
    for score, area, var, ci in [(a, auc[0], cov[0, 0], ci_a), (b, auc[1], cov[1, 1], ci_b)]:
        half = stats.norm.ppf(0.975) * math.sqrt(var)
        pairs += [(area, roc_auc_score(label, score)), (max(0, area - half), ci[0]), (min(1, area + half), ci[1])]
    for mine, theirs in pairs:
        close(mine, theirs)
    scores = {"label": label.tolist(), "a": a.tolist(), "b": b.tolist()}
    numbers = {key: float(value) for key, value in found.items()}
    return {"name": name} | scores | numbers | {"ci_a": list(ci_a), "ci_b": list(ci_b)}


def delong():
    def draw(seed, n, share, shift, noise, levels=None):
        rng = np.random.default_rng(seed)
        label = (rng.permutation(n) < round(share * n)).astype(int)
        hidden = shift * (2 * label - 1) + rng.normal(size=n)
        a, b = (1 / (1 + np.exp(-hidden - rng.normal(0, noise, n))) for _ in range(2))
        if levels:
            return label, *(np.round(np.round(s * levels) / levels, 4) for s in (a, b))
        return label, np.round(a, 4), np.round(b, 4)

    label, a, _ = draw(34, 100, 0.45, 0.6, 0.8)
    coarse = np.round(np.round(a * 7) / 7, 4)
    return [
        delong_case("no ties to speak of", *draw(31, 60, 0.5, 0.5, 0.7)),
        delong_case("eleven distinct scores", *draw(32, 120, 0.4, 0.6, 1.0, 10)),
        delong_case("few positives, interval cut at 1", *draw(33, 40, 0.2, 1.3, 0.6)),
        delong_case("b is a rounded to eight scores", label, a, coarse),
        delong_case("a says nothing", label, np.full(100, 0.5), a),
        delong_case("b is a turned round", label, a, np.round(1 - coarse, 4)),
    ]


# --- BCa ---


def bca_case(name, seed, data, statistic, paired=False):
    """The interval of Efron 1987 (JASA 82:171) from SciPy, with all that it is computed from.

    Statistics are rounded to five decimals, which keeps the file small and the ties of a discrete
    statistic exact. SciPy's z0 counts half of the replicates that equal θ, its quantile is type 7, and
    with several samples (strata) its acceleration adds up their jackknife influences, each divided by
    its own n: so there is one list of jackknife values per sample.
    """

    def rounded(*samples):
        return round(float(statistic(*samples)), 5)

    options = {"paired": paired, "vectorized": False, "method": "BCa"}
    rng = np.random.default_rng(seed)
    drawn = stats.bootstrap(data, rounded, n_resamples=999, confidence_level=0.95, rng=rng, **options)
    again = stats.bootstrap(data, rounded, n_resamples=0, confidence_level=0.9, bootstrap_result=drawn, **options)
    assert np.array_equal(drawn.bootstrap_distribution, again.bootstrap_distribution)

    def without(i, j):
        return [np.delete(s, i) if paired or k == j else s for k, s in enumerate(data)]

    jackknife = [[rounded(*without(i, j)) for i in range(len(data[j]))] for j in range(1 if paired else len(data))]
    intervals = []
    for confidence, result in [(0.95, drawn), (0.9, again)]:
        low, high = map(float, result.confidence_interval)
        by_hand = efron(rounded(*data), jackknife, drawn.bootstrap_distribution, confidence)
        close(low, by_hand[0])
        close(high, by_hand[1])
        intervals.append({"confidence": confidence, "low": low, "high": high})
    return {
        "name": name,
        "theta": rounded(*data),
        "jackknife": jackknife,
        "replicates": drawn.bootstrap_distribution.tolist(),
        "intervals": intervals,
    }


def efron(theta, jackknife, replicates, confidence):
    """The same from the stored numbers alone: proof that nothing else is needed."""
    z0 = stats.norm.ppf(((replicates < theta).mean() + (replicates <= theta).mean()) / 2)
    influence = [(len(j) - 1) / len(j) * (np.mean(j) - np.array(j)) for j in jackknife]
    a = sum((u**3).sum() for u in influence) / 6 / sum((u**2).sum() for u in influence) ** 1.5
    z = z0 + stats.norm.ppf([(1 - confidence) / 2, (1 + confidence) / 2])
    return np.quantile(replicates, stats.norm.cdf(z0 + z / (1 - a * z)))


def bca():
    rng = np.random.default_rng(41)
    right = (rng.random(80) < 0.9).astype(int)
    skewed = np.round(rng.exponential(1.0, 40), 2)
    label = (rng.permutation(60) < 24).astype(int)
    score = np.round(1 / (1 + np.exp(-rng.normal(1.1 * (2 * label - 1), 1.5))), 2)
    decision = (score >= 0.5).astype(int)
    strata = tuple((rng.random(n) < p).astype(int) for n, p in [(50, 0.95), (30, 0.8), (12, 0.6)])
    return [
        bca_case("mean of 0 and 1", 42, (right,), np.mean),
        bca_case("mean of a skewed sample", 43, (skewed,), np.mean),
        bca_case("auc of pairs", 44, (label, score), roc_auc_score, paired=True),
        bca_case("true positive rate of pairs", 45, (label, decision), lambda y, d: d[y == 1].mean(), paired=True),
        bca_case("accuracy in three strata", 46, strata, lambda *s: np.concatenate(s).mean()),
    ]


# --- proportions ---

COUNTS = [(0, 1), (1, 1), (0, 5), (5, 5), (1, 2), (0, 58), (1, 58), (58, 58), (3, 10), (7, 2000), (1820, 2000),
          (1999, 2000), (0, 100000), (99999, 100000), (50000, 100000), (100000, 100000)]


def clopper_pearson_case(k, n, alpha):
    """Clopper & Pearson 1934: `low` and `high` with alpha/2 in each tail; `lower` and `upper` are the
    one-sided bounds with all of alpha in their tail.

    The one-sided bounds are those of the two-sided interval at 2 alpha. statsmodels' own alternative=
    is not used: its "larger" bounds from above, where SciPy's "greater" bounds from below.
    """
    low, high = map(float, proportion_confint(k, n, alpha, method="beta"))
    lower, upper = map(float, proportion_confint(k, n, 2 * alpha, method="beta"))
    for alternative, bounds in [("two-sided", (low, high)), ("greater", (lower, 1)), ("less", (0, upper))]:
        theirs = stats.binomtest(k, n, alternative=alternative).proportion_ci(1 - alpha, method="exact")
        close(bounds[0], theirs.low)
        close(bounds[1], theirs.high)
    return {"k": k, "n": n, "alpha": alpha, "low": low, "high": high, "lower": lower, "upper": upper}


# b, c, ratio, interval as printed by exact2x2's mcnemar.exact, by StatsDirect's help (after Liddell
# 1983, J Epidemiol Community Health 37:82, on the media of Armitage & Berry) and by contingencytables
# (Ezra et al. 2010, in Fagerland, Lydersen & Laake 2017, ch. 8).
MATCHED = [
    (2, 9, 0.2222222, 0.02336464, 1.07363844),
    (12, 2, 6.0, 1.335744, 55.197091),
    (25, 2, 12.5, 3.1169, 108.8892),
]


def odds_ratio_case(b, c, confidence):
    """b/c with the odds of the Clopper–Pearson bounds of b/(b + c); null is infinite.

    Given b + c, b is binomial with p = ψ/(1 + ψ), so that p/(1 − p) carries bounds of p over to ψ
    (Breslow & Day 1980, §5.2, who write them with quantiles of F).
    """
    alpha = 1 - confidence
    low, high = (float(p / (1 - p)) if p < 1 else None for p in proportion_confint(b, b + c, alpha, method="beta"))
    if b:
        close(low, b / ((c + 1) * stats.f.isf(alpha / 2, 2 * (c + 1), 2 * b)), 1e-9)
    if c:
        close(high, (b + 1) * stats.f.isf(alpha / 2, 2 * (b + 1), 2 * c) / c, 1e-9)
    ratio = b / c if c else None
    for published in MATCHED:
        if (b, c, confidence) == (*published[:2], 0.95):
            for mine, printed in zip((ratio, low, high), published[2:]):
                close(mine, printed, 2e-5)
    return {"b": b, "c": c, "confidence": confidence, "odds_ratio": ratio, "low": low, "high": high}


def cohens_h_case(p1, p2):
    """2 asin √p1 − 2 asin √p2 (Cohen 1988, ch. 6)."""
    return {"p1": p1, "p2": p2, "h": float(proportion_effectsize(p1, p2))}


# --- several tests at once ---

FAMILIES = [
    [0.03],
    [1.0],
    [0.01, 0.04, 0.03],
    [0.04, 0.04, 0.001, 0.5, 0.04],
    [1.0, 0.2, 1.0, 0.001, 0.02, 0.02],
    [0.0, 0.0, 0.6, 0.05],
    [0.9, 0.8, 0.7, 0.6],
    [round(i / 10001, 6) for i in (1, 1, 4, 20, 90, 91, 300, 450, 451, 900, 2500, 2500, 5000, 9000, 10001)],
]


def adjust_case(p):
    """Holm 1979 and Benjamini & Hochberg 1995, in the order of p."""
    bh = multipletests(p, method="fdr_bh")[1]
    assert np.allclose(bh, stats.false_discovery_control(p), rtol=1e-12)
    return {"p": p, "holm": multipletests(p, method="holm")[1].tolist(), "bh": bh.tolist()}


def step_down(t, stars):
    """Adjusted p of Romano & Wolf 2016 (Stat Probab Lett 113:38), the procedure of their 2005 paper.

    In descending order of |t|: p = (1 + #{max of |t*| over this and all later ≥ |t|}) / (B + 1), and
    never below the p before it.
    """
    t = np.abs(t)
    order = np.argsort(-t, kind="stable")
    adjusted, previous = np.empty(len(t)), 0.0
    for i, j in enumerate(order):
        exceed = (stars[:, order[i:]].max(axis=1) >= t[j]).sum()
        previous = adjusted[j] = max(previous, (1 + exceed) / (len(stars) + 1))
    return adjusted


def smallest_rejecting_level(t, stars):
    """The same by definition: the smallest level k/(B + 1) at which step-down testing rejects.

    Testing at a level (Romano & Wolf 2005, JASA 100:94): reject all of the remaining
    hypotheses whose |t| passes the maxima over the remaining ones; repeat until none does.
    """

    def rejected(k):
        remaining = set(range(len(t)))
        while True:
            maxima = [max(row[j] for j in remaining) for row in stars] if remaining else []
            passing = {j for j in remaining if 1 + sum(m >= abs(t[j]) for m in maxima) <= k}
            if not passing:
                return set(range(len(t))) - remaining
            remaining -= passing

    at = [rejected(k) for k in range(len(stars) + 2)]
    return [next(k for k, found in enumerate(at) if j in found) / (len(stars) + 1) for j in range(len(t))]


def romano_wolf_case(name, seed, t, replicates, common=0.7, constant=()):
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(replicates, 1))
    stars = np.abs(common * shared + math.sqrt(1 - common**2) * rng.normal(size=(replicates, len(t))))
    stars[:, list(constant)] = 0
    stars = np.round(stars, 4)
    t = [float(np.sort(stars.max(axis=1))[x]) if isinstance(x, int) else x for x in t]
    p = step_down(t, stars)
    assert p.tolist() == smallest_rejecting_level(t, stars.tolist())
    return {"name": name, "t": t, "replicates": stars.tolist(), "p": p.tolist()}


def romano_wolf():
    # An int among the t stands for that order statistic of the maxima: |t*| = |t| has to count.
    return [
        romano_wolf_case("one hypothesis", 61, [1.9], 199),
        romano_wolf_case("two, the second by its own maxima", 62, [-2.6, 2.05], 199),
        romano_wolf_case("three, |t| equal to a maximum", 63, [190, -1.6, 0.3], 199),
        romano_wolf_case("four, two of them tied", 64, [2.1, 2.8, -2.1, 0.9], 199, common=0.3),
        romano_wolf_case("five, one without spread", 65, [3.4, 0.0, -2.2, 1.2, 2.9], 99, constant=[1]),
        romano_wolf_case("six, hardly related", 66, [2.3, -3.9, 2.7, 0.1, -1.7, 2.2], 199, common=0.1),
        romano_wolf_case("six, the smaller |t| inherit", 67, [2.0, 1.99, 1.98, -1.97, 1.96, 4.5], 99, common=0.95),
    ]


def max_t_case(name, seed, rates, sizes, replicates, confidence):
    """Simultaneous bands of all pairwise differences: estimate ± critical × SE.

    SE is the standard deviation of the replicates (ddof 1), critical the type-7 quantile over
    replicates of the largest |c* − c|/SE (Beran 1988, JASA 83:679, with one SE for all replicates).
    """
    rng = np.random.default_rng(seed)
    rates = np.array(rates)
    # The rates are rounded, not their differences, which have to fit together.
    stars = np.round(rng.binomial(sizes, rates, (replicates, len(rates))) / sizes, 4)
    pairs = [(i, j) for i in range(len(rates)) for j in range(i + 1, len(rates))]
    estimate = np.round([rates[i] - rates[j] for i, j in pairs], 4)
    stars = np.round(np.stack([stars[:, i] - stars[:, j] for i, j in pairs], axis=1), 4)
    se = stars.std(axis=0, ddof=1)
    critical = np.quantile((np.abs(stars - estimate) / se).max(axis=1), confidence)
    return {
        "name": name,
        "confidence": confidence,
        "estimate": estimate.tolist(),
        "replicates": stars.tolist(),
        "se": se.tolist(),
        "critical": float(critical),
        "bands": np.stack([estimate - critical * se, estimate + critical * se], axis=1).tolist(),
    }


def main():
    packages = ["numpy", "scipy", "statsmodels", "MLstatkit", "scikit-learn"]
    golden = {
        "generator": "tests/golden/stats.py",
        **{package: importlib.metadata.version(package) for package in packages},
        "mcnemar": [mcnemar_case(b, c) for b, c in DISCORDANT],
        "mcnemar_clustered": clustered(),
        "delong": delong(),
        "bca": bca(),
        "clopper_pearson": [clopper_pearson_case(k, n, alpha) for alpha in (0.05, 0.1) for k, n in COUNTS],
        "odds_ratio": [
            odds_ratio_case(b, c, confidence)
            for confidence in (0.95, 0.9)
            for b, c in [(0, 1), (1, 0), (0, 12), (12, 0), (1, 1), (2, 9), (12, 2), (25, 2), (500, 560)]
        ],
        "cohens_h": [
            cohens_h_case(p1, p2)
            for p1, p2 in [(0, 0), (0, 1), (1, 0), (0.5, 0.5), (0.92, 0.9), (0.9, 0.92), (0.001, 0.004), (1, 0.98)]
        ],
        "adjust": [adjust_case(p) for p in FAMILIES],
        "romano_wolf": romano_wolf(),
        "max_t": [
            max_t_case("six differences of four groups", 71, [0.68, 0.54, 0.40, 0.41], [58, 540, 285, 190], 300, 0.95),
            max_t_case("three differences of three groups", 72, [0.91, 0.88, 0.95], [120, 80, 300], 200, 0.9),
        ],
    }
    text = json.dumps(golden, separators=(",", ":"), allow_nan=False)
    for key in ("name", "b", "k", "p1", "p"):
        text = text.replace(f'{{"{key}":', f'\n{{"{key}":')
    pathlib.Path(__file__).with_name("statistics.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
