"""A library whose trainings are logged: what is patched in it, and the switch."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Generic, TypeVar

from runstream.autologging.callers import is_within_sklearn
from runstream.autologging.guard import Guard
from runstream.autologging.patches import Patches
from runstream.autologging.settings import Settings
from runstream.autologging.training import (
    Log,
    Training,
    current_training,
    is_off,
    run_training,
)
from runstream.files.optional_libraries import import_optional
from runstream.registry_rules import check_registered_model_name

S = TypeVar("S", bound=Settings)


class Library(Generic[S]):
    """One library; there is one object of it for each, `LIBRARY` in the module of its name.

    Attributes:
        name: its name, as in `runstream.NAME.autolog`.
        settings: what the user has chosen; None while it is off.
        is_chosen: whether the user has turned it on by its own name.
    """

    def __init__(
        self,
        name: str,
        settings_class: type[S],
        patch_modules: Mapping[str, Callable[[ModuleType], None]],
    ) -> None:
        """Describe a library.

        Args:
            name: its name.
            settings_class: the class of its settings.
            patch_modules: for each of its modules in which something is patched, the function that
                does it, by `wrap` and `wrap_training`. It is called with the module once a program
                has imported it: nothing of the library is imported by us.
        """
        self.name = name
        self.settings: S | None = None
        self.is_chosen = False
        self._settings_class = settings_class
        self._patch_modules = patch_modules
        self._patches = Patches()
        self._hooked: set[str] = set()  # modules for whose import a hook waits

    def choose(self, settings: S | None) -> None:
        """Turn it on or off, as a user does by its own name.

        Args:
            settings: those of its trainings from now on; None to turn it off.

        Raises:
            InvalidArgument: the name of the registered model breaks its rule.
            ModuleNotFoundError: wrapt is not installed.
        """
        if settings is None:
            self.disable()
        else:
            if settings.registered_model_name is not None:
                check_registered_model_name("registered_model_name", settings.registered_model_name)
            self._enable(settings)
            self.is_chosen = True

    def enable_by_default(self, **settings: Any) -> None:
        """Turn it on with settings that all libraries have, unless the user has chosen others."""
        if not self.is_chosen:
            self._enable(self._settings_class(**settings))

    def disable(self) -> None:
        """Log nothing any more, and put back what was patched."""
        self.settings, self.is_chosen = None, False
        self._patches.restore()

    def _enable(self, settings: S) -> None:
        wrapt = import_optional("wrapt", "autolog", extra="autolog")
        self.settings = settings
        for name in self._patch_modules:
            if name in sys.modules:
                self._patch(sys.modules[name])
            elif name not in self._hooked:
                self._hooked.add(name)
                wrapt.register_post_import_hook(self._patch, name)

    def _patch(self, module: ModuleType) -> None:
        self._hooked.discard(module.__name__)
        if self.settings is not None:
            self.guard().attempt(self._patch_modules[module.__name__], module)

    def wrap_training(
        self,
        owner: Any,
        name: str,
        log: Log[S],
        *,
        joins: bool = False,
        is_method: bool = True,
        is_logged: Callable[[Any], bool] | None = None,
    ) -> None:
        """Log the calls of a function that trains; see `Patches.wrap` and `training.Log`.

        Those by which scikit-learn trains for itself, as in `cross_val_score`, are not logged.

        Args:
            owner: where it is an attribute.
            name: its name.
            log: logs one training.
            joins: whether a call within another training of this library is logged, too, to its
                run. Other trainings within a training are not.
            is_method: whether the function gets an instance first, if its owner is no module.
            is_logged: called with the instance; tells whether this process logs, of those that
                train together.
        """
        has_instance = is_method and not isinstance(owner, ModuleType)

        def around(
            function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
        ) -> Any:
            outer = current_training()
            is_part = outer is not None and not (joins and outer.library == self.name)
            is_unbound = has_instance and not args
            if self.settings is None or is_part or is_off() or is_unbound:
                return function(*args, **kwargs)
            instance, rest = (args[0], args[1:]) if has_instance else (None, args)
            if outer is None and is_within_sklearn():
                return function(*args, **kwargs)
            if is_logged is not None and not self.guard().attempt(is_logged, instance):
                return function(*args, **kwargs)
            training = Training(self.name, self.settings, function, instance, rest, kwargs)
            return run_training(training, log)

        self._patches.wrap(owner, name, around)

    def wrap(self, owner: Any, name: str, around: Callable[..., Any]) -> None:
        """Replace a function that does not train; see `Patches.wrap`.

        Args:
            owner: where it is an attribute.
            name: its name.
            around: as that of `Patches.wrap`. It calls the function of the library itself, and
                what it does besides by the `attempt` of a `Guard`, of which `guard` makes one.
        """
        self._patches.wrap(owner, name, around)

    def replace(self, owner: Any, name: str, value: Any) -> None:
        """Replace an attribute that is no plain function; see `Patches.replace`."""
        self._patches.replace(owner, name, value)

    def guard(self) -> Guard:
        """Return a guard for what is done outside of a training."""
        return Guard(self.name, self.settings is None or self.settings.silent)
