"""Research: a strategy and data in; a result, its report and its checks out."""
