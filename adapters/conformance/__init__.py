"""The conformance kit: what every channel promises, and the code that looks whether it is kept.

    python -m gateway adapter check NAME

An adapter joins by describing itself as a `ChannelUnderTest` and naming that description in its `AdapterSpec`
(docs/adding-a-channel.md). Nothing in here knows a single adapter.
"""
