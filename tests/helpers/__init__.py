"""Projects, results, models and servers that several tests make."""
