"""Where the time of a run goes: seconds by stage, bytes and hosts, measured by the workers.

A worker has one `StageClock`, which its stages add to.  When a shard ends, its `Account` goes to the
parent with the shard's result; those of the shards under way go with their counts.  Accounts add up:
reporters have the sum as `Progress.account`, the caller as `Report.account`, and
`bottleneck.find_bottleneck` says in a sentence what limits the run.  `dataset.accounts` stores the
sums in the hidden folder, for `inspect` and `report`.
"""
