"""Model weights from any source: recognized, loaded, and opened for use."""
