"""What `kb new` and `kb init` write: protocols and knowledge bases, from the files in `kb/templates/`."""
