"""Measures what explains scores elsewhere: reasons.py FOLDER MODEL

FOLDER holds rows.f64 and reference.f64 (rows of doubles) and values.f64 (our Shapley values of the
rows). Prints one line of JSON an engine: microseconds a row at the least of some rounds, one thread,
and how far its values are from ours, where they are meant to be the same. LightGBM's pred_contrib
gives other ones: against the training data instead of a reference. shap keeps floats within.
"""

import json
import os
import pathlib
import sys
import time

os.environ["OMP_NUM_THREADS"] = "1"

import lightgbm as lgb  # noqa: E402
import numpy as np  # noqa: E402
import shap  # noqa: E402

FOLDER = pathlib.Path(sys.argv[1])
MODEL = sys.argv[2]
ROUNDS = 7

booster = lgb.Booster(model_file=MODEL)
width = booster.num_feature()
rows = np.fromfile(FOLDER / "rows.f64").reshape(-1, width)
reference = np.fromfile(FOLDER / "reference.f64").reshape(-1, width)
due = np.fromfile(FOLDER / "values.f64").reshape(-1, width)


def measure(engine, call, same):
    """Prints an engine's figures."""
    values = call()
    least = float("inf")
    for _ in range(ROUNDS):
        started = time.perf_counter()
        call()
        least = min(least, time.perf_counter() - started)
    facts = {"engine": engine, "us": least / len(rows) * 1e6}
    if same:
        facts["difference"] = float(np.abs(values - due).max())
    print(json.dumps(facts), flush=True)


against = shap.TreeExplainer(booster, reference, feature_perturbation="interventional")
measure("shap, interventional", lambda: against.shap_values(rows, check_additivity=False), True)
measure(
    "LightGBM, pred_contrib",
    lambda: booster.predict(rows, pred_contrib=True, num_threads=1)[:, :-1],
    False,
)
