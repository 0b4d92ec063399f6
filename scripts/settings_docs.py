"""Writes what documentation says of the settings, from the settings themselves.

``make docs`` runs it: the table in README.md between its two marks, and .env.example.
"""

from pathlib import Path

from trio_sts.settings import describe

ROOT = Path(__file__).resolve().parent.parent
BEGIN = "<!-- settings: written by `make docs` -->"
END = "<!-- end of settings -->"
_HEAD = """\
# Every setting of trio-sts; the real environment wins over this file.
# Copy it to .env and take away the # where you want another value.
"""


def table() -> str:
    """The README's table, without its marks."""
    lines = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for row in describe():
        default = f"{row.default} {row.unit}".strip()
        shown = f"`{default}`" if default and " a " not in f" {default}" else default
        lines.append(f"| `{row.variable}` | {shown} | {row.meaning} |")
    return "\n".join(lines)


def dotenv() -> str:
    """The text of .env.example: every variable, commented out, with its default."""
    parts = [_HEAD]
    for row in describe():
        value = row.example or (row.default if " " not in row.default else "")
        unit = f" In {row.unit}." if row.unit else ""
        parts.append(
            f"# {row.meaning}{unit}\n# Allowed: {row.allowed}.\n#{row.variable}={value}\n"
        )
    return "\n".join(parts)


def with_table(readme: str) -> str:
    """The README with a fresh table between its marks."""
    head, _, rest = readme.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{table()}\n{END}{tail}"


def main() -> None:
    """Write both files."""
    readme = ROOT / "README.md"
    readme.write_text(with_table(readme.read_text("utf-8")), "utf-8")
    (ROOT / ".env.example").write_text(dotenv(), "utf-8")


if __name__ == "__main__":
    main()
