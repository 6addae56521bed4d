"""What staff say of answers: identifiers masked before anything is written, and the queue of what is to be reviewed."""
