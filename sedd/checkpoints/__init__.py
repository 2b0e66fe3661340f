"""Model weights from any source, opened for use, and the export of a run in the published form."""
