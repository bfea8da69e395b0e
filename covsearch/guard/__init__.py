"""What strangers' files may and may not do before anything reads what is in them.

:mod:`~covsearch.guard.files` opens them, :mod:`~covsearch.guard.documents` reads JSON, and
:mod:`~covsearch.guard.tensors` the header of safetensors. ``SECURITY.md`` lists all limits.
"""
