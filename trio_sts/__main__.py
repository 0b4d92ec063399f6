"""The program ``trio-sts``, which is ``python -m trio_sts`` as well."""

import sys


def main() -> None:
    """Run the command that the arguments name."""
    if sys.argv[1:] == ["healthcheck"]:
        sys.exit(_check_health())
    from trio_sts.cli import main as run

    run()


def _check_health() -> int:
    """The container's health check: without the command line's library."""
    import os

    from trio_sts.healthcheck import is_healthy

    return 0 if is_healthy(os.environ, ".env") else 1


if __name__ == "__main__":
    main()
