"""The least Textual can show: one Static. A till's first frame is judged against this one.

Options are accepted and not looked at, so that nothing is imported beside Textual itself.
"""

from textual.app import App, ComposeResult
from textual.widgets import Static


class MinimalApp(App[None]):
    def compose(self) -> ComposeResult:
        yield Static("first frame painted")


if __name__ == "__main__":
    MinimalApp().run()
