"""What a table shows: rows, columns, selections and notes."""
