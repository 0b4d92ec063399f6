from tests.callstore.conftest import server

__all__ = ["server"]
