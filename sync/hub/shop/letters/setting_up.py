"""Puts the task together that sends messages, with a thread for each channel."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pos.ports import Worker
from sync.hub.shop.customers.consents import CustomerConsents
from sync.hub.shop.letters.channels import messenger_for
from sync.hub.shop.letters.people import contact_of
from sync.hub.shop.letters.people_seals import CustomerSeals
from sync.hub.shop.letters.post import Post
from sync.hub.shop.letters.settings import MessageSettings

if TYPE_CHECKING:
    from sync.hub.service import Hub

__all__ = ["start_post"]


def start_post(hub: "Hub", settings: MessageSettings, workers: Sequence[Worker]) -> Post:
    """A Post that runs with the hub; `workers` are as many as there are channels. Raises ChannelError."""
    channels = sorted(settings.channels.items())
    messengers = {
        name: messenger_for(channel, settings.brand, worker, hub.clock)
        for (name, channel), worker in zip(channels, workers, strict=True)
    }
    seals = CustomerSeals(hub.key.seed, hub.ids)
    consents = CustomerConsents(hub.clock, hub.ids)
    post = Post(
        hub.database,
        hub.clock,
        hub.ids,
        settings,
        messengers,
        seals,
        consents,
        contact_of=contact_of,
        public_url=hub.public_url,
    )
    hub.also("hub-messages", post.run)
    hub.on_shop(post.kick)
    return post
