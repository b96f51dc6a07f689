"""One trace for each payout, from its acceptance to its last callback, whichever process or day it was in."""
