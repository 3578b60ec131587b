"""Files as their editors wrote them: a node tree made into the records of `kb.model`, with places, nothing resolved.

A module for each kind of file, with its `load_…`, and for the parts they share, over one `reader`. Every `load_…`
returns its record and all diagnostics of the run; the record is None where any is an error.
"""
