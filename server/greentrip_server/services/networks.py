"""The network service: what networks there are, what is in them, and how they come and go."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from google.protobuf import empty_pb2
from greentrip.v1 import network_pb2, network_pb2_grpc
from greentrip_networks.problems import BadInputError, Problem, Problems
from sqlalchemy import select

from greentrip_server.answer import collecting, streaming, unary
from greentrip_server.cities import PREFIX, Cities
from greentrip_server.clerks import Clerks
from greentrip_server.convert import struct
from greentrip_server.desk import Desk
from greentrip_server.errors import FieldError, StateError
from greentrip_server.jobs import Jobs, last_part
from greentrip_server.services.uploads import Upload
from greentrip_server.tables import ScenarioRow

if TYPE_CHECKING:
    from greentrip_networks.layers import Layers

LISTED = 200  # problems in one response
MATRICES = ("omx", "matrix-csv")  # formats of matrices only: a network without any gets those of empty streets


class NetworkService(network_pb2_grpc.NetworkServiceServicer):
    """Reads bundled and imported networks, imports, checks, exports and removes."""

    def __init__(self, cities: Cities, jobs: Jobs, clerks: Clerks) -> None:
        self._cities, self._jobs, self._clerks = cities, jobs, clerks

    @unary
    async def GetNetwork(self, request: network_pb2.GetNetworkRequest) -> network_pb2.Network:  # noqa: N802
        """Return one network with its counts."""
        return await self._clerks.ask(network_facts, last_part(request.name, "networks", "name"))

    @unary
    async def ListNetworks(self, request: network_pb2.ListNetworksRequest) -> network_pb2.ListNetworksResponse:  # noqa: N802
        """List names, without loading."""
        if request.page_size < 0:
            raise FieldError("page_size", f"saw {request.page_size}; expected 0 or more")
        token = request.page_token or "0"
        if not (token.isascii() and token.isdigit() and len(token) < 10):
            raise FieldError("page_token", f"saw {token[:100]!r}; expected the next_page_token of the page before")
        names = self._cities.names()
        first = int(token)
        last = first + min(request.page_size or 100, 1000)
        return network_pb2.ListNetworksResponse(
            networks=[network_pb2.Network(name=f"{PREFIX}{name}") for name in names[first:last]],
            next_page_token=str(last) if last < len(names) else "",
        )

    @collecting
    async def ImportNetwork(  # noqa: N802
        self, requests: AsyncIterator[network_pb2.ImportNetworkRequest]
    ) -> network_pb2.ImportNetworkResponse:
        """Take an upload, read it, check it, keep it."""
        with tempfile.TemporaryDirectory(prefix="greentrip-upload-") as folder:
            upload = Upload(Path(folder))
            async for request in requests:
                upload.take(request)
            upload.end()
            settings = upload.settings
            if not settings.validate_only:
                self._free(settings.network_id)
            return await self._clerks.ask(import_files, upload.settings, upload.paths, upload.names)

    def _free(self, name: str) -> None:
        """Raise FieldError unless a new network can have this name."""
        from greentrip_networks.store import NAME

        if not NAME.fullmatch(name):
            expected = "lower-case letters, digits and hyphens, a letter first, at most 63"
            raise FieldError("settings.network_id", f"saw {name!r:.80}; expected {expected}")
        if name in self._cities.names():
            raise StateError(f"there is a network {name!r} already", "delete it first, or choose another name")

    @unary
    async def ValidateNetwork(self, request: network_pb2.ValidateNetworkRequest) -> network_pb2.NetworkCheck:  # noqa: N802
        """Check a network."""
        return await self._clerks.ask(network_check, last_part(request.name, "networks", "name"))

    @streaming
    async def ExportNetwork(  # noqa: N802
        self, request: network_pb2.ExportNetworkRequest
    ) -> AsyncIterator[network_pb2.ExportNetworkResponse]:
        """Stream a file of another format."""
        with tempfile.TemporaryDirectory(prefix="greentrip-export-") as folder:
            header, path = await self._clerks.ask(export_files, request, Path(folder))
            yield network_pb2.ExportNetworkResponse(header=header)
            with path.open("rb") as content:
                while piece := await asyncio.to_thread(content.read, 1 << 20):
                    yield network_pb2.ExportNetworkResponse(content=piece)

    @unary
    def DeleteNetwork(self, request: network_pb2.DeleteNetworkRequest) -> empty_pb2.Empty:  # noqa: N802
        """Remove an imported network."""
        name = last_part(request.name, "networks", "name")
        if not self._cities.imported(name):
            raise StateError(f"{name} is bundled with the service", "only imported networks can be deleted")
        with self._jobs.session() as session:
            used = session.scalars(
                select(ScenarioRow.id).where(ScenarioRow.network == f"{PREFIX}{name}").limit(1)
            ).first()
        if used is not None:
            raise StateError(f"scenarios/{used} refers to {name}", "delete the scenario first")
        assert self._cities.store is not None
        self._cities.store.delete(name)
        return empty_pb2.Empty()

    @unary
    def ListFormats(self, _: network_pb2.ListFormatsRequest) -> network_pb2.ListFormatsResponse:  # noqa: N802
        """List the file formats."""
        from greentrip_networks.formats import formats

        return network_pb2.ListFormatsResponse(
            formats=[
                network_pb2.FileFormat(name=f.name, title=f.title, reads=f.read is not None, writes=f.write is not None)
                for f in formats().values()
            ]
        )


def network_facts(desk: Desk, name: str) -> network_pb2.Network:
    """Return a network with its counts; one that cannot be simulated says why."""
    from greentrip_networks import summary

    try:
        network = desk.cities.get(name)
    except BadInputError as error:
        return _not_simulated(name, desk.cities.layers(name), error.problems)
    target = network.target
    return network_pb2.Network(
        name=f"{PREFIX}{network.name}",
        display_name=network.name_en,
        year=network.year,
        target=network_pb2.Target(
            indicator=target.name, percent=target.value, year=target.year, area=target.area, source=target.source
        ),
        summary=struct(summary(network)),
        assumptions=network.assumptions,
        sources=network.sources,
    )


def import_files(
    desk: Desk, s: network_pb2.ImportSettings, paths: Sequence[Path], names: Sequence[str]
) -> network_pb2.ImportNetworkResponse:
    """Read, check and keep what was uploaded."""
    from greentrip_networks.formats import ReadOptions, read_layers
    from greentrip_networks.from_layers import missing_for_simulation
    from greentrip_networks.layer_checks import validate_layers
    from greentrip_networks.repair import repair

    options = ReadOptions(
        name=s.display_name or s.network_id,
        crs=s.crs,
        gcj02=s.gcj02,
        encoding=s.encoding,
        repair=s.repair,
        more=dict(s.options),
    )
    found = Problems()
    repairs: list[str] = []
    try:
        layers = read_layers(*paths, form=s.format, options=options, problems=found, names=names)
    except BadInputError as error:
        problems = error.problems if error.problems is found else found
        if error.problems is not found:
            found.extend(error.problems)
        return network_pb2.ImportNetworkResponse(check=check_message(problems, None))
    if s.repair:
        layers, repairs = repair(layers)
    found.extend(validate_layers(layers))
    missing = missing_for_simulation(layers)
    made = network_pb2.ImportNetworkResponse(
        check=check_message(found, layers),
        repairs=repairs,
        missing=[problem_message(p) for p in missing.kept],
        network=_not_simulated("", layers, missing),
    )
    if found.errors or s.validate_only:
        return made
    assert desk.cities.store is not None
    desk.cities.store.save(s.network_id, layers)
    made.network.name = f"{PREFIX}{s.network_id}"
    made.stored = True
    return made


def network_check(desk: Desk, name: str) -> network_pb2.NetworkCheck:
    """Check a network."""
    from greentrip_networks.layer_checks import validate_layers

    layers = desk.cities.layers(name)
    return check_message(validate_layers(layers), layers)


def export_files(
    desk: Desk, request: network_pb2.ExportNetworkRequest, folder: Path
) -> tuple[network_pb2.ExportHeader, Path]:
    """Write the file, or the folder as an archive, into a folder of the caller's."""
    import shutil

    from greentrip_networks.formats import format_named, write_layers

    kind = format_named(request.format)
    layers = desk.cities.layers(last_part(request.name, "networks", "name"))
    if kind.name in MATRICES and not layers.matrices:
        from greentrip_networks.skims import free_skims

        layers = layers.with_(matrices=free_skims(desk.cities.get(request.name)))
    target = folder / ("network" + ("" if kind.folder else kind.suffix))
    try:
        problems = write_layers(layers, target, kind.name)
    except BadInputError as error:
        first = error.problems.kept[0]
        raise StateError(f"{request.name} cannot be written as {kind.name}: {first}", first.remedy) from error
    if kind.folder:
        target = Path(shutil.make_archive(str(folder / "archive"), "zip", target))
    header = network_pb2.ExportHeader(
        suffix=".zip" if kind.folder else kind.suffix, folder=kind.folder, check=check_message(problems, layers)
    )
    return header, target


