"""The images, built from a Debian that is made for them: no image registry is asked.

The package registries are asked as this machine asks them: what its own pip, npm and apt
are told is handed into the build, and stays out of the image.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
SUITE = "trixie"
BASE = f"localhost/trio-sts-base:{SUITE}"
# What the official image of Python has as well: the interpreter, who is trusted, and users.
_PACKAGES = "python3,ca-certificates,passwd"
_CERTIFICATES = Path("/etc/ssl/certs")
_TOO_OLD_S = 7 * 24 * 3600
_NEEDED = ("buildah", "podman", "runc", "mmdebstrap")
# Debian's podman takes crun, which cannot do with both kinds of control groups mounted.
PODMAN = ("podman", "--cgroup-manager=cgroupfs", "--runtime=runc")
BUILDAH = ("buildah",)


def left_out() -> str | None:
    """Why no image can be built and run here; None if one can."""
    missing = [name for name in _NEEDED if shutil.which(name) is None]
    if missing:
        return f"LEFT OUT: the image needs {', '.join(missing)}: not installed"
    if os.geteuid() != 0:
        return "LEFT OUT: the image is built and run as root only"
    return None


def make_base() -> None:
    """Make the Debian that the images stand on, unless there is one of this week."""
    known = subprocess.run([*PODMAN, "image", "exists", BASE], check=False)
    if known.returncode == 0 and not _is_old(BASE):
        return
    with TemporaryDirectory(dir=_memory()) as folder:
        tar = f"{folder}/base.tar"
        command = [
            *("mmdebstrap", "--quiet", "--variant=apt", f"--include={_PACKAGES}"),
            # What Debian's own slim images leave out. Nothing of this outlives a crash.
            "--dpkgopt=path-exclude=/usr/share/{doc,info,locale,man}/*",
            "--dpkgopt=force-unsafe-io",
            *(SUITE, tar),
        ]
        subprocess.run(command, check=True, env={**os.environ, "TMPDIR": folder})
        subprocess.run([*PODMAN, "import", "--quiet", tar, BASE], check=True)


def build(
    tag: str, *arguments: str, builder: Sequence[str] = PODMAN, form: str = "docker"
) -> str:
    """Build the image with these build arguments, ``NAME=VALUE``.

    Returns:
        Its name.
    """
    name = f"localhost/trio-sts:{tag}"
    given = [f"--build-arg={each}" for each in (f"BASE={BASE}", *arguments)]
    with TemporaryDirectory() as folder:
        command = [
            *(*builder, "build", "--isolation=chroot", "--layers", "--network=host"),
            *(f"--format={form}", *_registries(Path(folder)), *given),
            *(f"--tag={name}", str(ROOT)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        message = f"{name} cannot be built:\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        raise AssertionError(message)
    return name


def _registries(folder: Path) -> list[str]:
    """Mounts for the build alone: how pip and npm are to ask, and whom to trust."""
    pip = _output([sys.executable, "-m", "pip", "config", "list"])
    options = [line.split("=", 1) for line in pip.splitlines() if "=" in line]
    wanted = {
        name.rpartition(".")[2].replace("_", "-"): value.strip("'")
        for name, value in options
        if name.startswith(("global.", ":env:"))
    }
    # Folders of this machine are not there in the build.
    lines = [
        f"{name} = {wanted[name]}"
        for name in ("index-url", "cert", "trusted-host", "timeout", "default-timeout")
        if name in wanted
    ]
    config = folder / "pip.conf"
    config.write_text("\n".join(["[global]", *lines, ""]))
    mounts = [(config, Path("/etc/pip.conf"))]
    if shutil.which("npm") is not None:
        npm = {
            name: _output(["npm", "config", "get", name])
            for name in ("registry", "cafile")
        }
        kept = [f"{name}={value}\n" for name, value in npm.items() if value != "null"]
        config = folder / "npmrc"
        config.write_text("".join(kept))
        mounts.append((config, Path("/root/.npmrc")))
    if _CERTIFICATES.is_dir():
        mounts.append((_CERTIFICATES, _CERTIFICATES))
    return [f"--volume={here}:{there}:ro" for here, there in mounts]


def _is_old(image: str) -> bool:
    form = "--format={{.Created.Unix}}"
    created = _output([*PODMAN, "image", "inspect", form, image])
    return datetime.now(UTC).timestamp() - float(created) > _TOO_OLD_S


def _memory() -> str | None:
    """A folder in memory, if there is one: a Debian is many small files."""
    folder = "/dev/shm"  # noqa: S108
    return folder if os.access(folder, os.W_OK) else None


def _output(command: Sequence[str], *, check: bool = True) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=check)
    return done.stdout.strip()
