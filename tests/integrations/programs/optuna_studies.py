"""Studies of Optuna without `track`: in threads, of two objectives, with trials that fail."""

import json

import optuna

import runstream
from runstream.integrations.optuna import RunstreamCallback

optuna.logging.set_verbosity(optuna.logging.WARNING)
sampler = optuna.samplers.RandomSampler(seed=3)


def prunable(trial):
    x = trial.suggest_float("x", 0, 1)
    kind = trial.suggest_categorical("kind", ["linear", "deep"])
    trial.set_user_attr("comment", f"a {kind} one")
    if trial.number == 2:
        raise ValueError("this one fails")
    for step in range(3):
        trial.report(x + step, step)
        if trial.number == 3 and step == 1:
            raise optuna.TrialPruned
    return x


with runstream.start_run(run_name="mine") as mine:
    study = optuna.create_study(study_name="threads", sampler=sampler)
    study.optimize(
        prunable, n_trials=8, n_jobs=4, catch=(ValueError,), callbacks=[RunstreamCallback()]
    )
    assert runstream.active_run() is mine
assert runstream.active_run() is None

two = RunstreamCallback(metric_name=["cost", "error"], experiment_name="two objectives")
study = optuna.create_study(directions=["minimize", "maximize"], sampler=sampler)
study.optimize(lambda trial: (trial.suggest_int("n", 1, 9), 0.5), n_trials=2, callbacks=[two])
two.end()


def broken(trial):
    runstream.log_param("tried", trial.suggest_int("n", 1, 9))
    raise RuntimeError("not caught")


study = optuna.create_study(sampler=sampler)
try:
    with RunstreamCallback(run_name="broken") as failing:
        study.optimize(failing.track(broken), n_trials=2, callbacks=[failing])
except RuntimeError:
    pass
print(json.dumps({"mine": mine.run_id, "two": two.run_id, "broken": failing.run_id}))
