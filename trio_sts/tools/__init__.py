"""What the model may call: the registry and the kinds of tool.

An operator's tool in Python is a function in a file in the tools folder::

    from typing import Annotated
    from trio_sts.tools import Call, tool

    @tool(description="Tells how far an order is.")
    async def order_status(call: Call, order: Annotated[int, "As on the receipt."]):
        answer = await call.http.get(f"https://shop.example/orders/{order}")
        return answer.text
"""

from .answers import Silent
from .decorated import Call, tool

__all__ = ["Call", "Silent", "tool"]
