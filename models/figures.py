"""Reduces a CSV of loans to figures from which synthetic applications can be drawn.

    python models/figures.py --data loans.csv            writes src/applications/figures.json
    python models/figures.py --data loans.csv --check    compares 20,000 synthetic rows with it

The figures are the features' quantiles, the shares of nulls, the correlation matrix of a Gaussian
copula and the shares of the regions. No row of the CSV is kept, and quantiles are rounded to
four significant digits.

How to draw an application:

1. Draw 22 independent standard normals and multiply them by the lower Cholesky factor of the
   matrix; u is the normal distribution function of each.
2. Nulls take the share `missing` at the end `missing_at` of u: `low` means u < missing, `high`
   means u >= 1 - missing. The rest of u is stretched back to 0 to 1.
3. The value is the quantile at u, linear between the points of `percents`, rounded to a multiple
   of `step`.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
from scipy.special import expit, ndtr, ndtri
from scipy.stats import rankdata

from train import (
    APPROVE_BELOW,
    DEFAULT_FOLDER,
    NAMES,
    REJECT_ABOVE,
    ROOT,
    Floats,
    Loans,
    read_loans,
    schema_fields,
)

FIGURES = ROOT / "src" / "applications" / "figures.json"

# Whole percents, and closer at the ends, where a straight line would make the tails too heavy.
PERCENTS = [0, 0.5, *range(1, 100), 99.5, 99.9, 99.99, 100]

# Where null stands in the ranking, by its meaning.
MISSING_AT = {
    "employment_years": "low",  # unknown: goes with small incomes, as a short employment does
    "months_since_delinquency": "high",  # never: longer ago than any
    "revolving_utilization": "low",  # no revolving account: nothing used
    "bankcard_utilization": "low",  # no bank card: nothing used
}

# The usual step of the schema's doubles; its integers have 1.
STEPS = {
    "loan_amount": 25,
    "annual_income": 1,
    "debt_to_income": 0.01,
    "revolving_balance": 1,
    "revolving_utilization": 0.1,
    "total_balance": 1,
    "revolving_limit": 100,
    "average_balance": 1,
    "bankcard_utilization": 0.1,
}

FIT_ROWS = 50_000
FIT_STEPS = 8
FIT_SEED = 11
CHECK_ROWS = 20_000
CHECK_SEED = 12
EIGENVALUE_MIN = 1e-3


def significant(value: float, digits: int = 4) -> float | int:
    """The value with so many significant digits; whole numbers as int, to be written short."""
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() else rounded


def integer_fields() -> set[str]:
    """The fields that the schema declares int."""
    return {name for name in schema_fields() if name not in STEPS}


def feature_figures(loans: Loans) -> list[dict[str, Any]]:
    """Quantiles and nulls of each feature."""
    integers = integer_fields()
    figures = []
    for index, name in enumerate(NAMES):
        values = loans.features[:, index]
        null = np.isnan(values)
        quantiles = np.percentile(values[~null], PERCENTS)
        figures.append(
            {
                "name": name,
                "integer": name in integers,
                "step": STEPS.get(name, 1),
                "missing": significant(float(null.mean())),
                "missing_at": MISSING_AT.get(name),
                "quantiles": [significant(quantile) for quantile in quantiles],
            }
        )
    return figures


def normal_scores(features: Floats) -> Floats:
    """Normal scores of the ranks, column by column, nulls at their end, ties at their mean."""
    scores = np.empty_like(features)
    for index, name in enumerate(NAMES):
        end = -np.inf if MISSING_AT.get(name) == "low" else np.inf
        values = np.where(np.isnan(features[:, index]), end, features[:, index])
        scores[:, index] = ndtri((rankdata(values) - 0.5) / len(values))
    return scores


def rank_correlation(features: Floats) -> Floats:
    """Spearman's correlation matrix, nulls at their end."""
    # Ranks are monotone in the scores, ties included.
    return np.asarray(np.corrcoef(rankdata(normal_scores(features), axis=0), rowvar=False))


