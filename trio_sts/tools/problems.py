"""What is wrong with the operator's tools, in words that anybody may read."""

from collections.abc import Iterator, Sequence

NO_AMI = "AMI_URL cannot be used: calls of AVR Core get no hangup and no transfer"
NO_NODE = "not used: JavaScript tools need Node.js, and there is no 'node' in PATH"


def public_warnings(problems: Sequence[str]) -> Iterator[str]:
    """Yield a line for each sort of problem, without its paths and reasons.

    The lines of `Registry.problems` are for the log: a path says how a machine is set
    up, and the reason of a failed import may contain anything.
    """
    without_node = sum(problem.endswith(NO_NODE) for problem in problems)
    others = len(problems) - without_node
    if without_node:
        yield f"{_files(without_node)} {NO_NODE}"
    if others:
        are = "is a problem" if others == 1 else f"are {others} problems"
        yield f"there {are} with tool files; the log and `trio-sts tools` tell more"


def _files(count: int) -> str:
    return "a .js file is" if count == 1 else f"{count} .js files are"
