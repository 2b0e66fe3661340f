"""Hostile texts: what a file, a vocabulary or a model may hold to be more than text."""

from __future__ import annotations

TITLE = "\x1b]0;taken over\x07"
"""sets the title of a terminal"""

HOSTILE = (
    f"{TITLE}title",
    "\x1b[2J\x1b[1;1Hcleared \x9b31m red \x7f\x08 back",
    "\u202egnp.exe\u2066 reversed",
    "<script>document.title = 'taken over'</script>",
    "<img src=x onerror=\"document.title='taken over'\"></td></table><!-- ]]> <style>*{display:none}",
    "</script><svg onload=alert(1)> &lt;b&gt; &#x3c; &nbsp; {{ 7 * 7 }} {% raw %}",
    "javascript:alert(1) [here](javascript:alert(1)) ![i](http://127.0.0.1/x) <http://127.0.0.1/y>",
    "# heading",
    "- item",
    "1. one",
    "1) one",
    "--- +++ === ~~~",
    "*a* _b_ `c` **d** ~~e~~ $f$ $$g$$ \\*h\\* | i | j",
    "``` ` `` end",
    "\\input{secret} \\write18{touch taken} \\def\\x{ \\end{document} ^^5c % # & _ $ { }",
    "[1em] *[2em] ---- ,, `` '' ?` !` << >> \"",
    '=HYPERLINK("http://127.0.0.1","x")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1,1)",
    "$\\frac{1",
    "_hidden",
    "`id` $(id) ; rm -rf x | cat > y && z",
    "%s %n {0} {x!r} {'a'.__class__}",
    "é ß ø Ø Ł ħ 中文 🙂 ﷺ z͑ͫ",
)
