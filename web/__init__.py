"""The gateway: routes, views and sockets, answered from replicas of the changelogs."""
