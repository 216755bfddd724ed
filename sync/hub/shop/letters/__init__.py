"""Messages to customers: written in two languages, kept in an outbox that loses nothing, and carried by e-mail and more.

A command says what the customer is to hear in its own transaction (`core.say`); the hub's task (`post.Post`) takes it out,
asks for consent and the hour, writes it and hands it to a `Messenger`.
"""
