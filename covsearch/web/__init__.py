"""The page and the API over one index: ``covsearch serve``. It needs the extra ``web``."""
