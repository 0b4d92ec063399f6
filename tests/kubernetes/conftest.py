"""Without the group `deploy`, which `make deploy` installs, nothing is collected here."""

from importlib.util import find_spec

_NEEDED = ("helm_python", "kubernetes_validate", "yaml")
collect_ignore = (
    []
    if all(find_spec(name) for name in _NEEDED)
    else ["test_chart.py", "test_page.py"]
)
