"""What whoever runs a server does on its machine: tokens, the audit log, backup, restore, doctor.

`greentrip token|audit|backup|restore|doctor` start this module; it works on the data directory or the shared database
itself, so it needs the rights of the server's user and no running server.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from greentrip_networks.errors import GreentripError
from pydantic import ValidationError
from sqlalchemy import select

from greentrip_server.database import open_database
from greentrip_server.directory import DataDirectory
from greentrip_server.errors import StateError
from greentrip_server.jobs import Jobs
from greentrip_server.settings import Settings
from greentrip_server.tables import AuditRow, TokenRow


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and do what it says; return the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        given = {"data": asked.data_dir} if asked.data_dir is not None else {}
        settings = Settings(**given)
        work: Callable[[argparse.Namespace, Settings], int] = asked.work
        return work(asked, settings)
    except ValidationError as error:
        said = "; ".join(e["msg"].removeprefix("Value error, ") for e in error.errors())
    except (GreentripError, OSError) as error:
        said = str(error)
    sys.stderr.write(f"greentrip: {' '.join(said.split())}\n")
    return 1


def _parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--data-dir", type=Path, help="data directory (GREENTRIP_DATA); GREENTRIP_DATABASE is heeded")
    shared.add_argument("--json", action="store_true", help="print data for machines")
    parser = argparse.ArgumentParser(prog="greentrip", description="Look after a server, on its own machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    token = commands.add_parser("token", help="make, list and revoke tokens").add_subparsers(required=True)
    create = token.add_parser("create", parents=[shared], help="make a token; it is shown this once")
    create.add_argument("name", help="who will hold it")
    create.add_argument("--scope", default="write", choices=["read", "write", "admin"])
    create.add_argument("--days", type=float, help="how long it is valid; without, until it is revoked")
    create.set_defaults(work=_create)
    token.add_parser("list", parents=[shared], help="list tokens").set_defaults(work=_list)
    revoke = token.add_parser("revoke", parents=[shared], help="end a token")
    revoke.add_argument("id", help="as `token list` shows it")
    revoke.set_defaults(work=_revoke)
    audit = commands.add_parser("audit", parents=[shared], help="show who changed what, newest last")
    audit.add_argument("--last", type=int, default=50, help="how many lines")
    audit.set_defaults(work=_audit)
    for name, work, text in (
        ("backup", _backup, "write everything to a file; servers may go on"),
        ("restore", _restore, "bring a backup into an empty data directory or database"),
    ):
        command = commands.add_parser(name, parents=[shared], help=text)
        command.add_argument("file", type=Path)
        command.set_defaults(work=work)
    doctor = commands.add_parser("doctor", parents=[shared], help="check this installation")
    doctor.add_argument("--bundle", type=Path, metavar="FILE", help="gather what a bug report needs, without secrets")
    doctor.add_argument("--only", default="", metavar="CHECK", help="one check, such as `server`")
    doctor.set_defaults(work=_doctor)
    return parser


@contextmanager
def _store(settings: Settings) -> Iterator[tuple[Jobs, DataDirectory]]:
    """Open the store that the settings name."""
    directory = DataDirectory(settings.data, settings.results)
    directory.path.mkdir(parents=True, exist_ok=True, mode=0o700)
    directory.results.mkdir(parents=True, exist_ok=True)
    url = settings.database
    jobs = Jobs(open_database(url.get_secret_value() if url is not None else directory.database))
    try:
        yield jobs, directory
    finally:
        jobs.close()


def _say(asked: argparse.Namespace, data: object, line: str) -> int:
    """Print data or a line."""
    sys.stdout.write((json.dumps(data, ensure_ascii=False) if asked.json else line) + "\n")
    return 0


def _create(asked: argparse.Namespace, settings: Settings) -> int:
    """Make a token."""
    from greentrip_server.security import Tokens

    with _store(settings) as (jobs, _):
        made = Tokens(jobs).create(asked.name, asked.scope, asked.days)
    return _say(asked, {"token": made}, made)


def _list(asked: argparse.Namespace, settings: Settings) -> int:
    """List tokens."""
    from greentrip_server.security import Tokens

    with _store(settings) as (jobs, _):
        rows = Tokens(jobs).all()
    data = [
        {"id": r.id, "name": r.name, "scope": r.scope, "state": _state(r), "created": r.created, "expires": r.expires}
        for r in rows
    ]
    return _say(asked, data, "\n".join(f"{r['id']}  {r['scope']:5}  {r['state']:7}  {r['name']}" for r in data))


def _state(row: TokenRow) -> str:
    """Return whether a token lets in."""
    if row.revoked is not None:
        return "revoked"
    return "expired" if row.expires is not None and row.expires < time.time() else "valid"


def _revoke(asked: argparse.Namespace, settings: Settings) -> int:
    """End a token."""
    from greentrip_server.security import KNOWN_S, Tokens

    with _store(settings) as (jobs, _):
        if not Tokens(jobs).revoke(asked.id):
            raise StateError(f"no valid token has the id {asked.id!r}", "see `greentrip token list`")
    return _say(asked, {"revoked": asked.id}, f"{asked.id} ends within {KNOWN_S:g} s on every server")


def _audit(asked: argparse.Namespace, settings: Settings) -> int:
    """Show the end of the audit log."""
    with _store(settings) as (jobs, _), jobs.session() as session:
        newest = select(AuditRow).order_by(AuditRow.number.desc()).limit(max(asked.last, 1))
        rows = list(session.scalars(newest))[::-1]
    data = [{c: getattr(r, c) for c in ("at", "client", "peer", "method", "resource", "code")} for r in rows]
    lines = [
        f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(r.at))}  {r.client}  {r.method}  {r.resource}  {r.code}"
        for r in rows
    ]
    return _say(asked, data, "\n".join(lines))


def _backup(asked: argparse.Namespace, settings: Settings) -> int:
    """Write a backup."""
    from greentrip_server.backup import backup

    with _store(settings) as (jobs, directory):
        counts = backup(jobs.engine, directory, asked.file)
    return _say(asked, counts, f"{asked.file}: {counts['rows']} rows, {counts['runs']} runs, {counts['bytes']} bytes")


def _restore(asked: argparse.Namespace, settings: Settings) -> int:
    """Bring a backup back."""
    from greentrip_server.backup import restore

    with _store(settings) as (jobs, directory), directory.owned():
        counts = restore(asked.file, jobs.engine, directory)
    return _say(asked, counts, f"{counts['rows']} rows, {counts['runs']} runs restored")


def _doctor(asked: argparse.Namespace, settings: Settings) -> int:
    """Check the installation."""
    from greentrip_server.doctor import bundle, examine

    findings = examine(settings, asked.only)
    if asked.bundle is not None:
        bundle(settings, findings, asked.bundle)
    lines = [
        f"{'ok ' if f.well else 'BAD'}  {f.check}: {f.seen}{f'; {f.remedy}' if f.remedy else ''}" for f in findings
    ]
    _say(asked, [f.__dict__ for f in findings], "\n".join(lines))
    return 0 if all(f.well for f in findings) else 1


if __name__ == "__main__":
    sys.exit(main())
