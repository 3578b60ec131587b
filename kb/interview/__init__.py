"""A conversation about one patient: one question at a time, what was said charted, the advice as it forms.

Pure of clock and terminal: `Interview.hear` (`conversation`) takes a line and the time and gives back lines to show.
What is said goes through the rules of the chart; what they refuse comes back as words, and the question stays.
Files are the caller's: an `export`, `import`, `save` or `quit` comes back as a `Request`.

Where a conversation stands is a `Talk` (`talk`); the other modules are functions that take it. `kb/runner` has those
of the same name that a page needs, in JavaScript.
"""
