"""Who a server process runs as: PostgreSQL refuses root, and root is who runs most containers."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from pwd import getpwnam

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
LINUX_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)

Preexec = Callable[[], None]


def die_with_parent(signum: int = signal.SIGTERM) -> None:
    """Ask the kernel to send this process `signum` when its parent ends, however it ends (Linux; elsewhere nothing)."""
    if sys.platform == "linux":
        _libc.prctl(PR_SET_PDEATHSIG, int(signum), 0, 0, 0)


def preexec(*, data_dir: Path, signum: int) -> Preexec:
    """Prepare a child that is about to become a server: not root, and gone when its keeper goes.

    Shape:  a function for `subprocess.Popen(preexec_fn=…)`; its keeper has a single thread.
    """
    become: Preexec = _stay
    if os.geteuid() == 0:
        owner = data_dir.stat().st_uid
        if owner == 0 and _can_map_user():
            become = _map_user
        else:
            if owner == 0:
                _give_to_nobody(data_dir)
            become = _switch_to_owner(data_dir)

    def run() -> None:
        become()
        die_with_parent(signum)

    return run


def _stay() -> None:
    """Go on as who we are."""


def _can_map_user() -> bool:
    """Try in a child of our own whether this machine lets root make a user namespace (many containers don't)."""
    child = os.fork()
    if child == 0:
        try:
            _map_user()
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def _map_user() -> None:
    """Enter a user namespace in which we are the user nobody; outside of it files stay root's."""
    uid, gid, nobody = os.geteuid(), os.getegid(), getpwnam("nobody")
    if _libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{nobody.pw_uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{nobody.pw_gid} {gid} 1")


def _give_to_nobody(data_dir: Path) -> None:
    """Hand the (new, or root's) data directory to the user nobody."""
    nobody = getpwnam("nobody")
    for path in (data_dir, *data_dir.rglob("*")):
        os.chown(path, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)


def _switch_to_owner(data_dir: Path) -> Preexec:
    """Become the owner of the data, keeping root's right to pass through directories that are closed to others."""

    class Header(ctypes.Structure):
        _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]

    class Data(ctypes.Structure):
        _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]

    owner = data_dir.stat()

    def become() -> None:
        if sys.platform == "linux":
            _libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
        os.setgroups([])
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)
        if sys.platform == "linux":
            header, data = Header(LINUX_CAPABILITY_VERSION_3, 0), (Data * 2)()
            data[0] = Data(*[1 << CAP_DAC_OVERRIDE] * 3)
            _libc.capset(ctypes.byref(header), ctypes.byref(data))
            _libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)

    return become
