"""From a question to a cited answer, or to none: the query pipeline, its typed stages and their results."""
