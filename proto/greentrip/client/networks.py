"""Networks that come and go: upload files, check, download, delete."""

import errno
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from greentrip.client.wire import AtOnce, Wire, at_once
from greentrip.v1 import network_pb2, network_pb2_grpc

PIECE = 1 << 20


class NetworkFileVerbs:
    """Networks of one server as files."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._stub = network_pb2_grpc.NetworkServiceStub(wire.channel)

    async def add(
        self,
        paths: Sequence[Path | str],
        name: str = "",
        *,
        form: str = "",
        repair: bool = False,
        crs: str = "",
        gcj02: bool = False,
        encoding: str = "",
        validate_only: bool = False,
        display_name: str = "",
        options: Mapping[str, str] | None = None,
    ) -> network_pb2.ImportNetworkResponse:
        """Upload files or folders as one new network; see `stored` of the reply, and its `check` for what is wrong.

        Parameters
        ----------
        paths
            Files, archives or folders; a folder is sent as an archive.
        name
            Of the new network.
        form
            Name of the format; found out if empty.
        repair
            Mend what is safe.
        crs, gcj02, encoding
            Of the files, where they do not say.
        validate_only
            Store nothing.
        display_name
            Of the city, for people.
        options
            Of one format, by name; see the manual's page on formats.

        Raises
        ------
        FileNotFoundError
            If there is no such path.
        CallError
            If the server refuses the request itself.
        """
        places = [Path(p) for p in paths]
        for place in places:
            if not place.exists():
                raise FileNotFoundError(f"{place}: no such file or folder")
        settings = network_pb2.ImportSettings(
            network_id=name.removeprefix("networks/"),
            format=form,
            repair=repair,
            crs=crs,
            gcj02=gcj02,
            encoding=encoding,
            validate_only=validate_only,
            display_name=display_name,
            options=options,
        )
        return await self.wire.send(self._stub.ImportNetwork, _messages(settings, places))

    async def validate(self, name: str) -> network_pb2.NetworkCheck:
        """Check a network of the server."""
        request = network_pb2.ValidateNetworkRequest(name=_full(name))
        return await self.wire.ask(self._stub.ValidateNetwork, request)

    async def export(self, name: str, form: str, to: Path | str) -> network_pb2.ExportHeader:
        """Write a network as a file, or as a folder where the format asks for one, unless `to` ends with `.zip`."""
        target = Path(to)
        request = network_pb2.ExportNetworkRequest(name=_full(name), format=form)
        header = network_pb2.ExportHeader()
        with tempfile.TemporaryDirectory(prefix="greentrip-") as folder:
            file = Path(folder, "file")
            with file.open("wb") as out:  # noqa: ASYNC230 - pieces of a file of one's own
                async for message in self.wire.stream(self._stub.ExportNetwork, request):
                    if message.WhichOneof("part") == "header":
                        header = message.header
                    else:
                        out.write(message.content)
            _place(file, target, unpack=header.folder and target.suffix != ".zip")
        return header

    async def delete(self, name: str) -> None:
        """Remove an imported network."""
        await self.wire.ask(self._stub.DeleteNetwork, network_pb2.DeleteNetworkRequest(name=_full(name)))

    async def formats(self) -> list[network_pb2.FileFormat]:
        """Return the formats that the server reads and writes."""
        return list((await self.wire.ask(self._stub.ListFormats, network_pb2.ListFormatsRequest())).formats)


class NetworkFiles:
    """Networks of one server as files, for a client that waits."""

    def __init__(self, wire: AtOnce) -> None:
        self.verbs = NetworkFileVerbs(wire)

    add = at_once(NetworkFileVerbs.add)
    validate = at_once(NetworkFileVerbs.validate)
    export = at_once(NetworkFileVerbs.export)
    delete = at_once(NetworkFileVerbs.delete)
    formats = at_once(NetworkFileVerbs.formats)


def _full(name: str) -> str:
    return name if name.startswith("networks/") else f"networks/{name}"


def _place(file: Path, target: Path, *, unpack: bool) -> None:
    """Put a download where it belongs."""
    if unpack:
        target.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(file) as archive:
            archive.extractall(target)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "Is a directory", str(target))
        shutil.move(file, target)


def _messages(
    settings: network_pb2.ImportSettings, places: Sequence[Path]
) -> Iterator[network_pb2.ImportNetworkRequest]:
    """Yield the upload."""
    yield network_pb2.ImportNetworkRequest(settings=settings)
    for place in places:
        with tempfile.TemporaryDirectory(prefix="greentrip-") as folder:
            file, name = place, place.name
            if place.is_dir():
                name = f"{place.resolve().name}.zip"
                file = Path(folder, "folder.zip")
                _pack(place, file)
            yield network_pb2.ImportNetworkRequest(file=network_pb2.UploadedFile(name=name))
            with file.open("rb") as content:
                while piece := content.read(PIECE):
                    yield network_pb2.ImportNetworkRequest(content=piece)


def _pack(folder: Path, target: Path) -> None:
    """Write a folder's files as an archive; links are left out."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not file.is_symlink():
                archive.write(file, file.relative_to(folder).as_posix())
