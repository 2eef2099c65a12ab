"""Exactly-once shards on Faust: docs/adr/0001-exactly-once.md explains the design, rule by rule.

A shard is one partition of one inbox topic. Its truth is the inbox; its rows are a deterministic fold of it, made
durable by a changelog that its owner fences with claims. No crash, pause or rebalance changes a row or an output.
"""
