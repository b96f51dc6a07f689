"""What the sandboxes of all channels share: listeners, faults, notifications, a clock to move, keys to throw away.

A sandbox is the channel's own wire from the other side. Its books live in its own process, so they survive whatever
happens to the gateway, and `GET /books` on the control surface says what really was paid, and how often.
"""
