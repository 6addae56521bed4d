"""What branches taught the student is taught to the teacher: checks, soft labels, gates."""
