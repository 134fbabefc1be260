"""The steps that judge and mend pages, a module each: its settings (`XConfig`) and what it does (`XStep`)."""
