"""Commands on networks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from greentrip.cli.options import AsJson, DataDir, Server, client_of, print_data, print_message

if TYPE_CHECKING:
    from greentrip.v1 import network_pb2

BAD_INPUT = 2  # exit code when files or a network have errors

app = typer.Typer(help="Look at networks, import, check and export them.", no_args_is_help=True)

Format = Annotated[str, typer.Option("--format", metavar="FORMAT", help="Name of the format; found out if left out.")]
Crs = Annotated[str, typer.Option(help="Coordinate system of the files, such as EPSG:2435, if they do not say.")]
Gcj02 = Annotated[bool, typer.Option("--gcj02", help="Coordinates are those of Chinese web maps.")]
Options = Annotated[
    list[str] | None, typer.Option("--option", metavar="KEY=VALUE", help="Option of one format, such as length=mi.")
]
Encoding = Annotated[str, typer.Option(help="Encoding of text files, such as gbk; found out if left out.")]


@app.command("list")
def network_list(server: Server = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the networks."""
    with client_of(server, data_dir) as client:
        names = client.networks()
    print_data(names) if as_json else typer.echo("\n".join(names))


@app.command("show")
def network_show(name: str, server: Server = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Print a network's counts, kilometres and coverage."""
    with client_of(server, data_dir) as client:
        city = client.network(name)
    if as_json:
        print_message(city)
        return
    from greentrip import show

    out = show.console()
    if "rows" in city.summary:
        from greentrip.plain import plain

        facts = plain(city.summary)
        out.print(f"{city.display_name}: cannot be simulated as it is", markup=False)
        for layer, rows in sorted(facts["rows"].items()):
            out.print(f"  {int(rows):>10,} {layer}", markup=False)
        for line in facts["missing"]:
            out.print(f"  - {line}", markup=False)
    else:
        show.network(out, city)
    for title, lines in (("Assumed", city.assumptions), ("Sources", city.sources)):
        out.print(f"{title}:")
        for line in lines:
            out.print(f"  - {line}", markup=False)


@app.command("import")
def network_import(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, archives or folders.")],
    name: Annotated[str, typer.Option("--as", metavar="NAME", help="Name of the new network.")],
    form: Format = "",
    crs: Crs = "",
    gcj02: Gcj02 = False,
    encoding: Encoding = "",
    option: Options = None,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what is safe and list it.")] = False,
    title: Annotated[str, typer.Option(help="Name of the city, for people.")] = "",
    server: Server = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Read files of any supported format as a new network; with errors nothing is stored and the exit code is 2."""
    with client_of(server, data_dir) as client:
        made = client.network_files.add(
            paths,
            name,
            form=form,
            crs=crs,
            gcj02=gcj02,
            encoding=encoding,
            repair=repair,
            display_name=title,
            options=_pairs(option),
        )
    _print_import(made, name, as_json)


@app.command("validate")
def network_validate(
    target: Annotated[str, typer.Argument(metavar="NAME|PATH", help="A network, or a file or folder to check.")],
    form: Format = "",
    crs: Crs = "",
    gcj02: Gcj02 = False,
    encoding: Encoding = "",
    option: Options = None,
    server: Server = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Check a network, or files without storing them; with errors the exit code is 2."""
    with client_of(server, data_dir) as client:
        if Path(target).exists():
            made = client.network_files.add(
                [target],
                form=form,
                crs=crs,
                gcj02=gcj02,
                encoding=encoding,
                validate_only=True,
                options=_pairs(option),
            )
            check = made.check
        else:
            check = client.network_files.validate(target)
    if as_json:
        print_message(check)
    else:
        _print_check(check)
    if check.errors:
        raise typer.Exit(BAD_INPUT)


@app.command("export")
def network_export(
    name: str,
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help="Name of the format.")],
    to: Annotated[Path, typer.Option("--to", metavar="PATH", help="File or folder to write.")],
    server: Server = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write a network in a format that other tools open."""
    with client_of(server, data_dir) as client:
        header = client.network_files.export(name, form, to)
    if as_json:
        print_message(header)
        return
    for problem in header.check.problems:
        typer.echo(_line(problem), err=True)
    typer.echo(str(to))


@app.command("delete")
def network_delete(name: str, server: Server = None, data_dir: DataDir = None) -> None:
    """Remove an imported network."""
    with client_of(server, data_dir) as client:
        client.network_files.delete(name)


@app.command("formats")
def network_formats(server: Server = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the file formats that can be read and written."""
    with client_of(server, data_dir) as client:
        found = client.network_files.formats()
    if as_json:
        print_data([{"name": f.name, "title": f.title, "reads": f.reads, "writes": f.writes} for f in found])
        return
    for f in found:
        does = " and ".join(word for word, yes in (("read", f.reads), ("written", f.writes)) if yes)
        typer.echo(f"{f.name:12} {does:17} {f.title}")


def _pairs(option: list[str] | None) -> dict[str, str]:
    """Read KEY=VALUE."""
    made = {}
    for text in option or ():
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise ValueError(f"--option: saw {text!r}; expected KEY=VALUE, such as length=mi")
        made[key] = value
    return made


def _print_import(made: "network_pb2.ImportNetworkResponse", name: str, as_json: bool) -> None:
    if as_json:
        print_message(made)
    else:
        _print_check(made.check)
        for line in made.repairs:
            typer.echo(f"mended: {line}")
        if made.stored:
            typer.echo(f"stored as {made.network.name}")
            for problem in made.missing:
                typer.echo(f"to simulate it: {_line(problem).removeprefix('error: ')}")
        else:
            typer.echo(f"greentrip: nothing is stored as {name}: {made.check.errors:,} errors", err=True)
    if not made.stored:
        raise typer.Exit(BAD_INPUT)


def _print_check(check: "network_pb2.NetworkCheck") -> None:
    """Print rows, problems and how many there are of each kind."""
    for layer, rows in sorted(check.counts.items()):
        typer.echo(f"{rows:>12,} {layer}")
    listed: dict[tuple[str, str], int] = {}
    for problem in check.problems:
        typer.echo(_line(problem))
        listed[problem.level, problem.code] = listed.get((problem.level, problem.code), 0) + 1
    for kind in check.kinds:
        more = kind.count - listed.get((kind.level, kind.code), 0)
        if more > 0:
            typer.echo(f"{kind.level}: ... and {more:,} more of {kind.code}")
    typer.echo(f"{check.errors:,} errors, {check.warnings:,} warnings")


def _line(problem: "network_pb2.NetworkProblem") -> str:
    saw = f"saw {problem.saw}; " if problem.saw else ""
    remedy = f"; {problem.remedy}" if problem.remedy else ""
    return f"{problem.level}: {problem.place}: {saw}expected {problem.expected}{remedy}"
