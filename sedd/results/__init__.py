"""One module per kind of result: its path, record, and the settings it depends on.

Never imports torch.
"""
