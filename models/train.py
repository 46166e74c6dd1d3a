"""Trains the default model, or the model of the benchmarks, from a CSV of loans with outcomes.

    python models/train.py --data loans.csv                        writes models/default
    python models/train.py --data loans.csv --bench bench/model    writes bench/model
    python models/train.py --data loans.csv --bench FOLDER --trees 100 --leaves 15
                                                                   another size to be measured

The model predicts the log-odds of default from the 22 numeric fields of the application's
schema, in the schema's order. The region, the interest rate and the instalment are never read
into it: the first is a proxy, the other two are set by the lender after grading.

What is written is a function of the CSV, of this file and of the pinned packages
(models/requirements.txt): no clock, no path, one thread, fixed seeds. The size and the
regularisation of the default model are not constants here: they come out of the cross-validated
search below, and every figure of the manifest and of the model card is computed in the same run.
"""

import argparse
import csv
import hashlib
import itertools
import json
import math
import re
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Fold = tuple[Ints, Ints]

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "schemas" / "loan_application" / "1.avsc"
DEFAULT_FOLDER = ROOT / "models" / "default"

# The policy's cut-offs, as probabilities of default.
APPROVE_BELOW = 0.15
REJECT_ABOVE = 0.30
# Applicants from here to the first cut-off are marginally approved: decisions are explained
# against them.
MARGINAL_FROM = 0.12

MODEL_SEED = 7
SEARCH_SEED = 1
REPORT_SEED = 2
NESTED_SEED = 3
SPLITS = 5
SEARCH_REPEATS = 4
REPORT_REPEATS = 10

TREES_TRIED = (50, 75, 100, 125, 150)
SETTINGS_TRIED = {
    "num_leaves": (4, 8, 16),
    "learning_rate": (0.05, 0.1),
    "feature_fraction": (0.5, 1.0),
    "lambda_l2": (0, 20),
}
REPRODUCIBLE = {"deterministic": True, "force_col_wise": True, "num_threads": 1, "verbose": -1}
BENCH_PARAMETERS = {
    "objective": "binary",
    "num_leaves": 31,
    "learning_rate": 0.05,
    "seed": 42,
    **REPRODUCIBLE,
}
BENCH_TREES = 200

# Columns of the JSON that is written, as of the source.
WIDTH = 100


class Feature(NamedTuple):
    """A field of the schema, the CSV's column it comes from and how it may move the risk."""

    field: str
    column: str
    monotone: int
    reason: str


FEATURES = (
    Feature("loan_amount", "loan_amnt", 1, "more to repay from the same means"),
    Feature("annual_income", "annual_inc", -1, "more means to repay"),
    Feature("credit_score", "fico_range_high", -1, "the bureau's own summary of past payment"),
    Feature("debt_to_income", "dti", 1, "more of the income is already committed"),
    Feature("employment_years", "emp_length", -1, "longer employment, steadier income"),
    Feature("delinquencies_2y", "delinq_2yrs", 1, "late payments"),
    Feature(
        "months_since_delinquency", "mths_since_last_delinq", -1, "a late payment fades with time"
    ),
    Feature("inquiries_6m", "inq_last_6mths", 1, "seeking credit in many places"),
    Feature("open_accounts", "open_acc", 0, "more credit in use, but also more trust: no rule"),
    Feature("total_accounts", "total_acc", 0, "longer experience or more borrowing: no rule"),
    Feature("public_records", "pub_rec", 1, "derogatory records"),
    Feature("bankruptcies", "pub_rec_bankruptcies", 1, "bankruptcies on record"),
    Feature("revolving_balance", "revol_bal", 0, "means little without the limit: no rule"),
    Feature("revolving_utilization", "revol_util", 1, "limits nearly used up"),
    Feature("mortgage_accounts", "mort_acc", 0, "home owner, but also more debt: no rule"),
    Feature("total_balance", "tot_cur_bal", 0, "mortgages and consumer debt mixed: no rule"),
    Feature("revolving_limit", "total_rev_hi_lim", -1, "other lenders' trust"),
    Feature("accounts_opened_24m", "acc_open_past_24mths", 1, "much new credit"),
    Feature("months_since_oldest_revolving", "mo_sin_old_rev_tl_op", -1, "longer credit history"),
    Feature("average_balance", "avg_cur_bal", 0, "mortgages and consumer debt mixed: no rule"),
    Feature("bankcard_utilization", "bc_util", 1, "card limits nearly used up"),
    Feature("active_revolving_accounts", "num_actv_rev_tl", 1, "many accounts with balances"),
)
NAMES = [feature.field for feature in FEATURES]
MONOTONE = [feature.monotone for feature in FEATURES]

