"""Every name the configuration language knows, as tables; see `config.options`."""
