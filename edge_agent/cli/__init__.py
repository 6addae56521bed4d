"""`orilla edge …`: the branch server's commands."""
