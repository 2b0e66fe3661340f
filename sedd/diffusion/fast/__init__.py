"""Faster versions of `sedd.diffusion`: fused loss, reverse step, vocabulary sums.

Modules in this folder import the definitions (graph, absorb, uniform, ...), never the reverse.
`parts.FAST_PARTS` lists the graphs that have fast parts; every other graph runs on its definitions.
"""