def _not_simulated(name: str, layers: "Layers", missing: Problems) -> network_pb2.Network:
    """Return a network of which only rows are counted, and what it lacks to be simulated."""
    facts: dict[str, Any] = {"rows": layers.counts(), "missing": [str(p) for p in missing.sorted()]}
    return network_pb2.Network(
        name=f"{PREFIX}{name}" if name else "",
        display_name=layers.notes.name or name,
        summary=struct(facts),
        assumptions=layers.notes.assumptions,
        sources=[*layers.notes.sources, *layers.notes.files],
    )


def problem_message(problem: Problem) -> network_pb2.NetworkProblem:
    """Return a problem as its message."""
    return network_pb2.NetworkProblem(
        level=problem.level,
        code=problem.code,
        place=problem.place,
        saw=problem.saw,
        expected=problem.expected,
        remedy=problem.remedy,
        file=problem.file,
        line=problem.line or 0,
        record=problem.record,
        field=problem.field,
    )


def check_message(problems: Problems, layers: "Layers | None") -> network_pb2.NetworkCheck:
    """Return problems as their message."""
    return network_pb2.NetworkCheck(
        errors=problems.errors,
        warnings=problems.warnings,
        kinds=[
            network_pb2.ProblemCount(level=level, code=code, count=n)
            for (level, code), n in sorted(problems.counted.items())
        ],
        problems=[problem_message(p) for p in problems.sorted()[:LISTED]],
        counts=layers.counts() if layers is not None else {},
    )
