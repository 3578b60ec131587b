"""A Program shown: flowchart, read-aloud list, pages. Renderers decide nothing; they say what the Program holds."""
