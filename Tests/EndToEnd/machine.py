"""Faults of the machine that a test can bring about: a disk that is full, a user who may do little.

The small disk is a real one: a tmpfs for a few megabytes and a thousand files, in a mount namespace of its own, which
a keeper process holds. It is gone with the keeper, so nothing stays mounted. Making it takes root, or a kernel that
lets users have namespaces.
"""

import contextlib
import itertools
import os
import pathlib
import shutil
import signal
import subprocess

#: A user who owns nothing; as in the Dockerfile, it need not exist.
NOBODY = 10001

KEEPER = 'mount -t tmpfs -o "size=$2,nr_inodes=1000,mode=755" tmpfs "$1" && echo ready && exec sleep infinity'


class NoNamespaces(Exception):
    """This machine lets nobody mount anything here."""


class SmallDisk:
    """A disk of `size` at `folder`, for the processes that are started with its `wrapper`."""

    def __init__(self, folder, size="6m"):
        folder.mkdir()
        self.folder = folder
        unshare = ["unshare", "--mount"] + ["--map-root-user"] * (os.geteuid() != 0)
        self._keeper = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *unshare, "sh", "-c", KEEPER, "sh", folder, size],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        if (said := self._keeper.stdout.readline()) != "ready\n":
            self.close()
            raise NoNamespaces(f"a disk that can be full needs a mount namespace: {said.strip()}")
        user = ["--user", "--preserve-credentials"] if os.geteuid() != 0 else []
        self.wrapper = ["nsenter", "--target", str(self._keeper.pid), "--mount", *user, "--"]
        #: Where this process finds what is on it.
        self.inside = pathlib.Path(f"/proc/{self._keeper.pid}/root{folder}")
        self._filler = self.inside / "filler"
        self._files = self.inside / "files"

    def fill(self, files=False):
        """Not a byte more; and with `files`, not even an empty file."""
        # tmpfs counts whole pages; what files have allocated already stays theirs.
        with self._filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass
        if files:
            self._files.mkdir()
            with contextlib.suppress(OSError):
                for number in itertools.count():
                    (self._files / str(number)).touch(exist_ok=False)

    def make_room(self):
        self._filler.unlink()
        shutil.rmtree(self._files, ignore_errors=True)

    def close(self):
        os.killpg(self._keeper.pid, signal.SIGKILL)
        self._keeper.wait()
        self._keeper.stdout.close()


def as_nobody():
    """What makes a process one of a user who owns nothing; for a test that is not root, that is no wrapper at all."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]


def give_to_nobody(folder):
    """The folder and all that is in it belong to the user of `as_nobody` afterwards."""
    if os.geteuid() == 0:
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, NOBODY, NOBODY)
