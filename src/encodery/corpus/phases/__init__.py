"""The phases of the crawl pipeline: extract, paragraphs, filter, near, write. Arrow files lie between them."""
