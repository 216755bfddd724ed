"""The cashier's screen. It draws TillView and turns keys into commands; it holds no rule of the till."""
