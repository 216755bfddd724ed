"""Messages to customers: templates in two languages, an outbox that loses nothing, and what carries them.

A command writes a message into the outbox in its own transaction (`outbox.put`); the hub's task (`post.Post`) takes it
out, asks for consent and the hour, renders it and hands it to a `Messenger`.
"""
