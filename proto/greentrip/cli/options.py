"""What every command shares: its options, how it reaches a service, how it prints."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from greentrip.client import Client

Server = Annotated[
    str | None, typer.Option("--server", metavar="HOST:PORT", help="A running server, instead of one on --data-dir.")
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        envvar="GREENTRIP_DATA",
        help="Data directory of the service; its owner is used if one runs. [greentrip-data]",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print data for machines.")]
Sample = Annotated[float, typer.Option(help="Share of residents simulated, above 0 to 1.")]
MaxDays = Annotated[int, typer.Option(help="Simulated days at most.")]


def client_of(server: str | None, data_dir: Path | None, cluster: str | None = None) -> "Client":
    """Connect as the options say."""
    from greentrip.client import connect

    return connect(server, data_dir, cluster=cluster)


def commas(text: str) -> list[str]:
    """Split at commas, Chinese ones too."""
    return [part.strip() for part in text.replace("，", ",").split(",") if part.strip()]


def numbers(text: str, option: str) -> list[int]:
    """Read whole numbers separated by commas."""
    try:
        return [int(part) for part in commas(text)]
    except ValueError:
        raise ValueError(f"{option}: saw {text!r}; expected whole numbers separated by commas, such as 0,1,2") from None


def read_json(path: Path) -> Any:
    """Read a JSON object from a file, or raise ValueError saying where it stops making sense."""
    import json

    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path}: saw {type(found).__name__}; expected a JSON object")  # noqa: TRY004 - the file is at fault
    return found


def print_data(data: Any) -> None:
    """Print plain data as JSON."""
    from greentrip.plain import dumps

    typer.echo(dumps(data))


def print_message(message: Any) -> None:
    """Print a message as JSON."""
    from greentrip.plain import plain

    print_data(plain(message))


def print_all(messages: list[Any], as_json: bool, line: Any) -> None:
    """Print messages as JSON or one line each."""
    from greentrip.plain import plain

    if as_json:
        print_data([plain(m) for m in messages])
    else:
        for message in messages:
            typer.echo(line(message).rstrip())


def write_file(path: Path, content: bytes, as_json: bool) -> None:
    """Write a file and say so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    if as_json:
        print_data({"path": str(path), "bytes": len(content)})
    else:
        typer.echo(str(path))
