"""`orilla federation …`: the commands of center and branch."""
