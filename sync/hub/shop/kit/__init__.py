"""What all resources of the hub's API share: who calls, one transaction a command, keys, tags, pages, events, tasks."""
