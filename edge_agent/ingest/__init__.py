"""From files to passages: parsing, chunking, encoding; folders that are synchronized and jobs that survive a kill."""
