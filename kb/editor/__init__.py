"""What an editor shows beside the text: schemas for any YAML language server, and what only kb knows."""