# Null is "never late" here, but given the credit score, which already rewards a clean record, the
# data put it with the latest late payments. LightGBM has no way to order null against values, and
# a reason drawn from such a split would be wrong. So the field is an input that no split uses.
UNSPLIT = "months_since_delinquency"


@dataclass(frozen=True)
class Loans:
    """The loans of a CSV: features (NaN where the field is null), defaults (1) and regions."""

    features: Floats
    defaults: Ints
    regions: list[str]


@dataclass(frozen=True)
class Candidate:
    """A setting with a number of trees, and how it did on each fold left out."""

    setting: dict[str, float]
    trees: int
    losses: Floats
    aucs: Floats

    @property
    def leaves(self) -> int:
        """Leaves of all trees: the size of the model."""
        return int(self.trees * self.setting["num_leaves"])


@dataclass(frozen=True)
class OutOfFold:
    """Margins of rows by models that did not see them: a row of the matrix is one repeat."""

    margins: Floats
    aucs: Floats


# Input.


def schema_fields() -> dict[str, bool]:
    """The schema's numeric fields from loan_amount on, in order, and whether each may be null."""
    fields = json.loads(SCHEMA.read_text(encoding="utf-8"))["fields"]
    names = [field["name"] for field in fields]
    numeric = fields[names.index("loan_amount") :]
    return {field["name"]: isinstance(field["type"], list) for field in numeric}


def number(text: str) -> float:
    """A cell of the CSV; empty is null, which is NaN for the model."""
    return float(text) if text else math.nan


def read_loans(path: Path) -> Loans:
    """Reads the CSV and refuses what the schema would refuse: a null where none may be."""
    nullable = schema_fields()
    if list(nullable) != NAMES:
        raise SystemExit(f"{SCHEMA.name} has the fields {list(nullable)}, not {NAMES}")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    features = np.array([[number(row[f.column]) for f in FEATURES] for row in rows])
    for index, name in enumerate(NAMES):
        if not nullable[name] and np.isnan(features[:, index]).any():
            raise SystemExit(f"{name} is empty in a row, but the schema does not allow null")
    defaults = np.array([1 - int(row["loan_status"]) for row in rows])
    return Loans(features, defaults, [row["zip_code"].zfill(3)[0] for row in rows])


# Training and the search.


def fit(
    features: Floats, defaults: NDArray[Any], parameters: dict[str, Any], trees: int
) -> lgb.Booster:
    """One model. The bins come from the rows given, so a fold left out stays unseen."""
    dataset = lgb.Dataset(features, defaults, feature_name=NAMES)
    return lgb.train(parameters, dataset, num_boost_round=trees)


def margins_of(booster: lgb.Booster, features: Floats, trees: int | None = None) -> Floats:
    """Log-odds of default by the first `trees` trees (all when None)."""
    return np.asarray(booster.predict(features, raw_score=True, num_iteration=trees, num_threads=1))


def parameters_of(
    setting: dict[str, Any], monotone: bool = True, unsplit: bool = True
) -> dict[str, Any]:
    """The trainer's parameters for a setting of the search."""
    constraints = {"monotone_constraints": MONOTONE, "monotone_constraints_method": "basic"}
    weights = {"feature_contri": [0 if name == UNSPLIT else 1 for name in NAMES]}
    return {
        "objective": "binary",
        "seed": MODEL_SEED,
        **setting,
        "min_data_in_leaf": 100,
        **(constraints if monotone else {}),
        **(weights if unsplit else {}),
        **REPRODUCIBLE,
    }


def folds_of(defaults: Ints, repeats: int, seed: int) -> list[Fold]:
    """Stratified folds, `repeats` times over."""
    splitter = RepeatedStratifiedKFold(n_splits=SPLITS, n_repeats=repeats, random_state=seed)
    return list(splitter.split(np.zeros(len(defaults)), defaults))


def log_loss(margins: Floats, defaults: Ints) -> float:
    """Mean negative log-likelihood, from margins."""
    return float(np.mean(np.logaddexp(0, margins) - defaults * margins))


def try_setting(loans: Loans, setting: dict[str, float], folds: list[Fold]) -> list[Candidate]:
    """The setting with each number of trees; one model a fold, read after so many trees."""
    losses = np.empty((len(TREES_TRIED), len(folds)))
    aucs = np.empty_like(losses)
    for column, (train, test) in enumerate(folds):
        booster = fit(
            loans.features[train], loans.defaults[train], parameters_of(setting), TREES_TRIED[-1]
        )
        for row, trees in enumerate(TREES_TRIED):
            margins = margins_of(booster, loans.features[test], trees)
            losses[row, column] = log_loss(margins, loans.defaults[test])
            aucs[row, column] = roc_auc_score(loans.defaults[test], margins)
    return [
        Candidate(setting, trees, losses[row], aucs[row]) for row, trees in enumerate(TREES_TRIED)
    ]


