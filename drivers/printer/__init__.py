"""Receipt printers: the line, what the printer says, and the spool."""
