"""The pages that are made while the site is built: protocols, the format reference, diagnostics."""

from kb.site import on_files, on_page_content, on_post_build

__all__ = ["on_files", "on_page_content", "on_post_build"]