def search(loans: Loans, repeats: int, seed: int, label: str) -> list[Candidate]:
    """Every setting with every number of trees, on the same folds."""
    folds = folds_of(loans.defaults, repeats, seed)
    candidates: list[Candidate] = []
    settings = list(itertools.product(*SETTINGS_TRIED.values()))
    for index, values in enumerate(settings):
        note(f"{label}: setting {index + 1} of {len(settings)}")
        candidates += try_setting(loans, dict(zip(SETTINGS_TRIED, values, strict=True)), folds)
    return candidates


def choose(candidates: list[Candidate]) -> Candidate:
    """The smallest model that is within one standard error of the lowest log loss.

    The error is that of the difference to the best candidate over the folds, which both saw.
    """
    best = min(candidates, key=lambda candidate: candidate.losses.mean())

    def close(candidate: Candidate) -> bool:
        excess = candidate.losses - best.losses
        return bool(excess.mean() <= excess.std(ddof=1) / math.sqrt(len(excess)))

    near = [candidate for candidate in candidates if candidate is best or close(candidate)]
    return min(near, key=lambda candidate: (candidate.leaves, candidate.losses.mean()))


def nested_aucs(loans: Loans) -> Floats:
    """AUC on folds that neither the model nor the search saw: the search is run in each."""
    folds = folds_of(loans.defaults, 1, NESTED_SEED)
    aucs = []
    for index, (train, test) in enumerate(folds):
        inner = Loans(loans.features[train], loans.defaults[train], [])
        chosen = choose(search(inner, 1, SEARCH_SEED, f"nested {index + 1} of {SPLITS}"))
        booster = fit(inner.features, inner.defaults, parameters_of(chosen.setting), chosen.trees)
        margins = margins_of(booster, loans.features[test])
        aucs.append(roc_auc_score(loans.defaults[test], margins))
    return np.array(aucs)


# Figures.


