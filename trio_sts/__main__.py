"""``python -m trio_sts``."""

from trio_sts.cli import main

if __name__ == "__main__":
    main()
