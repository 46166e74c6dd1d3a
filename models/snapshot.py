"""Figures of the training data that a running worker is compared with: models/default/training.json.

    python models/snapshot.py --data loans.csv      writes it beside the model that is there

models/train.py writes the same file with each default model it trains. For every feature, and for
the model's score, it holds bin edges and the share of rows in each bin: no rows. Values equal to
an edge belong to the bin below it; missing values are a share of their own.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import train

# Ten bins of equal share, the usual choice for a population stability index.
FEATURE_QUANTILES = np.linspace(0.1, 0.9, 9)
# The score's bins are of equal width, so that they can be drawn, between these quantiles.
SCORE_RANGE = (0.005, 0.995)
SCORE_BINS = 20
DECIMALS = 6


def bins_of(values: train.Floats, edges: train.Floats) -> dict[str, Any]:
    """Edges, shares of all rows in the bins between them, and the share of missing values."""
    present = values[~np.isnan(values)]
    counts = np.bincount(np.searchsorted(edges, present, side="left"), minlength=len(edges) + 1)
    return {
        "edges": [float(edge) for edge in edges],
        "shares": [round(float(count) / len(values), DECIMALS) for count in counts],
        "missing": round(1 - len(present) / len(values), DECIMALS),
    }


def feature_edges(values: train.Floats) -> train.Floats:
    """Deciles that differ, below the largest value, so that no bin is empty in training."""
    present = values[~np.isnan(values)]
    edges = np.unique(np.quantile(present, FEATURE_QUANTILES, method="inverted_cdf"))
    return edges[edges < present.max()]


def snapshot_of(loans: train.Loans, booster: lgb.Booster) -> dict[str, Any]:
    """The figures of all features, in the model's order, and of the score (log-odds)."""
    margins = train.margins_of(booster, loans.features)
    edges = np.linspace(*np.quantile(margins, SCORE_RANGE), SCORE_BINS - 1).round(4)
    return {
        "about": "Shares of the training data by bin, written by models/snapshot.py. No rows.",
        "rows": len(margins),
        "features": [
            {"name": name, **bins_of(column, feature_edges(column))}
            for name, column in zip(train.NAMES, loans.features.T, strict=True)
        ],
        "score": bins_of(margins, edges),
    }


def write(loans: train.Loans, booster: lgb.Booster, folder: Path) -> None:
    """Writes the snapshot into the model's folder."""
    snapshot = snapshot_of(loans, booster)
    features = ",\n    ".join(json.dumps(feature) for feature in snapshot["features"])
    text = (
        f'{{\n  "about": {json.dumps(snapshot["about"])},\n  "rows": {snapshot["rows"]},\n'
        f'  "score": {json.dumps(snapshot["score"])},\n  "features": [\n    {features}\n  ]\n}}\n'
    )
    (folder / "training.json").write_text(text, encoding="utf-8")


def main() -> None:
    """Reads the loans and the model that is there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="CSV of loans with outcomes")
    parser.add_argument("--model", type=Path, default=train.DEFAULT_FOLDER, help="its folder")
    arguments = parser.parse_args()
    booster = lgb.Booster(model_file=str(arguments.model / "model.txt"))
    write(train.read_loans(arguments.data), booster, arguments.model)


if __name__ == "__main__":
    main()
