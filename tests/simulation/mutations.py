"""All faults that are put into the real code on purpose. The simulation must find each, or it proves nothing.

Each is a small change of one place. A name that is not there any more is an error: then the mutation must follow
the code.
"""

from tests.simulation import mutations_of_line, mutations_of_node, mutations_of_till
from tests.simulation.mutating import MUTATIONS, mutated

__all__ = ["MUTATIONS", "mutated"]

SOURCES = (mutations_of_till, mutations_of_line, mutations_of_node)
