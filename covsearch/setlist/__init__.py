"""The setlist of a long recording: which performances of the index are played in it, from when to when.

::

    recording ─► windows ─► candidates, aligned ─► begin and end of each ─► one division of time ─► probabilities
                            candidates.py          ranking/alignment.py     ranking/segmentation.py     find.py
"""

from covsearch.setlist.answer import Setlist, SetlistEntry
from covsearch.setlist.candidates import SetlistRecipe
from covsearch.setlist.find import find_setlist

__all__ = ["Setlist", "SetlistEntry", "SetlistRecipe", "find_setlist"]
