"""The gateway: the one box in a home that receives, keeps and knows, and sends on only what nobody else can read.

Files here decide and do no input or output; everything that touches the world stands in `edges/`; `__main__.py` joins the two.
"""
