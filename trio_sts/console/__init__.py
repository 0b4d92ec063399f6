"""The console: what an operator sees of the calls in a browser.

It looks on and never takes part: whatever fails here, no call notices. Only `opening` and
what it opens import starlette and hypercorn; without a console none of this is imported.
"""
