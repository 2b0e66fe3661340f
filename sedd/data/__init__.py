"""Raw text to packed blocks of tokens: sources, detokenizers, tokenizers, token folders."""
