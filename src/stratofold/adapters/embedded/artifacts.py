"""Named bytes in a folder, written once.

What comes in: names and bytes.  What goes out: the same bytes, or an error when they are not the same any more.
Why it is shaped so: content lies under its own hash, and a name is a symbolic link to it.  Making a link fails when there
is one, so of two writers one wins and nothing is ever overwritten; reading a name tells what its bytes must hash to; and
a person can still open a file by its name.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from hashlib import sha256
from pathlib import Path

from stratofold.adapters.artifact_names import check
from stratofold.errors import Setup, Stop


class Artifacts:
    """See `ports.Artifacts`."""

    def __init__(self, folder: str | Path) -> None:
        """Keep them in `folder`, which is made when the first is put."""
        self.folder = Path(folder)
        self._contents = self.folder / "contents"
        self._names = self.folder / "names"

    def put(self, name: str, data: bytes) -> str:
        """See `ports.Artifacts`; raises Setup SF818 for a name that is none, Stop SF819 when it cannot be written."""
        link = self._link(name)
        digest = sha256(data).hexdigest()
        try:
            content = self._keep(digest, data)
            self._point(link, content)
        except FileExistsError:
            self._compare(name, link, digest)
        except OSError as error:
            raise Stop(
                "SF819",
                f"artifact {name} cannot be written",
                place=str(self.folder),
                why=str(error),
                fix="free space on the disk, or make the folder writable",
            ) from error
        return digest

    def _keep(self, digest: str, data: bytes) -> Path:
        """Content under its hash, on the disk before it has a name."""
        content = self._contents / digest[:2] / digest
        if content.exists() and content.read_bytes() == data:
            return content
        content.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=content.parent, prefix=".")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(draft).chmod(0o400)
            Path(draft).rename(content)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(draft).unlink()
            raise
        _settle(content.parent)
        return content

    def _point(self, link: Path, content: Path) -> None:
        """A name for a content; raises FileExistsError if the name is taken."""
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(content, link.parent))
        _settle(link.parent)

    def _compare(self, name: str, link: Path, digest: str) -> None:
        """Putting the same again is nothing."""
        if link.is_symlink() and link.readlink().name == digest:
            return
        raise Stop(
            "SF811",
            f"artifact {name} was written before, with other bytes",
            place=str(self.folder),
            why="what has a name is never changed, since records refer to it",
            fix="put it under a new name",
        )

    def get(self, name: str) -> bytes:
        """See `ports.Artifacts`; raises Setup SF818 for a name that is none."""
        link = self._link(name)
        if not link.is_symlink():
            raise Setup("SF812", f"there is no artifact {name}", place=str(self.folder), fix="put it there first")
        try:
            data = link.read_bytes()
            changed = sha256(data).hexdigest() != link.readlink().name
        except OSError:
            changed = True
        if changed:
            raise Stop(
                "SF813",
                f"artifact {name} is not what was put there",
                place=str(link),
                why="its bytes have another hash, or are gone",
                fix="restore the file from a copy",
            )
        return data

    def names(self, prefix: str = "") -> list[str]:
        """See `ports.Artifacts`."""
        links = (path for path in self._names.rglob("*") if path.is_symlink())
        names = (path.relative_to(self._names).as_posix() for path in links)
        return sorted(name for name in names if name.startswith(prefix))

    def _link(self, name: str) -> Path:
        """Where a name is, once it is known to stay inside the folder."""
        return self._names.joinpath(*check(name).split("/"))


def _settle(folder: Path) -> None:
    """Have the disk remember what is in a folder."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
