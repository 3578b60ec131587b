"""The site of a knowledge base: `site_tree` makes it as plain files, `build_site` turns them into HTML with MkDocs,
`verify_site` holds the HTML against what must be there.
"""

from __future__ import annotations

from kb.site.dossier import Dossier, Reports
from kb.site.emit import EmitError, Tree, site_tree
from kb.site.verify import verify_site

__all__ = ["Dossier", "EmitError", "Reports", "Tree", "site_tree", "verify_site"]