def out_of_fold(
    loans: Loans, parameters: dict[str, Any], trees: int, repeats: int = REPORT_REPEATS
) -> OutOfFold:
    """Margins of all rows by models trained without them, on folds the search did not use."""
    margins = np.empty((repeats, len(loans.defaults)))
    aucs = []
    for index, (train, test) in enumerate(folds_of(loans.defaults, repeats, REPORT_SEED)):
        booster = fit(loans.features[train], loans.defaults[train], parameters, trees)
        margins[index // SPLITS, test] = margins_of(booster, loans.features[test])
        aucs.append(roc_auc_score(loans.defaults[test], margins[index // SPLITS, test]))
    return OutOfFold(margins, np.array(aucs))


def logistic_inputs(features: Floats, train: Ints) -> Floats:
    """Logarithms of skewed columns, nulls as the training rows' median plus a flag."""
    logged = np.sign(features) * np.log1p(np.abs(features))
    skewed = np.nanmax(features, axis=0) > 100
    columns = np.where(skewed, logged, features)
    nulls = np.isnan(columns)
    filled = np.where(nulls, np.nanmedian(columns[train], axis=0), columns)
    return np.hstack([filled, nulls[:, nulls.any(axis=0)].astype(float)])


def logistic_aucs(loans: Loans) -> Floats:
    """A plain logistic regression on the same fields and folds, as a yardstick."""
    aucs = []
    for train, test in folds_of(loans.defaults, REPORT_REPEATS, REPORT_SEED):
        inputs = logistic_inputs(loans.features, train)
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
        model.fit(inputs[train], loans.defaults[train])
        aucs.append(roc_auc_score(loans.defaults[test], model.decision_function(inputs[test])))
    return np.array(aucs)


def spread(values: Floats) -> dict[str, float]:
    """Mean and standard deviation over folds."""
    return {"mean": round(float(values.mean()), 4), "sd": round(float(values.std(ddof=1)), 4)}


def ks(margins: Floats, defaults: Ints) -> float:
    """Largest distance between the score's distributions of defaulted and repaid loans."""
    false_positive, true_positive, _ = roc_curve(defaults, margins, drop_intermediate=False)
    return float(np.max(true_positive - false_positive))


def calibration_line(margins: Floats, defaults: Ints) -> tuple[float, float]:
    """Slope and intercept of the outcome's log-odds on the margin (ideally 1 and 0)."""
    design = np.column_stack([margins, np.ones_like(margins)])
    weights = np.array([1.0, 0.0])
    for _ in range(20):  # Newton's method; converges in a few steps
        probability = expit(design @ weights)
        curvature = (design * (probability * (1 - probability))[:, None]).T @ design
        weights += np.linalg.solve(curvature, design.T @ (defaults - probability))
    return float(weights[0]), float(weights[1])


def calibration_table(margins: Floats, defaults: Ints) -> list[dict[str, float]]:
    """Deciles of the score, lowest risk first, averaged over the repeats."""
    tenths = [
        [(expit(repeat[rows]).mean(), defaults[rows].mean(), len(rows)) for rows in tenth]
        for repeat, tenth in (
            (repeat, np.array_split(np.argsort(repeat, kind="stable"), 10)) for repeat in margins
        )
    ]
    return [
        {
            "decile": decile + 1,
            "predicted": round(float(predicted), 4),
            "observed": round(float(observed), 4),
            "count": int(count),
        }
        for decile, (predicted, observed, count) in enumerate(np.mean(tenths, axis=0))
    ]


def logit(probability: float) -> float:
    """Log-odds."""
    return math.log(probability / (1 - probability))


def bands(margins: Floats, defaults: Ints) -> dict[str, dict[str, float]]:
    """Share of rows, and their default rate, in each of the policy's three bands."""
    approved = margins < logit(APPROVE_BELOW)
    rejected = margins > logit(REJECT_ABOVE)
    outcome = np.broadcast_to(defaults, margins.shape)
    named = {"approved": approved, "referred": ~approved & ~rejected, "rejected": rejected}
    return {
        name: {
            "share": round(float(band.mean()), 4),
            "default_rate": round(float(outcome[band].mean()), 4),
        }
        for name, band in named.items()
    }


def quality(result: OutOfFold, defaults: Ints) -> dict[str, Any]:
    """Everything measured on the margins out of fold; each figure is the mean of the repeats."""
    lines = np.array([calibration_line(repeat, defaults) for repeat in result.margins])
    probabilities = expit(result.margins)
    return {
        "auc_out_of_fold": spread(result.aucs),
        "ks": round(float(np.mean([ks(repeat, defaults) for repeat in result.margins])), 4),
        "brier": round(float(np.mean((probabilities - defaults) ** 2)), 4),
        "log_loss": round(log_loss(result.margins, np.asarray(defaults)), 4),
        "calibration_slope": round(float(lines[:, 0].mean()), 3),
        "calibration_intercept": round(float(lines[:, 1].mean()), 3),
        "calibration": calibration_table(result.margins, defaults),
        "bands": bands(result.margins, defaults),
    }


def null_effects(booster: lgb.Booster, loans: Loans) -> list[dict[str, Any]]:
    """What null does to the score: the margin with the value known against the same without."""
    effects = []
    nullable = schema_fields()
    for index, name in enumerate(NAMES):
        if not nullable[name]:
            continue
        null = np.isnan(loans.features[:, index])
        erased = loans.features[~null].copy()
        known = margins_of(booster, erased)
        erased[:, index] = math.nan
        change = margins_of(booster, erased) - known
        effects.append(
            {
                "field": name,
                "share": round(float(null.mean()), 4),
                "default_rate_null": round(float(loans.defaults[null].mean()), 4),
                "default_rate_known": round(float(loans.defaults[~null].mean()), 4),
                "margin_change": round(float(change.mean()), 4),
                "margin_rises": round(float((change > 0).mean()), 4),
            }
        )
    return effects


def unsplit_figures(loans: Loans, chosen: Candidate) -> dict[str, Any]:
    """What the model would be if it used the field that no split uses."""
    parameters = parameters_of(chosen.setting, unsplit=False)
    booster = fit(loans.features, loans.defaults, parameters, chosen.trees)
    effects = {effect["field"]: effect for effect in null_effects(booster, loans)}
    return {
        "field": UNSPLIT,
        "auc_with": spread(out_of_fold(loans, parameters, chosen.trees).aucs),
        "margin_rises_with": effects[UNSPLIT]["margin_rises"],
    }


# Proof that the constraints hold.


def leaf_range(node: dict[str, Any]) -> tuple[float, float]:
    """Lowest and highest leaf under a node; refuses a split that breaks its constraint."""
    if "leaf_value" in node:
        return node["leaf_value"], node["leaf_value"]
    left = leaf_range(node["left_child"])
    right = leaf_range(node["right_child"])
    direction = MONOTONE[node["split_feature"]]
    rises, falls = left[1] <= right[0], left[0] >= right[1]
    if (direction > 0 and not rises) or (direction < 0 and not falls):
        raise SystemExit(f"a split on {NAMES[node['split_feature']]} breaks its constraint")
    return min(left[0], right[0]), max(left[1], right[1])


def check_monotone(booster: lgb.Booster) -> None:
    """At every constrained split all leaves of one side are at most those of the other."""
    for tree in booster.dump_model()["tree_info"]:
        leaf_range(tree["tree_structure"])
    if booster.feature_importance("split")[NAMES.index(UNSPLIT)]:
        raise SystemExit(f"a split uses {UNSPLIT}")


# Output.


def json_text(value: Any, depth: int = 0, prefix: int = 0) -> str:
    """JSON with flat objects and lists of numbers on one line where they fit into WIDTH.

    `prefix` is the length of the key before the value, on the same line.
    """
    if not isinstance(value, (dict, list)) or not value:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    pad, close = "  " * (depth + 1), "  " * depth
    nested = isinstance(value, dict) or isinstance(value[0], (dict, list))
    if isinstance(value, dict):
        keys = [json.dumps(key) + ": " for key in value]
        texts = [json_text(v, depth + 1, len(k)) for k, v in zip(keys, value.values(), strict=True)]
        items = [key + text for key, text in zip(keys, texts, strict=True)]
        flat = depth > 0 and not any(isinstance(item, (dict, list)) for item in value.values())
        opening, closing, line = "{", "}", "{ " + ", ".join(items) + " }"
    else:
        items = [json_text(item, depth + 1) for item in value]
        flat = not nested
        opening, closing, line = "[", "]", "[" + ", ".join(items) + "]"
    if flat and len(close) + prefix + len(line) < WIDTH:
        return line
    if nested:
        body = ",\n".join(pad + item for item in items)
    else:
        body = textwrap.fill(", ".join(items), WIDTH, initial_indent=pad, subsequent_indent=pad)
    return f"{opening}\n{body}\n{close}{closing}"


def table(header: list[str], rows: list[list[str]], left: int = 1) -> str:
    """A Markdown table with padded columns; the first `left` are aligned left."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    widths = [max(width, 3) for width in widths]

    def line(cells: list[str]) -> str:
        padded = [
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "| " + " | ".join(padded) + " |"

    rule = ["-" * w if i < left else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    return "\n".join([line(header), line(rule), *[line(row) for row in rows]])


def wrapped(text: str) -> str:
    """Markdown with its paragraphs and list items filled to WIDTH; tables and headings as is."""

    def fill(item: str) -> str:
        marker = re.match(r"- |\d+\. |", item)
        indent = " " * len(marker.group()) if marker else ""
        return textwrap.fill(
            " ".join(item.split()),
            WIDTH,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )

    def block(lines: str) -> str:
        if lines.startswith(("|", "#")):
            return lines
        return "\n".join(fill(item) for item in re.split(r"\n(?=- |\d+\. )", lines))

    return "\n\n".join(block(lines) for lines in text.strip().split("\n\n")) + "\n"


def percent(share: float) -> str:
    """A share as text, one decimal."""
    return f"{100 * share:.1f} %"


def note(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)


def training_of(values: Floats) -> dict[str, float]:
    """Bounds of a feature's values, and the share of rows without one: a policy may refer others."""
    bounds = [float(np.nanmin(values)), float(np.nanmax(values))]
    minimum, maximum = (int(bound) if bound.is_integer() else bound for bound in bounds)
    missing = round(float(np.isnan(values).mean()), 6)
    return {"minimum": minimum, "maximum": maximum, "missing": missing}


def reference_of(booster: lgb.Booster, loans: Loans, sha256: str) -> dict[str, Any]:
    """What decisions are explained against: one row, the medians of the marginally approved.

    Of an even number the lower median, and null where most are null. No row of the data leaves it.
    """
    margins = margins_of(booster, loans.features)
    marginal = (margins >= logit(MARGINAL_FROM)) & (margins < logit(APPROVE_BELOW))
    features = loans.features[marginal]
    medians = np.nanquantile(features, 0.5, axis=0, method="lower")
    medians[np.isnan(features).mean(axis=0) > 0.5] = math.nan
    if margins_of(booster, medians[None, :])[0] >= logit(APPROVE_BELOW):
        raise SystemExit("the reference row would not be approved")
    return {
        "model": sha256,
        "made_of": f"medians of {marginal.sum()} applicants with a probability of default from "
        f"{MARGINAL_FROM:.2f} to {APPROVE_BELOW:.2f}",
        "rows": [
            {
                name: None if math.isnan(x) else plain(x)
                for name, x in zip(NAMES, medians, strict=True)
            }
        ],
    }


def plain(x: float) -> float:
    """A number as JSON's formatter leaves it: a whole one without its point."""
    return int(x) if x == int(x) else float(x)


def hashed(path: Path) -> dict[str, str]:
    """A file beside the manifest, as the manifest names it."""
    return {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def manifest_of(
    name: str,
    source: bytes,
    booster: lgb.Booster,
    loans: Loans,
    parameters: dict[str, Any],
    figures: dict[str, Any],
) -> dict[str, Any]:
    """What the compiler and the promotion gate read beside the model's text."""
    constraints = parameters.get("monotone_constraints", [0] * len(NAMES))
    trained = {k: v for k, v in parameters.items() if k not in ("seed", "monotone_constraints")}
    return {
        "name": name,
        "format": "lightgbm-text",
        "source": "model.txt",
        "sha256": hashlib.sha256(source).hexdigest(),
        "objective": "binary",
        "predicts": "log-odds of default",
        "trainer": {"name": "lightgbm", "version": lgb.__version__},
        "features": [
            {
                "name": name,
                "field": name,
                "monotone": direction,
                "training": training_of(loans.features[:, index]),
            }
            for index, (name, direction) in enumerate(zip(NAMES, constraints, strict=True))
        ],
        "trees": booster.num_trees(),
        "leaves_max": max(t["num_leaves"] for t in booster.dump_model()["tree_info"]),
        "training": {
            "rows": len(loans.defaults),
            "default_rate": round(float(loans.defaults.mean()), 6),
            "seed": parameters["seed"],
            "parameters": trained,
        },
        "figures": figures,
    }


def write_model(
    folder: Path,
    name: str,
    booster: lgb.Booster,
    loans: Loans,
    parameters: dict[str, Any],
    figures: dict[str, Any],
) -> dict[str, Any]:
    """Writes model.txt, the reference and manifest.json, and returns the manifest.

    The reference goes with a catalogue of reasons, which people write: without one there is none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    booster.save_model(str(folder / "model.txt"), num_iteration=-1)
    source = (folder / "model.txt").read_bytes()
    manifest = manifest_of(name, source, booster, loans, parameters, figures)
    catalogue = folder / "reasons.toml"
    if catalogue.exists():
        reference = reference_of(booster, loans, manifest["sha256"])
        path = folder / "reference.json"
        path.write_text(json_text(reference) + "\n", encoding="utf-8")
        manifest |= {"reasons": hashed(catalogue), "reference": hashed(path)}
    else:
        note(f"{folder} has no {catalogue.name}: the model gives no reasons")
    (folder / "manifest.json").write_text(json_text(manifest) + "\n", encoding="utf-8")
    return manifest


# The model card.


def search_rows(candidates: list[Candidate], chosen: Candidate) -> list[list[str]]:
    """The best candidate for each leaves and learning rate, and the chosen one, best first."""
    groups: dict[tuple[float, float], list[Candidate]] = {}
    for candidate in candidates:
        key = (candidate.setting["num_leaves"], candidate.setting["learning_rate"])
        groups.setdefault(key, []).append(candidate)
    shown = [min(group, key=lambda c: c.losses.mean()) for group in groups.values()]
    shown += [] if any(c is chosen for c in shown) else [chosen]
    return [
        [
            f"{c.trees} x {c.setting['num_leaves']}" + (" (chosen)" if c is chosen else ""),
            *[f"{c.setting[key]:g}" for key in list(SETTINGS_TRIED)[1:]],
            f"{c.losses.mean():.5f}",
            f"{c.aucs.mean():.4f}",
        ]
        for c in sorted(shown, key=lambda c: c.losses.mean())
    ]


def feature_rows(booster: lgb.Booster) -> list[list[str]]:
    """Each feature with its direction, the reason and its share in the model."""
    gain = booster.feature_importance("gain")
    splits = booster.feature_importance("split")
    words = {1: "up", -1: "down", 0: "free"}
    return [
        [
            f.field,
            "not used" if f.field == UNSPLIT else words[f.monotone],
            f.reason,
            percent(gain[i] / gain.sum()),
            str(splits[i]),
        ]
        for i, f in enumerate(FEATURES)
    ]


def null_rows(effects: list[dict[str, Any]]) -> list[list[str]]:
    """The effects of null as text."""
    return [
        [
            effect["field"],
            percent(effect["share"]),
            percent(effect["default_rate_null"]),
            percent(effect["default_rate_known"]),
            f"{round(effect['margin_change'], 3) + 0.0:+.3f}",
            percent(effect["margin_rises"]),
        ]
        for effect in effects
    ]


CARD = """\
# Model card: {name}

Written by `models/train.py`; figures are not edited by hand.

## Purpose

Scores applications for an unsecured personal loan. The output is the log-odds of default (charged
off instead of fully paid); the policy turns it into approved (probability of default below
{approve}), rejected (above {reject}) or referred to a person. It is an example to run and to
measure, not a model to lend with: a lender trains on its own loans.

## Data

{rows} matured personal loans issued in the fourth quarter of 2015, each with its outcome. Default
rate {default_rate}. Features are what the applicant and the credit bureau stated at the time of
the application. Null becomes NaN, and the trees learn a side for it.

## Model

LightGBM {version}, {trees} trees of up to {leaves_max} leaves, {features} features in the order of
the schema. SHA-256 of `model.txt`: `{sha256}`.

{parameters}

## Features

Direction: `up` means the risk never falls when the value rises, `down` that it never rises, all
else equal; `free` leaves it to the data. Each constraint is checked at every split after training.
Gain is the feature's share of the loss removed in training.

{feature_table}

What null does: the default rates are the data's; the change is the mean difference in log-odds when
a known value is replaced by null, and `raises` the share of loans whose risk goes up by that. The
constraints order known values only, not null against them.

{null_table}

No split uses `{unsplit}`. Null means never late there, but given the credit score the data put it
with recent late payments: in a model that uses the field, {unsplit_rises} of the loans with a late
payment would look riskier had they never paid late. A reason drawn from that would be wrong. The
AUC with the field is {unsplit_auc}. It stays among the inputs so that the order is the schema's.

Left out on purpose: the interest rate and the instalment (set by the lender after grading, so they
leak the answer) and the postal code (a proxy for groups; used for partitioning and monitoring
only).

## Protocol

1. Search: {settings} settings with {tree_counts} numbers of trees, each on {search_folds}
   ({splits} folds, {search_repeats} times). Chosen is the smallest model (leaves in all) within one
   standard error of the lowest log loss, the error being that of the difference over the folds.
2. Figures: the chosen setting on {report_folds} other folds ({splits} folds, {report_repeats}
   times). Every loan is scored by models that did not see it. Spread is the standard deviation over
   folds.
3. Nested check: the whole search inside each of {splits} folds, scored on the part it did not see.
4. The model itself is trained on all rows.

The best of each size, by log loss:

{search_table}

## Figures out of fold

{figure_table}

Calibration by tenth of the score. A slope above 1 means the predictions are a little too close to
the mean.

{calibration_table}

At the policy's cut-offs (log-odds {approve_margin:.4f} and {reject_margin:.4f}), without the
policy's other rules:

{band_table}

## Limits

- Reject inference: only funded loans have outcomes. The model knows nothing about applicants whom
  the lender turned away, and its figures do not hold for them.
- Nobody below a credit score of {score_min} was funded. A score below that is treated like
  {score_min}.
- The loans are of one quarter of 2015, from one lender, before several changes of rates and of
  bureau scores. Expect drift; check calibration before any use.
- Discrimination is moderate. {yardstick}
- Proxy fields are left out by name, but others may carry the same information: length of credit
  history and of employment go with age, balances with wealth. Test outcomes by group before use.
- Income is as stated by the applicant.
- This card is not a claim of compliance with any law.
"""


def figure_rows(figures: dict[str, Any]) -> list[list[str]]:
    """The headline figures as text."""

    def auc(key: str) -> str:
        return f"{figures[key]['mean']:.4f} (spread {figures[key]['sd']:.4f})"

    return [
        ["AUC", auc("auc_out_of_fold")],
        ["AUC, search nested in the folds", auc("auc_nested")],
        ["AUC without monotone constraints", auc("auc_without_constraints")],
        ["AUC of a plain logistic regression", auc("auc_logistic_regression")],
        ["AUC on the rows it was trained on", f"{figures['auc_in_sample']:.4f}"],
        ["KS", f"{figures['ks']:.4f}"],
        ["Brier score", f"{figures['brier']:.4f}"],
        ["Brier score of the mean rate", f"{figures['brier_of_mean']:.4f}"],
        ["Log loss", f"{figures['log_loss']:.4f}"],
        ["Calibration slope", f"{figures['calibration_slope']:.3f}"],
        ["Calibration intercept", f"{figures['calibration_intercept']:.3f}"],
    ]


def yardstick(figures: dict[str, Any]) -> str:
    """How the trees compare with a logistic regression, in words that follow the figures."""
    trees = figures["auc_out_of_fold"]["mean"]
    linear = figures["auc_logistic_regression"]["mean"]
    word = "no better than" if trees <= linear else "better than"
    return (
        f"By AUC the trees are {word} a plain logistic regression on the same fields "
        f"({trees:.4f} and {linear:.4f})."
    )


def card_text(
    manifest: dict[str, Any],
    booster: lgb.Booster,
    loans: Loans,
    candidates: list[Candidate],
    chosen: Candidate,
) -> str:
    """The model card, from the manifest and the search."""
    figures = manifest["figures"]
    parameters = {**chosen.setting, "min_data_in_leaf": parameters_of({})["min_data_in_leaf"]}
    text = CARD.format(
        name=manifest["name"],
        approve=f"{APPROVE_BELOW:.2f}",
        reject=f"{REJECT_ABOVE:.2f}",
        rows=f"{len(loans.defaults):,}",
        default_rate=percent(float(loans.defaults.mean())),
        version=manifest["trainer"]["version"],
        trees=manifest["trees"],
        leaves_max=manifest["leaves_max"],
        features=len(NAMES),
        sha256=manifest["sha256"],
        parameters=table(
            ["parameter", "value"], [[f"`{k}`", f"{v:g}"] for k, v in parameters.items()]
        ),
        feature_table=table(
            ["feature", "direction", "why", "gain", "splits"], feature_rows(booster), left=3
        ),
        null_table=table(
            ["field", "null", "defaults, null", "defaults, known", "change", "raises"],
            null_rows(figures["nulls"]),
        ),
        unsplit=UNSPLIT,
        unsplit_rises=percent(figures["unsplit"]["margin_rises_with"]),
        unsplit_auc=f"{figures['unsplit']['auc_with']['mean']:.4f}",
        settings=math.prod(len(values) for values in SETTINGS_TRIED.values()),
        tree_counts=len(TREES_TRIED),
        search_folds=f"{SPLITS * SEARCH_REPEATS} folds left out",
        report_folds=SPLITS * REPORT_REPEATS,
        splits=SPLITS,
        search_repeats=SEARCH_REPEATS,
        report_repeats=REPORT_REPEATS,
        search_table=table(
            ["trees x leaves", "learning rate", "feature fraction", "L2", "log loss", "AUC"],
            search_rows(candidates, chosen),
        ),
        figure_table=table(["figure", "value"], figure_rows(figures)),
        calibration_table=table(
            ["tenth", "predicted", "observed", "loans"],
            [
                [
                    str(row["decile"]),
                    percent(row["predicted"]),
                    percent(row["observed"]),
                    f"{row['count']:.0f}",
                ]
                for row in figures["calibration"]
            ],
        ),
        approve_margin=logit(APPROVE_BELOW),
        reject_margin=logit(REJECT_ABOVE),
        band_table=table(
            ["decision", "share", "default rate"],
            [
                [name, percent(band["share"]), percent(band["default_rate"])]
                for name, band in figures["bands"].items()
            ],
        ),
        score_min=int(np.nanmin(loans.features[:, NAMES.index("credit_score")])),
        yardstick=yardstick(figures),
    )
    return wrapped(text)


# Commands.


def train_default(loans: Loans, folder: Path) -> None:
    """Searches, measures, trains on all rows and writes the default model."""
    candidates = search(loans, SEARCH_REPEATS, SEARCH_SEED, "search")
    chosen = choose(candidates)
    note(f"chosen: {chosen.trees} trees, {chosen.setting}")
    parameters = parameters_of(chosen.setting)
    free = parameters_of(chosen.setting, monotone=False)
    booster = fit(loans.features, loans.defaults, parameters, chosen.trees)
    check_monotone(booster)
    rate = float(loans.defaults.mean())
    in_sample = roc_auc_score(loans.defaults, margins_of(booster, loans.features))
    note("figures out of fold")
    figures = {
        **quality(out_of_fold(loans, parameters, chosen.trees), loans.defaults),
        "auc_nested": spread(nested_aucs(loans)),
        "auc_without_constraints": spread(out_of_fold(loans, free, chosen.trees).aucs),
        "auc_logistic_regression": spread(logistic_aucs(loans)),
        "unsplit": unsplit_figures(loans, chosen),
        "auc_in_sample": round(float(in_sample), 4),
        "brier_of_mean": round(rate * (1 - rate), 4),
        "nulls": null_effects(booster, loans),
    }
    manifest = write_model(folder, "default", booster, loans, parameters, figures)
    card = card_text(manifest, booster, loans, candidates, chosen)
    (folder / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    # It reads the loans as this file does.
    import snapshot

    snapshot.write(loans, booster, folder)


def train_bench(loans: Loans, folder: Path, trees: int, leaves: int) -> None:
    """The benchmarks' model: a common size, to be measured and not to be shipped."""
    parameters = BENCH_PARAMETERS | {"num_leaves": leaves}
    booster = fit(loans.features, loans.defaults, parameters, trees)
    note("figures out of fold")
    result = out_of_fold(loans, parameters, trees, repeats=1)
    figures = {"auc_out_of_fold": spread(result.aucs)}
    write_model(folder, f"bench-{trees}x{leaves}", booster, loans, parameters, figures)


def main() -> None:
    """Reads the arguments and runs one of the two commands."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="CSV of loans with outcomes")
    parser.add_argument(
        "--out", type=Path, default=DEFAULT_FOLDER, help="folder of the default model"
    )
    parser.add_argument(
        "--bench", type=Path, metavar="FOLDER", help="train the benchmarks' model into FOLDER"
    )
    parser.add_argument("--trees", type=int, default=BENCH_TREES, help="with --bench")
    parser.add_argument(
        "--leaves", type=int, default=BENCH_PARAMETERS["num_leaves"], help="of a tree, with --bench"
    )
    arguments = parser.parse_args()
    loans = read_loans(arguments.data)
    if arguments.bench is not None:
        train_bench(loans, arguments.bench, arguments.trees, arguments.leaves)
    else:
        train_default(loans, arguments.out)


if __name__ == "__main__":
    main()
