"""Old name of sedd.report.figure.content, until its last importer has moved."""

from sedd.report.figure.content import Figure, Line

__all__ = ["Figure", "Line"]
