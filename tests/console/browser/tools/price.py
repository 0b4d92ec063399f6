"""A tool with an argument of each kind."""

from typing import Annotated, Literal

from trio_sts.tools import tool


@tool
def price(
    title: Annotated[str, "The book's."],
    copies: Annotated[int, "How many are bought."] = 1,
    shop: Literal["beside the river", 'the "old" one'] = "beside the river",
    *,
    is_gift: bool = False,
) -> str:
    """Tells what a book costs: <img src=x onerror=alert(1)>."""
    wrapped = ", wrapped" if is_gift else ""
    return f"{copies} of <b>{title}</b> from {shop}{wrapped}: {12 * copies} euros"