def positive_definite(matrix: Floats) -> Floats:
    """The matrix rounded to 4 decimals, its eigenvalues lifted so that it stays definite."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    lifted = (vectors * np.maximum(values, EIGENVALUE_MIN)) @ vectors.T
    scale = np.sqrt(np.diag(lifted))
    rounded = np.round(lifted / np.outer(scale, scale), 4)
    rounded = (rounded + rounded.T) / 2
    np.fill_diagonal(rounded, 1.0)
    np.linalg.cholesky(rounded)  # raises when not positive definite
    return rounded


def values_at(feature: dict[str, Any], percents: list[float], uniforms: Floats) -> Floats:
    """One column of synthetic values, NaN for null."""
    missing = feature["missing"]
    shifted = uniforms - missing if feature["missing_at"] == "low" else uniforms
    stretched = shifted / (1 - missing)
    values = np.interp(100 * stretched, percents, feature["quantiles"])
    step = feature["step"]
    rounded = np.round(np.floor(values / step + 0.5) * step, 2)
    return np.where((stretched < 0) | (stretched >= 1), np.nan, rounded)


def rows_from(figures: dict[str, Any], matrix: Floats, normals: Floats) -> Floats:
    """Synthetic rows from independent standard normals."""
    uniforms = ndtr(normals @ np.linalg.cholesky(matrix).T)
    columns = [
        values_at(feature, figures["percents"], uniforms[:, index])
        for index, feature in enumerate(figures["features"])
    ]
    return np.column_stack(columns)


def draw(figures: dict[str, Any], count: int, seed: int) -> Floats:
    """`count` synthetic rows; the same for the same figures, count and seed."""
    normals = np.random.Generator(np.random.PCG64(seed)).standard_normal((count, len(NAMES)))
    return rows_from(figures, np.array(figures["correlation"]), normals)


def fit_correlation(figures: dict[str, Any], loans: Loans) -> Floats:
    """The copula's matrix: that of the normal scores, corrected for what rounding takes away.

    Counts with few values (bankruptcies, delinquencies) lose correlation when a normal is cut
    into steps. So the matrix is moved until synthetic rows, drawn from one and the same set of
    normals, have the rank correlations of the data.
    """
    target = rank_correlation(loans.features)
    scores = normal_scores(loans.features)
    matrix = positive_definite(np.asarray(np.corrcoef(scores, rowvar=False)))
    generator = np.random.Generator(np.random.PCG64(FIT_SEED))
    normals = generator.standard_normal((FIT_ROWS, len(NAMES)))
    for _ in range(FIT_STEPS):
        error = target - rank_correlation(rows_from(figures, matrix, normals))
        matrix = positive_definite(matrix + error)
    return matrix


def region_shares(loans: Loans) -> dict[str, float]:
    """Share of each first digit of the postal code."""
    return {
        digit: round(loans.regions.count(digit) / len(loans.regions), 4)
        for digit in sorted(set(loans.regions))
    }


def figures_of(loans: Loans) -> dict[str, Any]:
    """All figures, as they are written."""
    figures: dict[str, Any] = {
        "about": "Figures about loan applications, written by models/figures.py. No rows.",
        "rows": len(loans.defaults),
        "regions": region_shares(loans),
        "percents": PERCENTS,
        "features": feature_figures(loans),
    }
    matrix = fit_correlation(figures, loans)
    whole = {0.0: 0, 1.0: 1}
    figures["correlation"] = [[whole.get(x, x) for x in row] for row in matrix.tolist()]
    return figures


def figures_text(figures: dict[str, Any]) -> str:
    """JSON with one feature, and one row of the matrix, a line."""

    def text(value: Any) -> str:
        if isinstance(value, list) and isinstance(value[0], (dict, list)):
            lines = [json.dumps(item, separators=(",", ":")) for item in value]
            return "[\n    " + ",\n    ".join(lines) + "\n  ]"
        return json.dumps(value)

    members = [f"  {json.dumps(key)}: {text(value)}" for key, value in figures.items()]
    return "{\n" + ",\n".join(members) + "\n}\n"


# The check.


def marginals(values: Floats) -> list[float]:
    """Mean, median, 1st and 99th percentile of the known values, and the share of nulls."""
    known = values[~np.isnan(values)]
    return [known.mean(), *np.percentile(known, [50, 1, 99]), float(np.isnan(values).mean())]


def broken_rules(features: Floats) -> dict[str, float]:
    """Share of rows that no real application could show; a copula does not know such rules."""

    def column(name: str) -> Floats:
        return features[:, NAMES.index(name)]

    return {
        "open accounts above total accounts": float(
            np.mean(column("open_accounts") > column("total_accounts"))
        ),
        "bankruptcies above public records": float(
            np.mean(column("bankruptcies") > column("public_records"))
        ),
    }


def check(loans: Loans, figures: dict[str, Any]) -> None:
    """Prints how 20,000 synthetic rows compare with the data."""
    synthetic = draw(figures, CHECK_ROWS, CHECK_SEED)
    print("real / synthetic")
    header = "".join(f"{title:>24}" for title in ("mean", "median", "p1", "p99", "missing"))
    print(" " * 30 + header)
    for index, name in enumerate(NAMES):
        real = marginals(loans.features[:, index])
        drawn = marginals(synthetic[:, index])
        cells = [f"{a:.5g} / {b:.5g}".rjust(24) for a, b in zip(real, drawn, strict=True)]
        print(f"{name:30}" + "".join(cells))
    distance = np.abs(rank_correlation(loans.features) - rank_correlation(synthetic))
    worst = np.unravel_index(distance.argmax(), distance.shape)
    pair = " and ".join(NAMES[index] for index in worst)
    print(f"\nSpearman, largest difference: {distance.max():.4f} ({pair})")
    print(f"Spearman, mean difference: {distance.sum() / (distance.size - len(NAMES)):.4f}")
    model = lgb.Booster(model_file=str(DEFAULT_FOLDER / "model.txt"))
    for label, rows in (("real", loans.features), ("synthetic", synthetic)):
        risk = expit(model.predict(rows, raw_score=True, num_threads=1))
        approved, rejected = np.mean(risk < APPROVE_BELOW), np.mean(risk > REJECT_ABOVE)
        print(f"{label}: mean probability of default {risk.mean():.4f}, sd {risk.std():.4f}")
        print(f"{label}: approved {approved:.4f}, rejected {rejected:.4f}")
        for rule, share in broken_rules(rows).items():
            print(f"{label}: {rule} {share:.4f}")


def main() -> None:
    """Writes the figures, or checks those written."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="CSV of loans")
    parser.add_argument("--out", type=Path, default=FIGURES, help="the JSON to write or to check")
    parser.add_argument("--check", action="store_true", help="compare the JSON with the CSV")
    arguments = parser.parse_args()
    loans = read_loans(arguments.data)
    if arguments.check:
        check(loans, json.loads(arguments.out.read_text(encoding="utf-8")))
        return
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(figures_text(figures_of(loans)), encoding="utf-8")


if __name__ == "__main__":
    main()
