"""The console's pages in a browser, against a real service."""
