"""Commands for whoever runs a server, on its machine: `token`, `audit`, `backup`, `restore`, `doctor`."""

import sys

import typer

_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
_COMMANDS = {
    "token": "Make, list and revoke the tokens that let clients in.",
    "audit": "Show who changed what.",
    "backup": "Write everything a server keeps to one file.",
    "restore": "Bring a backup into an empty data directory or database.",
    "doctor": "Check this installation; --bundle FILE gathers what a bug report needs.",
}


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for name, text in _COMMANDS.items():
        app.command(name, help=text, context_settings=_PASSED_ON)(_run)


def _run(context: typer.Context) -> None:
    """Let the engine do it; it has the options."""
    import os
    from importlib.util import find_spec

    if find_spec("greentrip_server") is None:
        raise ValueError("the engine is not installed: `pip install greentrip[engine]`")
    command = [sys.executable, "-m", "greentrip_server.admin", str(context.info_name), *context.args]
    os.execv(sys.executable, command)  # noqa: S606
