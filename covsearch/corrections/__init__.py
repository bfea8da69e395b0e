"""What people say of the works in an index, kept beside it: which performances are versions of each other or are not.

:mod:`~covsearch.corrections.log` is the document, :mod:`~covsearch.corrections.ruling` what it says of an index,
:mod:`~covsearch.corrections.works` the works that follow, and :mod:`~covsearch.corrections.catalogue` a catalogue with
these works. Nothing here opens a file: a store keeps the document (:mod:`covsearch.store.protocols`).
"""
