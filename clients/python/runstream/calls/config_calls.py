"""The call of a client that logs a whole configuration."""

from __future__ import annotations

from importlib.util import find_spec

from runstream.calls.artifact_content_calls import ArtifactContentCalls
from runstream.calls.logging_calls import LoggingCalls
from runstream.errors import InvalidArgument


class ConfigCalls(LoggingCalls, ArtifactContentCalls):
    """The part of `TrackingClient` that logs configurations."""

    def log_config(self, run_id: str, config: object, prefix: str = "") -> str:
        """Log a nested configuration: each value as a param, and the whole as an artifact.

        The params have `.` between the names, as `optimizer.lr`. A list is one param, unless
        dictionaries are in it: then its positions are names, as `layers.0.units`. Their texts are
        those of `runstream.log_params`, and the params are queued.

        Args:
            run_id: the run.
            config: a mapping, a namespace of argparse, a dataclass, a model of pydantic, a class of
                attrs or a config of OmegaConf, each of which may be in another. A member of an enum
                is its value if that is a text or a number, else its name; a class or a function is
                its name; what YAML lacks is its text.
            prefix: name before all others, as `model` for `model.layers`.

        Returns:
            The path of the artifact, which is on disk: `config.yaml`, or `config.PREFIX.yaml`; with
            the suffix `.json` where PyYAML is not installed. `load_dict` reads either. Another
            call of the same prefix replaces it.

        Raises:
            InvalidArgument: it is no configuration, is nested more than 50 deep, or a key or value
                breaks its rule (M1, P2); nothing is logged.
            RunstreamError: as of `log_params` and `log_dict`.
        """
        from runstream.contract.configs import flatten_config, plain_config
        from runstream.files.artifact_paths import check_artifact_file
        from runstream.files.serialization import serialize_dictionary

        if not isinstance(prefix, str):
            raise InvalidArgument(
                f"Invalid value of type {type(prefix).__name__} for parameter 'prefix' supplied: "
                "it must be a text",
                reason="CONFIG_PREFIX_MALFORMED",
                field="prefix",
                value=type(prefix).__name__,
                limit="a text",
            )
        prefix = prefix.rstrip(".")
        plain = plain_config(config)
        suffix = ".yaml" if find_spec("yaml") else ".json"
        path = check_artifact_file(f"config.{prefix}{suffix}" if prefix else f"config{suffix}")
        content = serialize_dictionary(plain, path)
        self.buffer(run_id).log_params(flatten_config(plain, prefix))
        self._upload_bytes(run_id, content, path)
        return path
