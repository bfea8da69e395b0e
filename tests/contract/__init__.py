"""What every back end of :mod:`covsearch.store` must do; see the README beside this."""
