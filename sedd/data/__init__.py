"""From raw text to packed tokens: sources, detokenizers, tokenizers, token folders."""
