"""From raw text to packed blocks of tokens."""
