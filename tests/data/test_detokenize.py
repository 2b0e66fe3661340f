"""Detokenizers."""

from __future__ import annotations

import pytest

from sedd.registry import DETOKENIZERS

WIKITEXT = [
    (" = Robert Boulter = \n", " = Robert Boulter =\n"),
    (" = = Early life = = \n", " == Early life ==\n"),
    (" = = = Notes = = = \n", " === Notes ===\n"),
    (
        "a mid @-@ sized car of 1 @,@ 300 kg , 4 @.@ 5 m long .",
        "a mid-sized car of 1,300 kg, 4.5 m long.",
    ),
    ('He said " no " , then left ; why ?', 'He said "no", then left; why?'),
    ("It weighs 6 kg ( 13 lb ) [ sic ] .", "It weighs 6 kg (13 lb) [sic]."),
    ('( " The End " )', '("The End")'),
    (
        "the band 's song they 've sung and don 't like",
        "the band's song they've sung and don't like",
    ),
    ("the players ' view of it", "the players' view of it"),
    ("the ' rushing ' game of the 1960s", "the 'rushing' game of the 1960s"),
    ("plots known as ' turf banks ' , he said", "plots known as 'turf banks', he said"),
    ("at 9 ° 25 S , 33 ° C", "at 9°25 S, 33°C"),
    ("the word <unk> stays , and N too", "the word <unk> stays, and N too"),
    ("", ""),
    (" One . \n Two . \n", " One.\nTwo.\n"),
]
PENN_TREEBANK = [
    ("mr. smith 's firm does n't say", "mr. smith's firm doesn't say"),
    ("they 're sure we 've seen it i 'm told", "they're sure we've seen it i'm told"),
    ("the viewers ' opinions", "the viewers' opinions"),
    ("up N N to $ N million from N", "up 1 1 to $1 million from 1"),
    ("a n.y. firm 's no. N and # N", "a n.y. firm's no. 1 and #1"),
    ("capital cities\\/abc \\* projected", "capital cities/abc * projected"),
    ("the <unk> said", "the ? said"),
    ("NATO is not a number", "NATO is not a number"),
]
LM1B = [
    ("It was , he said , a good day .", "It was, he said, a good day."),
    ("What ? No ! Yes : now ; then .", "What? No! Yes: now; then."),
    ('" I don \'t know , " said Ms. Li .', '"I don\'t know," said Ms. Li.'),
    ("The bank ( NYSE ) paid $ 3 and £ 4 .", "The bank (NYSE) paid $3 and £4."),
    ("See http : / / a.com / b .", "See http://a.com/b."),
    ("the ' old ' way and / or the new", "the 'old' way and/or the new"),
    ("It 's 5.3 percent .", "It's 5.3 percent."),
]
LAMBADA = [
    ("“why ?” he asked .\n", '\n"why ?" he asked .'),
    ("`` yes , '' she said", '\n" yes , " she said'),
    ("\nplain text", "\nplain text"),
    ("don’t", "\ndon’t"),
]
PAPERS = [
    (
        'we study the model @xmath0 ( see fig . 1 ) , \n and find " order " .',
        'we study the model @xmath0 (see fig. 1),\nand find "order".',
    ),
]
CASES = [
    (name, *case)
    for name, cases in {
        "wikitext": WIKITEXT,
        "ptb": PENN_TREEBANK,
        "lm1b": LM1B,
        "lambada": LAMBADA,
        "scientific_papers": PAPERS,
    }.items()
    for case in cases
]


@pytest.mark.parametrize(("name", "published", "written"), CASES)
def test_published_text_is_detokenized(name: str, published: str, written: str):
    assert DETOKENIZERS[name].load()(published) == written


@pytest.mark.parametrize(("name", "published", "written"), CASES)
def test_ordinary_text_is_unchanged(name: str, published: str, written: str):
    assert DETOKENIZERS[name].load()(written) == written


@pytest.mark.parametrize("name", DETOKENIZERS)
def test_lines_are_independent(name: str):
    """A quote that one line leaves open must not swallow the next; LAMBADA's passages have no such rule."""
    one, two = 'he said " no and ( left', "the boys ' dog : ' ran"
    if name != "lambada":
        assert (
            DETOKENIZERS[name].load()(f"{one}\n{two}")
            == f"{DETOKENIZERS[name].load()(one)}\n{DETOKENIZERS[name].load()(two)}"
        )
