"""The Faust agent of each inbox: one file a noun."""
