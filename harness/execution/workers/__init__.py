"""The processes that cells run in: forked from a warm server, in this process, or alone on another
machine."""
