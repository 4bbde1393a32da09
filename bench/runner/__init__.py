"""Run programs in turn, and measure their time and memory."""
