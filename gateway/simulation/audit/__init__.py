"""The auditor of a simulated world: its own books, and the invariants of docs/reliability.md over them.

It believes nothing that the gateway says. What is committed it sees at the store's port (`gateway.simulation.watch`),
what is paid in the banks' own books, what is promised in the hands of the apps. The public status and the graph of
states are written down a second time here (`graph`), not imported.

How a world drives it, in the order in which things happen
---------------------------------------------------------
    auditor = Auditor(broken_contract=False, sandbox_channels=("wechat", "bank", "mock"))
    store = WatchedStore(inner, auditor, node="a")     # one for each node, over the one database
    auditor.node_started("a", at)                      # at every start of a node

* `order_wanted` when an app makes an order up; only the first content of a reference counts. `acknowledged` when a
  2xx has reached it. `callback_received` when its endpoint has one, before it answers.
* `transmitted` once for each submit of which at least one byte reached the bank's side, however often the network
  then delivers it; `body` is the signed body, cut or not.
* `bank_moved` for each change in a bank's book, before `check_now` of the same step.
* `check_now` after every step: cheap, it looks at what changed. `finish` at the end.
* `node_started`, `node_crashed`, `restored`, `faults_over` as they happen; `log_line` for a sample of the lines.

Worth calling, since each makes a bug visible that nothing else shows:

* `contract_broken(channel_reference)` when a bank breaks its word on an order (pays after "failed", forgets an id,
  says paid without paying: the ending 0011). In a broken-contract world all other orders are then held to every
  invariant; without it the whole world is excused from 2, 13 and 15.
* `notification_false(body)` before a notification is posted that is forged, or is signed and speaks of another
  amount or account: 17.
* `notification_answered(body, status)` for genuine notifications of our orders: a 2xx promises a commit (22).
* `ids_derive_from(identity_key)`: ids are worked out again (19). `asked(channel, channel_reference)` when a question
  leaves for a channel (wrap `Channel.query`): 33.
* `under_way(node, channel, count, cap)` when a submit begins: 45.
* `taint(secret)` for keys and names: 48.

Some bugs show only in worlds where it matters; a world should now and then have: a channel with
`duplicate_mode = "none"`; a repeat window shorter than an outage (`repeat_window_s = 7200`); `give_up_after` shorter
than a bank's delay (`"6h"`); genuine notifications that say FAIL of an order still being worked on; wrong amounts under
a right signature; the same payout's worker killed three times in a row; people who resolve what is held.

`WatchedStore` belongs *inside* whatever injects faults into the store (`Faulty(WatchedStore(MemoryStore))`): then a
crash after a commit is seen as a commit. Faults below it are understood too: a `CommitUnknown`, or a commit that was
never answered because its node died, is looked up in the store at the next step.

`counts` holds accepted, acknowledged, intents, transmissions, failovers, repeats, takeovers, restores, orphans,
unknown_commits, late_successes and late_successes_detected (both set by `finish`), late_successes_past_follow_up,
late_successes_denied, false_failed_callbacks and false_failed_callbacks_broken.
"""

from gateway.simulation.audit.auditor import Auditor
from gateway.simulation.audit.finding import Invariant, Violation
from gateway.simulation.audit.table import INVARIANTS

__all__ = ["INVARIANTS", "Auditor", "Invariant", "Violation"]
