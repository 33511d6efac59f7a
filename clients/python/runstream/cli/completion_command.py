"""`runstream completion`: the script that completes commands in a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands in a shell.

    \b
    bash:  eval "$(runstream completion bash)"                      in ~/.bashrc
    zsh:   eval "$(runstream completion zsh)"                       in ~/.zshrc
    fish:  runstream completion fish > ~/.config/fish/completions/runstream.fish
    """
    complete = get_completion_class(shell)
    assert complete is not None  # noqa: S101 - click has all three
    name = "runstream"
    script = complete(ctx.find_root().command, {}, name, f"_{name}_complete".upper())
    click.echo(script.source())
