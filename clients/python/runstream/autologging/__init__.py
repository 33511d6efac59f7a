"""Autologging: trainings of libraries are logged by themselves.

    runstream.autolog()           # all libraries
    runstream.sklearn.autolog()   # one of them

`libraries` has the list and the switch of all, `library` what one of them is, `patches` how its
functions are replaced and put back, `training` the call that is logged and its run, and `guard` the
promise that a fault of ours is one warning and never reaches a training.

A library is a module here, or a package, with an object `LIBRARY`, which is added to the list in
`libraries`; and a module of its name at the top of `runstream`, which has the functions of its
users:

    # autologging/lightgbm.py
    @dataclass(frozen=True)
    class LightgbmSettings(Settings):
        log_evals: bool = True

    def _log_train(training: Training[LightgbmSettings]) -> Generator[None, Any, None]:
        training.log_params(training.argument("params", {}))
        callbacks = [*(training.argument("callbacks") or ()), _Recorder(training)]
        training.replace_argument("callbacks", callbacks)
        booster = yield                                  # the training runs here
        training.log_metrics({"best_iteration": booster.best_iteration})
        training.log_model(flavor(), booster.save_model_to_a_folder)

    def _patch(module: ModuleType) -> None:
        LIBRARY.wrap_training(module, "train", _log_train)

    LIBRARY = Library("lightgbm", LightgbmSettings, {"lightgbm": _patch})

    # lightgbm.py
    def autolog(log_evals: bool = True, disable: bool = False, ...) -> None:
        LIBRARY.choose(None if disable else LightgbmSettings(log_evals=log_evals, ...))

What `training.run` logs is queued and costs no round trip. Whatever needs one, such as an artifact,
goes through `training.defer`, which does it after the training on a thread where nobody waits;
`training.log_params`, `log_metrics`, `log_dataset` and `log_model` do so where they have to.
`runstream.models` has what models of all frameworks share; `runstream/sklearn.py` and
`sklearn/model.py` show how a framework uses it.

What a module here imports of its library it imports within functions that are called after the
program has imported it. A callback of ours that a library calls does its work by
`training.attempt(function, ...)`, which never raises and ends what waits for a server. Before the
`yield` and after it, an exception is caught in the same way, and the training goes on with the
arguments that the user gave.

A training must give the same as without us, to the bit: code here draws no random numbers, changes
no argument in place, and keeps no model alive.
"""
