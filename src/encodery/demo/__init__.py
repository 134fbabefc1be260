"""The embedded demo: a small world of facts, written for Encodery, told in five languages.

`world` makes documents and labelled sets; `facts/`, `patterns/` and `opinions/` hold what it tells and how.
"""
