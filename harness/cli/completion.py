"""``harness completion``"""

from __future__ import annotations

import click


@click.command(name="completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the script that makes a shell complete verbs, options, methods and files.

    Once per shell, in its start-up file, e.g. ~/.bashrc or ~/.zshrc:

    \b
    eval "$(harness completion bash)"
    eval "$(harness completion zsh)"

    For fish, once:

    \b
    harness completion fish > ~/.config/fish/completions/harness.fish
    """
    from click.shell_completion import get_completion_class

    from harness.cli.main import cli

    complete = get_completion_class(shell)
    assert complete is not None
    script = complete(cli, {}, "harness", "_HARNESS_COMPLETE")
    # Without the check of the shell's version, which would start that shell.
    click.echo(script.source_template % script.source_vars())
