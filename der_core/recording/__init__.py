"""What experts answered: questions, the store of replies, the recorder that fills it, and the table it becomes."""
