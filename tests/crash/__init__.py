"""Kill a build, an addition or a removal at any step, and look at what is left."""
